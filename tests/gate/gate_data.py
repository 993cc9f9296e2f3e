"""Sides, runs and outcomes made by hand for the tests of comparisons and checks."""

from pathlib import Path

from fdp_bench.api import EpisodeRecord, EpisodeSpec
from fdp_bench.gate.compared_run import read_compared_run
from fdp_bench.gate.pairing import pair_arms
from fdp_bench.gate.table import measure
from fdp_bench.records import Manifest, RunStore
from fdp_bench.records.comparability import FIRST_PROTOCOL
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import plan_arms

LIFT = "fdp_bench/Lift-v1"
TASK = {"task_id": LIFT, "profile": "fast", "horizon": 200, "control_hz": 20.0}
VERSIONS = {"fdp-bench": "0.1.0", "robosuite": "1.5.2", "mujoco": "3.9.0", "numpy": "1.26.4"}
MACHINE = {"cpu": "a processor", "cores": 2}
DDIM = "ddim, 10 steps"


def records(policy, shift, outcomes, *, severity=None, noise_seed=0, run_seed=0, checkpoint="c0", state="s"):
    """Episodes 0, 1, ... of one arm: ``+`` is a success, ``-`` a failure, ``!`` an error."""
    level = (0.0 if shift == "clean" else 0.6) if severity is None else severity
    return [
        EpisodeRecord(
            spec=EpisodeSpec(LIFT, policy, checkpoint, shift, level, index, run_seed, noise_seed),
            status="error" if sign == "!" else "ok",
            success_once=sign == "+",
            success_held=sign == "+",
            steps=40 + index,
            receipt={} if shift == "clean" else {"shift": shift, "parameters": {"drawn": index / 3}},
            initial_state_sha256=f"{state}{index}",
        )
        for index, sign in enumerate(outcomes)
    ]


def write_run(path: Path, arms, *, sampler=DDIM, config=None, planned=None, **manifest):
    """Write a run of arms ``{(policy, shift): outcomes}`` or of records."""
    made = (
        arms
        if isinstance(arms, list)
        else [record for (policy, shift), signs in arms.items() for record in records(policy, shift, signs)]
    )
    specs = [record.spec for record in made]
    request = RunConfig(
        task=specs[0].task,
        policies=tuple(dict.fromkeys(spec.policy for spec in specs)),
        shifts=tuple(dict.fromkeys(spec.shift for spec in specs if spec.shift != "clean")),
        episodes=max(spec.index for spec in specs) + 1,
        seed=specs[0].run_seed,
        noise_seed=specs[0].noise_seed,
        **(config or {}),
    )
    facts = {
        "task": TASK,
        "versions": VERSIONS,
        "machine": MACHINE,
        "protocol": dict(FIRST_PROTOCOL),
        "policies": [{"spec": text, "sampler": sampler} for text in request.policies],
    }
    store = RunStore.create(
        path,
        Manifest(
            name=path.name,
            status="complete",
            created="2026-01-31T12:00:00+00:00",
            config=request.to_json(),
            episodes_planned=len(made) if planned is None else planned,
            arms=[arm.to_json() for arm in plan_arms(request, dict.fromkeys(request.policies, "c0"))],
            invocations=[{"command": "fdp-bench run --policy dp-dit --shift color"}],
            **{**facts, **manifest},
        ),
    )
    with store.writer() as append:
        for record in made:
            append(record)
    return path


def side(path: Path, arms, **facts):
    """A side read from a run written for it."""
    return read_compared_run(write_run(path, arms, **facts))


def rows(tmp_path: Path, baseline, candidate):
    """The measured table of two sets of arms."""
    was, now = side(tmp_path / "was", baseline), side(tmp_path / "now", candidate)
    return measure(pair_arms(was, now))


def flipped(signs: str, indices):
    """Outcomes with some turned around."""
    return "".join(
        {"+": "-", "-": "+"}[sign] if index in indices else sign for index, sign in enumerate(signs)
    )
