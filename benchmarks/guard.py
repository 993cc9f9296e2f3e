"""What a guard costs: an action chunk of guarded policies against the same weights unguarded, in turns.

Run as ``python -m benchmarks guard``. Timed is the whole of `act`; one thread on a CPU. Shapes stay constant, so the
time depends neither on the thresholds nor on how many rows step aside: the policies are calibrated on made-up
observations.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.inference import build, device_name, inputs, timed_in_turn
from fdp_bench.api import CalibrationRequest, Decision, PlayedEpisode, Policy
from fdp_bench.plugins import load_policy
from fdp_bench.specs import parse_policy
from fdp_bench.tasks import describe

TASK_ID = "fdp_bench/Lift-v1"
#: Guarded policy -> the same unguarded.
PAIRS = {"fdp:prop>vision?guard=on": "fdp:prop>vision", "dp-dit?guard=base:prop": "dp-dit"}
#: What both fall back to, for scale.
BASE = "base:prop"
#: The fewest episodes that a calibration takes.
_EPISODES = 19


def measure(repeats: int = 30, batches: Sequence[int] = (1, 4, 8), device: str = "cpu") -> dict[str, Any]:
    """Median milliseconds of `act`, and each guarded policy's over the unguarded one's, for each number of rows."""
    with tempfile.TemporaryDirectory() as folder:
        policies = {text: build_guarded(text, Path(folder), device) for text in PAIRS}
    policies |= {text: build(text, device) for text in (*PAIRS.values(), BASE)}
    return {
        "device": device_name(device),
        "repeats": repeats,
        "by_rows": {str(rows): measure_rows(policies, rows, repeats) for rows in batches},
    }


def measure_rows(policies: dict[str, Policy], rows: int, repeats: int) -> dict[str, Any]:
    """Figures for one number of rows."""
    acts = {}
    for text, policy in policies.items():
        given = inputs(policy, rows)
        acts[text, "act"] = lambda policy=policy, given=given: policy.act(*given)
    wall, cpu = timed_in_turn(acts, repeats)
    return {
        "wall_ms": {text: wall[text, "act"] for text in policies},
        "over_unguarded": {text: wall[text, "act"] / wall[plain, "act"] for text, plain in PAIRS.items()},
        "over_unguarded_cpu": {text: cpu[text, "act"] / cpu[plain, "act"] for text, plain in PAIRS.items()},
    }


def build_guarded(text: str, folder: Path, device: str) -> Policy:
    """A guarded policy of bundled weights, calibrated in a folder."""
    spec, task = parse_policy(text), describe(TASK_ID)
    kind = load_policy(spec.name)
    request = CalibrationRequest(episodes=_EPISODES, out=folder, device=device)
    done = kind.calibrate(kind.resolve(spec, task), task, play, request)
    assert done is not None
    return kind(parse_policy(done.policy), task, device=device)


def play(policy: Policy, indices: range) -> Iterator[PlayedEpisode]:
    """Episodes of one decision each, on frames of noise."""
    for index in indices:
        observation, _ = inputs(policy, 1)
        rng = np.random.default_rng(index)
        shown = {
            key: rng.permutation(value[0].reshape(-1)).reshape(value[0].shape)
            for key, value in observation.items()
        }
        noise = rng.standard_normal(policy.noise_shape, dtype=np.float32)
        yield PlayedEpisode(index, True, (Decision(shown, noise),))


def table(figures: dict[str, Any]) -> str:
    lines = [
        f"Action chunks on {figures['device']}, median ms of {figures['repeats']} calls taken in turn",
        "",
        "| rows | policy | ms | over unguarded | by CPU time |",
        "|---:|---|---:|---:|---:|",
    ]
    for rows, found in figures["by_rows"].items():
        for text, value in found["wall_ms"].items():
            ratios = [found[name].get(text) for name in ("over_unguarded", "over_unguarded_cpu")]
            shown = " | ".join("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
            lines.append(f"| {rows} | `{text}` | {value:.1f} | {shown} |")
    return "\n".join(lines)
