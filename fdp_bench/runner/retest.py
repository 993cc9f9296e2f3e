"""Episodes run again: once with the same random streams, which must agree, and once with fresh policy noise.

What disagrees under fresh noise is the noise floor: differences below it say nothing about a policy. The records lie
in a file of their own and count in no rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fdp_bench.api.episode import EpisodeSpec
from fdp_bench.records.store import RunStore
from fdp_bench.runner.planning.plan import with_fresh_noise
from fdp_bench.stats.noise import NoiseFloor, RepeatCheck, check_repeat, measure_noise_floor


@dataclass(frozen=True)
class ArmNoise:
    """The noise floor of one arm.

    Attributes:
        policy: Canonical policy string.
        shift: Canonical shift string.
        floor: What fresh noise changed.
    """

    policy: str
    shift: str
    floor: NoiseFloor


@dataclass(frozen=True)
class Retest:
    """What running episodes again showed.

    Attributes:
        repeat: Same streams: whether whole records came back, wall times aside.
        differing: The episodes that did not.
        floor: Fresh noise, over all arms; None where no episode was run with it.
        arms: Fresh noise, one entry an arm.
    """

    repeat: RepeatCheck
    differing: tuple[EpisodeSpec, ...]
    floor: NoiseFloor | None
    arms: tuple[ArmNoise, ...]


def read_retest(store: RunStore) -> Retest | None:
    """What a run's retest showed; None where nothing was run again.

    Raises:
        RunError: If the records are unreadable.
    """
    again = store.retest_records()
    ordinary = {record.spec: record for record in store.records()}
    same = [record for record in again if record.spec in ordinary]
    if not same:
        return None
    fresh = {record.spec: record for record in again if record.spec not in ordinary}
    repeat = check_repeat(
        {record.spec.id: ordinary[record.spec].comparable() for record in same},
        {record.spec.id: record.comparable() for record in same},
    )
    both: dict[tuple[str, str], list[tuple[bool, bool]]] = {}
    for spec, record in ordinary.items():
        twin = fresh.get(with_fresh_noise(spec))
        if twin is not None:
            both.setdefault((spec.policy, spec.shift), []).append((record.succeeded, twin.succeeded))
    everything = [pair for pairs in both.values() for pair in pairs]
    return Retest(
        repeat=repeat,
        differing=tuple(record.spec for record in same if record.spec.id in repeat.disagreeing),
        floor=_floor(everything) if everything else None,
        arms=tuple(ArmNoise(policy, shift, _floor(pairs)) for (policy, shift), pairs in both.items()),
    )


def _floor(pairs: Sequence[tuple[bool, bool]]) -> NoiseFloor:
    return measure_noise_floor([first for first, _ in pairs], [again for _, again in pairs])
