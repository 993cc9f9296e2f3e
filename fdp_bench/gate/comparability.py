"""What must not be compared, said in one line each; and what a reader of a comparison should know."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from fdp_bench.api.errors import FdpBenchError
from fdp_bench.gate.compared_run import ComparedRun
from fdp_bench.gate.pairing import PairedArm
from fdp_bench.records.comparability import (
    Difference,
    condition_differences,
    plugin_differences,
    rule_differences,
    version_differences,
)
from fdp_bench.report.names import split_shift

#: Drawn numbers that differ by less than this, relatively, differ by rounding.
_RELATIVE_TOLERANCE = 1e-6


class IncomparableError(FdpBenchError):
    """Two runs differ in what a comparison takes for equal.

    Attributes:
        reasons: One line each.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(reasons))


def refuse_unlike(baseline: ComparedRun, candidate: ComparedRun, arms: Sequence[PairedArm]) -> None:
    """Refuse to compare runs that differ in what decides an episode beside the policy.

    Args:
        baseline: One side.
        candidate: The other.
        arms: Their arms, paired.

    Raises:
        IncomparableError: With one line for each difference.
    """
    reasons = [
        *protocol_differences(baseline, candidate, policy_pairs(arms)),
        *_shift_differences(baseline, candidate, arms),
    ]
    reasons = reasons or _state_differences(baseline, candidate, arms)
    if not reasons and not any(arm.pairs for arm in arms):
        reasons = [
            f"no episode in common: {baseline.path} holds {_shown(_shifts(baseline))}, {candidate.path} "
            f"{_shown(_shifts(candidate))}"
        ]
    if reasons:
        raise IncomparableError(reasons)


def policy_pairs(arms: Sequence[PairedArm]) -> list[tuple[str, str]]:
    """(baseline's policy, candidate's policy) of every two that meet."""
    return list(dict.fromkeys((arm.baseline.policy, arm.candidate.policy) for arm in arms))


def protocol_differences(
    baseline: ComparedRun, candidate: ComparedRun, policies: Iterable[tuple[str, str]]
) -> list[str]:
    """Differences in task version, success rule, seed protocol and sampler, one line each.

    Args:
        baseline: One side.
        candidate: The other.
        policies: (baseline's policy, candidate's policy) of every two that meet. A policy that says nothing of a
            sampler has none, or comes from a run that did not keep it; then there is nothing to differ.
    """
    facts = rule_differences(baseline, candidate)
    if baseline.run_seed != candidate.run_seed:
        facts.append(Difference("seed protocol (seed of the run)", baseline.run_seed, candidate.run_seed))
    for ours, theirs in policies:
        was, now = baseline.samplers.get(ours, ""), candidate.samplers.get(theirs, "")
        if was and now and was != now:
            facts.append(Difference(f"sampler ({theirs})", was, now))
    return [_difference(each.name, each.first, each.second) for each in facts]


def notes(baseline: ComparedRun, candidate: ComparedRun, arms: Sequence[PairedArm]) -> list[str]:
    """What does not forbid the comparison and belongs beside it, one sentence each."""
    found = [
        *_version_notes(baseline, candidate),
        *_noise_notes(baseline, candidate),
        *_sampler_notes(baseline, candidate, arms),
        *_coverage_notes(baseline, candidate, arms),
        *_repeat_notes(arms),
    ]
    differing = _states_that_differ(arms)
    if differing:
        found.append(
            f"{differing[0]} of {differing[1]} pairs start from states that differ in bits: the machines or versions "
            "round differently"
        )
    return found


def _difference(name: str, was: object, now: object) -> str:
    return f"{name}: the baseline has {_quoted(was)}, the candidate {_quoted(now)}"


