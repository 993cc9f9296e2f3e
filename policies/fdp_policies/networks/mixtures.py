"""Experts that were trained apart and act together: their noise predictions, summed under weights.

Noise predictions are scores up to a factor that all experts share at a diffusion step, so summing one is summing the
other.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from fdp_policies.networks.denoisers import Codes, SingleDenoiser


class Mixture(nn.Module):
    r"""Denoisers on senses of their own; the sum of what they predict, weighted row by row.

    .. math:: \hat\epsilon(a_t, t, o) = \sum_i w_i(o)\, \epsilon_i(a_t, t, o_i), \qquad w_i \ge 0, \sum_i w_i = 1
    """

    experts: Sequence[SingleDenoiser]

    def __init__(self, experts: Sequence[SingleDenoiser]) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)  # type: ignore[assignment]

    def weights(self, codes: Codes) -> Tensor:
        """Weights of the experts, shape (B, E), from their codes, each (B, W)."""
        raise NotImplementedError

    def encode(self, observation: Mapping[str, Tensor]) -> Codes:
        """Encode normalized observations to one code an expert, each (B, W), and the experts' weights, (B, E)."""
        return self.weighted(tuple(expert.encoder(observation) for expert in self.experts))

    def weighted(self, codes: Codes) -> Codes:
        """The experts' codes with their weights behind them, as `predict_noise` wants them."""
        return (*codes, self.weights(codes))

    def predict_noise(self, noisy_actions: Tensor, step: Tensor, codes: Codes) -> Tensor:
        """Predict the noise in (B, T, A) at diffusion steps (B,)."""
        weights = codes[-1]
        summed = torch.zeros_like(noisy_actions)
        for index, expert in enumerate(self.experts):
            predicted: Tensor = expert.trunk(noisy_actions, step, codes[index])
            # Products and sums stay apart, as in `Sampler.reverse`: a row must not depend on its place.
            summed = summed + weights[:, index, None, None] * predicted
        return summed

    def trainable_state(self) -> dict[str, Tensor]:
        """All weights but the experts' own."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("experts.")}


class WeightedSum(Mixture):
    """Experts under fixed weights; equal ones until told otherwise.

    Attributes:
        share: The experts' weights up to a factor, shape (E,).
    """

    share: Tensor

    def __init__(self, experts: Sequence[SingleDenoiser]) -> None:
        super().__init__(experts)
        self.register_buffer("share", torch.ones(len(experts)))

    def weights(self, codes: Codes) -> Tensor:
        """See `Mixture.weights`: the same for every row."""
        return (self.share / self.share.sum()).expand(len(codes[0]), -1)


class Consensus(Mixture):
    """Experts under weights that a small network finds in what they see, once an action chunk.

    It is the weight predictor of Chen et al. (2025, arXiv 2509.23468, "soft gating"): a perceptron with one hidden
    layer on all experts' codes, and a softmax. It starts by weighing all alike.
    """

    def __init__(self, experts: Sequence[SingleDenoiser]) -> None:
        super().__init__(experts)
        widths = [expert.encoder.fuse.out_features for expert in experts]
        self.vote = nn.Sequential(
            nn.Linear(sum(widths), widths[0]), nn.ReLU(), nn.Linear(widths[0], len(experts))
        )
        for parameter in self.vote[-1].parameters():
            nn.init.zeros_(parameter)

    def weights(self, codes: Codes) -> Tensor:
        """See `Mixture.weights`."""
        votes: Tensor = self.vote(torch.cat(codes, dim=-1))
        return votes.float().softmax(-1)
