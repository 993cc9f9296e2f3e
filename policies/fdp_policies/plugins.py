"""The policies behind the entry points: ``fdp``, ``dp-dit`` and ``base``. torch is loaded with the first one built."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import (
    CheckpointError,
    Inspector,
    Policy,
    PolicySpec,
    TaskInfo,
    TheoryCheck,
    WeightsInfo,
)
from fdp_policies.identity import (
    ARCHITECTURE_OPTIONS,
    SENSES_OPTION,
    SIZE_OPTIONS,
    architecture_of,
    sampler_of,
    weights_path,
)

if TYPE_CHECKING:
    from fdp_policies.checkpoint import Checkpoint


class DiffusionPolicy(Policy):
    """A diffusion policy read from a checkpoint; base of the three plugins."""

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        """Load the weights.

        Raises:
            SpecError: If the order or an option is not understood.
            CheckpointError: If weights are missing, damaged, pickled, or made for other senses or another task.
        """
        super().__init__(spec, task, device=device)
        from fdp_policies.inference import ChunkSampler, load_denoiser

        architecture, sampler = architecture_of(spec, task), sampler_of(spec)
        checkpoint = _open(spec, task)
        self.modalities = architecture.modalities
        self.n_obs_steps = checkpoint.network.n_obs_steps
        self.n_action_steps = checkpoint.network.n_action_steps
        self._sampler = ChunkSampler(load_denoiser(checkpoint, device), checkpoint, sampler, device)

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """(draws, horizon, A): one draw for DDIM, one a denoising step for DDPM."""
        return self._sampler.noise_shape

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        return self._sampler.act(observation, noise)

    @classmethod
    def resolve(cls, spec: PolicySpec, task: TaskInfo) -> PolicySpec:
        """See `Policy.resolve`: the order is completed, options that equal a default are left out."""
        architecture = architecture_of(spec, task)
        sampler_of(spec)
        kept = {
            key: value
            for key, value in spec.options.items()
            if key not in SIZE_OPTIONS
            and key != SENSES_OPTION
            and (key not in ARCHITECTURE_OPTIONS or value != ARCHITECTURE_OPTIONS[key][0])
        }
        senses = {SENSES_OPTION: architecture.senses} if architecture.senses else {}
        return replace(spec, order=architecture.order, options={**kept, **architecture.size, **senses})

    @classmethod
    def sampler_name(cls, spec: PolicySpec) -> str:
        """See `Policy.sampler_name`."""
        sampler = sampler_of(spec)
        return f"{sampler.sampler}, {sampler.denoising_steps} steps"

    @classmethod
    def weights(cls, spec: PolicySpec, task: TaskInfo) -> WeightsInfo:
        """See `Policy.weights`."""
        path = weights_path(spec, task)
        try:
            checkpoint = _open(spec, task)
        except CheckpointError as error:
            return WeightsInfo(available=False, source=str(error))
        source = str(path) if spec.checkpoint else "bundled"
        base = checkpoint.base
        files = (checkpoint.path, *(() if base is None else (base.path,)))
        return WeightsInfo(True, source, checkpoint.combined_sha256(), checkpoint.card, files)

    @classmethod
    def fit(
        cls, spec: PolicySpec, task: TaskInfo, data: Path, out: Path, settings: Mapping[str, str]
    ) -> Path:
        """See `Policy.fit`; settings are the fields of `TrainingConfig`, ``recipe``, ``device`` and ``threads``."""
        from fdp_policies.training.settings import fit_from_settings

        return fit_from_settings(spec, task, data, out, settings)

    @classmethod
    def trained(
        cls,
        spec: PolicySpec,
        task: TaskInfo,
        data_sha256: str,
        settings: Mapping[str, str],
        folders: Sequence[Path],
    ) -> PolicySpec | None:
        """See `Policy.trained`: by the determinants in the checkpoints' cards."""
        from fdp_policies.training.found import find_trained

        return find_trained(spec, task, data_sha256, settings, folders)

    @classmethod
    def diagnose(cls, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> Inspector:
        """See `Policy.diagnose`."""
        from fdp_policies.diagnosis.inspector import DiffusionInspector, OpenedCheckpoint

        found = _open_own(spec, task)
        checkpoint = OpenedCheckpoint(found.path, found.card)
        return DiffusionInspector(checkpoint, architecture_of(spec, task), task, sampler_of(spec), device)


class FactorizedDiffusionPolicy(DiffusionPolicy):
    """FDP: a frozen base on the prioritized senses, and a residual on all of them."""

    summary: ClassVar[str] = (
        "factorized diffusion policy: frozen base on the prioritized senses plus residual on all"
    )

    @classmethod
    def orders(cls, task: TaskInfo) -> list[str]:
        """Each sense before each other one."""
        names = list(task.modalities)
        return [f"{first}>{second}" for first in names for second in names if first != second]

    @classmethod
    def check_theory(cls) -> TheoryCheck:
        """See `Policy.check_theory`: Theorem 1 of the paper."""
        from fdp_policies.diagnosis.theory import check_theorem

        return check_theorem()


class JointDiffusionPolicy(DiffusionPolicy):
    """DP-DiT: one diffusion transformer conditioned on all senses jointly."""

    summary: ClassVar[str] = "diffusion transformer conditioned on all senses jointly"


class BaseDiffusionPolicy(DiffusionPolicy):
    """The base of an FDP alone: it reads the prioritized senses and nothing else."""

    summary: ClassVar[str] = "diffusion transformer on the named senses alone: the base of an FDP"

    @classmethod
    def orders(cls, task: TaskInfo) -> list[str]:
        """Each sense alone."""
        return list(task.modalities)


def _open(spec: PolicySpec, task: TaskInfo) -> "Checkpoint":
    """The checkpoint of a policy, its base being the very one that it was trained on."""
    checkpoint = _open_own(spec, task)
    _ = checkpoint.base
    return checkpoint


def _open_own(spec: PolicySpec, task: TaskInfo) -> "Checkpoint":
    from fdp_policies.checkpoint import Checkpoint

    architecture, path = architecture_of(spec, task), weights_path(spec, task)
    command = f'fdp-bench train --policy "{architecture}" --task {task.task_id} --data FILE --num-demos 100'
    if not spec.checkpoint and not path.is_file():
        raise CheckpointError(
            f"no weights come with the package for {architecture} on {task.task_id}; train them with `{command}` "
            "(under an hour on 2 CPU cores; FILE from `fdp-bench demos`), then name them: "
            f"{spec.name}{':' + spec.order if spec.order else ''}@OUT/{architecture.slug}.safetensors"
        )
    checkpoint = Checkpoint.open(path)
    card = checkpoint.card
    if card["policy"] != str(architecture):
        raise CheckpointError(
            f"{path} holds {card['policy']}, which reads {', '.join(card['modalities'])}, not {architecture}; "
            f"write {_at(card['policy'], path)}"
        )
    if card["task_id"] != task.task_id:
        raise CheckpointError(
            f"{path} was trained on {card['task_id']}, not {task.task_id}; train with `{command}`"
        )
    for key, shape in checkpoint.shapes.items():
        offered = task.observation_shapes.get(key)
        if offered != shape:
            raise CheckpointError(
                f"{path} reads {key!r} of shape {shape}, and {task.task_id} offers {offered or 'none'}; train with `{command}`"
            )
    return checkpoint


def _at(policy: str, path: Path) -> str:
    """A policy string with its weights named."""
    head, mark, options = policy.partition("?")
    return f"{head}@{path}{mark}{options}"
