"""JSON and JSON Lines: records, manifests, baselines and sweeps, and what is made of those that pass."""

import json
import random
import shutil
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from hypothesis import strategies as st

from fdp_bench.api import EpisodeRecord, EpisodeSpec
from fdp_bench.gate.baseline import load_compared_run, read_baseline, write_baseline
from fdp_bench.gate.comparability import notes, refuse_unlike
from fdp_bench.gate.compared_run import read_compared_run
from fdp_bench.gate.pairing import pair_arms
from fdp_bench.records import Manifest, RunStore
from fdp_bench.report.figures.style import svg_bytes
from fdp_bench.report.figures.success_bars import success_figure
from fdp_bench.report.html.content import film_groups, overview
from fdp_bench.report.html.grid import episode_grid
from fdp_bench.report.html.provenance import remake_commands, run_facts
from fdp_bench.report.runs import load_runs, probed_latencies
from fdp_bench.report.tables.all_tasks import all_tasks_table
from fdp_bench.report.tables.summary import compare_policies, summarize
from fdp_bench.report.text.markup import csv_text, latex_report, markdown_report
from fdp_bench.report.text.terminal import terminal_table
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import MAX_EPISODES, Arm, plan_arms, plan_episodes
from fdp_bench.runner.planning.shard import Shard, plan_part
from fdp_bench.suites.journal import Journal

from .mutate import mutate_bytes, mutate_data

RECEIPT = {
    "shift": "occlusion@3",
    "status": "applied",
    "parameters": {"cards": [{"u": 0.5}]},
    "pixel_change": {"image.wrist": 20.5},
    "target_hidden": {"image.wrist": 0.5},
    "gripper_hidden": {},
}


@lru_cache(maxsize=1)
def whole_run() -> Path:
    """A small complete run in the working folder, with a policy's card."""
    config = RunConfig("fdp_bench/Lift-v1", ("dp-dit", "fdp:prop>vision"), ("occlusion@3",), episodes=2)
    arms = plan_arms(config, dict.fromkeys(config.policies, "c0" * 32))
    card = {"remake": "fdp-bench train", "train_demos": 100, "train_seed": 0, "log": {"rows": [{"step": 1}]}}
    manifest = Manifest(
        name="whole",
        status="complete",
        created="2026-01-31T12:00:00+00:00",
        config=config.to_json(),
        episodes_planned=8,
        task={"task_id": "fdp_bench/Lift-v1", "profile": "fast", "horizon": 200, "control_hz": 20.0},
        arms=[arm.to_json() for arm in arms],
        policies=[
            {"spec": text, "sha256": "c0" * 32, "source": "bundled", "card": card, "latency_ms": [1.0]}
            for text in config.policies
        ],
        versions={"fdp-bench": "0.1.0", "mujoco": "3.9.0"},
        plugins=[{"kind": "policy", "name": "dp-dit", "distribution": "fdp-bench", "version": "0.1.0"}],
        machine={"cpu": "one", "cores": 2},
        invocations=[{"command": "fdp-bench run", "started": "2026-01-31T12:00:00+00:00", "workers": 1}],
    )
    store = RunStore.create(Path("whole"), manifest)
    with store.writer() as append:
        for number, spec in enumerate(plan_episodes(config, arms)):
            append(_record(spec, number))
    return store.path.resolve()


def _record(spec: EpisodeSpec, number: int) -> EpisodeRecord:
    return EpisodeRecord(
        spec=spec,
        status="error" if number == 5 else "ok",
        success_once=number % 2 == 0 and number != 5,
        success_held=number % 4 == 0,
        steps=40 + number,
        latency_ms=(10.0, 11.5),
        wall_time_s=1.5,
        safety={"peak_contact_force_n": 3.5, "action_jerk": 0.1},
        receipt=RECEIPT if spec.shift != "clean" else {},
        initial_state_sha256="ab" * 32,
        error="boom" if number == 5 else "",
    )


def seeds() -> st.SearchStrategy[int]:
    """Each seed spoils a file in its own way."""
    return st.integers(0, 2**48)


