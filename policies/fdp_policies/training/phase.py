"""One phase of training: a network, its optimizer, its moving average, its log, and the way back after a kill."""

import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from fdp_bench.api import CheckpointError, ModalityMap
from fdp_bench.api.files import write_whole
from fdp_bench.api.validation import check_entries, check_fields, check_value, read_json
from fdp_policies.config import TrainingConfig
from fdp_policies.denoisers import Denoiser
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.training.data import WindowDataset
from fdp_policies.training.dropout import drop_modalities
from fdp_policies.training.losses import HeldOut, SenseReport, draw_noise
from fdp_policies.training.objective import NOISE_PREDICTION, Objective
from fdp_policies.training.step import GradientStep

#: The senses are shuffled and masked at every so many evaluations, since that costs five times an evaluation.
SENSES_EVERY = 4


@dataclass(frozen=True)
class PhasePlan:
    """What one phase does.

    Attributes:
        name: Name in the log, ``"base"``, ``"residual"``, ``"joint"`` or ``"consensus"``.
        keys: Observation keys that the network reads.
        max_steps: Gradient steps at most.
        stop_at_plateau: Whether to end when the held-out loss stops falling; such a phase's learning rate stays
            constant after warm-up, since its length is not known beforehand.
        seed_offset: Keeps the batches of two phases apart.
    """

    name: str
    keys: tuple[str, ...]
    max_steps: int
    stop_at_plateau: bool
    seed_offset: int


@dataclass
class PhaseLog:
    """What a phase measured; one row an evaluation."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    wall_time_s: float = 0.0
    stopped: str = ""
    senses: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def checked(cls, data: Any, where: str) -> "PhaseLog":
        """Make a log of what a file holds.

        Args:
            data: The file's entry.
            where: The file, for the message.

        Raises:
            CheckpointError: If it is of another kind.
        """
        try:
            check_fields(cls, data, "log")
            for row in data.get("rows", ()):
                check_entries(row, {"heldout_loss": float}, "log.rows[]", needed=("step", "heldout_loss"))
                check_value(row["step"], int, "log.rows[].step")
        except ValueError as error:
            raise CheckpointError(
                f"the training log in {where} is malformed: {error}; train it again"
            ) from None
        return cls(**data)

    @property
    def losses(self) -> list[tuple[int, float]]:
        """(step, held-out loss of the EMA weights) so far."""
        return [(row["step"], row["heldout_loss"]) for row in self.rows]


def reached_plateau(losses: Sequence[tuple[int, float]], config: TrainingConfig) -> bool:
    """Whether the last fifth of the steps lowered the held-out loss by less than `config.plateau_fall`.

    Args:
        losses: (step, loss), in order.
        config: Holds the rule's constants.
    """
    if not losses or losses[-1][0] < config.plateau_min_steps:
        return False
    boundary = 0.8 * losses[-1][0]
    before = [loss for step, loss in losses if step <= boundary]
    after = [loss for step, loss in losses if step > boundary]
    return bool(before and after) and min(after) > (1 - config.plateau_fall) * min(before)


def learning_rate(step: int, plan: PhasePlan, config: TrainingConfig) -> float:
    """Linear warm-up, then constant for a phase that stops at its plateau, else cosine decay."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    if plan.stop_at_plateau:
        return config.learning_rate * warm
    progress = min(1.0, max(0, step - config.warmup_steps) / max(1, plan.max_steps - config.warmup_steps))
    floor = config.final_learning_rate_fraction
    return config.learning_rate * warm * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


