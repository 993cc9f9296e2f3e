"""Samples a second of training, ours against the loop that one writes first (`benchmarks.training_plain`).

Both train the same network from the same weights on the same demonstrations, with batches and noise draws of one size,
in one process, in turns of a few steps. A sample is an encoded observation. The peer's time is split into reading its
batch and the step itself, since the first depends on how the frames are stored: here as `fdp-bench demos` stores them.
What ours does to keep memory between steps helps both. ``python -m benchmarks.training --data FILE --device cuda``.
"""

import argparse
import copy
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from fdp_policies.checkpoints.policy_spec import Architecture, architecture_of
from fdp_policies.config import DiffusionConfig, TrainingConfig
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.networks.denoisers import DiffusionTransformer, FactorizedDenoiser
from fdp_policies.training.data import WindowDataset, fit_normalizer, shapes_of
from fdp_policies.training.losses import HeldOut
from fdp_policies.training.memory import freed_memory_kept
from fdp_policies.training.phase import Phase, PhasePlan

from benchmarks.training_plain import PlainLoop, PlainWindows, write_frames
from fdp_bench.api import TaskInfo
from fdp_bench.demos.dataset import Demonstrations, load_demonstrations
from fdp_bench.specs import parse_policy
from fdp_bench.training.job import task_info