def read_lines(seed: int) -> None:
    """Spoil a records file, by its bytes or by its lines' data, and make of it all that is made of one."""
    rng = random.Random(seed)
    run = _copied(whole_run())
    file = run / "episodes.jsonl"
    if rng.random() < 0.4:
        file.write_bytes(mutate_bytes(file.read_bytes(), rng))
    else:
        lines = file.read_text().splitlines()
        at = rng.randrange(len(lines))
        lines[at] = _spoiled_line(lines[at], rng)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    RunStore.open(run).records()
    if rng.random() < 0.25:
        use(run, draw=rng.random() < 0.03)


def _spoiled_line(line: str, rng: random.Random) -> str:
    data = mutate_data(json.loads(line), rng)
    if rng.random() < 0.8 and isinstance(data, dict):
        # With the id that the spoiled spec would have, it gets further.
        with suppress(TypeError, KeyError, ValueError, RecursionError):
            data["id"] = EpisodeSpec(**data["spec"]).id
    return json.dumps(data)


def read_json_file(seed: int) -> None:
    """Spoil a manifest, a baseline or a sweep's journal, and make of it all that is made of one."""
    rng = random.Random(seed)
    run = _copied(whole_run())
    kind = rng.randrange(4)
    if kind == 0:
        baseline = Path("baseline.json")
        if not baseline.exists():
            write_baseline(run, baseline, command="fdp-bench baseline")
        spoiled = _rewritten(baseline, Path("spoiled.json"), rng)
        read_baseline(spoiled)
        baseline_side, candidate = load_compared_run(spoiled), read_compared_run(run)
        arms_found = pair_arms(baseline_side, candidate)
        refuse_unlike(baseline_side, candidate, arms_found)
        notes(baseline_side, candidate, arms_found)
    elif kind == 1:
        folder = Path("sweep")
        folder.mkdir(exist_ok=True)
        Journal(
            "s", "complete", {"tasks": ["Lift"]}, "c", versions={"a": "1"}, policies=[{"task": "Lift"}]
        ).write(folder)
        _rewritten(folder / "sweep.json", folder / "sweep.json", rng)
        Journal.read(folder)
    else:
        _rewritten(run / "manifest.json", run / "manifest.json", rng)
        manifest = RunStore.open(run).manifest()
        use(run)
        config = RunConfig.from_json(manifest.config)
        arms = tuple(Arm.from_json(arm) for arm in manifest.arms)
        # A plan in between is allowed, and takes seconds.
        if not 1000 <= config.episodes * len(arms) <= MAX_EPISODES:
            plan_part(config, arms, Shard.from_json(manifest.shard))


def _rewritten(source: Path, target: Path, rng: random.Random) -> Path:
    if rng.random() < 0.3:
        target.write_bytes(mutate_bytes(source.read_bytes(), rng))
    else:
        target.write_text(json.dumps(mutate_data(json.loads(source.read_text()), rng)), encoding="utf-8")
    return target


def use(run: Path, *, draw: bool = False) -> None:
    """What comparisons, tables and the report's page make of a run, with plots only where asked: they take long."""
    side = read_compared_run(run)
    runs = load_runs([run])
    summary = summarize(runs.records, probed_latencies(runs.manifests))
    comparison = compare_policies(runs.records)
    for write in (markdown_report, latex_report):
        write(summary, comparison)
    csv_text(all_tasks_table(summary))
    csv_text(summary)
    terminal_table(summary)
    if draw:
        svg_bytes(success_figure(summary))
    overview(runs, summary)
    episode_grid(runs, Path())
    run_facts(runs, Path())
    remake_commands(runs, ["fdp-bench", "report"])
    film_groups(runs)
    runs.unfinished()
    assert side.path == run


def _copied(run: Path) -> Path:
    target = Path("run")
    target.mkdir(exist_ok=True)
    for name in ("manifest.json", "episodes.jsonl"):
        shutil.copyfile(run / name, target / name)
    return target
