"""One policy calibrated, as `fdp-bench calibrate` and sweeps ask for it."""

from collections.abc import Callable, Iterator

from fdp_bench.api import Calibrated, CalibrationRequest, PlayedEpisode, Policy, SpecError
from fdp_bench.calibration.playing import Stage
from fdp_bench.runner.rollout.environment import DEFAULT_PROFILE
from fdp_bench.specs import find_policy

#: What is called with the number of episodes played so far.
Tick = Callable[[int], None]


def calibrate(
    text: str,
    task_id: str,
    request: CalibrationRequest,
    *,
    profile: str = DEFAULT_PROFILE,
    tick: Tick = lambda played: None,
) -> Calibrated:
    """Calibrate a policy on clean episodes, or find its calibration made.

    Args:
        text: Policy string.
        task_id: Gymnasium id.
        request: How.
        profile: Render profile of the built-in tasks.
        tick: Called after each episode.

    Raises:
        SpecError: If the policy has nothing to calibrate.
        FdpBenchError: Whatever else is wrong with the request.
    """
    kind, asked = find_policy(text)
    stage, played = Stage(task_id, profile, request.device), 0

    def play(policy: Policy, indices: range) -> Iterator[PlayedEpisode]:
        nonlocal played
        for episode in stage.play(policy, indices):
            played += 1
            tick(played)
            yield episode

    try:
        spec = kind.resolve(asked, stage.task)
        done = kind.calibrate(spec, stage.task, play, request)
    finally:
        stage.close()
    if done is None:
        raise SpecError(
            f"policy {str(spec)!r} has nothing to calibrate; policies that have override 'calibrate' "
            "(policies/README.md), fdp for instance"
        )
    return done
