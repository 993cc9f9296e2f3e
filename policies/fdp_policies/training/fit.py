"""Fitting a policy to demonstrations: one network for DP-DiT and bases, two phases for FDP."""

import copy
import importlib.metadata
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fdp_bench.api import IMAGE_PREFIX, CheckpointError, DatasetError, TaskInfo
from fdp_bench.demos.dataset import Demonstrations, require_senses
from fdp_policies.backbones import Factorized, make_factorized, make_network, make_single
from fdp_policies.checkpoint import (
    Checkpoint,
    replace_file,
    round_to_half,
    save_checkpoint,
    state_sha256,
)
from fdp_policies.config import DiffusionConfig, NetworkConfig, TrainingConfig, as_json, variant_of
from fdp_policies.determinants import agree, determinants
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.identity import Architecture
from fdp_policies.training.data import WindowDataset, fit_normalizer, shapes_of
from fdp_policies.training.lock import only_maker
from fdp_policies.training.losses import HeldOut
from fdp_policies.training.objective import objective_of
from fdp_policies.training.phase import Phase, PhaseLog, PhasePlan
from fdp_policies.training.plot import plot_training, write_log
from fdp_policies.training.warnings import (
    changed_base_warning,
    lazy_residual_warning,
    overfitted_base_warning,
)


@dataclass(frozen=True)
class Job:
    """Everything that determines a checkpoint, and how it is made.

    Attributes:
        architecture: What to train.
        task: The task that the demonstrations show.
        demonstrations: The demonstrations and their split.
        diffusion: The forward process.
        training: The recipe.
        device: torch device.
        out: Folder for weights, cards, logs and plots.
        reuse: Folders with bases that need not be trained again.
        compiled: Whether to compile network and loss.
    """

    architecture: Architecture
    task: TaskInfo
    demonstrations: Demonstrations
    diffusion: DiffusionConfig
    training: TrainingConfig
    device: str
    out: Path
    reuse: tuple[Path, ...] = ()
    compiled: bool = False

    @property
    def network(self) -> NetworkConfig:
        """The network's shape."""
        return self.architecture.network

    def determinants(self, role: str) -> dict[str, Any]:
        """See `fdp_policies.determinants`."""
        return determinants(
            role=role,
            task_id=self.task.task_id,
            profile=self.task.profile,
            data_sha256=self.demonstrations.sha256,
            train_demos=len(self.demonstrations.train),
            network=self.network,
            diffusion=self.diffusion,
            training=self.training,
        )


def fit(job: Job) -> Path:
    """Train what the architecture names and write checkpoint, card, CSV log and plot.

    Returns:
        Path of the ``.safetensors`` file.
    """
    factory = _Fitter(job)
    if job.architecture.family == "fdp":
        return factory.fit_factorized()
    role = "base" if job.architecture.family == "base" else "joint"
    return factory.fit_single(job.architecture, role).path


