"""Denoisers: a DiT with its encoders, and FDP's composition of a frozen base with a residual."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from fdp_policies.config import NetworkConfig
from fdp_policies.networks.dit import DiT
from fdp_policies.networks.encoders import ObservationEncoder

#: What `encode` returns: one code for each DiT inside, shape (B, W).
Codes = tuple[Tensor, ...]
#: Maps noisy actions (B, T, A), the number of the visited step, and which rows keep their residual, (B, 1, 1) or None
#: for all, to predicted noise (B, T, A).
Predict = Callable[[Tensor, int, Tensor | None], Tensor]


class Denoiser(Protocol):
    """What samplers and losses need: encode once an action chunk, predict noise many times."""

    def encode(self, observation: Mapping[str, Tensor]) -> Codes:
        """Encode normalized observations."""

    def predict_noise(self, noisy_actions: Tensor, step: Tensor, codes: Codes) -> Tensor:
        """Predict the noise in (B, T, A) at diffusion steps (B,)."""


class SingleDenoiser(nn.Module):
    """One denoising network conditioned jointly on all the keys that it reads: encoders, and a trunk behind them."""

    encoder: ObservationEncoder
    trunk: nn.Module

    def encode(self, observation: Mapping[str, Tensor]) -> Codes:
        """Encode normalized observations to one code, (B, W)."""
        return (self.encoder(observation),)

    def predict_noise(self, noisy_actions: Tensor, step: Tensor, codes: Codes) -> Tensor:
        """Predict the noise in (B, T, A) at diffusion steps (B,)."""
        noise: Tensor = self.trunk(noisy_actions, step, codes[0])
        return noise


class DiffusionTransformer(SingleDenoiser):
    """A `SingleDenoiser` whose trunk is a DiT: DP-DiT, and each unimodal base."""

    trunk: DiT

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        action_dim: int,
        config: NetworkConfig,
        *,
        zero_gate: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = ObservationEncoder(shapes, config)
        self.trunk = DiT(action_dim, config, zero_gate=zero_gate)


class FactorizedNetwork(nn.Module):
    r"""FDP (arXiv 2509.16830): a base on the prioritized modalities and a residual on all, whatever denoises.

    With ``composition="block"`` the residual's features are added to the base's behind every block, through layers Z
    that start at zero; subclasses say how. With ``composition="score"`` there is no Z: the noise predictions are
    summed once, at the end. Either way the composition equals the base bit for bit before training, unless an
    ablation asks for Z without zeros.

    The paper's score identity behind it: the score of p(a | base, rest) is the score of p(a | base) plus that of
    p(rest | a, base), which is what the residual learns.
    """

    base: SingleDenoiser
    residual: SingleDenoiser
    zero_layers: nn.ModuleList

    def __init__(
        self,
        base: SingleDenoiser,
        shapes: Mapping[str, tuple[int, ...]],
        action_dim: int,
        config: NetworkConfig,
        *,
        composition: str = "block",
        zero_init: bool = True,
    ) -> None:
        super().__init__()
        self.base = base
        self.composition = composition
        self.residual = self._make_residual(shapes, action_dim, config)
        if composition == "block":
            self.zero_layers = nn.ModuleList(self._make_joints(config, zero_init=zero_init))
            # The composition leaves by the base's head; a second one would be dead weight.
            self.residual.trunk.head = None  # type: ignore[assignment]
        elif zero_init:
            self._silence_residual()

    def _make_residual(
        self, shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig
    ) -> SingleDenoiser:
        """The residual's network, of random weights."""
        raise NotImplementedError

    def _make_joints(self, config: NetworkConfig, *, zero_init: bool) -> Iterable[nn.Module]:
        """The layers Z, first to last."""
        raise NotImplementedError

    def _silence_residual(self) -> None:
        """Let the residual's own prediction start at zero."""
        raise NotImplementedError

    def encode(self, observation: Mapping[str, Tensor]) -> Codes:
        """Encode normalized observations to (base code, residual code), each (B, W)."""
        return (*self.base.encode(observation), *self.residual.encode(observation))

    def predict_noise(
        self, noisy_actions: Tensor, step: Tensor, codes: Codes, kept: Tensor | None = None
    ) -> Tensor:
        """Predict the noise in (B, T, A) at diffusion steps (B,).

        Args:
            noisy_actions: Shape (B, T, A).
            step: Diffusion steps, shape (B,).
            codes: What `encode` returned.
            kept: Rows that keep their residual, shape (B, 1, 1); the others are the base's. None for all.
        """
        if self.composition == "score":
            base: Tensor = self.base.trunk(noisy_actions, step, codes[0])
            residual: Tensor = self.residual.trunk(noisy_actions, step, codes[1])
            return base + where_kept(residual, kept)
        return self._predict_joined(noisy_actions, step, codes, kept)

    def _predict_joined(
        self, noisy_actions: Tensor, step: Tensor, codes: Codes, kept: Tensor | None
    ) -> Tensor:
        """`predict_noise` of a composition by blocks."""
        raise NotImplementedError

    def trainable_state(self) -> dict[str, Tensor]:
        """The residual's and Z's weights: all but the base's."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("base.")}


class FactorizedDenoiser(FactorizedNetwork):
    r"""FDP on transformers.

    With ``composition="block"`` the tokens after embedding and after each of the N blocks are

    .. math:: h^b_i = B_i(h^b_{i-1}) + Z_i\, h^r_i, \qquad h^r_i = R_i(h^r_{i-1}),

    with N + 1 zero-initialized linear layers Z; the base's head reads the corrected stream. A residual whose score is
    summed ends in a head that starts at zero.
    """

    base: DiffusionTransformer
    residual: DiffusionTransformer

    def _make_residual(
        self, shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig
    ) -> DiffusionTransformer:
        return DiffusionTransformer(shapes, action_dim, config, zero_gate=False)

    def _make_joints(self, config: NetworkConfig, *, zero_init: bool) -> Iterable[nn.Module]:
        layer = zero_linear if zero_init else nn.Linear
        return (layer(config.width, config.width) for _ in range(config.depth + 1))

    def _silence_residual(self) -> None:
        """A transformer's head starts at zero as it is."""

    def _predict_joined(
        self, noisy_actions: Tensor, step: Tensor, codes: Codes, kept: Tensor | None
    ) -> Tensor:
        base, residual = self.base.trunk, self.residual.trunk
        base_condition = base.condition(step, codes[0])
        residual_condition = residual.condition(step, codes[1])
        residual_tokens = residual.embed(noisy_actions)
        base_tokens = base.embed(noisy_actions) + where_kept(self.zero_layers[0](residual_tokens), kept)
        for index in range(len(base.blocks)):
            residual_tokens = residual.blocks[index](residual_tokens, residual_condition)
            base_tokens = base.blocks[index](base_tokens, base_condition)
            base_tokens = base_tokens + where_kept(self.zero_layers[index + 1](residual_tokens), kept)
        noise: Tensor = base.head(base_tokens, base_condition)
        return noise


def where_kept(added: Tensor, kept: Tensor | None) -> Tensor:
    """What a residual adds, and zero in the rows that are the base's; see `FactorizedNetwork.predict_noise`."""
    return added if kept is None else torch.where(kept, added, torch.zeros_like(added))


def prediction_at(denoiser: Denoiser, steps: Sequence[int], codes: Codes) -> Predict:
    """What a denoiser predicts at the diffusion steps that a sampler visits, given what its `encode` returned."""

    def predict(actions: Tensor, index: int, kept: Tensor | None) -> Tensor:
        step = torch.full((len(actions),), steps[index], device=actions.device)
        if kept is not None and isinstance(denoiser, FactorizedNetwork):
            return denoiser.predict_noise(actions, step, codes, kept)
        return denoiser.predict_noise(actions, step, codes)

    return predict


def zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer whose weight and bias are zero."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def repeat_codes(codes: Codes, times: int) -> Codes:
    """Repeat each row of each code, for several noise draws an encoded observation."""
    return codes if times == 1 else tuple(torch.repeat_interleave(code, times, dim=0) for code in codes)
