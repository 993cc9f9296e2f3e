"""Whether a policy acts in the units that it states, found before a run."""

from collections.abc import Callable

import numpy as np

from fdp_bench.api.errors import SpecError
from fdp_bench.api.modality import Observation, TaskInfo
from fdp_bench.api.policy import Policy
from fdp_bench.runner.rollout.batched_policy import BatchedPolicy, PolicyError
from fdp_bench.runner.rollout.latency import plausible_observation
from fdp_bench.runner.rollout.record_fields import components_beyond

#: Share of a decision's components outside the bounds above which its policy is refused: it acts in other units.
_MOST_CUT = 0.5


def check_units(policy: Policy, task: TaskInfo, observe: Callable[[], Observation], timeout_s: float) -> None:
    """Refuse a policy most of whose actions would be cut to the task's bounds.

    It is asked about a plausible observation. Only where that looks wrong, it is asked about a true one, which decides:
    a network may answer anything to what it was not trained on.

    Args:
        policy: The policy, built for the task.
        task: The task.
        observe: Gives an observation of the task.
        timeout_s: Seconds that a decision may take.

    Raises:
        SpecError: If more than half of a decision's components lie outside the bounds.
    """
    plausible = {key: values[0, -1] for key, values in plausible_observation(policy, task, 1).items()}
    asked = BatchedPolicy(policy, task, 1, timeout_s)
    if _share_cut(asked, plausible)[0] <= _MOST_CUT:
        return
    share, largest = _share_cut(asked, observe())
    if share <= _MOST_CUT:
        return
    if policy.action_units == "environment":
        low, high = min(task.action_low, default=-1.0), max(task.action_high, default=1.0)
        rule = f"the bounds of {task.task_id}, {low:g} to {high:g}; it was made for another action space"
    else:
        own_units = 'in the environment\'s own units, state action_units = "environment"'
        rule = f"[-1, 1], up to {largest:.3g}; if they are {own_units}"
    raise SpecError(
        f"policy {str(policy.spec)!r} gives actions {100 * share:.0f}% of whose components lie outside {rule}"
    )


def _share_cut(policy: BatchedPolicy, shown: Observation) -> tuple[float, float]:
    """Share of a first decision's components outside [-1, 1] and the largest of them all; 0 for one that fails.

    What a policy raises when it is asked counts as a failure of the episode that asked.
    """
    observation = {key: np.stack([shown[key]] * policy.n_obs_steps) for key in policy.keys}
    noise = np.random.default_rng(0).standard_normal(policy.noise_shape, dtype=np.float32)
    try:
        policy.reset([0])
    except PolicyError:
        return 0.0, 0.0
    answer = policy.act({0: observation}, {0: noise})[0][0]
    if isinstance(answer, PolicyError):
        return 0.0, 0.0
    return components_beyond(answer) / answer.size, float(np.abs(answer).max(initial=0.0))