POLICIES = ("dp-dit", "fdp:prop>vision")
#: Demonstrations trained on, and those recorded where no file is given; a step's cost does not depend on their number.
DEMONSTRATIONS, RECORDED = 20, 24
WARM_UP_STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help=f"demonstrations; without, {RECORDED} are recorded")
    parser.add_argument("--rounds", type=int, default=8, help="turns of each (default %(default)s)")
    parser.add_argument("--steps", type=int, default=3, help="steps a turn (default %(default)s)")
    parser.add_argument("--threads", default="1,2", help="torch threads (default %(default)s)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true", help="compile our network and loss")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    figures = measure(
        data=args.data,
        rounds=args.rounds,
        steps=args.steps,
        threads=tuple(int(text) for text in args.threads.split(",")),
        device=args.device,
        compiled=args.compile,
    )
    print(table(figures))
    text = json.dumps(figures, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")


def measure(
    data: Path | None = None,
    rounds: int = 8,
    steps: int = 3,
    threads: Sequence[int] = (1, 2),
    device: str = "cpu",
    compiled: bool = False,
) -> dict[str, Any]:
    """Median milliseconds a step and samples a second, for each policy and number of torch threads."""
    config = TrainingConfig()
    rows = []
    with tempfile.TemporaryDirectory() as folder, freed_memory_kept():
        demonstrations = load_demonstrations(data or collect(Path(folder)), num_demos=DEMONSTRATIONS)
        frames = Path(folder) / "frames.hdf5"
        write_frames(frames, demonstrations.demos)
        for policy in POLICIES:
            pair = Pair(policy, demonstrations, frames, config, device, compiled, Path(folder))
            for count in threads:
                torch.set_num_threads(count)
                rows.append({"policy": pair.name, "threads": count, **pair.measure(rounds, steps)})
    return {
        "rows": rows,
        "rounds": rounds,
        "steps_a_round": steps,
        "batch_size": config.batch_size,
        "noise_draws": config.noise_draws,
        "demonstrations": len(demonstrations.train),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "compiled": compiled,
    }


def table(figures: dict[str, Any]) -> str:
    headers = ["training", "threads", "plain ms/step", "of it reading", "ours ms/step", "plain samples/s"]
    headers += ["ours samples/s", "ratio", "ratio without reading", "ratio of CPU time"]
    lines = [f"| {' | '.join(headers)} |", "|---|" + "---:|" * (len(headers) - 1)]
    for row in figures["rows"]:
        plain, ours = row["plain"], row["ours"]
        cells = [row["policy"], str(row["threads"])]
        cells += [f"{ms:.0f}" for ms in (plain["ms"], plain["reading_ms"], ours["ms"])]
        cells += [f"{side['samples_per_s']:.0f}" for side in (plain, ours)]
        cells += [f"{row[name]:.2f}" for name in ("ratio", "ratio_without_reading", "ratio_of_cpu_time")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def collect(folder: Path) -> Path:
    """Record demonstrations with the scripted expert."""
    from fdp_bench.demos.recording.collect import collect_demonstrations

    path = folder / "demonstrations.hdf5"
    collect_demonstrations("Lift", path, num_demos=RECORDED)
    return path


@dataclass
class Pair:
    """Both loops over one network; the network that an FDP trains is its residual."""

    policy: str
    demonstrations: Demonstrations
    frames: Path
    config: TrainingConfig
    device: str
    compiled: bool
    folder: Path

    def __post_init__(self) -> None:
        task = task_info(self.demonstrations)
        architecture = architecture_of(parse_policy(self.policy), task)
        train = self.demonstrations.subset(self.demonstrations.train)
        valid = self.demonstrations.subset(self.demonstrations.valid)
        normalizer, shape = fit_normalizer(train), architecture.network
        schedule = NoiseSchedule(DiffusionConfig(), self.device)
        torch.manual_seed(0)
        network = make_network(architecture, task).to(self.device)
        keys = tuple(shapes_of(task, architecture.modalities))
        plan = PhasePlan("joint", keys, self.config.steps, False, 0)
        self.name = f"{self.policy}'s residual" if architecture.family == "fdp" else self.policy
        self.plain = PlainLoop(
            copy.deepcopy(network),
            plan,
            self.config,
            schedule,
            PlainWindows(self.frames, train, normalizer, shape, keys),
            self.device,
        )
        held_out = HeldOut(
            WindowDataset(valid, normalizer, shape, self.device),
            np.repeat(np.arange(len(valid)), [len(demo) for demo in valid]),
            self.config,
            schedule,
        )
        self.ours = Phase(
            network,
            plan,
            self.config,
            schedule,
            data=WindowDataset(train, normalizer, shape, self.device),
            held_out=held_out,
            modalities=task.modalities,
            resume_dir=self.folder / "resume",
            compiled=self.compiled,
        )
        self.number = 0

    def measure(self, rounds: int, steps: int) -> dict[str, Any]:
        """Figures of so many turns of so many steps."""
        self.turn(WARM_UP_STEPS)
        turns = [self.turn(steps) for _ in range(rounds)]

        def median_ms(seconds: Callable[[Turn], float]) -> float:
            return 1e3 * statistics.median(map(seconds, turns)) / steps

        ours, plain = median_ms(lambda turn: turn.ours), median_ms(lambda turn: turn.reading + turn.stepping)
        per_s = 1e3 * self.config.batch_size
        return {
            "ours": {
                "ms": ours,
                "samples_per_s": per_s / ours,
                "cpu_ms": median_ms(lambda turn: turn.ours_cpu),
            },
            "plain": {
                "ms": plain,
                "reading_ms": median_ms(lambda turn: turn.reading),
                "samples_per_s": per_s / plain,
                "cpu_ms": median_ms(lambda turn: turn.plain_cpu),
            },
            "ratio": plain / ours,
            "ratio_without_reading": median_ms(lambda turn: turn.stepping) / ours,
            "ratio_of_cpu_time": median_ms(lambda turn: turn.plain_cpu)
            / median_ms(lambda turn: turn.ours_cpu),
        }

    def turn(self, steps: int) -> "Turn":
        """Take some of our steps, and then as many of the peer's."""
        cpu, start = time.process_time(), self.now()
        for _ in range(steps):
            loss = self.ours.take_step(self.number)
            self.number += 1
        float(loss)
        ours, ours_cpu = self.now() - start, time.process_time() - cpu
        reading = stepping = 0.0
        cpu = time.process_time()
        for _ in range(steps):
            start = self.now()
            batch = self.plain.load()
            read = self.now()
            self.plain.step(batch)
            reading += read - start
            stepping += self.now() - read
        return Turn(ours, reading, stepping, ours_cpu, time.process_time() - cpu)

    def now(self) -> float:
        """Time in seconds, when the device has done what it was told."""
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()
        return time.perf_counter()


class Turn(NamedTuple):
    """Seconds that the steps of a turn took; CPU time counts all threads."""

    ours: float
    reading: float
    stepping: float
    ours_cpu: float
    plain_cpu: float


def make_network(architecture: Architecture, task: TaskInfo) -> torch.nn.Module:
    """A fresh network; an FDP's base is frozen as if it had been trained."""
    shape, actions = architecture.network, task.action_dim
    shapes = shapes_of(task, architecture.modalities)
    if architecture.family != "fdp":
        return DiffusionTransformer(shapes, actions, shape)
    base = DiffusionTransformer(shapes_of(task, architecture.prioritized), actions, shape)
    return FactorizedDenoiser(base.requires_grad_(False), shapes, actions, shape)


if __name__ == "__main__":
    main()