def _quoted(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _shift_differences(baseline: ComparedRun, candidate: ComparedRun, arms: Sequence[PairedArm]) -> list[str]:
    ours, theirs = _shifts(baseline), _shifts(candidate)
    found = []
    for shift in (text for text in ours if text not in theirs):
        like = [text for text in theirs if text not in ours and _names(text) == _names(shift)]
        if like:
            found.append(_difference("shift parameters", shift, _shown(like)))
    for arm in arms:
        known = [
            (index, was.parameters, now.parameters)
            for index, (was, now) in zip(arm.indices, arm.pairs, strict=True)
            if was.parameters is not None and now.parameters is not None
        ]
        unlike = [entry for entry in known if not same_numbers(entry[1], entry[2])]
        if unlike:
            index, was, now = unlike[0]
            where = f"shift parameters ({arm.shift}, {len(unlike)} of {len(known)} episodes, first {index})"
            found.append(_difference(where, was, now))
    return list(dict.fromkeys(found))


def _state_differences(baseline: ComparedRun, candidate: ComparedRun, arms: Sequence[PairedArm]) -> list[str]:
    """Initial states that differ where nothing could have rounded differently."""
    differing = _states_that_differ(arms)
    same_place = (
        baseline.machine == candidate.machine
        and bool(baseline.machine)
        and not version_differences(baseline.versions, candidate.versions)
    )
    if not differing or not same_place:
        return []
    return [
        f"seed protocol: {differing[0]} of {differing[1]} pairs start from different states on the same machine with "
        "the same versions, so the task or its seeds have changed without a new version"
    ]


def _states_that_differ(arms: Sequence[PairedArm]) -> tuple[int, int] | None:
    known = [
        (was.initial_state, now.initial_state)
        for arm in arms
        for was, now in arm.pairs
        if was.initial_state and now.initial_state
    ]
    differing = sum(was != now for was, now in known)
    return (differing, len(known)) if differing else None


def _version_notes(baseline: ComparedRun, candidate: ComparedRun) -> list[str]:
    changes = [
        *version_differences(baseline.versions, candidate.versions),
        *plugin_differences(baseline.plugins, candidate.plugins),
    ]
    found = [f"other versions: {_changes(changes)}"] if changes else []
    conditions = condition_differences(baseline.config, candidate.config)
    if conditions:
        found.append(f"other conditions, which can move single episodes: {_changes(conditions)}")
    return found


def _changes(differences: Iterable[Difference]) -> str:
    return ", ".join(f"{each.name} {each.first} -> {each.second}" for each in differences)


def _noise_notes(baseline: ComparedRun, candidate: ComparedRun) -> list[str]:
    if baseline.noise_seed == candidate.noise_seed:
        return []
    return [
        f"the policies' noise is another draw (noise seed {baseline.noise_seed} and {candidate.noise_seed}), so the "
        "pairs share initial states and shifts alone"
    ]


def _sampler_notes(baseline: ComparedRun, candidate: ComparedRun, arms: Sequence[PairedArm]) -> list[str]:
    silent = [ours for ours, _ in policy_pairs(arms) if ours not in baseline.samplers]
    silent += [theirs for _, theirs in policy_pairs(arms) if theirs not in candidate.samplers]
    return [f"the sampler is not on record for {_shown(list(dict.fromkeys(silent)))}"] if silent else []


def _coverage_notes(baseline: ComparedRun, candidate: ComparedRun, arms: Sequence[PairedArm]) -> list[str]:
    found = []
    for side, word in ((baseline, "baseline"), (candidate, "candidate")):
        if not side.complete:
            found.append(f"the {word} {side.path} is not complete: fdp-bench run --resume {side.path}")
        if side.stopped_early:
            found.append(
                f"the {word} stopped each arm as soon as it was decided: its rates lean to one side, and intervals and "
                "p-values here do not allow for it"
            )
    met = {(arm.baseline.policy, arm.shift) for arm in arms}
    alone = [f"{arm.policy}, {arm.shift}" for arm in baseline.arms if (arm.policy, arm.shift) not in met]
    if alone:
        found.append(f"only in the baseline, not compared: {'; '.join(alone)}")
    met = {(arm.candidate.policy, arm.shift) for arm in arms}
    alone = [f"{arm.policy}, {arm.shift}" for arm in candidate.arms if (arm.policy, arm.shift) not in met]
    if alone:
        found.append(f"only in the candidate, not compared: {'; '.join(alone)}")
    unpaired = sum(len({*arm.baseline.outcomes} ^ {*arm.candidate.outcomes}) for arm in arms)
    if unpaired:
        found.append(f"{unpaired} episodes were run by one side alone and do not count")
    return found


def _repeat_notes(arms: Sequence[PairedArm]) -> list[str]:
    """The very same episodes must come out the same."""
    repeats = [(was, now) for arm in arms for was, now in arm.pairs if was.id == now.id]
    changed = sum((was.success, was.steps) != (now.success, now.steps) for was, now in repeats)
    if not changed:
        return []
    return [
        f"{changed} of {len(repeats)} episodes with the same id came out differently: same weights and random numbers, "
        "so code, versions or machine moved them"
    ]


def same_numbers(a: Any, b: Any) -> bool:
    """Whether two JSON values are equal, numbers up to rounding."""
    if isinstance(a, dict) and isinstance(b, dict):
        return {*a} == {*b} and all(same_numbers(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_numbers, a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=_RELATIVE_TOLERANCE, abs_tol=_RELATIVE_TOLERANCE)
    return bool(a == b)


def _shifts(side: ComparedRun) -> list[str]:
    return list(dict.fromkeys(arm.shift for arm in side.arms))


def _names(shift: str) -> list[str]:
    """Names of composed shifts, without severities and options."""
    return [part.partition("?")[0] for part in split_shift(shift)[0].split("+")]


def _shown(values: Sequence[str]) -> str:
    return ", ".join(values)
