"""One gradient step: loss, gradient, optimizer and moving average, as few passes over the weights as there are."""

import copy
import sys

import torch
from torch import Tensor, nn

from fdp_policies.config import TrainingConfig
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.training.data import Batch
from fdp_policies.training.losses import NoiseDraws
from fdp_policies.training.objective import NOISE_PREDICTION, Loss, Objective


class GradientStep:
    """A network with its optimizer and moving average, moved by one batch at a time.

    Parameters that do not require gradients, such as an FDP's frozen base, are neither moved nor averaged; gradients
    still flow through them to what feeds them.

    Attributes:
        network: What is trained.
        average: Its exponential moving average, which is what is kept.
        trained: Name -> parameter, of those that are trained.
        averages: The same parameters of `average`, in the same order.
        optimizer: AdamW.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainingConfig,
        schedule: NoiseSchedule,
        *,
        objective: Objective = NOISE_PREDICTION,
        compiled: bool = False,
    ) -> None:
        """Start at the network's weights.

        Args:
            network: The network, on the device that it trains on.
            config: The recipe.
            schedule: The forward process, on the same device.
            objective: What is minimized.
            compiled: Whether to compile network and loss. Where that fails, the step goes on as it was written and
                says so.
        """
        self.network, self.config, self.schedule = network, config, schedule
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
        averages = dict(self.average.named_parameters())
        self.averages: list[Tensor] = [averages[name] for name in self.trained]
        self._weights: list[Tensor] = [p.detach() for p in self.trained.values()]
        self.optimizer = torch.optim.AdamW(
            list(self.trained.values()),
            lr=0.0,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.95),
            fused=True,
        )
        self._loss_weight = schedule.loss_weight(config.loss_weight, config.min_snr_gamma)
        self._loss: Loss = objective.loss
        self._untried: Loss | None = torch.compile(objective.loss, dynamic=False) if compiled else None

    def __call__(self, batch: Batch, drawn: NoiseDraws, *, number: int, learning_rate: float) -> Tensor:
        """Take a step.

        Args:
            batch: Normalized windows.
            drawn: Diffusion steps and noise.
            number: Steps taken before this one.
            learning_rate: Learning rate of this step.

        Returns:
            The loss before the step, a scalar on the device: reading it is what waits for the device.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        loss = self._gradient(batch, drawn)
        nn.utils.clip_grad_norm_(self.trained.values(), self.config.max_gradient_norm, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        # The average forgets its random start quickly, then settles at the configured decay.
        decay = min(self.config.ema_decay, (1 + number) / (10 + number))
        torch._foreach_lerp_(self.averages, self._weights, 1 - decay)
        return loss

    def autocast(self) -> torch.autocast:
        """The precision that the recipe asks for."""
        device = self.schedule.alphas_cumprod.device
        return torch.autocast(device.type, torch.bfloat16, enabled=self.config.precision == "bf16")

    def _gradient(self, batch: Batch, drawn: NoiseDraws) -> Tensor:
        if self._untried is not None:
            compiled, self._untried = self._untried, None
            try:
                loss = self._backward(compiled, batch, drawn)
            except RuntimeError as error:
                reason = str(error).strip().partition("\n")[0]
                print(
                    f"warning: the network cannot be compiled here ({reason}); going on without",
                    file=sys.stderr,
                )
                self.optimizer.zero_grad(set_to_none=True)
            else:
                self._loss = compiled
                return loss
        return self._backward(self._loss, batch, drawn)

    def _backward(self, loss_function: Loss, batch: Batch, drawn: NoiseDraws) -> Tensor:
        with self.autocast():
            loss = loss_function(self.network, batch, self.schedule, self._loss_weight, drawn)
        torch.autograd.backward(loss)
        return loss.detach()
