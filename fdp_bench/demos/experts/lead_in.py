"""Demonstrations that begin with trouble: an expert that misses on purpose, and then shows the way out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fdp_bench.demos.experts.grasp import GraspState
from fdp_bench.demos.experts.lift import LiftExpert

#: Share of episodes that start with a missed grasp, and the most control steps that it may take.
LEAD_IN_SHARE = 0.25
_LONGEST_LEAD_IN_STEPS = 70


class DemonstrationExpert:
    """An expert that in some episodes first gets itself into trouble, so that the data show the way out.

    The lead-in is a grasp at a misjudged place, beside the cube or above it, and a start to lift with empty
    fingers: where an imitator that aims badly finds itself. It is no example to follow: `leading_in` marks
    its steps, and readers leave them out.

    Args:
        rng: The episode's random stream.
        lead_in_share: Share of episodes with a lead-in, in [0, 1].
        make_expert: Makes the expert from the stream, with `retries` and `closing` as `LiftExpert` has them.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        lead_in_share: float = LEAD_IN_SHARE,
        make_expert: Callable[..., LiftExpert] = LiftExpert,
    ) -> None:
        self._rng = rng
        self._make_expert = make_expert
        self._leading_in = bool(rng.random() < lead_in_share)
        if rng.random() < 0.5:
            angle, radius = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.03, 0.06)
            self._misjudgement_m = np.array([radius * np.cos(angle), radius * np.sin(angle), 0.0])
        else:
            self._misjudgement_m = np.append(rng.uniform(-0.015, 0.015, 2), rng.uniform(0.035, 0.06))
        self._closing_steps_left = int(rng.integers(12, 19))
        self._lead_in_steps_left = _LONGEST_LEAD_IN_STEPS
        self._expert = make_expert(rng, retries=not self._leading_in)

    @property
    def leading_in(self) -> bool:
        """Whether the last action was part of the lead-in."""
        return self._leading_in

    def act(self, state: GraspState) -> npt.NDArray[np.float32]:
        """Choose the next action. See `LiftExpert.act`."""
        if self._leading_in and (self._closing_steps_left == 0 or self._lead_in_steps_left == 0):
            self._leading_in = False
            holding = self._expert.is_closing and state.finger_opening > self._expert.grip.missed_opening_m
            self._expert = self._make_expert(self._rng, closing=holding)
        if not self._leading_in:
            return self._expert.act(state)
        action = self._expert.act(replace(state, cube_position=state.cube_position + self._misjudgement_m))
        self._lead_in_steps_left -= 1
        self._closing_steps_left -= int(self._expert.is_closing)
        return action
