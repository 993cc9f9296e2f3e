"""``random``: actions that know nothing, the zero of every table."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Policy, PolicySpec, SpecError, TaskInfo

#: Actions of a chunk: as many as the diffusion policies execute before they look again.
_CHUNK = 8


class RandomPolicy(Policy):
    """Every component of every action uniform in [-1, 1], whatever is seen.

    The zero of normalized scores, as in D4RL (Fu et al. 2020, arXiv 2004.07219): a policy no better than this has
    learned nothing, and a task where this succeeds tests nothing.
    """

    summary: ClassVar[str] = "actions uniform at random"
    option_values: ClassVar = {}

    n_action_steps = _CHUNK

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        super().__init__(spec, task, device=device)
        # Something must be named; a sense that no camera has to be drawn for, where there is one.
        without_camera = [
            name
            for name, keys in task.modalities.items()
            if not any(key.startswith("image.") for key in keys)
        ]
        self.modalities = tuple((without_camera or list(task.modalities))[:1])

    @classmethod
    def resolve(cls, spec: PolicySpec, task: TaskInfo) -> PolicySpec:
        """See `Policy.resolve`; an order and weights mean nothing to it."""
        if spec.order or spec.checkpoint:
            raise SpecError(
                f"policy {str(spec)!r}: 'random' takes neither an order nor weights; write 'random'"
            )
        return super().resolve(spec, task)

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """(n_action_steps, A)."""
        return (self.n_action_steps, self.task.action_dim)

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        from scipy.special import ndtr

        del observation
        # The normal distribution function of a normal number is uniform.
        actions: npt.NDArray[np.float32] = (2.0 * ndtr(noise) - 1.0).astype(np.float32)
        return actions
