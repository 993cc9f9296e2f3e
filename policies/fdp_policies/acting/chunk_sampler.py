"""From a checkpoint to actions: networks rebuilt, and chunks sampled a batch at a time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fdp_bench.api import CheckpointError
from fdp_policies.checkpoints.check_shapes import check_fits
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.config import MIXTURES, SamplerConfig
from fdp_policies.diffusion import NoiseSchedule, Sampler
from fdp_policies.fast import ChunkProgram, EncodedProgram, Program, can_encode, can_stack
from fdp_policies.fast.graphs import GraphReplay, exact_float32
from fdp_policies.guard.networks import GuardedProgram, measure_signals, sample_plainly, watching
from fdp_policies.guard.sampling import Guard, watched
from fdp_policies.networks.backbones import Network, make_factorized, make_mixture, make_single
from fdp_policies.networks.bc_network import ActionRegressor
from fdp_policies.networks.normalizer import TensorNormalizer, prepare_observation

#: Name of the noise among a chunk's inputs; no observation key begins with a dash.
NOISE = "-noise"

Module = TypeVar("Module", bound=nn.Module)
#: Maps a chunk's inputs to its actions and, with a guard, to the rows that stepped aside.
Run = Callable[[Mapping[str, Tensor]], tuple[Tensor, ...]]


def load_denoiser(checkpoint: Checkpoint, device: str) -> Network:
    """Rebuild the network of a checkpoint, frozen parts that lie beside it included, all frozen and in float32.

    Raises:
        CheckpointError: If the weights do not fit the card, or a part is missing or not the very one.
    """
    parts = checkpoint.parts
    with _fitting(checkpoint):
        check_fits(checkpoint, lambda: _built(checkpoint, parts))
        network = _built(checkpoint, parts)
        state = {
            f"{prefix}{name}": value
            for prefix, part in parts.items()
            for name, value in part.tensors().items()
        }
        network.load_state_dict({**state, **checkpoint.tensors()})
    return ready(network, device)


def _built(checkpoint: Checkpoint, parts: Mapping[str, Checkpoint]) -> Network:
    """A checkpoint's network as it is before weights are loaded."""
    action_dim, composition = int(checkpoint.card["action_dim"]), checkpoint.card.get("composition", "block")
    made = [make_single(part.shapes, action_dim, part.network) for part in parts.values()]
    if composition in MIXTURES:
        return make_mixture(made, composition)
    if made:
        return make_factorized(
            made[0], checkpoint.shapes, action_dim, checkpoint.network, composition=composition
        )
    return make_single(checkpoint.shapes, action_dim, checkpoint.network)


def load_regressor(checkpoint: Checkpoint, device: str) -> ActionRegressor:
    """Rebuild the network of a checkpoint of ``bc``; see `load_denoiser`."""

    def build() -> ActionRegressor:
        return ActionRegressor(checkpoint.shapes, int(checkpoint.card["action_dim"]), checkpoint.network)

    with _fitting(checkpoint):
        check_fits(checkpoint, build)
        network = build()
        network.load_state_dict(checkpoint.tensors())
    return ready(network, device)


@contextmanager
def _fitting(checkpoint: Checkpoint) -> Iterator[None]:
    """Say in one line when weights do not fit their card."""
    try:
        yield
    except (RuntimeError, KeyError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f"the weights in {checkpoint.path} do not fit their card: {first_line}"
        ) from None


def ready(network: Module, device: str) -> Module:
    """A network as it acts: on its device, frozen."""
    if device == "cpu":
        # Workers share the cores: one intra-op thread each, and the same rounding everywhere.
        torch.set_num_threads(1)
    return network.to(device).eval().requires_grad_(False)


