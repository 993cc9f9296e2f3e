"""What one decision of a policy costs by itself: asked about a single episode, without the runner's padding.

In a run every decision is batched, with a constant number of rows (docs/design.md, "Determinism"), so its waiting times
say little about a policy on a robot. This probe asks for one row. Its figures stand in the manifest under the policy as
``latency_ms``, and `fdp_bench.report.tables.summary.summarize` takes them.
"""

import time
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fdp_bench.api.modality import TaskInfo, image_keys
from fdp_bench.api.policy import Policy
from fdp_bench.runner.rollout.batched_policy import policy_keys

#: Calls before the first timed one: caches fill, a GPU records what it will replay.
_WARM_UP_CALLS = 2


def probe_latency_ms(
    policy: Policy, task: TaskInfo, *, batch: int = 1, repeats: int = 20, budget_s: float = 1.0
) -> tuple[float, ...]:
    """Time `act` on a plausible observation, of `batch` rows and no more.

    Args:
        policy: The policy, built for the task; asked about new episodes, one a row.
        task: The task.
        batch: Rows, >= 1; 1 is what a robot asks.
        repeats: Timed calls, >= 1.
        budget_s: No further call is timed once this much wall time has passed, so that a dear policy is timed once.

    Returns:
        Wall time of each timed call in milliseconds, from NumPy arrays to NumPy arrays, encoders included.

    Raises:
        SpecError: If the policy reads a modality that the task does not offer.
        Exception: Whatever the policy raises.
    """
    observation = plausible_observation(policy, task, batch)
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((batch, *policy.noise_shape), dtype=np.float32)
    policy.reset(np.arange(batch))
    times: list[float] = []
    begun = time.perf_counter()
    for call in range(_WARM_UP_CALLS + repeats):
        start = time.perf_counter()
        policy.act(observation, noise)
        end = time.perf_counter()
        if call >= _WARM_UP_CALLS:
            times.append((end - start) * 1e3)
        if times and end - begun > budget_s:
            break
    return tuple(times)


def plausible_observation(
    policy: Policy, task: TaskInfo, batch: int
) -> Mapping[str, npt.NDArray[np.generic]]:
    """What a policy might be shown: frames of noise, zeros for everything else.

    Returns:
        Key -> array, shape (batch, n_obs_steps, ...), for the keys that the policy reads.
    """
    generator, frames = np.random.default_rng(0), image_keys(task.observation_shapes)
    shown: dict[str, npt.NDArray[np.generic]] = {}
    for key in policy_keys(policy, task):
        shape = (batch, policy.n_obs_steps, *task.observation_shapes[key])
        if key in frames:
            shown[key] = generator.integers(0, 256, shape, dtype=np.uint8)
        else:
            shown[key] = np.zeros(shape, dtype=np.float32)
    return shown
