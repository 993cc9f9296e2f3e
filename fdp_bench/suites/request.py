"""What a sweep is asked for: a suite, where it goes, and how it is worked off."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fdp_bench.records.store import TRAIN_NAME
from fdp_bench.suites.suite import Suite
from fdp_bench.suites.weights import TRAIN_FOLDER, Places


@dataclass(frozen=True)
class SweepRequest:
    """What is asked for.

    Attributes:
        suite: The suite, filtered, with its episodes.
        out: Folder of the sweep.
        command: Command that makes it again, caches aside.
        steps: See `fdp_bench.suites.cells.plan_cells`.
        data: Gymnasium id -> demonstration file.
        train_dirs: Further folders with weights.
        jobs: Training folders at once, >= 1.
        workers: Worker processes of the runs; None for as many as the machine has room for.
        device: Torch-style device name.
    """

    suite: Suite
    out: Path
    command: str
    steps: int | None = None
    data: Mapping[str, Path] = field(default_factory=dict)
    train_dirs: tuple[Path, ...] = ()
    jobs: int = 1
    workers: int | None = None
    device: str = "cpu"

    @property
    def places(self) -> Places:
        """Where its weights are looked for."""
        return Places(self.out / TRAIN_NAME, (*self.train_dirs, TRAIN_FOLDER))