class ChunkSampler:
    """Samples action chunks: conditions encoded once a chunk, then the reverse process.

    `act` takes the fast path of `fdp_policies.fast`, on a GPU as one CUDA graph; `act_plainly` is the straightforward
    composition that it is held to.

    Attributes:
        aside: Whether each row of the latest chunk stepped aside, shape (B,); None without a guard.
    """

    def __init__(
        self,
        denoiser: Network,
        checkpoint: Checkpoint,
        config: SamplerConfig,
        device: str,
        guard: Guard | None = None,
    ) -> None:
        self.denoiser, self.device = denoiser, torch.device(device)
        self.guard = guard
        self.aside: npt.NDArray[np.bool_] | None = None
        self.sampler = Sampler(config, NoiseSchedule(checkpoint.diffusion))
        self.stored_normalizer = checkpoint.normalizer
        self.normalizer = TensorNormalizer(checkpoint.normalizer, device)
        self.network = checkpoint.network
        self.keys = tuple(checkpoint.shapes)
        self.noise_shape = (
            self.sampler.noise_draws,
            self.network.horizon,
            int(checkpoint.card["action_dim"]),
        )
        self._run: Run = self._plain
        kind = ChunkProgram if can_stack(denoiser) else EncodedProgram if can_encode(denoiser) else None
        if kind is not None:
            self._run = _run_of(kind(denoiser, self.sampler, self.normalizer, self.network), guard)
        if self.device.type == "cuda":
            self._run = GraphReplay(self._run, self.device)

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Sample a chunk for each row.

        Args:
            observation: Key -> array, shape (B, n_obs_steps, ...).
            noise: Standard normal noise, shape (B, *noise_shape).

        Returns:
            Actions, shape (B, n_action_steps, A), float32, in [-1, 1].
        """
        return self._act(self._run, observation, noise)

    def act_plainly(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """What `act` samples, up to rounding, by the plain modules: the oracle of tests and benchmarks."""
        return self._act(self._plain, observation, noise)

    @torch.inference_mode()
    def signals(
        self,
        observation: Mapping[str, npt.NDArray[np.generic]],
        noise: npt.NDArray[np.float32],
        keys: tuple[str, ...],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """What a guard would look at, by the plain modules; see `measure_signals`, and `act` for what is given."""
        inputs = {key: torch.as_tensor(np.ascontiguousarray(observation[key])) for key in self.keys}
        start = torch.as_tensor(noise).to(self.device)
        found = measure_signals(self.denoiser, self.sampler, keys, self._prepared(inputs), start)
        features, added = (None if each is None else each.cpu().numpy() for each in found)
        assert features is not None
        return features, added

    @torch.inference_mode()
    def features(self, observation: Mapping[str, Tensor], keys: tuple[str, ...]) -> npt.NDArray[np.float32]:
        """Features of some keys side by side, shape (B, D), of normalized observations."""
        features = watching(self.denoiser).features(observation)
        return watched(features, keys).cpu().numpy()

    @torch.inference_mode()
    def _act(
        self,
        run: Run,
        observation: Mapping[str, npt.NDArray[np.generic]],
        noise: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float32]:
        inputs = {key: torch.as_tensor(np.ascontiguousarray(observation[key])) for key in self.keys}
        inputs[NOISE] = torch.as_tensor(noise)
        with exact_float32(self.device):
            actions, *aside = run(inputs)
        self.aside = aside[0].cpu().numpy() if aside else None
        return actions.cpu().numpy().astype(np.float32, copy=False)

    def _plain(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        start = inputs[NOISE].to(self.device)
        chunk, *aside = sample_plainly(self.denoiser, self.sampler, self.guard, self._prepared(inputs), start)
        return self.normalizer.denormalize_actions(chunk[:, : self.network.n_action_steps]), *aside

    def _prepared(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return prepare_observation(inputs, self.keys, self.normalizer, self.network.crop_size, self.device)


def _run_of(program: Program, guard: Guard | None) -> Run:
    if guard is None:
        return lambda inputs: (program(inputs, inputs[NOISE]),)
    guarded = GuardedProgram(program, guard)
    return lambda inputs: guarded(inputs, inputs[NOISE])
