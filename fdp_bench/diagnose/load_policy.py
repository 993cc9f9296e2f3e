"""Opening a policy for diagnosis: by its own inspector where it has one, else as a black box."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fdp_bench.api import (
    CheckpointError,
    FdpBenchError,
    Inspector,
    PluginError,
    Policy,
    SpecError,
    TaskInfo,
    Training,
    nearest,
)
from fdp_bench.specs import resolve_policy


@dataclass(frozen=True)
class OpenedPolicy:
    """A policy that can be asked.

    Attributes:
        spec: Canonical string, completed by the policy.
        sha256: Hash over its weights; empty where it has none, or where what lies there does not belong together.
        train_demos: Demonstrations that it was trained on; None where nobody knows.
        inspector: What answers.
    """

    spec: str
    sha256: str
    train_demos: int | None
    inspector: Inspector


class BlackBox(Inspector):
    """A policy that shows nothing of its inside: it can be given other senses, and no more."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.modalities = policy.modalities
        self.n_obs_steps, self.n_action_steps = policy.n_obs_steps, policy.n_action_steps

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """See `Policy.noise_shape`."""
        return tuple(self.policy.noise_shape)

    def act(
        self,
        observation: Mapping[str, npt.NDArray[np.generic]],
        noise: npt.NDArray[np.float32],
        *,
        masked: Sequence[str] = (),
        base_only: bool = False,
    ) -> npt.NDArray[np.float32]:
        """See `Inspector.act`; nothing can be masked or left out."""
        if masked or base_only:
            raise NotImplementedError(f"policy {str(self.policy.spec)!r} offers no diagnosis of its inside")
        return self.policy.act(observation, noise)

    def reset(self, lanes: npt.NDArray[np.int64]) -> None:
        """See `Policy.reset`."""
        self.policy.reset(lanes)

    def fallbacks(self) -> npt.NDArray[np.bool_] | None:
        """See `Policy.fallbacks`."""
        return self.policy.fallbacks()


def open_policy(text: str, task: TaskInfo, device: str) -> OpenedPolicy:
    """Resolve a policy string and open it.

    Raises:
        SpecError: If the string is malformed or names something unknown.
        CheckpointError: If it has no weights.
        PluginError: If the plugin fails in a way that it does not explain.
    """
    from fdp_bench.runner.rollout.preflight import build_policy

    kind, spec = resolve_policy(text, task)
    weights = kind.weights(spec, task)
    if weights.needs_calibration:
        raise CheckpointError(weights.source)
    try:
        inspector = kind.diagnose(spec, task, device=device)
        if inspector is None:
            if not weights.available:
                raise CheckpointError(
                    f"policy {str(spec)!r} has no weights for task {task.task_id!r}: {weights.source}"
                )
            inspector = BlackBox(build_policy(spec, task, device))
    except FdpBenchError:
        raise
    except Exception as error:
        raise PluginError(
            f"policy {str(spec)!r} cannot be opened: {type(error).__name__}: {error}"
        ) from error
    for name in inspector.modalities:
        if name not in task.modalities:
            raise SpecError(
                f"policy {str(spec)!r} reads modality {name!r}, which task {task.task_id!r} does not "
                f"offer{nearest(name, task.modalities)}"
            )
    return OpenedPolicy(str(spec), weights.sha256, Training.from_card(weights.card).demos, inspector)
