"""Episodes as values: what was asked for, and what came of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from fdp_bench.api.validation import check_entries, check_fields

#: Version of the episode record's layout.
RECORD_SCHEMA = 1
#: Shift string of an unshifted episode.
CLEAN = "clean"
#: Control steps in a row that success must hold to end an episode.
HOLD_STEPS = 10
_STATUSES = ("ok", "error")
#: Fields that records may lack because they came later, or because they say nothing of an episode.
LATER_FIELDS = ("fallback_share",)
#: Types of a receipt's entries, those of its parts included; see `fdp_bench.api.Receipt`.
_RECEIPT = {
    "shift": str,
    "status": str,
    "parameters": Mapping[str, Any],
    **dict.fromkeys(("pixel_change", "target_hidden", "gripper_hidden"), Mapping[str, float]),
}


def bare_policy(policy: str) -> str:
    """A policy string without the path of its weights: ``"dp-dit"`` for ``"dp-dit@runs/x.safetensors"``."""
    head, mark, options = policy.partition("?")
    return head.partition("@")[0] + mark + options


@dataclass(frozen=True)
class EpisodeSpec:
    """One episode, complete: whoever runs it gets the same records, wall times aside.

    Attributes:
        task: Gymnasium id, for instance ``"fdp_bench/Lift-v1"``.
        policy: Canonical policy string.
        checkpoint: SHA-256 over the policy's weights; empty where it has none.
        shift: Canonical shift string with severity, shifts joined by ``+``; ``"clean"`` for none.
        severity: Severity of the first shift in (0, 1]; 0.0 for clean.
        index: Index of the episode, >= 0; equal indices share their random streams over all arms.
        run_seed: Seed of the run.
        noise_seed: Which draw of the policy's noise, >= 0: another one meets the same initial state and shift.
        train_demos: Demonstrations that the policy was trained on; None where nobody knows.
        train_seed: Seed of its training; None where nobody knows.
        variant: Training settings other than the recipe's, see `fdp_bench.api.Training`.

    The last three say in words what the checkpoint decides, so neither the id nor equality takes them in.
    """

    task: str
    policy: str
    checkpoint: str
    shift: str
    severity: float
    index: int
    run_seed: int
    noise_seed: int = 0
    train_demos: int | None = field(default=None, compare=False)
    train_seed: int | None = field(default=None, compare=False)
    variant: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """Stable id, 16 hexadecimal digits, over all fields that equality compares."""
        text = json.dumps(self.identity(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def identity(self) -> dict[str, Any]:
        """The fields that make the episode what it is, without those that the checkpoint decides."""
        facts = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.compare}
        if not self.noise_seed:
            # The first draw keeps the ids that episodes had before there was another.
            del facts["noise_seed"]
        return facts

    @property
    def bare_policy(self) -> str:
        """See `bare_policy`."""
        return bare_policy(self.policy)

    @property
    def is_clean(self) -> bool:
        """Whether no shift acts."""
        return self.shift == CLEAN

    @property
    def arm(self) -> tuple[str, str, str]:
        """The arm that the episode belongs to: (task, policy, shift)."""
        return (self.task, self.policy, self.shift)

    def clean_twin(self) -> "EpisodeSpec":
        """The same episode without a shift."""
        return replace(self, shift=CLEAN, severity=0.0)


@dataclass(frozen=True)
class EpisodeRecord:
    """What came of an episode; one line of ``episodes.jsonl``.

    Attributes:
        spec: What was asked for.
        status: ``"ok"``, or ``"error"``, which counts as a failure.
        success_once: Whether the task's success held at any control step.
        success_held: Whether it held for `HOLD_STEPS` control steps in a row, the last included.
        steps: Control steps taken.
        latency_ms: Wall time of each `act` in milliseconds, divided by nothing: what the batch waited. Left
            out of comparisons between runs, as `wall_time_s` is.
        wall_time_s: Wall time of the episode in seconds.
        safety: ``peak_contact_force_n`` (newtons, between gripper and anything), ``peak_joint_speed_rad_s``,
            ``action_jerk`` (root mean square of the second difference of the actions).
        receipt: The shift's receipt; empty for clean episodes.
        initial_state_sha256: Digest of the simulator's state after reset.
        error: Text of the error; empty for ``"ok"``.
        said: Tail of what the episode's process wrote to standard error before it was lost; left out of the file where
            it is empty, as it is for an undisturbed episode, and out of comparisons between runs.
        traceback: Where a plugin's code raised; left out of the file where it is empty, and out of comparisons between
            runs, since it names files of the machine.
        fallback_share: Share of the decisions that the policy left to its fallback (`Policy.fallbacks`), in [0, 1];
            None, and left out of the file, for a policy without one or an episode without a decision.
    """

    spec: EpisodeSpec
    status: str
    success_once: bool
    success_held: bool
    steps: int
    latency_ms: tuple[float, ...] = ()
    wall_time_s: float = 0.0
    safety: Mapping[str, float] = field(default_factory=dict)
    receipt: Mapping[str, Any] = field(default_factory=dict)
    initial_state_sha256: str = ""
    error: str = ""
    said: str = ""
    traceback: str = ""
    fallback_share: float | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the episode counts as a success: it ended without an error, and succeeded at any control step."""
        return self.status == "ok" and self.success_once

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dictionary with the schema's version and the episode's id."""
        data = {"schema": RECORD_SCHEMA, "id": self.spec.id, **asdict(self)}
        for name in ("said", "traceback"):
            if not data[name]:
                del data[name]
        if self.fallback_share is None:
            del data["fallback_share"]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "EpisodeRecord":
        """Inverse of `to_json`.

        Raises:
            ValueError: If the layout's version is unknown, a field is missing, extra or of another type, or a number is
                out of its range.
        """
        if not isinstance(data, Mapping):
            raise ValueError("episode record is no object")
        facts = dict(data)
        schema = facts.pop("schema", None)
        if schema != RECORD_SCHEMA:
            raise ValueError(f"episode record of schema {schema!r}; this version reads {RECORD_SCHEMA}")
        identifier = facts.pop("id", None)
        check_fields(EpisodeSpec, facts.get("spec"), "spec")
        spec = EpisodeSpec(**facts["spec"])
        check_fields(cls, {**facts, "spec": spec})
        facts["latency_ms"] = tuple(facts.get("latency_ms", ()))
        record = cls(**{**facts, "spec": spec})
        record._check()
        if identifier != spec.id:
            raise ValueError(f"episode record's id {identifier!r} does not match its spec ({spec.id})")
        return record

    def _check(self) -> None:
        spec = self.spec
        if self.status not in _STATUSES:
            raise ValueError(f"status {self.status[:40]!r} is neither of {_STATUSES}")
        for name, value in (("index", spec.index), ("run_seed", spec.run_seed), ("steps", self.steps)):
            if value < 0:
                raise ValueError(f"{name} is {value}; it must not be negative")
        if spec.noise_seed < 0 or not 0.0 <= spec.severity <= 1.0:
            raise ValueError(f"noise_seed {spec.noise_seed} or severity {spec.severity} is out of range")
        if self.fallback_share is not None and not 0.0 <= self.fallback_share <= 1.0:
            raise ValueError(f"fallback_share is {self.fallback_share}; it must lie in 0-1")
        check_entries(self.receipt, {**_RECEIPT, "parts": Sequence[Mapping[str, Any]]}, "receipt")
        for part in self.receipt.get("parts", ()):
            check_entries(part, _RECEIPT, "receipt.parts[]")

    def comparable(self) -> dict[str, Any]:
        """The record without wall times, which is equal for equal runs."""
        data = self.to_json()
        del data["latency_ms"], data["wall_time_s"]
        for name in ("said", "traceback"):
            data.pop(name, None)
        data["spec"] = self.spec.identity()
        return data
