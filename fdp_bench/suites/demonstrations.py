"""The demonstrations that a sweep trains on: given, cached, or collected on first need."""

import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path

from fdp_bench.api.errors import DatasetError
from fdp_bench.demos.advice import way_to
from fdp_bench.demos.dataset import is_demonstration_file, load_demonstrations
from fdp_bench.demos.recording.collect import EXPERT_TASKS, collect_demonstrations
from fdp_bench.suites.cells import short_task
from fdp_bench.tasks import TASKS
from fdp_bench.training.job import task_info

#: Where collected demonstrations are kept for every sweep.
FOLDER = Path("runs", "demos")
#: Demonstrations that are collected; the first N train and a fifth as many of those that follow are held out, so
#: one file serves every size.
COLLECTED = 200
COLLECTION_SEED = 0
#: Control steps of one demonstration of Lift, about: for estimates before there are any.
TYPICAL_STEPS = 45


@dataclass(frozen=True)
class DataFacts:
    """What a training size of a file means.

    Attributes:
        sha256: Hash over the demonstrations read and their split.
        windows: Control steps of those trained on; each is a training window.
    """

    sha256: str
    windows: int


@dataclass
class DemonstrationFile:
    """One task's file; what was read of it is remembered.

    Attributes:
        task: Gymnasium id.
        path: The file; None while there is none.
        profile: Render profile that its frames must have.
    """

    task: str
    path: Path | None
    profile: str
    _facts: dict[int, DataFacts] = field(default_factory=dict)

    def facts(self, num_demos: int) -> DataFacts | None:
        """What training on `num_demos` of it means; None while there is no file.

        Raises:
            DatasetError: If it is damaged, too small, or of another task, map or profile.
        """
        if self.path is None:
            return None
        if num_demos not in self._facts:
            self._facts[num_demos] = self._read(self.path, num_demos)
        return self._facts[num_demos]

    def _read(self, path: Path, num_demos: int) -> DataFacts:
        if self.task not in TASKS and not is_demonstration_file(path):
            # Somebody else's policies on somebody else's task may read a format of their own.
            if not path.is_file():
                raise DatasetError(f"there is no demonstration file {path} of {self.task}")
            return DataFacts(hashlib.sha256(path.read_bytes()).hexdigest(), TYPICAL_STEPS * num_demos)
        demonstrations = load_demonstrations(path, task_id=self.task, num_demos=num_demos)
        if not self._facts:
            task_info(demonstrations)
        # An environment that draws its own frames has no profile.
        if demonstrations.profile not in ("", self.profile):
            raise DatasetError(
                f"{path} shows profile {demonstrations.profile!r}, and the suite asks for {self.profile!r}; "
                f"{way_to('collect others', self.task, profile=self.profile)}"
            )
        windows = sum(len(demo) for demo in demonstrations.subset(demonstrations.train))
        return DataFacts(demonstrations.sha256, windows)


def find_file(task: str, given: Path | None, profile: str, largest: int) -> DemonstrationFile:
    """The file that somebody gave, else the one that was collected earlier, else none yet.

    Args:
        task: Gymnasium id.
        given: File from the command line.
        profile: Render profile of the frames.
        largest: Largest number of demonstrations to train on.
    """
    collected = collection_path(task, profile, largest)
    path = given or (collected if collected.is_file() else None)
    return DemonstrationFile(task, path, profile)


def check_collectable(task: str) -> None:
    """Check that somebody can show a task.

    Raises:
        DatasetError: If it has no scripted expert.
    """
    if task not in EXPERT_TASKS:
        raise DatasetError(
            f"{task} has no scripted expert that could show it; give demonstrations with "
            f"--data {short_task(task)}=FILE ({way_to('record some', task)})"
        )


def collection_path(task: str, profile: str, largest: int) -> Path:
    """Where a collection for a training size lies."""
    look = "" if profile == "fast" else f"-{profile}"
    name = f"{short_task(task)}-{_collection_size(largest)}-seed{COLLECTION_SEED}{look}.hdf5"
    return FOLDER / name


def collect(task: str, profile: str, largest: int) -> DemonstrationFile:
    """Collect demonstrations with the scripted expert, enough for a training size; goes on after a kill.

    Raises:
        FdpBenchError: If it cannot be done, see `fdp_bench.demos.recording.collect`.
    """
    path = collection_path(task, profile, largest)
    path.parent.mkdir(parents=True, exist_ok=True)
    collect_demonstrations(
        task, path, num_demos=_collection_size(largest), seed=COLLECTION_SEED, profile=profile, progress=True
    )
    return DemonstrationFile(task, path, profile)


def _collection_size(largest: int) -> int:
    return max(COLLECTED, math.ceil(1.2 * largest))
