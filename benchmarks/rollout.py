"""Episodes a minute of the main job: ours against robosuite's GymWrapper with cameras on every control step.

The main job is ``fdp-bench run --policy "fdp:prop>vision" --shift occlusion``: every shifted episode beside its clean
twin. The peers (`benchmarks.peer`) are one environment, and two in Gymnasium's AsyncVectorEnv. Each round takes ours
and both peers in turn.

An episode's length depends on whether it succeeds, and the peers' few episodes are others than ours, so the
ratio is given by episodes and by control steps. Clean success stands beside it: a peer that fails is no peer. The
policy was trained on the ``fast`` profile's pictures; ours on the ``reference`` profile, which are robosuite's own,
shows what the peer should reach.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.ours import (
    MAIN_POLICY,
    MAIN_SHIFT,
    run_ours,
    steady_episodes_per_minute,
    steady_steps_per_second,
)

#: Peer -> environments side by side.
PEERS = {"GymWrapper": 1, "GymWrapper x2, AsyncVectorEnv": 2}
OURS = "fdp-bench"


def measure(rounds: int = 2, episodes: int = 20, peer_episodes: int = 3) -> dict[str, Any]:
    """Take turns.

    Args:
        rounds: Turns of each side.
        episodes: Ours, a cell and round.
        peer_episodes: The peers', a cell and round, rounded up to whole batches.
    """
    cores = len(os.sched_getaffinity(0))
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in (OURS, *PEERS)}
    for number in range(rounds):
        turns[OURS].append(_timed(OURS, run_ours, episodes=episodes, workers=cores, seed=number))
        for name, envs in PEERS.items():
            turns[name].append(_timed(name, run_peer, envs=envs, episodes=peer_episodes, seed=10 * number))
    reference = _timed(
        "ours, reference pictures",
        run_ours,
        episodes=episodes,
        workers=cores,
        shifts=(),
        profile="reference",
    )
    sides = {OURS: _our_rates(turns[OURS]), **{name: _peer_rates(turns[name]) for name in PEERS}}
    return {
        "cores": cores,
        "sides": sides,
        "ratios": {name: _ratios(sides[OURS], sides[name]) for name in PEERS},
        "time_share": _mean_share(turns[OURS], "time_share"),
        "steady_share": _mean_share(turns[OURS], "steady_share"),
        "clean_success": {
            f"{OURS}, fast pictures": _clean(turns[OURS]),
            f"{OURS}, reference pictures": _clean([reference]),
            **{f"{name}, robosuite's pictures": _clean(turns[name]) for name in PEERS},
        },
        "turns": turns,
    }


def run_peer(*, envs: int, episodes: int, seed: int) -> dict[str, Any]:
    """Run a peer in a process of its own, with all cores for Mesa and torch."""
    command = [sys.executable, "-m", "benchmarks.peer", "--policy", MAIN_POLICY, "--shift", MAIN_SHIFT]
    command += ["--envs", str(envs), "--episodes", str(episodes), "--seed", str(seed)]
    environment = {**os.environ, "LP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    environment.setdefault("MUJOCO_GL", "egl")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=Path(__file__).resolve().parents[1],
    )
    if done.returncode:
        raise RuntimeError(f"the peer failed:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def table(figures: dict[str, Any]) -> str:
    lines = [
        "| evaluation | episodes/min, steady | control steps/s, steady | whole, episodes/min "
        "| ours / this, by episodes | ours / this, by steps |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, side in figures["sides"].items():
        ratios = figures["ratios"].get(name)
        shown = f"{ratios['by_episodes']:.1f} | {ratios['by_steps']:.1f}" if ratios else " | "
        lines.append(
            f"| {name} | {side['episodes_per_minute']:.1f} | {side['steps_per_second']:.0f} "
            f"| {side['whole_episodes_per_minute']:.1f} | {shown} |"
        )
    lines += ["", "| where a worker's time goes | while episodes run | whole run |", "|---|---:|---:|"]
    for phase, share in figures["time_share"].items():
        steady = figures["steady_share"].get(phase)
        lines.append(f"| {phase} | {'' if steady is None else f'{steady:.1%}'} | {share:.1%} |")
    lines += ["", "| clean success | |", "|---|---|"]
    lines += [f"| {name} | {won} of {count} |" for name, (won, count) in figures["clean_success"].items()]
    return "\n".join(lines)


def _timed(name: str, call: Any, **arguments: Any) -> dict[str, Any]:
    start = time.monotonic()
    figures: dict[str, Any] = call(**arguments)
    print(f"   {name}: {figures['episodes']} episodes in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return figures


def _our_rates(turns: list[dict[str, Any]]) -> dict[str, float]:
    return {
        "episodes_per_minute": statistics.median(steady_episodes_per_minute(turn) for turn in turns),
        "steps_per_second": statistics.median(steady_steps_per_second(turn) for turn in turns),
        "whole_episodes_per_minute": statistics.median(
            60.0 * turn["episodes"] / turn["wall_s"] for turn in turns
        ),
    }


def _peer_rates(turns: list[dict[str, Any]]) -> dict[str, float]:
    return {
        "episodes_per_minute": statistics.median(60.0 * turn["episodes"] / turn["wall_s"] for turn in turns),
        # By all control steps, those after an episode's end included: what is counted is speed alone.
        "steps_per_second": statistics.median(turn["stepped"] / turn["wall_s"] for turn in turns),
        "whole_episodes_per_minute": statistics.median(
            60.0 * turn["episodes"] / (turn["wall_s"] + turn["setup_s"]) for turn in turns
        ),
    }


def _ratios(ours: dict[str, float], peer: dict[str, float]) -> dict[str, float]:
    return {
        "by_episodes": ours["episodes_per_minute"] / peer["episodes_per_minute"],
        "by_steps": ours["steps_per_second"] / peer["steps_per_second"],
        "whole_by_episodes": ours["whole_episodes_per_minute"] / peer["whole_episodes_per_minute"],
    }


def _mean_share(turns: list[dict[str, Any]], name: str) -> dict[str, float]:
    return {phase: statistics.fmean(turn[name][phase] for turn in turns) for phase in turns[0][name]}


def _clean(turns: list[dict[str, Any]]) -> list[int]:
    return [sum(turn["successes"]["clean"][place] for turn in turns) for place in (0, 1)]
