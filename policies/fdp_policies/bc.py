"""``bc``: behaviour cloning by plain regression, the floor that a diffusion policy should stand above."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import PolicySpec, TaskInfo
from fdp_policies.acting.learned_policy import LearnedPolicy, open_checkpoint
from fdp_policies.checkpoints.policy_spec import architecture_of


class RegressionPolicy(LearnedPolicy):
    """Behaviour cloning (Pomerleau 1989, "ALVINN"): actions regressed on what is seen, by their squared error.

    It shares encoders, normalizer, chunks and training loop with the diffusion policies. Where the demonstrations
    are of several minds its answer is their mean, which is what diffusion is there to avoid (Chi et al. 2023).
    """

    summary: ClassVar[str] = "behaviour cloning by plain regression of action chunks"
    bundled_tasks: ClassVar[tuple[str, ...] | None] = ()

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        """Load the weights.

        Raises:
            SpecError: If an option is not understood.
            CheckpointError: If weights are missing, damaged, pickled, or made for other senses or another task.
        """
        super().__init__(spec, task, device=device)
        from fdp_policies.acting.chunk_regressor import ChunkRegressor

        checkpoint = open_checkpoint(spec, task)
        self.modalities = architecture_of(spec, task).modalities
        self.n_obs_steps = checkpoint.network.n_obs_steps
        self.n_action_steps = checkpoint.network.n_action_steps
        self._regressor = ChunkRegressor(checkpoint, device)

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        del noise
        return self._regressor.act(observation)
