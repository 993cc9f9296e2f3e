"""A suite's runs made by hand: FDP, its base and joint policies, on tasks, under shifts, from training seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fake_runs import VERSIONS
from fake_sweeps import trained_arm

from fdp_bench.api import CLEAN, EpisodeRecord
from fdp_bench.records import Manifest
from fdp_bench.report.runs import Runs

FDP, BASE, JOINT = "fdp:prop>vision", "base:prop", ("dp-dit", "dp-unet")
#: Task -> success of the base alone, in percent.
TASKS = {"Lift": 57, "Door": 86, "Stack": 14, "Can": 7}
#: Shift -> success in percent that FDP has beyond half its base's, and that of each joint policy.
SHIFTS = {
    "color?part=object": (45, {"dp-dit": 30, "dp-unet": 62}),
    "occlusion?kind=intermittent": (38, {"dp-dit": 8, "dp-unet": 70}),
    "distractors": (55, {"dp-dit": 52, "dp-unet": 66}),
}


def suite_runs(
    tasks: int = 1, shifts: int = 1, seeds: int = 1, *, episodes: int = 50, demos: Sequence[int] = (100,)
) -> Runs:
    """The runs of a suite, one a task and number of demonstrations."""
    random = np.random.default_rng(3)
    records: list[EpisodeRecord] = []
    manifests = []
    for task, own in list(TASKS.items())[:tasks]:
        for size in demos:
            of_run = _of_task(f"fdp_bench/{task}-v1", own, size, shifts, seeds, episodes, random)
            records += of_run
            manifests.append(_manifest(f"fdp_bench/{task}-v1", of_run))
    return Runs(tuple(Path("runs") / str(n) for n in range(len(manifests))), tuple(manifests), tuple(records))


def _of_task(
    task: str, own: int, demos: int, shifts: int, seeds: int, episodes: int, random: np.random.Generator
) -> list[EpisodeRecord]:
    records = []
    for seed in range(seeds):
        for policy in (FDP, BASE, *JOINT):
            for shift, rates in {CLEAN: (100, {}), **dict(list(SHIFTS.items())[:shifts])}.items():
                beyond, joint = rates
                percent = {FDP: own / 2 + beyond, BASE: own}.get(policy, joint.get(policy, 96))
                successes = round(episodes * np.clip(percent + random.normal(0, 6), 0, 100) / 100)
                level = 0 if shift == CLEAN else 3
                records += _arm(int(successes), episodes, policy, demos, seed, shift, level, task)
    return records


def _arm(
    successes: int, episodes: int, policy: str, demos: int, seed: int, shift: str, level: int, task: str
) -> list[EpisodeRecord]:
    text, mark, options = shift.partition("?")
    return trained_arm(
        successes,
        episodes=episodes,
        policy=policy,
        demos=demos,
        seed=seed,
        shift=text,
        level=level,
        task=task,
        shift_options=mark + options,
    )


def _manifest(task: str, records: Sequence[EpisodeRecord]) -> Manifest:
    specs = dict.fromkeys(
        (record.spec.policy, record.spec.checkpoint, record.spec.train_seed) for record in records
    )
    bases = {seed: sha256 for policy, sha256, seed in specs if policy.startswith(BASE)}
    policies: list[dict[str, Any]] = [
        {
            "spec": policy,
            "sha256": sha256,
            "source": policy.partition("@")[2],
            "card": {"base": {"sha256": bases[seed]}} if policy.startswith("fdp") else {},
        }
        for policy, sha256, seed in specs
    ]
    return Manifest("run", "complete", "", {"task": task}, len(records), policies=policies, versions=VERSIONS)
