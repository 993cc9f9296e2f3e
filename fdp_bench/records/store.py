"""A run's folder: `manifest.json`, and `episodes.jsonl`, which grows by a line as each episode ends."""

import json
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.api.errors import RunError
from fdp_bench.api.files import PART, write_whole
from fdp_bench.api.training import Training
from fdp_bench.api.validation import parse_json
from fdp_bench.records.compressed import compressed, decompress, is_compressed_only
from fdp_bench.records.manifest import Manifest
from fdp_bench.records.writer import (
    HOLDER_SUFFIX,
    RecordWriter,
    being_written,
    complete_length,
    exclusive_writer,
    unwritable,
)

MANIFEST_NAME = "manifest.json"
EPISODES_NAME = "episodes.jsonl"
#: Episodes run again, to see whether they repeat and what the policy's noise changes; they count in no rate.
RETEST_NAME = "retest.jsonl"
#: Records of episodes that ended in an error and were run again.
ERRORS_NAME = "errors.jsonl"
#: Film strips, one PNG an arm.
STRIPS_NAME = "strips"
#: Folder of the networks of a sweep, beside the folder of its runs.
TRAIN_NAME = "train"
#: Videos, one mp4 an episode.
VIDEOS_NAME = "videos"


@dataclass(frozen=True)
class RunStore:
    """A run's folder. Reading needs no lock; `writer` lets one process append.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> "RunStore":
        """Make the folder with its manifest and no episodes.

        Raises:
            RunError: If the folder holds something already or cannot be written.
        """
        check_new_folder(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            # The manifest last: with it the folder is a run. Under the lock, since somebody may just do the same.
            with exclusive_writer(path / EPISODES_NAME):
                if (path / MANIFEST_NAME).exists():
                    raise RunError(_not_empty(path))
                manifest.write(path / MANIFEST_NAME)
        except OSError as error:
            raise RunError(
                f"run folder {str(path)!r} cannot be written: {error}; choose another --out"
            ) from error
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunStore":
        """Open an existing run.

        Raises:
            RunError: If the folder holds no manifest, or may not be looked at.
        """
        try:
            is_run = (path / MANIFEST_NAME).is_file()
        except OSError as error:
            raise RunError(f"run {str(path)!r} cannot be opened: {error.strerror or error}") from error
        if not is_run:
            raise RunError(
                f"{str(path)!r} is no run: it holds no {MANIFEST_NAME}; runs lie in results/ or where --out said"
            )
        return cls(path)

    @property
    def episodes_path(self) -> Path:
        """The file of the episode records."""
        return self.path / EPISODES_NAME

    @property
    def errors_path(self) -> Path:
        """The file of the episodes that ended in an error and were run again."""
        return self.path / ERRORS_NAME

    @property
    def retest_path(self) -> Path:
        """The file of the episodes run again."""
        return self.path / RETEST_NAME

    @property
    def is_published(self) -> bool:
        """Whether the episodes are compressed, as `fdp-bench report --publish` leaves them: they can only be read."""
        return is_compressed_only(self.episodes_path)

    def manifest(self) -> Manifest:
        """Read the manifest.

        Raises:
            RunError: If it is unreadable or of another version.
        """
        return Manifest.read(self.path / MANIFEST_NAME)

    def update_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest; a reader sees the old or the new one, never a part.

        Raises:
            RunError: If it cannot be written; the old one stays.
        """
        path = self.path / MANIFEST_NAME
        try:
            manifest.write(path)
        except OSError as error:
            raise RunError(unwritable(path, error)) from error

    def records(self) -> list[EpisodeRecord]:
        """The episodes that count, in the order they ended: `all_records` without those past a decision.

        Raises:
            RunError: If another line is no episode record.
        """
        manifest = self.manifest()
        ends = {
            str(comparison["shift"]): comparison["decided_at"]
            for comparison in manifest.comparisons
            if comparison.get("decided_at") is not None
        }
        return [
            record
            for record in self.all_records(manifest)
            if record.spec.shift not in ends or record.spec.index < ends[record.spec.shift]
        ]

    def all_records(self, manifest: Manifest | None = None) -> list[EpisodeRecord]:
        """All complete episode records, in the order they ended, the first of each id.

        A torn last line, as a crash leaves it, is passed over: that episode counts as not run. Records from before
        they named their policy's training get it from the manifest.

        Args:
            manifest: The run's manifest, where the caller has read it already.

        Raises:
            RunError: If another line is no episode record.
        """
        records = read_records(self.episodes_path)
        if all(record.spec.train_demos is not None for record in records):
            return records
        trainings = (manifest or self.manifest()).trainings()
        return [_with_training(record, trainings.get(record.spec.checkpoint)) for record in records]

    def retest_records(self) -> list[EpisodeRecord]:
        """Episodes run again, in the order they ended; none where nothing was retested.

        Raises:
            RunError: If a line is no episode record.
        """
        path = self.retest_path
        return read_records(path) if path.exists() or is_compressed_only(path) else []

    def set_errors_aside(self) -> int:
        """Move the records of episodes that ended in an error to `errors_path`, so that they are run again.

        Returns:
            How many there were.

        Raises:
            RunError: If another process writes this run, or a file cannot be written; then nothing is lost.
        """
        with self.writer():
            records = read_records(self.episodes_path)
            errors = [record for record in records if record.status != "ok"]
            if errors:
                with exclusive_writer(self.errors_path) as keep:
                    for record in errors:
                        keep(record)
                    keep.sync(now=True)
                lines = (json.dumps(r.to_json(), sort_keys=True) for r in records if r.status == "ok")
                try:
                    write_whole(self.episodes_path, "".join(f"{line}\n" for line in lines))
                except OSError as error:
                    raise RunError(unwritable(self.episodes_path, error)) from error
        return len(errors)

    @contextmanager
    def writer(self, *, retest: bool = False) -> Iterator[RecordWriter]:
        """Append records; each is handed to the operating system before the call returns.

        A torn last line is cut off first.

        Args:
            retest: Whether they go to the file of episodes run again.

        Raises:
            RunError: If another process writes this run, the file cannot be written, or the run is a published one.
        """
        if self.is_published:
            packed = compressed(self.episodes_path)
            raise RunError(
                f"run {str(self.path)!r} is published and its records are compressed; to go on with it: xz -dk {packed}"
            )
        with exclusive_writer(self.retest_path if retest else self.episodes_path) as append:
            yield append