class Phase:
    """Trains the parameters of `network` that require gradients; keeps their moving average in `average`.

    Batches, crops and noise of a step are drawn from a CPU generator seeded by (seed, phase, step): a phase that was
    killed and resumed ends with the weights of one that was not, and a GPU trains on the same draws as a CPU.
    """

    def __init__(
        self,
        network: nn.Module,
        plan: PhasePlan,
        config: TrainingConfig,
        schedule: NoiseSchedule,
        *,
        data: WindowDataset,
        held_out: HeldOut,
        modalities: ModalityMap,
        resume_dir: Path,
        objective: Objective = NOISE_PREDICTION,
        compiled: bool = False,
    ) -> None:
        self.plan, self.config, self.schedule = plan, config, schedule
        self.data, self.held_out, self.modalities = data, held_out, modalities
        self.step = GradientStep(network, config, schedule, objective=objective, compiled=compiled)
        self.log = PhaseLog()
        self._resume_dir = resume_dir

    @property
    def average(self) -> nn.Module:
        """Moving average of the network."""
        return self.step.average

    def run(self) -> PhaseLog:
        """Train to the end of the phase, from where an earlier run was killed if it was."""
        self._load()
        started, before = time.monotonic(), self.log.wall_time_s
        bar = tqdm(
            total=self.plan.max_steps, initial=self.log.steps, desc=self.plan.name, unit="step", disable=None
        )
        # Summed where it is computed: a GPU that is asked for each step's loss waits between steps.
        running, counted = torch.zeros((), device=self.data.device), 0
        self.step.network.train()
        while not self.log.stopped:
            running += self.take_step(self.log.steps)
            counted += 1
            self.log.steps += 1
            bar.update()
            last = self.log.steps >= self.plan.max_steps
            if self.log.steps % self.config.eval_every == 0 or last:
                train_loss = float(running) / counted
                self.log.wall_time_s = before + time.monotonic() - started
                self._evaluate(train_loss, last)
                losses = {"loss": f"{train_loss:.4f}", "heldout": f"{self.log.losses[-1][1]:.4f}"}
                bar.set_postfix(losses)
                if bar.disable:
                    # Not a terminal: a line an evaluation instead of a bar.
                    progress = f"{self.plan.name} {self.log.steps}/{self.plan.max_steps}"
                    print(progress, *(f"{k}={v}" for k, v in losses.items()), file=sys.stderr, flush=True)
                running, counted = torch.zeros_like(running), 0
                self._save()
        bar.close()
        return self.log

    def take_step(self, number: int) -> Tensor:
        """Take the gradient step that follows `number` others; returns its loss, on the device."""
        generator = torch.Generator().manual_seed(
            (self.config.seed * 1_000_003 + self.plan.seed_offset) * 1_000_003 + number
        )
        windows = torch.randint(len(self.data), (self.config.batch_size,), generator=generator)
        batch = self.data.batch(windows.to(self.data.device), self.plan.keys, generator)
        drawn = draw_noise(batch.actions, self.config.noise_draws, self.schedule, generator)
        if self.config.modality_dropout:
            batch = drop_modalities(batch, self.modalities, self.config.modality_dropout, generator)
        rate = learning_rate(number, self.plan, self.config)
        return self.step(batch, drawn, number=number, learning_rate=rate)

    def _evaluate(self, train_loss: float, last: bool) -> None:
        denoiser: Denoiser = self.average  # type: ignore[assignment]
        log = self.log
        with self.step.autocast():
            heldout = float(self.held_out.errors(denoiser, self.plan.keys).mean())
            row: dict[str, Any] = {
                "phase": self.plan.name,
                "step": log.steps,
                "train_loss": train_loss,
                "heldout_loss": heldout,
                "learning_rate": self.step.optimizer.param_groups[0]["lr"],
                "wall_time_s": round(log.wall_time_s, 1),
            }
            log.rows.append(row)
            if last:
                log.stopped = "budget"
            elif self.plan.stop_at_plateau and reached_plateau(log.losses, self.config):
                log.stopped = "plateau"
            if log.stopped or len(log.rows) % SENSES_EVERY == 0:
                senses = self.held_out.senses(denoiser, self.plan.keys, self.modalities)
                row.update(sense_columns(senses))
                log.senses = {**asdict(senses)}

    def _save(self) -> None:
        self._resume_dir.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, Tensor] = {}
        for (name, parameter), average in zip(self.step.trained.items(), self.step.averages, strict=True):
            state = self.step.optimizer.state[parameter]
            tensors |= {f"weights/{name}": parameter.detach(), f"average/{name}": average}
            tensors |= {f"{moment}/{name}": state[moment] for moment in ("exp_avg", "exp_avg_sq")}
        # Two files cannot be replaced at once, so the log names the weights that it belongs to.
        path = self._resume_dir / f"{self.plan.name}-{self.log.steps}.safetensors"
        save_file({name: value.contiguous().cpu() for name, value in tensors.items()}, path)
        write_whole(self._resume_dir / f"{self.plan.name}.json", json.dumps(asdict(self.log)))
        for old in self._resume_dir.glob(f"{self.plan.name}-*.safetensors"):
            if old != path:
                old.unlink()

    def _load(self) -> None:
        log_path = self._resume_dir / f"{self.plan.name}.json"
        if not log_path.is_file():
            return
        try:
            log = PhaseLog.checked(read_json(log_path), str(log_path))
            tensors = load_file(self._resume_dir / f"{self.plan.name}-{log.steps}.safetensors")
            self._take(tensors, log.steps)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(
                f"training cannot go on from {self._resume_dir}: it is damaged or of another network ({error}); "
                "delete it to train from the start"
            ) from error
        self.log = log

    def _take(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Put weights, averages and the optimizer's moments back where `_save` took them from."""
        for (name, parameter), average in zip(self.step.trained.items(), self.step.averages, strict=True):
            with torch.no_grad():
                parameter.copy_(tensors[f"weights/{name}"])
                average.copy_(tensors[f"average/{name}"])
            self.step.optimizer.state[parameter] = {
                "step": torch.tensor(float(steps), device=parameter.device),
                **{
                    moment: tensors[f"{moment}/{name}"].to(parameter.device)
                    for moment in ("exp_avg", "exp_avg_sq")
                },
            }


def sense_columns(senses: SenseReport) -> Mapping[str, float]:
    """A sense report as columns of the log."""
    columns = {}
    for name in senses.shuffled:
        columns[f"shuffled_{name}"] = senses.shuffled[name]
        columns[f"masked_{name}"] = senses.masked[name]
        low, rise, high = senses.rise[name]
        columns |= {f"rise_{name}": rise, f"rise_{name}_low": low, f"rise_{name}_high": high}
    return columns
