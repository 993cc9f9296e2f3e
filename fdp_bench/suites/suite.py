"""What a suite is: policies, tasks, shifts, training sizes, seeds and recipes to be crossed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fdp_bench.api.shift import DEFAULT_LEVEL
from fdp_bench.api.validation import check_fields

#: Training settings that a suite says in other words, or that a sweep decides.
RESERVED_SETTINGS: Mapping[str, str] = {
    "num_demos": "demos = [...]",
    "seed": "train_seeds = [...]",
    "device": "fdp-bench sweep --device",
    "threads": "fdp-bench sweep --jobs",
    "reuse": "fdp-bench sweep --train-dir",
}


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        name: Short name, fit for a folder; empty for the suite's recipe as it stands.
        settings: Training settings as text that it adds to the suite's own, see `Suite.training`.
        policies: Policies that are trained this way; empty for all of the suite.
    """

    name: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    policies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suite:
    """An experiment. Every policy of every variant is trained with every size and seed and runs under every shift.

    Attributes:
        name: Short name, fit for a folder.
        summary: One line: what it is for.
        policies: Policy strings without checkpoints.
        tasks: Gymnasium ids.
        shifts: Canonical shift strings, severities included; the clean twins always run.
        demos: Numbers of demonstrations to train on, each >= 1.
        train_seeds: Training seeds, each >= 0.
        episodes: Episodes a cell, >= 1.
        seed: Seed of the episodes' random streams, >= 0: equal for all arms, so that they meet the same episodes.
        profile: Render profile.
        training: Training settings as text. A setting ``X_epochs`` stands for ``X_steps``: passes over the training
            windows, turned into gradient steps with ``batch_size``, which the suite must then name.
        variants: Ways to train, at least one.
        source: File that it was read from, for messages.
    """

    name: str
    summary: str
    policies: tuple[str, ...]
    tasks: tuple[str, ...]
    shifts: tuple[str, ...]
    demos: tuple[int, ...]
    train_seeds: tuple[int, ...]
    episodes: int
    seed: int
    profile: str
    training: Mapping[str, str] = field(default_factory=dict)
    variants: tuple[Variant, ...] = (Variant(),)
    source: str = field(default="", compare=False)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        data = asdict(self)
        # Where the file lay on one machine says nothing on another.
        del data["source"]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Suite":
        """Inverse of `to_json`.

        Raises:
            ValueError: If a field is missing, unknown or of another type.
        """
        facts = {**data}
        variants = facts.pop("variants", ())
        check_fields(cls, {**facts, "variants": ()})
        for variant in variants:
            check_fields(Variant, variant, "variants[]")
        facts = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
        return cls(**facts, variants=tuple(Variant(**_with_tuple(variant)) for variant in variants))


def _with_tuple(variant: Mapping[str, Any]) -> dict[str, Any]:
    return {**variant, "policies": tuple(variant.get("policies", ()))}


#: Severity levels of shifts that name none.
DEFAULT_SEVERITIES = (DEFAULT_LEVEL,)
