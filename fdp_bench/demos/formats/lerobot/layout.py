"""Names and paths of a LeRobotDataset v3 and how ours map onto them.

Source: lerobot 0.4, ``lerobot/datasets/utils.py`` (``CODEBASE_VERSION = "v3.0"``).
"""

from types import ModuleType
from typing import Any

from fdp_bench.api import IMAGE_PREFIX, DatasetError
from fdp_bench.extras import install_command

VERSION = "v3.0"
INFO_PATH = "meta/info.json"
STATS_PATH = "meta/stats.json"
TASKS_PATH = "meta/tasks.parquet"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
#: Our own card beside LeRobot's metadata.
CARD_PATH = "meta/fdp_bench.json"
#: Files a folder.
CHUNK_SIZE = 1000

ACTION = "action"
STATE = "observation.state"
TACTILE = "observation.tactile"
_OBSERVATION = "observation."
_IMAGES = "observation.images."
#: What LeRobot adds to each row, dtype by name.
ROW_FEATURES = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}


def vector_feature(key: str) -> str:
    """LeRobot's feature of numbers, ``"observation.state"`` for ``"prop"``."""
    return STATE if key == "prop" else _OBSERVATION + key


def camera_feature(key: str) -> str:
    """LeRobot's feature of a camera, ``"observation.images.wrist"`` for ``"image.wrist"``."""
    return _IMAGES + key.removeprefix(IMAGE_PREFIX)


def file_place(number: int) -> dict[str, int]:
    """Folder and number in it of the file with a running number, as LeRobot counts them."""
    return {"chunk_index": number // CHUNK_SIZE, "file_index": number % CHUNK_SIZE}


def import_parquet() -> tuple[ModuleType, Any]:
    """``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        DatasetError: If they are not installed, with the command that installs them.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DatasetError(
            f"a LeRobotDataset needs pyarrow ({error}); install it with: {install_command('lerobot-data')}"
        ) from error
    return pyarrow, pyarrow.parquet