def read_records(path: Path) -> list[EpisodeRecord]:
    """Read an episodes file, or its compressed twin where it is published. See `RunStore.records`."""
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no file")
        data = decompress(compressed(path)) if is_compressed_only(path) else path.read_bytes()
    except OSError as error:
        raise RunError(f"episode records {str(path)!r} cannot be read: {error}") from error
    records: dict[str, EpisodeRecord] = {}
    for number, line in enumerate(data[: complete_length(data)].splitlines(), start=1):
        try:
            record = EpisodeRecord.from_json(parse_json(line))
        except ValueError as error:
            raise RunError(
                f"{str(path)!r} line {number} is no episode record ({error}); delete the line and --resume the run"
            ) from error
        records.setdefault(record.spec.id, record)
    return list(records.values())


def check_new_folder(path: Path) -> None:
    """Check that a run may be written to a folder, and leave nothing behind, nor make anything that others see.

    Shards start together, and beside one another: a folder made for a check and taken away again may be another's.

    Raises:
        RunError: If it holds something, is no folder, or cannot be written.
    """
    try:
        if path.exists() and not path.is_dir():
            raise RunError(f"run folder {str(path)!r} is a file; choose another --out")
        if path.is_dir() and not _is_unused(path):
            busy = being_written(path / EPISODES_NAME)
            raise RunError(
                f"{busy}; choose another --out, or wait until it ends" if busy else _not_empty(path)
            )
        if path.is_symlink() and not path.exists():
            raise RunError(f"run folder {str(path)!r} is a link to nowhere; choose another --out")
        # What is there of the way to it; for Path.absolute, "." has parents too.
        there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise RunError(
            f"run folder {str(path)!r} cannot be written: {error.strerror or error}; choose another --out"
        ) from error


def resume_command(path: Path) -> str:
    """The command that finishes a run."""
    return shlex.join(["fdp-bench", "run", "--resume", str(path)])


def _not_empty(path: Path) -> str:
    return (
        f"run folder {str(path)!r} is not empty; choose another --out, or finish the run in it with: "
        f"fdp-bench run --resume {path}"
    )


def _is_unused(path: Path) -> bool:
    """Whether a folder is empty, but for what a run leaves behind that was killed while it made its folder."""
    rests = {MANIFEST_NAME + PART, Path(EPISODES_NAME).with_suffix(HOLDER_SUFFIX).name}
    for entry in path.iterdir():
        is_rest = entry.name == EPISODES_NAME and entry.is_file() and entry.stat().st_size == 0
        if not is_rest and entry.name not in rests:
            return False
    return True


def _with_training(record: EpisodeRecord, training: Training | None) -> EpisodeRecord:
    if training is None or record.spec.train_demos is not None:
        return record
    spec = replace(
        record.spec, train_demos=training.demos, train_seed=training.seed, variant=training.variant
    )
    return replace(record, spec=spec)
