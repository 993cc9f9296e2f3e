"""The Parquet files of a LeRobotDataset v3: its table of episodes, and each episode's rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.api import DatasetError
from fdp_bench.api.validation import is_file
from fdp_bench.demos.demo_episode import MAX_STEPS
from fdp_bench.demos.formats.lerobot import layout

#: Most bytes of a Parquet file's columns, unpacked.
_MAX_TABLE_BYTES = 2**32


class EpisodeTables:
    """An opened dataset's numbers.

    Args:
        folder: The dataset's folder.
        vectors: Feature -> length of its vectors.
        embedded: Features whose frames are pictures in the table.
        videos: Features whose frames are videos.

    Attributes:
        episodes: Rows of the table of episodes, by the episodes' numbers.

    Raises:
        DatasetError: If the table of episodes is missing or damaged.
    """

    def __init__(
        self, folder: Path, *, vectors: Mapping[str, int], embedded: list[str], videos: list[str]
    ) -> None:
        self._folder, self._vectors, self._embedded = folder, vectors, embedded
        self.episodes = self._read_episodes(videos)
        #: The file that was read last, with its columns: episodes follow each other in it.
        self._table: tuple[tuple[int, int], Any] | None = None

    def rows(self, episode: Mapping[str, Any], place: str) -> dict[str, Any]:
        """An episode's columns: numbers, shape (T, D), float64, and embedded pictures as they are.

        Args:
            episode: One of `episodes`.
            place: Its name, for messages.

        Raises:
            DatasetError: If they are missing or damaged.
        """
        where = (episode["data/chunk_index"], episode["data/file_index"])
        if self._table is None or self._table[0] != where:
            path = self._folder / layout.DATA_PATH.format(chunk_index=where[0], file_index=where[1])
            wanted = ["episode_index", "frame_index", *self._vectors, *self._embedded]
            self._table = (where, read_columns(path, wanted))
        table, steps = self._table[1], episode["length"]
        mine = table.filter(np.equal(table["episode_index"].to_numpy(), episode["episode_index"]))
        if mine.num_rows != steps:
            raise DatasetError(f"{place} has {mine.num_rows} rows, the table of episodes says {steps}")
        mine = mine.sort_by("frame_index")
        columns: dict[str, Any] = {name: mine[name].to_pylist() for name in self._embedded}
        for name, width in self._vectors.items():
            try:
                values = np.array(mine[name].to_pylist(), np.float64)
            except (TypeError, ValueError) as error:
                raise DatasetError(f"{place}: {name} is no table of numbers") from error
            if values.shape != (steps, width):
                raise DatasetError(f"{place}: {name} has shape {values.shape}, not {(steps, width)}")
            columns[name] = values
        return columns

    def video_place(self, episode: Mapping[str, Any], feature: str) -> tuple[tuple[int, int], float]:
        """Folder and file number of the video that shows an episode, and the second at which it begins there.

        Raises:
            DatasetError: If the table of episodes is damaged.
        """
        video = f"videos/{feature}"
        second = episode[f"{video}/from_timestamp"]
        if not isinstance(second, (int, float)) or not 0 <= second < 1e7:
            raise DatasetError(f"{self._folder}: the table of episodes is damaged")
        return (episode[f"{video}/chunk_index"], episode[f"{video}/file_index"]), second

    def _read_episodes(self, videos: list[str]) -> list[dict[str, Any]]:
        wanted = ["episode_index", "length", "data/chunk_index", "data/file_index"]
        for feature in videos:
            wanted += [f"videos/{feature}/{part}" for part in ("chunk_index", "file_index", "from_timestamp")]
        rows: list[dict[str, Any]] = []
        for path in sorted((self._folder / "meta" / "episodes").glob("chunk-*/file-*.parquet")):
            rows += read_columns(path, wanted).to_pylist()
        if not rows:
            raise DatasetError(f"{self._folder} holds no episodes (meta/episodes/chunk-000/file-000.parquet)")
        for row in rows:
            whole = (row[name] for name in wanted if not name.endswith("timestamp"))
            if (
                not all(isinstance(value, int) and value >= 0 for value in whole)
                or not 1 <= row["length"] <= MAX_STEPS
            ):
                raise DatasetError(f"{self._folder}: the table of episodes is damaged")
        return sorted(rows, key=lambda row: int(row["episode_index"]))


def read_columns(path: Path, columns: list[str]) -> Any:
    """Some columns of a Parquet file, `pyarrow.Table`.

    Raises:
        DatasetError: If it is missing or damaged, lacks one, or unpacks to too much.
    """
    pyarrow, parquet = layout.import_parquet()
    if not is_file(path):
        raise DatasetError(f"there is no file {path}")
    try:
        with parquet.ParquetFile(path, memory_map=False) as file:
            groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
            if sum(group.total_byte_size for group in groups) > _MAX_TABLE_BYTES:
                raise DatasetError(f"{path} unpacks to more than {_MAX_TABLE_BYTES // 2**30} GiB")
            missing = sorted(set(columns) - set(file.schema_arrow.names))
            if missing:
                raise DatasetError(f"{path} has no column {missing[0]!r}")
            return file.read(columns=columns, use_threads=False)
    except (OSError, ValueError, KeyError, pyarrow.ArrowException) as error:
        raise DatasetError(
            f"{path} is truncated or no Parquet file ({str(error).splitlines()[0][:120]})"
        ) from error