class _Fitter:
    def __init__(self, job: Job) -> None:
        self.job = job
        train = job.demonstrations.subset(job.demonstrations.train)
        valid = job.demonstrations.subset(job.demonstrations.valid)
        if not valid:
            raise DatasetError(
                "one demonstration cannot be both trained on and held out; record at least two"
            )
        keys = shapes_of(job.task, job.architecture.modalities)
        require_senses(job.demonstrations, keys)
        vectors = [key for key in keys if not key.startswith(IMAGE_PREFIX)]
        self.normalizer = fit_normalizer(train, dict.fromkeys(["prop", *vectors]))
        self.schedule = NoiseSchedule(job.diffusion, job.device)
        self.objective = objective_of(job.network)
        self.data = WindowDataset(train, self.normalizer, job.network, job.device)
        self.held_out = HeldOut(
            WindowDataset(valid, self.normalizer, job.network, job.device),
            np.repeat(np.arange(len(valid)), [len(demo) for demo in valid]),
            job.training,
            self.schedule,
            self.objective.errors,
        )

    def fit_single(self, architecture: Architecture, role: str) -> Checkpoint:
        """Train one network, or take the one that is there if nothing that determines it differs."""
        with only_maker(self.job.out, architecture.slug):
            if role == "base":
                self._fetch_base(architecture)
            return self._fit_single(architecture, role)

    def _fit_single(self, architecture: Architecture, role: str) -> Checkpoint:
        job, path = self.job, self.job.out / f"{architecture.slug}.safetensors"
        found = self._finished(path, role)
        if found is not None:
            print(f"{path} is there already and was made from the same data and settings", file=sys.stderr)
            return found
        torch.manual_seed(job.training.seed)
        shapes = shapes_of(job.task, architecture.modalities)
        network = make_network(shapes, job.task.action_dim, job.network).to(job.device)
        plan = self._single_plan(role, tuple(shapes))
        phase = self._phase(network, plan, architecture.slug)
        log = phase.run()
        warnings = overfitted_base_warning(log) if role == "base" else []
        return self._save(path, architecture, role, phase.average.state_dict(), [log], warnings, None)

    def fit_factorized(self) -> Path:
        """Train the base to its plateau, freeze its average, then train the residual on the steps that are left."""
        architecture = self.job.architecture
        base = self.fit_single(architecture.base(), "base")
        with only_maker(self.job.out, architecture.slug):
            return self._fit_residual(base)

    def _fit_residual(self, base: Checkpoint) -> Path:
        job, architecture = self.job, self.job.architecture
        path = job.out / f"{architecture.slug}.safetensors"
        if self._finished(path, "residual") is not None:
            print(f"{path} is there already and was made from the same data and settings", file=sys.stderr)
            return path
        torch.manual_seed(job.training.seed + 1)
        base_shapes = shapes_of(job.task, architecture.prioritized)
        base_network = make_single(base_shapes, job.task.action_dim, job.network)
        base_network.load_state_dict(base.tensors())
        shapes = shapes_of(job.task, architecture.modalities)
        network = make_factorized(
            base_network.requires_grad_(not job.training.freeze_base),
            shapes,
            job.task.action_dim,
            job.network,
            composition=architecture.composition,
            zero_init=job.training.zero_init,
        ).to(job.device)
        steps = job.training.residual_steps or max(1, job.training.steps - int(base.card["steps"]))
        plan = PhasePlan("residual", tuple(shapes), steps, False, 1)
        phase = self._phase(network, plan, architecture.slug)
        frozen = state_sha256(phase.average.base.state_dict())  # type: ignore[union-attr]
        log = phase.run()
        average = phase.average
        if not isinstance(average, Factorized):  # pragma: no cover
            raise TypeError("the moving average of a factorized denoiser is one too")
        warnings = [
            *changed_base_warning(frozen, state_sha256(average.base.state_dict())),
            *lazy_residual_warning(log.senses, architecture.secondary),
        ]
        base_log = PhaseLog(**base.card["log"])
        if not job.training.freeze_base:
            # What was trained is what acts: the base as it has become lies beside the residual.
            base = self._save(
                job.out / f"{architecture.slug}-base.safetensors",
                architecture.base(),
                "changed-base",
                average.base.state_dict(),
                [base_log],
                [],
                None,
            )
        entry = {"file": base.path.name, "sha256": base.sha256, "frozen_state_sha256": frozen}
        state = average.trainable_state()
        return self._save(path, architecture, "residual", state, [base_log, log], warnings, entry).path

    def _fetch_base(self, architecture: Architecture) -> None:
        """Copy the base from a folder that may be reused, if it was made from the same data and settings."""
        name = f"{architecture.slug}.safetensors"
        for folder in self.job.reuse:
            source, target = folder / name, self.job.out / name
            if target.is_file() or not source.is_file():
                continue
            found = Checkpoint.open(source)
            if agree(found.card["determinants"], self.job.determinants("base")):
                print(
                    f"{source} was made from the same data and settings and is taken as it is",
                    file=sys.stderr,
                )
                self.job.out.mkdir(parents=True, exist_ok=True)
                for suffix in (".json", ".safetensors"):
                    replace_file(target.with_suffix(suffix), source.with_suffix(suffix).read_bytes())

    def _single_plan(self, role: str, keys: tuple[str, ...]) -> PhasePlan:
        training = self.job.training
        if role != "base":
            return PhasePlan(role, keys, training.steps, False, 0)
        steps = training.base_steps or max(1, round(training.steps * training.base_fraction))
        return PhasePlan(role, keys, steps, True, 0)

    def _phase(self, network: nn.Module, plan: PhasePlan, slug: str) -> Phase:
        job, training = self.job, self.job.training
        if plan.stop_at_plateau and training.base_steps:
            # A base of a given length passes over its plateau; its learning rate stays that of any base.
            training = replace(training, plateau_min_steps=training.base_steps)
        return Phase(
            network,
            plan,
            training,
            self.schedule,
            data=self.data,
            held_out=self.held_out,
            modalities=job.task.modalities,
            resume_dir=job.out / "resume" / slug,
            objective=self.objective,
            compiled=job.compiled,
        )

    def _finished(self, path: Path, role: str) -> Checkpoint | None:
        if not path.is_file():
            return None
        found = Checkpoint.open(path)
        if not agree(found.card["determinants"], self.job.determinants(role)):
            raise CheckpointError(
                f"{path} was made from other data or settings; choose another --out, or remove it first"
            )
        return found

    def _named_nowhere_else(self, architecture: Architecture) -> TrainingConfig:
        """The recipe without what the policy string says already."""
        training = self.job.training
        return replace(training, modality_dropout=0.0) if architecture.modality_dropout else training

    def _save(
        self,
        path: Path,
        architecture: Architecture,
        role: str,
        state: Mapping[str, Tensor],
        logs: list[PhaseLog],
        warnings: list[str],
        base: Mapping[str, str] | None,
    ) -> Checkpoint:
        job, log = self.job, logs[-1]
        card = {
            "policy": str(architecture),
            "task_id": job.task.task_id,
            "profile": job.task.profile,
            "modalities": list(architecture.modalities),
            "prioritized": list(architecture.prioritized),
            "composition": architecture.composition,
            "shapes": {k: list(v) for k, v in shapes_of(job.task, architecture.modalities).items()},
            "action_dim": job.task.action_dim,
            "network": as_json(job.network),
            "diffusion": as_json(job.diffusion),
            "normalizer": self.normalizer.to_json(),
            "steps": log.steps,
            "total_steps": sum(each.steps for each in logs),
            "stopped": log.stopped,
            "heldout_loss": log.losses[-1][1],
            "senses": log.senses,
            "warnings": warnings,
            "base": base,
            "wall_time_s": round(log.wall_time_s, 1),
            "train_demos": len(job.demonstrations.train),
            "train_seed": job.training.seed,
            "variant": variant_of(self._named_nowhere_else(architecture)),
            "determinants": job.determinants(role),
            "log": {**vars(log)},
            "made_with": {name: _version(name) for name in ("fdp-bench", "torch", "numpy")},
            "remake": remake_command(job, architecture),
        }
        checkpoint = save_checkpoint(path, round_to_half(dict(state)), copy.deepcopy(card))
        write_log(path.with_suffix(".csv"), logs)
        plot_training(
            path.with_suffix(".png"), f"{architecture} on {job.task.task_id}", logs, self.objective.name
        )
        shutil.rmtree(job.out / "resume" / architecture.slug, ignore_errors=True)
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return checkpoint


def remake_command(job: Job, architecture: Architecture) -> str:
    """The command that makes this checkpoint again, given the same data file."""
    defaults, used = as_json(TrainingConfig()), as_json(job.training)
    changed = {k: v for k, v in used.items() if v != defaults[k] and k not in ("num_demos", "seed", "steps")}
    command = [
        "fdp-bench",
        "train",
        "--policy",
        str(architecture),
        "--task",
        job.task.task_id,
        "--data",
        "FILE",
    ]
    command += ["--num-demos", str(job.training.num_demos), "--seed", str(job.training.seed)]
    command += ["--steps", str(job.training.steps)]
    for key, value in changed.items():
        command += ["--set", f"{key}={str(value).lower() if isinstance(value, bool) else value}"]
    return shlex.join(command)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
