"""Episodes run again: once with the same random streams, which must agree, and once with fresh policy noise.

What disagrees under fresh noise is the noise floor: differences below it say nothing about a policy. The records lie
in a file of their own and count in no rate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec, comparable_pair
from fdp_bench.records.store import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import Arm, plan_episodes
from fdp_bench.stats.noise import NoiseFloor, RepeatCheck, check_repeat, measure_noise_floor


def plan_retest(config: RunConfig, arms: Sequence[Arm]) -> tuple[EpisodeSpec, ...]:
    """Episodes to run again: the same indices of every arm, evenly spread; each as it was, then with fresh noise."""
    if not config.retest:
        return ()
    count = math.ceil(config.retest * config.episodes - 1e-9)
    chosen = {number * config.episodes // count for number in range(count)}
    again = [spec for spec in plan_episodes(config, arms) if spec.index in chosen]
    return tuple(spec for episode in again for spec in (episode, with_fresh_noise(episode)))


def with_fresh_noise(spec: EpisodeSpec) -> EpisodeSpec:
    """The same initial state and shift with another draw of the policy's noise."""
    return replace(spec, noise_seed=spec.noise_seed + 1)


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
    pairs_by_id = {record.spec.id: comparable_pair(ordinary[record.spec], record) for record in same}
    repeat = check_repeat(
        {key: first for key, (first, _) in pairs_by_id.items()},
        {key: again for key, (_, again) in pairs_by_id.items()},
    )
    both: dict[tuple[str, str], list[tuple[bool, bool]]] = {}
    for spec, record in ordinary.items():
        twin = fresh.get(with_fresh_noise(spec))
        if twin is not None:
            both.setdefault((spec.policy, spec.shift), []).append((succeeded(record), succeeded(twin)))
    everything = [pair for pairs in both.values() for pair in pairs]
    return Retest(
        repeat=repeat,
        differing=tuple(record.spec for record in same if record.spec.id in repeat.disagreeing),
        floor=_floor(everything) if everything else None,
        arms=tuple(ArmNoise(policy, shift, _floor(pairs)) for (policy, shift), pairs in both.items()),
    )


def succeeded(record: EpisodeRecord) -> bool:
    """Whether an episode counts as a success."""
    return record.status == "ok" and record.success_once


def _floor(pairs: Sequence[tuple[bool, bool]]) -> NoiseFloor:
    return measure_noise_floor([first for first, _ in pairs], [again for _, again in pairs])
