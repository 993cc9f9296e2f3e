"""One phase of training: a network, its optimizer, its moving average, its log, and the way back after a kill."""

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from fdp_bench.api import ModalityMap
from fdp_policies.config import TrainingConfig
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.networks.denoisers import Denoiser
from fdp_policies.training.data import WindowDataset
from fdp_policies.training.dropout import drop_modalities
from fdp_policies.training.losses import HeldOut, draw_noise
from fdp_policies.training.objective import NOISE_PREDICTION, Objective
from fdp_policies.training.phase_log import PhaseLog, sense_columns
from fdp_policies.training.resume import load_state, save_state
from fdp_policies.training.schedule import (
    LAST_FIFTH,
    PhasePlan,
    decay_bounds,
    learning_rate,
    reached_plateau,
)
from fdp_policies.training.step import GradientStep

#: The senses are shuffled and masked at every so many evaluations, since that costs five times an evaluation.
SENSES_EVERY = 4


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
        identity: Mapping[str, Any],
        objective: Objective = NOISE_PREDICTION,
        compiled: bool = False,
    ) -> None:
        """Begin, or go on, when `run` is called.

        Args:
            network: What is trained, on the device that it trains on.
            plan: What the phase does.
            config: The recipe.
            schedule: The forward process.
            data: Training windows.
            held_out: Held-out windows.
            modalities: The task's modalities.
            resume_dir: Folder of what a killed phase goes on from.
            identity: What determines the weights, see `fdp_policies.checkpoints.training_fingerprint`; a phase
                is resumed only with its own.
            objective: What is minimized.
            compiled: Whether to compile network and loss.
        """
        self.plan, self.config, self.schedule = plan, config, schedule
        self.data, self.held_out, self.modalities = data, held_out, modalities
        self.step = GradientStep(network, config, schedule, objective=objective, compiled=compiled)
        self.log = PhaseLog()
        self._resume_dir = resume_dir
        self._identity = {**identity, "phase": asdict(plan)}

    @property
    def average(self) -> nn.Module:
        """Moving average of the network."""
        return self.step.average

    def run(self) -> PhaseLog:
        """Train to the end of the phase, from where an earlier run was killed if it was."""
        self.log = load_state(self._resume_dir, self.step, self.plan.name, self._identity) or PhaseLog()
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
            last = self.log.steps >= decay_bounds(self.plan, self.config, self.log.decay_from)[1]
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
                save_state(self._resume_dir, self.step, self.plan.name, self.log, self._identity)
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
        if self.plan.dropout is not None:
            batch = drop_modalities(batch, self.modalities, self.plan.dropout, generator)
        rate = learning_rate(number, self.plan, self.config, self.log.decay_from)
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
                log.stopped = "plateau" if log.decay_from else "budget"
            elif (
                self.plan.stop_at_plateau and not log.decay_from and reached_plateau(log.losses, self.config)
            ):
                if self.plan.decay != LAST_FIFTH:
                    log.stopped = "plateau"
                elif log.steps < decay_bounds(self.plan, self.config)[0]:
                    log.decay_from = log.steps
            if log.stopped or len(log.rows) % SENSES_EVERY == 0:
                senses = self.held_out.senses(denoiser, self.plan.keys, self.modalities)
                row.update(sense_columns(senses))
                log.senses = {**asdict(senses)}
