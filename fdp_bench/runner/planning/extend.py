"""A run made larger: further policies, shifts or episodes join those that are there, which stay as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from fdp_bench.api.errors import RunError
from fdp_bench.api.training import Training
from fdp_bench.records.comparability import config_differences
from fdp_bench.records.manifest import INTERRUPTED
from fdp_bench.records.store import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import Arm, plan_arms
from fdp_bench.runner.rollout.preflight import ResolvedPolicy

#: What a run may grow in; everything else of its configuration makes other episodes, or is not asked for.
_GROWS = ("policies", "shifts", "episodes")


def extend_run(store: RunStore, request: RunConfig, policies: Sequence[ResolvedPolicy]) -> int:
    """Plan what a run lacks of a request into its manifest, for `resume_run` to run.

    Args:
        store: The run.
        request: What is asked for, with canonical policy and shift strings.
        policies: The request's policies, resolved.

    Returns:
        Number of episodes that the run now lacks.

    Raises:
        RunError: If the run's episodes are others than the request's, whatever their number.
    """
    manifest = store.manifest()
    if manifest.shard:
        raise RunError(
            f"run {str(store.path)!r} is a shard and cannot grow; merge it with the others: fdp-bench merge"
        )
    config = RunConfig.from_json(manifest.config)
    _check_alike(store, config, request)
    before = tuple(Arm.from_json(arm) for arm in manifest.arms)
    arms = _joined(before, _planned(request, policies))
    larger = replace(
        config,
        policies=tuple(dict.fromkeys((*config.policies, *request.policies))),
        shifts=tuple(dict.fromkeys((*config.shifts, *request.shifts))),
        episodes=max(config.episodes, request.episodes),
    )
    planned = larger.episodes * len(arms)
    if (larger, arms) != (config, before):
        known = {entry["spec"] for entry in manifest.policies}
        added = [asdict(policy) for policy in policies if policy.spec not in known]
        store.update_manifest(
            replace(
                manifest,
                config=larger.to_json(),
                arms=[arm.to_json() for arm in arms],
                policies=[*manifest.policies, *added],
                episodes_planned=planned,
                status=INTERRUPTED,
            )
        )
    return planned - len(store.records())


def _check_alike(store: RunStore, config: RunConfig, request: RunConfig) -> None:
    for unlike in config_differences(config.to_json(), request.to_json(), apart_from=_GROWS):
        raise RunError(
            f"run {str(store.path)!r} has {unlike.name} {unlike.first!r}, not {unlike.second!r}; start a new one "
            "elsewhere"
        )


def _planned(request: RunConfig, policies: Sequence[ResolvedPolicy]) -> tuple[Arm, ...]:
    checkpoints: Mapping[str, str] = {policy.spec: policy.sha256 for policy in policies}
    return plan_arms(
        request, checkpoints, {policy.spec: Training.from_card(policy.card) for policy in policies}
    )


def _joined(before: Sequence[Arm], asked: Sequence[Arm]) -> tuple[Arm, ...]:
    """Arms that are there and arms that are new, each policy's together, every file name once."""
    have = {(arm.policy, arm.shift) for arm in before}
    slugs = {arm.slug for arm in before}
    joined = list(before)
    for arm in asked:
        if (arm.policy, arm.shift) in have:
            continue
        slug, number = arm.slug, 2
        while slug in slugs:
            slug, number = f"{arm.slug}-{number}", number + 1
        slugs.add(slug)
        joined.append(replace(arm, slug=slug))
    policies = list(dict.fromkeys(arm.policy for arm in joined))
    return tuple(sorted(joined, key=lambda arm: policies.index(arm.policy)))
