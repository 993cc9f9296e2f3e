"""What all policies share whose weights this package trains: naming, finding, describing and making them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from fdp_bench.api import CheckpointError, Policy, PolicySpec, TaskInfo, WeightsInfo
from fdp_policies.checkpoints.policy_spec import (
    GUARD_OPTION,
    SAMPLER_OPTIONS,
    architecture_of,
    sampler_of,
    weights_path,
)
from fdp_policies.guard.option import guard_option

if TYPE_CHECKING:
    from fdp_policies.checkpoints.checkpoint import Checkpoint


class LearnedPolicy(Policy):
    """A policy whose weights lie in a checkpoint of this package."""

    extra: ClassVar[str] = "diffusion"

    @classmethod
    def resolve(cls, spec: PolicySpec, task: TaskInfo) -> PolicySpec:
        """See `Policy.resolve`: the order is completed, options that equal a default are left out."""
        architecture = architecture_of(spec, task)
        sampler_of(spec)
        sampling = {key: value for key, value in spec.options.items() if key in SAMPLER_OPTIONS}
        guard = guard_option(spec, task)
        guarding = {GUARD_OPTION: guard.value} if guard else {}
        return replace(
            spec, order=architecture.order, options={**sampling, **guarding, **architecture.options}
        )

    @classmethod
    def weights(cls, spec: PolicySpec, task: TaskInfo) -> WeightsInfo:
        """See `Policy.weights`."""
        path = weights_path(spec, task)
        try:
            checkpoint = open_checkpoint(spec, task)
        except CheckpointError as error:
            return WeightsInfo(available=False, source=str(error))
        source = str(path) if spec.checkpoint else "bundled"
        files = (checkpoint.path, *(part.path for part in checkpoint.parts.values()))
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


def open_checkpoint(spec: PolicySpec, task: TaskInfo) -> "Checkpoint":
    """The checkpoint of a policy, its base or experts being the very ones that it was trained on.

    Raises:
        CheckpointError: If weights are missing, damaged, pickled, or made for other senses or another task.
    """
    checkpoint = open_own_checkpoint(spec, task)
    _ = checkpoint.parts
    return checkpoint


def open_own_checkpoint(spec: PolicySpec, task: TaskInfo) -> "Checkpoint":
    """The same without a look at its base or experts.

    Raises:
        CheckpointError: If weights are missing, damaged, pickled, or made for other senses or another task.
    """
    from fdp_policies.checkpoints.checkpoint import Checkpoint

    architecture, path = architecture_of(spec, task), weights_path(spec, task)
    command = f'fdp-bench train --policy "{architecture}" --task {task.task_id} --data FILE --num-demos 100'
    if not spec.checkpoint and not path.is_file():
        raise CheckpointError(
            f"no weights come with the package for {architecture} on {task.task_id}; train them with `{command}` "
            "(under an hour on 2 CPU cores; FILE from `fdp-bench demos`), then name them: "
            f"{_at(str(architecture), Path('OUT') / f'{architecture.slug}.safetensors')}"
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
                f"{path} reads {key!r} of shape {shape}, and {task.task_id} offers {offered or 'none'}; "
                f"train with `{command}`"
            )
    return checkpoint


def _at(policy: str, path: Path) -> str:
    """A policy string with its weights named."""
    head, mark, options = policy.partition("?")
    return f"{head}@{path}{mark}{options}"
