"""What a run is asked to do, resolved and frozen."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fdp_bench.api.errors import RunError, SpecError, nearest
from fdp_bench.api.streams import CALIBRATION_SEED
from fdp_bench.api.validation import MAX_WHOLE, check_fields

#: Episodes a cell of each tier.
TIERS = {"smoke": 10, "standard": 100, "full": 200}
DEFAULT_EPISODES = 50
#: Rows of every policy batch, whatever the number of lanes: matrix products may round differently by shape, and a
#: result must not depend on who else is in the batch.
BATCH_ROWS = 4
#: The same on other devices, where one process asks for all workers, and sixteen rows take hardly longer than four.
GPU_BATCH_ROWS = 16
#: Kinds of executors.
LOCAL, RAY = "local", "ray"
#: Fields that a run's configuration may lack because they came later; their defaults are what it did.
_LATER = {"act_timeout", "noise_seed", "retest", "until_decided"}


@dataclass(frozen=True)
class RunConfig:
    """One run: every policy under no shift and under each shift, on the same episodes."""

    task: str
    """Gymnasium id of the task."""
    policies: tuple[str, ...]
    """Policy strings, without repetition."""
    shifts: tuple[str, ...]
    """Shift strings, without repetition and without ``"clean"``, which always runs."""
    episodes: int = DEFAULT_EPISODES
    """Episodes a cell, >= 1."""
    seed: int = 0
    """Seed of all random streams, >= 0."""
    device: str = "cpu"
    """Torch-style device name handed to the policies."""
    profile: str = "fast"
    """Render profile of the built-in tasks."""
    videos: int = 0
    """Number of each cell's first episodes kept as videos, >= 0."""
    workers: int = 1
    """Worker processes, >= 1. Moves no number."""
    lanes: int = BATCH_ROWS
    """Episodes that a worker steps side by side, in [1, `batch_rows`]. Moves no number."""
    batch_rows: int = 0
    """Rows of every policy batch, padded where fewer episodes are under way; 0 stands for what suits the device,
    `BATCH_ROWS` or `GPU_BATCH_ROWS`."""
    noise_seed: int = 0
    """Which draw of the policies' noise, >= 0; initial states and shifts do not depend on it."""
    retest: float = 0.0
    """Share of the episodes that run again, with the same noise and with fresh noise, in [0, 1]."""
    until_decided: float = 0.0
    """Chance of any false decision, in (0, 1), of a run that compares two policies and ends each shift once one of them
    is found better; 0.0 for a run of fixed length."""
    act_timeout: float = 0.0
    """Seconds that a policy may take for a decision before its episode ends in an error; 0.0 for any time. The one
    field by which a machine's speed can move a number."""

    def __post_init__(self) -> None:
        if self.batch_rows == 0:
            object.__setattr__(self, "batch_rows", BATCH_ROWS if self.device == "cpu" else GPU_BATCH_ROWS)
        if not self.policies:
            raise SpecError('no policy given; name one, for instance --policy "fdp:prop>vision"')
        for name, least in (
            ("episodes", 1),
            ("seed", 0),
            ("noise_seed", 0),
            ("videos", 0),
            ("workers", 1),
            ("batch_rows", 1),
        ):
            value = getattr(self, name)
            if not least <= value < MAX_WHOLE:
                raise SpecError(f"{name} is {value}; it must be at least {least} and below 2^63")
        if self.seed == CALIBRATION_SEED:
            raise SpecError(f"seed {self.seed} is kept for fdp-bench calibrate; choose another one")
        if not 1 <= self.lanes <= self.batch_rows:
            raise SpecError(
                f"lanes is {self.lanes}; it must lie in 1-{self.batch_rows}, the rows of a policy batch"
            )
        if not 0.0 <= self.retest <= 1.0:
            raise SpecError(f"retest is {self.retest}; it must lie in 0-1, for instance 0.2 for a fifth")
        if not 0.0 <= self.until_decided < 1.0:
            raise SpecError(f"alpha is {self.until_decided}; it must lie between 0 and 1, for instance 0.05")
        if not 0.0 <= self.act_timeout < float("inf"):
            raise SpecError(f"act_timeout is {self.act_timeout}; it must be a number of seconds above 0")
        if self.retest and self.until_decided:
            raise SpecError("--retest and --until-decided exclude each other; retest a run of fixed length")

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RunConfig":
        """Inverse of `to_json`.

        Raises:
            RunError: If a field is missing or unknown, as in a run of another version, or of another type.
            SpecError: If a value is out of its range.
        """
        known = {entry.name for entry in fields(cls)}
        odd_ones = ({*data} - known) | (known - {*data} - _LATER)
        if odd_ones:
            odd = ", ".join(sorted(odd_ones))
            raise RunError(
                f"the run's configuration is of another version of fdp-bench (fields: {odd}); start anew"
            )
        try:
            check_fields(cls, data)
        except ValueError as error:
            raise RunError(f"the run's configuration is damaged: {error}") from None
        return cls(**{**data, "policies": tuple(data["policies"]), "shifts": tuple(data["shifts"])})


@dataclass(frozen=True)
class ExecutorSpec:
    """Which executor to use. Moves no number.

    Attributes:
        kind: `LOCAL` or `RAY`.
        address: Of a Ray cluster, as `ray.init` takes it; empty for the one that this machine is part of.
        worker_gpus: GPUs that a worker on Ray gets, a share of one below 1; None for one where the device is none of
            the processor's, else none.
    """

    kind: str = LOCAL
    address: str = ""
    worker_gpus: float | None = None

    def __post_init__(self) -> None:
        if self.worker_gpus is None:
            return
        if self.kind != RAY:
            raise SpecError(
                "--worker-gpus means nothing without --executor ray; add it, or leave --worker-gpus out"
            )
        if not self.worker_gpus > 0.0 or (self.worker_gpus > 1.0 and self.worker_gpus % 1.0):
            raise SpecError(
                f"--worker-gpus {self.worker_gpus:g} must be a share of one GPU, such as 0.25, or a whole number"
            )

    @classmethod
    def parse(cls, text: str, worker_gpus: float | None = None) -> "ExecutorSpec":
        """Read ``"local"``, ``"ray"`` or ``"ray://HOST:PORT"``.

        Raises:
            SpecError: If it is anything else.
        """
        kind, mark, address = text.partition("://")
        if kind not in (LOCAL, RAY) or bool(mark) != bool(address) or (mark and kind == LOCAL):
            raise SpecError(f"executor {text!r} is not known{nearest(text, (LOCAL, RAY, 'ray://HOST:PORT'))}")
        return cls(kind, text if mark else "", worker_gpus)
