"""What a policy shows of its inside to `fdp-bench diagnose`; all of it optional."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

#: A secondary sense is not listened to when shuffling it raises the held-out loss by less than this share (the
#: project's own choice: in its trials a blind residual's loss rose by 0.5%, a listening one's by 45%, those of the
#: bundled policies by 10 to 220%; docs/design.md, "The lazy residual").
LAZY_RISE = 0.05
#: A base is overfitted when its held-out loss ends this share above its lowest (the project's own choice: about ten
#: times what the plateau rule calls a standstill).
OVERFIT_RISE = 0.05


@dataclass(frozen=True)
class Contribution:
    """How much a residual adds to its base, along the denoising of the policy's own actions.

    Attributes:
        steps: Diffusion steps visited, noisiest first, shape (S,).
        joints: Where the residual's stream joins the base's, in order, shape (J,); empty where only predictions are
            summed.
        streams: Norm of what is added over the norm of the base's stream that it is added to, shape (S, J).
        noise: Norm of the change of the predicted noise over the norm of the base's prediction, shape (S,).
    """

    steps: tuple[int, ...]
    joints: tuple[str, ...]
    streams: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]


@dataclass(frozen=True)
class WeightFacts:
    """What a factorized policy's weights and card say before anything is run.

    Attributes:
        joint_norms: Joint -> Frobenius norm of its layer Z; empty where there are no such layers.
        frozen_base_sha256: Hash over the base's weights when they were frozen, as the card recorded it; empty where it
            did not.
        base_sha256: Hash over the base's weights that are loaded now.
    """

    joint_norms: Mapping[str, float] = field(default_factory=dict)
    frozen_base_sha256: str = ""
    base_sha256: str = ""


@dataclass(frozen=True)
class HeldOutLosses:
    """Noise-prediction losses on held-out demonstrations.

    Attributes:
        source: ``"card"`` for those that training recorded, ``"measured"`` for those computed now.
        whole: Loss of the whole policy.
        base: Loss of its base alone; None where it has none.
        base_on_training: Loss of the base on demonstrations that it was trained on; None where nobody measured it.
        base_history: (gradient step, held-out loss) of the base's training, in order.
        shuffled: Modality -> loss when that modality is another demonstration's.
        rise: Modality -> (low, mean, high), relative rise by shuffling with its 95% interval.
        unseen: Whether the demonstrations are known not to have been trained on.
    """

    source: str
    whole: float
    base: float | None = None
    base_on_training: float | None = None
    base_history: tuple[tuple[int, float], ...] = ()
    shuffled: Mapping[str, float] = field(default_factory=dict)
    rise: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    unseen: bool = True


class Inspector(ABC):
    """A policy opened for diagnosis: it acts like the policy, and under conditions that the policy knows nothing of.

    Attributes:
        modalities, n_obs_steps, n_action_steps: As of the policy.
        masks: Whether `act` can mask modalities.
        secondary: Modalities that only a residual reads; empty for a policy without one.
    """

    modalities: tuple[str, ...]
    n_obs_steps: int = 1
    n_action_steps: int = 1
    masks: bool = False
    secondary: tuple[str, ...] = ()

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """See `Policy.noise_shape`."""
        return ()

    @abstractmethod
    def act(
        self,
        observation: Mapping[str, npt.NDArray[np.generic]],
        noise: npt.NDArray[np.float32],
        *,
        masked: Sequence[str] = (),
        base_only: bool = False,
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`.

        Args:
            observation: Observation key -> array, shape (B, n_obs_steps, ...).
            noise: Standard normal noise, shape (B, *noise_shape).
            masked: Modalities replaced by the middle of their normalized range; () unless `masks`.
            base_only: Whether the base acts alone; only where `secondary` names something.
        """

    def reset(self, lanes: npt.NDArray[np.int64]) -> None:  # noqa: B027
        """See `Policy.reset`."""

    def fallbacks(self) -> npt.NDArray[np.bool_] | None:
        """See `Policy.fallbacks`."""
        return None

    def contribution(
        self,
        observation: Mapping[str, npt.NDArray[np.generic]],
        noise: npt.NDArray[np.float32],
        *,
        masked: Sequence[str] = (),
    ) -> Contribution | None:
        """How much the residual adds on these observations; None without a residual."""
        del observation, noise, masked
        return None

    def weight_facts(self) -> WeightFacts | None:
        """What the weights say; None without a base and a residual."""
        return None

    def recorded_losses(self) -> HeldOutLosses | None:
        """Losses that training recorded; None where it recorded none."""
        return None

    def measured_losses(self, data: Path) -> HeldOutLosses | None:
        """Losses on a demonstration file, measured now; None where the policy has no such loss.

        Raises:
            DatasetError: If the file cannot be read or is of another task.
        """
        del data
        return None


@dataclass(frozen=True)
class TheoryLevel:
    """Errors of a learned score against its closed form at one noise level.

    Attributes:
        step: Diffusion step.
        noise_rate: Standard deviation of the noise in the noisy action, in (0, 1).
        likelihood: Relative error of the residual against the score of p(secondary | noisy action, base).
        joint: Relative error of base plus residual against the score of p(noisy action | base, secondary).
        base_alone: Relative error of the base alone against that same joint score: what the residual has to mend.
    """

    step: int
    noise_rate: float
    likelihood: float
    joint: float
    base_alone: float


@dataclass(frozen=True)
class TheoryCheck:
    """A numerical check of the score identity behind a policy, on a problem that can be solved by hand.

    Attributes:
        statement: What was checked, in words.
        levels: Errors by noise level.
        likelihood: Relative error of the residual over all noise levels.
        joint: Relative error of base plus residual over all noise levels.
        untrained: Relative error of a residual that was not trained, for comparison.
        bound: Relative error under which the check counts as passed.
        gradient_steps: Gradient steps that the residual was trained for.
    """

    statement: str
    levels: tuple[TheoryLevel, ...]
    likelihood: float
    joint: float
    untrained: float
    bound: float
    gradient_steps: int

    @property
    def passed(self) -> bool:
        """Whether both errors lie under the bound."""
        return self.likelihood <= self.bound and self.joint <= self.bound
