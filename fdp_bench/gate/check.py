"""Run what a baseline asks for, and hold it against the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import CLEAN
from fdp_bench.api.errors import RunError, SpecError
from fdp_bench.api.streams import SEED_PROTOCOL
from fdp_bench.gate.comparability import IncomparableError, notes, protocol_differences, refuse_unlike
from fdp_bench.gate.compared_run import TASK_FACTS, ComparedRun, is_run, read_compared_run
from fdp_bench.gate.pairing import match_policies, pair_arms
from fdp_bench.gate.table import measure
from fdp_bench.gate.verdict import Judgement, judge
from fdp_bench.records.comparability import config_differences
from fdp_bench.records.manifest import INTERRUPTED
from fdp_bench.records.store import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.progress import Progress
from fdp_bench.runner.rollout.episode import SUCCESS_RULE
from fdp_bench.runner.run import begin_run, resume_run
from fdp_bench.specs import find_policy, parse_policy, resolve_policy
from fdp_bench.tasks import TASKS, describe
from fdp_bench.tasks.external.registry import remember_data

#: Pairs an arm, where the baseline holds as many and nothing else is asked for.
DEFAULT_PAIRS = 300


@dataclass(frozen=True)
class Check:
    """A check that is ready to run.

    Attributes:
        baseline: The baseline, cut to the arms and episodes that are checked.
        config: The candidate's run.
    """

    baseline: ComparedRun
    config: RunConfig


def plan_check(
    baseline: ComparedRun,
    *,
    policy: str | None = None,
    episodes: int | None = None,
    noise_seed: int | None = None,
    device: str | None = None,
) -> Check:
    """Plan the candidate's run: the baseline's task, shifts and random numbers.

    Args:
        baseline: What the candidate is held against.
        policy: Policy string that takes the place of the baseline's; None for the baseline's own, with the weights
            that it has now.
        episodes: Pairs an arm; None for `DEFAULT_PAIRS`, or as many as the baseline holds.
        noise_seed: Which draw of the policy's noise; None for the baseline's.
        device: Device of the policies; None for the baseline's.

    Raises:
        SpecError: If the policy or the number of episodes does not fit the baseline.
        IncomparableError: If it is clear beforehand that the result could not be compared.
    """
    task = str(baseline.task["task_id"])
    remember_data(baseline.task.get("map"), f"of the baseline's task {task!r}")
    policies = baseline.policies
    if policy is not None:
        baseline, policies = _replaced(baseline, _resolved(policy, task))
    held = min(len(arm.outcomes) for arm in baseline.arms)
    count = min(DEFAULT_PAIRS, held) if episodes is None else episodes
    if not 1 <= count <= held:
        raise SpecError(
            f"--episodes {count} does not fit the baseline, which holds {held} an arm; use --episodes {held}, or make "
            "a longer baseline: fdp-bench run, then fdp-bench baseline"
        )
    shifts = [arm.shift for arm in baseline.arms if arm.shift != CLEAN]
    config = RunConfig(
        task=task,
        policies=policies,
        shifts=tuple(dict.fromkeys(shifts)),
        episodes=count,
        seed=baseline.run_seed,
        noise_seed=baseline.noise_seed if noise_seed is None else noise_seed,
        profile=str(baseline.config.get("profile", "fast")),
        device=device or str(baseline.config.get("device", "cpu")),
    )
    baseline = _first(baseline, count)
    _refuse_early(baseline, config)
    return Check(baseline, config)


def run_candidate(
    check: Check, out: Path, *, command: Sequence[str], progress: Progress, workers: int | None
) -> RunStore:
    """Run the candidate's episodes into a folder, or those that are missing there; a shorter run is made longer.

    Raises:
        RunError: If the folder holds another run, or the run is interrupted.
        FdpBenchError: Whatever stops the run.
    """
    if not is_run(out):
        return begin_run(check.config, out, name="check", command=command, progress=progress, workers=workers)
    store = RunStore.open(out)
    wanted = check.config.to_json()
    for unlike in config_differences(store.manifest().config, wanted, apart_from=("episodes",)):
        raise RunError(
            f"{str(out)!r} holds a run of other {unlike.name} ({unlike.first!r}, needed: {unlike.second!r}); "
            "choose another --out"
        )
    _lengthen(store, check.config.episodes)
    return resume_run(out, command=command, progress=progress, workers=workers, lanes=None)


def judge_run(check: Check, run: Path, margin: float) -> tuple[Judgement, ComparedRun, list[str]]:
    """Hold a candidate's run against the baseline.

    Returns:
        The judgement, the candidate, and what a reader should know beside it.

    Raises:
        IncomparableError: If the two must not be compared.
    """
    candidate = _first(read_compared_run(run), check.config.episodes)
    arms = pair_arms(check.baseline, candidate)
    refuse_unlike(check.baseline, candidate, arms)
    missing = [
        f"{arm.policy}, {arm.shift}"
        for arm in check.baseline.arms
        if not any(paired.baseline is arm and paired.pairs for paired in arms)
    ]
    if missing:
        raise IncomparableError([f"arms: the candidate has no {name}" for name in missing])
    return judge(measure(arms), margin), candidate, notes(check.baseline, candidate, arms)


def _lengthen(store: RunStore, episodes: int) -> None:
    """Let a run have so many episodes an arm; what it has already stays."""
    manifest = store.manifest()
    config = RunConfig.from_json(manifest.config)
    if config.episodes < episodes:
        longer = replace(config, episodes=episodes).to_json()
        planned = len(manifest.arms) * episodes
        store.update_manifest(replace(manifest, status=INTERRUPTED, config=longer, episodes_planned=planned))


def _replaced(baseline: ComparedRun, policy: str) -> tuple[ComparedRun, tuple[str, ...]]:
    """The baseline's arms that a policy is held against, and that policy."""
    if len(baseline.policies) == 1:
        return baseline, (policy,)
    try:
        partners = match_policies(baseline.policies, (policy,))
    except RunError:
        raise SpecError(
            f"the baseline holds several policies ({', '.join(baseline.policies)}) and none that is {policy!r}; say "
            "which it is held against: --baseline-policy SPEC"
        ) from None
    return baseline.only(next(iter(partners))), (policy,)


def _resolved(policy: str, task: str) -> str:
    """A policy string as runs record it, as far as that is known without building the task."""
    return str(resolve_policy(policy, describe(task))[1] if task in TASKS else parse_policy(policy))


def _first(side: ComparedRun, count: int) -> ComparedRun:
    """The same side with the first episodes alone."""
    arms = tuple(
        replace(arm, outcomes={index: what for index, what in arm.outcomes.items() if index < count})
        for arm in side.arms
    )
    return replace(side, arms=arms)


def _refuse_early(baseline: ComparedRun, config: RunConfig) -> None:
    """Refuse before hours of episodes what would be refused after them."""
    facts: Mapping[str, Any] = baseline.task
    if config.task in TASKS:
        task = describe(config.task)
        known = [name for name in TASK_FACTS if name != "profile" and hasattr(task, name)]
        facts = {**facts, **{name: getattr(task, name) for name in known}}
    candidate = replace(
        baseline,
        task=facts,
        protocol={"success_rule": SUCCESS_RULE, "seed_protocol": SEED_PROTOCOL},
        samplers={text: _sampler(text) for text in config.policies},
    )
    pairs = match_policies(baseline.policies, config.policies)
    reasons = protocol_differences(baseline, candidate, pairs.items())
    if reasons:
        raise IncomparableError(reasons)


def _sampler(policy: str) -> str:
    kind, spec = find_policy(policy)
    return kind.sampler_name(spec)
