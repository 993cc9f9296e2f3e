"""What a run's manifest is made of, and what of it must not have changed when the run goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import RunError
from fdp_bench.api.modality import TaskInfo
from fdp_bench.api.streams import SEED_PROTOCOL
from fdp_bench.records.comparability import checkout_differences, version_differences
from fdp_bench.records.manifest import RUNNING, Manifest
from fdp_bench.records.provenance import git_state, machine, versions
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import Arm
from fdp_bench.runner.rollout.episode import SUCCESS_RULE
from fdp_bench.runner.rollout.preflight import PreflightReport
from fdp_bench.tasks.external.registry import map_data


def new_manifest(
    config: RunConfig, arms: Sequence[Arm], report: PreflightReport, name: str, planned: int
) -> Manifest:
    """The manifest of a run that is about to start.

    Args:
        config: Its configuration, policies and shifts resolved.
        arms: Its arms.
        report: What the preflight found.
        name: Short name of the run.
        planned: Episodes of the whole run.
    """
    return Manifest(
        name=name,
        status=RUNNING,
        created=now(),
        config=config.to_json(),
        episodes_planned=planned,
        task=task_facts(report.task),
        arms=[arm.to_json() for arm in arms],
        policies=[asdict(policy) for policy in report.policies],
        protocol={"success_rule": SUCCESS_RULE, "seed_protocol": SEED_PROTOCOL},
        plugins=[dict(plugin) for plugin in report.plugins],
        **source_facts(),
        machine=machine(config.device),
        renderer=dict(report.renderer),
    )


def task_facts(task: TaskInfo) -> dict[str, Any]:
    """What a manifest keeps of a task; of one that a map made, the map too, so that the run can go on without it."""
    task_map = map_data(task.task_id)
    return {**asdict(task), **({"map": task_map} if task_map else {})}


def check_weights_unchanged(path: Path, arms: Sequence[Arm], report: PreflightReport) -> None:
    """Hold the weights found now to those that a run was started with.

    Raises:
        RunError: Names the first policy whose weights differ.
    """
    found = {policy.spec: policy.sha256 for policy in report.policies}
    for arm in arms:
        if found.get(arm.policy) != arm.checkpoint:
            raise RunError(
                f"run {str(path)!r} was started with other weights of {arm.policy!r} "
                f"({arm.checkpoint[:12] or 'none'}, now {str(found.get(arm.policy, 'none'))[:12]}); start a new run"
            )


def source_facts() -> dict[str, Any]:
    """What a manifest keeps of the code, of the start and of each time that a run goes on: ``versions``, ``git``."""
    return {"versions": versions(), "git": git_state()}


def source_changes(manifest: Manifest, current: Mapping[str, Any]) -> list[str]:
    """A sentence for each version, and for the checkout, that has changed since a run was started.

    Args:
        manifest: The run's.
        current: `source_facts` of now.
    """
    changes = [
        (f"{each.name} {each.first}", each.second)
        for each in version_differences(manifest.versions, current["versions"])
    ]
    if checkout_differences(manifest.git, current["git"]):
        changes.append((_source(manifest.git), _source(current["git"])))
    return [
        f"the run was started with {was} and goes on with {now_is}: its episodes may not be comparable"
        for was, now_is in changes
    ]


def _source(git: Mapping[str, Any]) -> str:
    if not git:
        return "an installed package"
    changes = f" and changes {git.get('changes', '')}".rstrip() if git.get("dirty") else ""
    return f"commit {str(git.get('commit'))[:12]}{changes}"


def now() -> str:
    """The local time with its zone, to the second, ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
