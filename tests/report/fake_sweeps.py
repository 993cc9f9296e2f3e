"""Records of trainings that differ in demonstrations, seed, variant and severity."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fake_records import arm

from fdp_bench.api import CLEAN, EpisodeRecord

SAFETY = ("peak_contact_force_n", "peak_joint_speed_rad_s", "action_jerk")


def trained_arm(
    successes: int,
    *,
    episodes: int = 10,
    policy: str = "dp-dit",
    demos: int | None = None,
    seed: int | None = None,
    variant: str = "",
    shift: str = CLEAN,
    level: int = 0,
    task: str = "fdp_bench/Lift-v1",
    shift_options: str = "",
) -> list[EpisodeRecord]:
    """One arm of one training; its first episodes succeed. A shift's options stand behind its level."""
    outcomes = "+" * successes + "-" * (episodes - successes)
    head, mark, options = policy.partition("?")
    name = policy if demos is None else f"{head}@cache/{demos}-{seed}.safetensors{mark}{options}"
    checkpoint = hashlib.sha256(repr((policy, demos, seed, variant)).encode()).hexdigest()
    text = CLEAN if shift == CLEAN else f"{shift}@{level}{shift_options}"
    records = arm(outcomes, policy=name, checkpoint=checkpoint, shift=text, severity=level / 5, task=task)
    facts = {"train_demos": demos, "train_seed": seed, "variant": variant}
    return [replace(record, spec=replace(record.spec, **facts)) for record in records]


def severity_records(
    rates: Mapping[int, int], *, shift: str = "occlusion", **options: object
) -> list[EpisodeRecord]:
    """A clean arm (level 0) and one a level, by number of successes."""
    return [
        record
        for level, successes in rates.items()
        for record in trained_arm(
            successes,
            shift=shift if level else CLEAN,
            level=level,
            **options,  # type: ignore[arg-type]
        )
    ]


def with_safety(records: Iterable[EpisodeRecord], *values: float) -> list[EpisodeRecord]:
    """The records with one value for all figures, in turn."""
    return [
        replace(record, safety=dict.fromkeys(SAFETY, value))
        for record, value in zip(records, values, strict=True)
    ]
