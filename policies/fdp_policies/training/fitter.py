"""One network on one set of demonstrations: found, taken over or trained, and written with its card."""

import copy
import importlib.metadata
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fdp_bench.api import IMAGE_PREFIX, CheckpointError, DatasetError
from fdp_bench.api.files import write_whole
from fdp_bench.demos.dataset import require_senses
from fdp_policies.checkpoints.checkpoint import Checkpoint, round_to_half, save_checkpoint
from fdp_policies.checkpoints.policy_spec import Architecture
from fdp_policies.checkpoints.readable import check_readable
from fdp_policies.checkpoints.training_fingerprint import agree, effective
from fdp_policies.config import TrainingConfig, as_json, variant_of
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.networks.backbones import make_network
from fdp_policies.training.data import WindowDataset, fit_normalizer, shapes_of
from fdp_policies.training.dropout import Dropout
from fdp_policies.training.job import Job, remake_command
from fdp_policies.training.lock import only_maker
from fdp_policies.training.losses import HeldOut
from fdp_policies.training.named import unnamed
from fdp_policies.training.objective import objective_of
from fdp_policies.training.phase import Phase
from fdp_policies.training.phase_log import PhaseLog
from fdp_policies.training.plot import plot_training, write_log
from fdp_policies.training.schedule import LAST_FIFTH, NONE, PhasePlan
from fdp_policies.training.warnings import overfitted_warning


@dataclass(frozen=True)
class Made:
    """A network that has been made, before it is written.

    Attributes:
        path: Path of its ``.safetensors`` file.
        architecture: What it is.
        role: See `fdp_policies.checkpoints.training_fingerprint`.
        state: Name -> weights, those of frozen parts left out.
        logs: Logs of all phases that led to it, its own last.
        warnings: What went wrong, in words.
        entries: Further entries of its card.
    """

    path: Path
    architecture: Architecture
    role: str
    state: Mapping[str, Tensor]
    logs: Sequence[PhaseLog]
    warnings: Sequence[str] = ()
    entries: Mapping[str, Any] = field(default_factory=dict)


