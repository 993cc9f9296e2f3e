"""From a checkpoint of ``bc`` to actions."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fdp_policies.acting.chunk_sampler import load_regressor
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.fast.graphs import GraphReplay, exact_float32
from fdp_policies.fast.observation import StackedEncoder
from fdp_policies.networks.normalizer import TensorNormalizer


class ChunkRegressor:
    """Acts by an `ActionRegressor`, on a GPU as one CUDA graph."""

    def __init__(self, checkpoint: Checkpoint, device: str) -> None:
        """Load the weights.

        Raises:
            CheckpointError: If they do not fit the card.
        """
        self._regressor = load_regressor(checkpoint, device)
        self._device, self._network = torch.device(device), checkpoint.network
        self._keys = tuple(checkpoint.shapes)
        self._normalizer = TensorNormalizer(checkpoint.normalizer, device)
        with torch.no_grad():
            self._encode = StackedEncoder([self._regressor], self._normalizer, checkpoint.network)
        self._run: Callable[[Mapping[str, Tensor]], Tensor] = self._chunk
        if self._device.type == "cuda":
            self._run = GraphReplay(self._chunk, self._device)

    @torch.inference_mode()
    def act(self, observation: Mapping[str, npt.NDArray[np.generic]]) -> npt.NDArray[np.float32]:
        """Map observations (B, n_obs_steps, ...) to actions (B, n_action_steps, A) in [-1, 1]."""
        inputs = {key: torch.as_tensor(np.ascontiguousarray(observation[key])) for key in self._keys}
        with exact_float32(self._device):
            actions = self._run(inputs)
        return actions.cpu().numpy().astype(np.float32, copy=False)

    def _chunk(self, inputs: Mapping[str, Tensor]) -> Tensor:
        codes = tuple(self._encode(inputs).unbind(0))
        chunk = self._regressor.predict_actions(codes)
        return self._normalizer.denormalize_actions(chunk[:, : self._network.n_action_steps])
