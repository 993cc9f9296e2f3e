"""LeRobot's policies behind this benchmark's protocol: an adapter for any ``PreTrainedPolicy``.

LeRobot (https://github.com/huggingface/lerobot) is imported when such a policy is built, never before, and is no
dependency of this package. Written for its release 0.4, whose folders hold the normalization as processors.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import (
    IMAGE_PREFIX,
    CheckpointError,
    Policy,
    PolicySpec,
    SpecError,
    TaskInfo,
    WeightsInfo,
    image_keys,
)
from fdp_bench.api.options import OptionValues
from fdp_policies.lerobot.folder import folder_sha256, load_folder

if TYPE_CHECKING:
    from torch import Tensor

#: LeRobot's names of what a policy reads.
STATE, ENVIRONMENT_STATE, IMAGES = "observation.state", "observation.environment_state", "observation.images"
#: Sampler whose only randomness is the noise that it starts from; any other draws in its steps too.
DETERMINISTIC_SAMPLER = "DDIM"


@dataclass(frozen=True)
class LeRobotParts:
    """A policy as LeRobot keeps it.

    Attributes:
        model: A ``PreTrainedPolicy``: ``config``, ``name`` and ``predict_action_chunk``.
        preprocess: Batch of observations -> normalized batch, as ``PolicyProcessorPipeline`` does.
        postprocess: Normalized actions -> actions in the data's units.
    """

    model: Any
    preprocess: Callable[[dict[str, "Tensor"]], dict[str, "Tensor"]]
    postprocess: Callable[["Tensor"], "Tensor"]


class LeRobotPolicy(Policy):
    """Base class for plugins that wrap a LeRobot policy; a subclass says in `make_policy` where it comes from.

    Observations are renamed (``prop`` is ``observation.state``, ``tactile`` is ``observation.environment_state``,
    ```image.NAME`` is ``observation.images.NAME``, RGB in [0, 1], channels first) and the policy's own processors
    normalize; ``self.model`` is the policy itself. The queues of LeRobot's ``select_action`` are left alone: the
    runner keeps the history and executes chunks.
    """

    option_values: ClassVar[OptionValues | None] = {"cameras": ""}
    bundled_tasks: ClassVar[tuple[str, ...] | None] = ()
    #: Whether the policy draws from torch's generator. It is then asked row by row, under a seed made from the row's
    #: noise. LeRobot's diffusion policy needs no word about it.
    stochastic: ClassVar[bool] = False

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        """Build the policy.

        Raises:
            SpecError: If what it reads or how it acts does not fit the task.
            CheckpointError: If its weights are missing or refused.
        """
        super().__init__(spec, task, device=device)
        import torch

        if device == "cpu":
            torch.set_num_threads(1)
        parts = self.make_policy()
        self.model = parts.model.to(device).eval().requires_grad_(False)
        self._preprocess, self._postprocess = parts.preprocess, parts.postprocess
        config = self.model.config
        self.n_obs_steps, self.n_action_steps = int(config.n_obs_steps), int(config.n_action_steps)
        self._diffuses = self.model.name == "diffusion"
        if self.n_obs_steps > 1 and not self._diffuses and type(self).predict is LeRobotPolicy.predict:
            raise SpecError(
                f"policy {spec.name!r} reads {self.n_obs_steps} observations at once; override `predict` in its plugin"
            )
        action_shape = tuple(config.action_feature.shape)
        if action_shape != (task.action_dim,):
            raise SpecError(
                f"policy {str(spec)!r} gives actions of shape {action_shape}, "
                f"{task.task_id} takes {(task.action_dim,)}"
            )
        self._sources = match_inputs(config.input_features, task, spec.options.get("cameras", ""))
        read = set(self._sources.values())
        self.modalities = tuple(name for name, keys in task.modalities.items() if read & set(keys))

    def make_policy(self) -> LeRobotParts:
        """Build the policy and its processors; by default from the folder behind ``@``, ACT or diffusion policy."""
        return LeRobotParts(*load_folder(Path(self.spec.checkpoint)))

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """(horizon, A) for a diffusion policy, (1,) for another that draws, () for one that does not."""
        if self._diffuses:
            return (int(self.model.config.horizon), self.task.action_dim)
        return (1,) if self.stochastic else ()

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        import torch

        with torch.inference_mode():
            seen = self._preprocess(
                {theirs: _tensor(observation[ours]) for theirs, ours in self._sources.items()}
            )
            # Processors hand over what else they know of an episode; the policy reads observations alone.
            batch = {theirs: seen[theirs].to(self.device) for theirs in self._sources}
            start = torch.as_tensor(noise, device=self.device)
            chunk = self._predict_by_row(batch, start) if self._draws_inside else self.predict(batch, start)
            actions = self._postprocess(chunk[:, : self.n_action_steps].cpu())
        return actions.numpy().clip(-1.0, 1.0).astype(np.float32, copy=False)

    def predict(self, batch: dict[str, "Tensor"], noise: "Tensor") -> "Tensor":
        """Ask the policy for a chunk of normalized actions; override it where the policy is asked in another way.

        Args:
            batch: LeRobot's key -> normalized observations, shape (B, n_obs_steps, ...), oldest first.
            noise: Standard normal noise, shape (B, *noise_shape).

        Returns:
            Normalized actions from now on, shape (B, >= n_action_steps, A).
        """
        import torch

        chunk: Tensor
        if self._diffuses:
            # `predict_action_chunk` reads queues that ``select_action`` fills one control step at a time.
            images = [batch[key] for key in self.model.config.image_features]
            stacked = {**batch, IMAGES: torch.stack(images, dim=-4)} if images else batch
            chunk = self.model.diffusion.generate_actions(stacked, noise=noise)
        else:
            chunk = self.model.predict_action_chunk({key: value[:, -1] for key, value in batch.items()})
        return chunk

    @property
    def _draws_inside(self) -> bool:
        if self._diffuses:
            return bool(self.model.config.noise_scheduler_type != DETERMINISTIC_SAMPLER)
        return self.stochastic

    def _predict_by_row(self, batch: dict[str, "Tensor"], noise: "Tensor") -> "Tensor":
        import torch

        chunks = []
        for row in range(len(noise)):
            alone = {key: value[row : row + 1] for key, value in batch.items()}
            with seeded_by(noise[row], self.device):
                chunks.append(self.predict(alone, noise[row : row + 1]))
        return torch.cat(chunks)

    @classmethod
    def weights(cls, spec: PolicySpec, task: TaskInfo) -> WeightsInfo:
        """See `Policy.weights`: everything in the folder that is loaded."""
        del task
        try:
            return WeightsInfo(True, spec.checkpoint, folder_sha256(Path(spec.checkpoint)))
        except CheckpointError as error:
            return WeightsInfo(available=False, source=str(error))


class LeRobotFolder(LeRobotPolicy):
    """``lerobot@FOLDER``: an ACT or diffusion policy as `lerobot-train` saves it."""

    summary: ClassVar[str] = "ACT or diffusion policy trained with LeRobot: lerobot@FOLDER"


def match_inputs(features: Mapping[str, Any], task: TaskInfo, cameras: str) -> dict[str, str]:
    """Find the task's observation for each input of a LeRobot policy.

    Args:
        features: LeRobot's key -> feature with a ``shape``, channels first for images.
        task: The task.
        cameras: Names of the task's cameras, joined by commas, in the order of the policy's images; empty where the
            policy calls them as the task does.

    Returns:
        LeRobot's key -> observation key.

    Raises:
        SpecError: If an input is not offered, or in another shape.
    """
    known = {STATE: "prop", ENVIRONMENT_STATE: "tactile"}
    images = [key for key in features if key not in known]
    names = cameras.split(",") if cameras else [key.removeprefix(f"{IMAGES}.") for key in images]
    offered = [key.removeprefix(IMAGE_PREFIX) for key in image_keys(tuple(task.observation_shapes))]
    if len(names) != len(images):
        raise SpecError(
            f"cameras={cameras} names {len(names)} cameras, but the policy reads {len(images)}: "
            f"{', '.join(images) or 'none'}"
        )
    for key, name in zip(images, names, strict=True):
        if name not in offered:
            example = ",".join(offered[: len(images)]) or "none"
            raise SpecError(
                f"the policy reads {key!r}; {task.task_id} has no camera {name!r}; say which of its cameras are "
                f"meant, in the policy's order ({', '.join(images)}), for instance ?cameras={example}"
            )
        known[key] = IMAGE_PREFIX + name
    for key in features:
        wanted, offered_shape = tuple(features[key].shape), task.observation_shapes.get(known[key])
        if key in images and offered_shape is not None:
            offered_shape = (offered_shape[-1], *offered_shape[:-1])
        if offered_shape != wanted:
            has = (
                "nothing of the kind" if offered_shape is None else f"{known[key]!r} of shape {offered_shape}"
            )
            raise SpecError(f"the policy reads {key!r} of shape {wanted}; {task.task_id} offers {has}")
    return {key: known[key] for key in features}


@contextmanager
def seeded_by(noise: "Tensor", device: str) -> Iterator[None]:
    """Seed torch's generators by the bytes of some noise for a while, and put them back."""
    import torch

    digest = hashlib.sha256(noise.cpu().numpy().tobytes()).digest()
    with torch.random.fork_rng(devices=[] if device == "cpu" else [device]):
        torch.manual_seed(int.from_bytes(digest[:7], "big"))
        yield


def _tensor(values: npt.NDArray[np.generic]) -> "Tensor":
    import torch

    tensor = torch.as_tensor(np.ascontiguousarray(values))
    return tensor.movedim(-1, -3).float() / 255.0 if tensor.dtype == torch.uint8 else tensor.float()