class Fitter:
    """Demonstrations decoded and normalized once, and the networks that are made of them one after the other."""

    def __init__(self, job: Job) -> None:
        """Read the demonstrations.

        Raises:
            SpecError: If the task shows frames or numbers that the encoders cannot read.
            DatasetError: If they lack a sense that is needed, or none is left to be held out.
        """
        check_readable(job.architecture, job.task)
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
        own = ["prop"] if "prop" in train[0].observations else []
        self.normalizer = fit_normalizer(train, dict.fromkeys([*own, *vectors]))
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

    def with_training(self, training: TrainingConfig) -> "Fitter":
        """The same on the same data, with another recipe."""
        other = copy.copy(self)
        other.job = replace(self.job, training=training)
        return other

    def fit_single(self, architecture: Architecture, role: str, name: str = "") -> Checkpoint:
        """Train one network, or take the one that is there if nothing that determines it differs.

        Args:
            architecture: What to train.
            role: ``"base"`` or ``"joint"``; see `fdp_policies.checkpoints.training_fingerprint`.
            name: File name without ending; the architecture's own if left out.
        """
        name = name or architecture.slug
        with only_maker(self.job.out, name):
            if role == "base":
                self._fetch(name)
            return self._fit_single(architecture, role, name)

    def _fit_single(self, architecture: Architecture, role: str, name: str) -> Checkpoint:
        job, path = self.job, self.job.out / f"{name}.safetensors"
        found = self.finished(path, role)
        if found is not None:
            return found
        torch.manual_seed(job.training.seed)
        shapes = shapes_of(job.task, architecture.modalities)
        network = make_network(shapes, job.task.action_dim, job.network).to(job.device)
        identity = {"policy": str(architecture), **effective(job.determinants(role))}
        phase = self.phase(network, self._single_plan(role, architecture), name, identity)
        log = phase.run()
        warnings = overfitted_warning(log, "base" if role == "base" else "joint policy")
        return self.save(Made(path, architecture, role, phase.average.state_dict(), [log], warnings))

    def phase(self, network: nn.Module, plan: PhasePlan, name: str, identity: Mapping[str, Any]) -> Phase:
        """A phase of training on this data.

        Args:
            network: What is trained.
            plan: What the phase does.
            name: File name of the network without its ending: a killed phase of the same name goes on.
            identity: What determines the weights; a phase of others is refused.
        """
        job, training = self.job, self.job.training
        held_out = self.held_out
        if plan.name == "residual" and training.residual_loss_weight:
            training = replace(training, loss_weight=training.residual_loss_weight)
            held_out = held_out.weighted(training)
        if plan.stop_at_plateau and training.base_steps:
            # A base of a given length passes over its plateau; its learning rate stays that of any base.
            training = replace(training, plateau_min_steps=training.base_steps)
        return Phase(
            network,
            plan,
            training,
            self.schedule,
            data=self.data,
            held_out=held_out,
            identity=identity,
            modalities=job.task.modalities,
            resume_dir=job.out / "resume" / name,
            objective=self.objective,
            compiled=job.compiled,
        )

    def finished(self, path: Path, role: str) -> Checkpoint | None:
        """The checkpoint that is there already, if it is what this job makes.

        Raises:
            CheckpointError: If it was made from other data or settings.
        """
        if not path.is_file():
            return None
        found = Checkpoint.open(path)
        if not agree(found.card["determinants"], self.job.determinants(role)):
            raise CheckpointError(
                f"{path} was made from other data or settings; choose another --out, or remove it first"
            )
        print(f"{path} is there already and was made from the same data and settings", file=sys.stderr)
        return found

    def save(self, made: Made) -> Checkpoint:
        """Write a network with its card, log and plot, and forget how to resume it."""
        job, log, architecture = self.job, made.logs[-1], made.architecture
        task_map = job.demonstrations.card.get("task_map_sha256")
        card = {
            "policy": str(architecture),
            "task_id": job.task.task_id,
            # Somebody else's task is what its map says.
            **({"task_map_sha256": task_map} if task_map else {}),
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
            "total_steps": sum(each.steps for each in made.logs),
            "stopped": log.stopped,
            "heldout_loss": log.losses[-1][1],
            "senses": log.senses,
            "warnings": list(made.warnings),
            "base": None,
            **made.entries,
            "wall_time_s": round(log.wall_time_s, 1),
            "train_demos": len(job.demonstrations.train),
            "train_seed": job.training.seed,
            "variant": variant_of(unnamed(job.training, architecture)),
            "determinants": job.determinants(made.role),
            "log": {**vars(log)},
            "made_with": {name: _version(name) for name in ("fdp-bench", "torch", "numpy")},
            "remake": remake_command(job, architecture),
        }
        checkpoint = save_checkpoint(made.path, round_to_half(dict(made.state)), copy.deepcopy(card))
        write_log(made.path.with_suffix(".csv"), made.logs)
        title = f"{architecture} on {job.task.task_id}"
        plot_training(made.path.with_suffix(".png"), title, made.logs, self.objective.name)
        shutil.rmtree(job.out / "resume" / made.path.stem, ignore_errors=True)
        for warning in made.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return checkpoint

    def _fetch(self, name: str) -> None:
        """Copy a base from a folder that may be reused, if it was made from the same data and settings."""
        for folder in self.job.reuse:
            source, target = (place / f"{name}.safetensors" for place in (folder, self.job.out))
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
                    write_whole(target.with_suffix(suffix), source.with_suffix(suffix).read_bytes())

    def _single_plan(self, role: str, architecture: Architecture) -> PhasePlan:
        training = self.job.training
        keys = tuple(shapes_of(self.job.task, architecture.modalities))
        decay = LAST_FIFTH if training.decay_base else NONE
        if role == "base":
            steps = base_steps(training, keys)
            # Where pictures are what is shared out, a base that reads them takes its share whole.
            stops = training.budget == "gradient" or not reads_pictures(keys)
            return PhasePlan(role, keys, steps, stops, 0, decay)
        dropout = None
        if training.modality_dropout:
            dropout = Dropout(training.modality_dropout, architecture.modalities, keeps_one=True)
        if training.joint_plateau_steps:
            return PhasePlan(role, keys, training.joint_plateau_steps, True, 0, decay, dropout)
        return PhasePlan(role, keys, training.steps, False, 0, dropout=dropout)


def reads_pictures(keys: Iterable[str]) -> bool:
    """Whether a camera is among the observation keys."""
    return any(key.startswith(IMAGE_PREFIX) for key in keys)


def base_steps(training: TrainingConfig, keys: Iterable[str]) -> int:
    """Gradient steps that a base or an expert that reads these observation keys takes at most."""
    if training.base_steps:
        return training.base_steps
    if training.budget == "vision" and not reads_pictures(keys):
        return training.blind_steps
    return max(1, round(training.steps * training.base_fraction))


def steps_left(training: TrainingConfig, frozen: Iterable[Checkpoint]) -> int:
    """Gradient steps of the budget that its frozen parts have left to a residual or a consensus."""
    if training.residual_steps:
        return training.residual_steps
    counted = [
        int(part.card["steps"])
        for part in frozen
        if training.budget == "gradient" or reads_pictures(part.shapes)
    ]
    return max(1, training.steps - sum(counted))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
