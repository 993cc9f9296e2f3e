"""Guarded chunks of networks: by the plain modules, and on the fast path; and their signals, for calibration."""

from collections.abc import Mapping

import torch
from torch import Tensor

from fdp_policies.diffusion import Sampler
from fdp_policies.fast import ChunkProgram, Program
from fdp_policies.fast.trunk import StackedTrunk
from fdp_policies.guard.sampling import Guard, PredictBase, contribution, sample_guarded, watched
from fdp_policies.networks.backbones import Network
from fdp_policies.networks.denoisers import Codes, FactorizedNetwork, SingleDenoiser, prediction_at
from fdp_policies.networks.encoders import ObservationEncoder


def sample_plainly(
    denoiser: Network, sampler: Sampler, guard: Guard | None, observation: Mapping[str, Tensor], noise: Tensor
) -> tuple[Tensor, ...]:
    """Sample normalized actions (B, T, A) by the plain modules, and with a guard the rows that step aside, (B,).

    Args:
        denoiser: The network. One without a residual samples all rows by itself: its fallback is another network.
        sampler: The reverse process.
        guard: The guard; None for none.
        observation: Normalized observations.
        noise: See `Sampler.reverse`.
    """
    if guard is None:
        codes = denoiser.encode(observation)
        return (sampler.sample(lambda actions, step: denoiser.predict_noise(actions, step, codes), noise),)
    codes, features = _encode_watched(denoiser, observation)
    predict, distance = prediction_at(denoiser, sampler.steps, codes), guard.distance(features)
    if not isinstance(denoiser, FactorizedNetwork):
        chunk = sampler.reverse(lambda actions, index: predict(actions, index, None), noise)
        return chunk, guard.steps_aside(distance)
    return sample_guarded(sampler, guard, distance, predict, _first_of_base(denoiser, sampler, codes), noise)


def measure_signals(
    denoiser: Network,
    sampler: Sampler,
    keys: tuple[str, ...],
    observation: Mapping[str, Tensor],
    noise: Tensor,
) -> tuple[Tensor, Tensor | None]:
    """Watched features, shape (B, D), and the residual's contribution, (B,), or None where there is no residual.

    Args:
        denoiser: The network.
        sampler: The reverse process.
        keys: Observation keys to watch.
        observation: Normalized observations.
        noise: See `Sampler.reverse`.
    """
    codes, features = _encode_watched(denoiser, observation)
    if not isinstance(denoiser, FactorizedNetwork):
        return watched(features, keys), None
    composed = prediction_at(denoiser, sampler.steps, codes)(noise[:, 0], 0, None)
    base = _first_of_base(denoiser, sampler, codes)(noise[:, 0])
    return watched(features, keys), contribution(composed, base)


class GuardedProgram:
    """A `Program` whose rows may become the base's at the first denoising step; beyond it, it costs no second chain."""

    def __init__(self, program: Program, guard: Guard) -> None:
        self._program, self._guard = program, guard
        denoiser, steps = program.denoiser, program.sampler.steps
        self._base_trunk: StackedTrunk | None = None
        if isinstance(program, ChunkProgram) and isinstance(denoiser, FactorizedNetwork):
            with torch.no_grad():
                self._base_trunk = StackedTrunk(denoiser.base, steps[:1])

    @torch.inference_mode()
    def __call__(self, observation: Mapping[str, Tensor], noise: Tensor) -> tuple[Tensor, Tensor]:
        """Sample a chunk for each row; see `Program.__call__`.

        Returns:
            Actions, and the rows that step aside, shape (B,). Where the network has no residual, the actions are its
            own in every row.
        """
        program, guard = self._program, self._guard
        features = program.features(observation)
        codes, distance = program.codes(features), guard.distance(features[-1])
        predict, sampler = program.prediction(codes), program.sampler
        if not isinstance(program.denoiser, FactorizedNetwork):
            chunk = sampler.reverse(lambda actions, index: predict(actions, index, None), noise)
            return program.actions(chunk), guard.steps_aside(distance)
        base = self._first_of_base(program.denoiser, codes)
        chunk, aside = sample_guarded(sampler, guard, distance, predict, base, noise)
        return program.actions(chunk), aside

    def _first_of_base(self, denoiser: FactorizedNetwork, codes: Tensor) -> PredictBase:
        trunk = self._base_trunk
        if trunk is None:
            return _first_of_base(denoiser, self._program.sampler, tuple(codes.unbind(0)))
        modulation = trunk.modulations(codes[:1])[0]
        return lambda actions: trunk.predict_noise(actions, modulation)


def _first_of_base(denoiser: FactorizedNetwork, sampler: Sampler, codes: Codes) -> PredictBase:
    """The base's prediction at the first visited step, by the plain modules."""
    predict = prediction_at(denoiser.base, sampler.steps, codes[:1])
    return lambda actions: predict(actions, 0, None)


def _encode_watched(denoiser: Network, observation: Mapping[str, Tensor]) -> tuple[Codes, dict[str, Tensor]]:
    """What `encode` returns, and the features behind it of the network that reads the watched keys."""
    encoder = watching(denoiser)
    features = encoder.features(observation)
    code = encoder.join(features)
    if isinstance(denoiser, FactorizedNetwork):
        return (*denoiser.base.encode(observation), code), features
    return (code,), features


def watching(denoiser: Network) -> ObservationEncoder:
    """The encoder whose features are watched: the residual's, or the only one."""
    if isinstance(denoiser, FactorizedNetwork):
        return denoiser.residual.encoder
    if isinstance(denoiser, SingleDenoiser):
        return denoiser.encoder
    raise TypeError(f"{type(denoiser).__name__} has no guard")
