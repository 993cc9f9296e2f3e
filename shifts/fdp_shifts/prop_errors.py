"""Wrong proprioception: `prop_noise`, `prop_bias` and `prop_drift`.

Scales are our own and in the units of a robot's sensors, so that a number means the same on every task. Severity 1 is
about as far as the arm moves in a whole episode of Lift: the reading says next to nothing. Level 1 is what a badly
calibrated arm shows: 3 degrees at each joint, 1 cm at the hand.
"""

from typing import ClassVar

from fdp_shifts.reading_errors import BiasShift, NoiseShift
from fdp_shifts.readings import Reading

#: Error of each component at severity 1: joints rad, position m, rotation rad about each axis, fingers m; components
#: that an environment says nothing of in the unit that they come in.
ERROR_SCALE = {"joint": 0.25, "position": 0.05, "rotation": 0.25, "finger": 0.02, "other": 0.25}
#: Control steps in which a drift reaches the scale (2 s at 20 Hz); it goes on at that rate.
DRIFT_STEPS = 40

_OPTIONS = {name: str(scale) for name, scale in ERROR_SCALE.items()}
_UNIT = {"joint": "rad", "position": "m", "rotation": "rad about each axis", "finger": "m"}
_OPTION_OF_KIND = {"joint": "joint", "position": "position", "quaternion": "rotation", "finger": "finger"}


class PropNoise(NoiseShift):
    """Gaussian noise on each reading of the joints, the hand's pose and the fingers.

    Options:
        joint: Standard deviation at severity 1 of each joint position, rad.
        position: Of each coordinate of the hand, m.
        rotation: Of the hand's rotation about each axis, rad.
        finger: Of each finger position, m.
        other: Of components that the environment says nothing of, in their own unit.
    """

    name = "prop_noise"
    summary = "Gaussian noise on the arm's own readings"
    option_values: ClassVar = _OPTIONS
    option_of_kind: ClassVar = _OPTION_OF_KIND
    parameter_of_option: ClassVar = {
        name: f"{name}: standard deviation, {unit}" for name, unit in _UNIT.items()
    }


class PropBias(BiasShift):
    """A constant error on each reading.

    Options:
        joint: Largest error at severity 1 of each joint position, rad.
        position: Of each coordinate of the hand, m.
        rotation: Of the hand's rotation about each axis, rad.
        finger: Of each finger position, m.
        other: Of components that the environment says nothing of, in their own unit.
    """

    name = "prop_bias"
    summary = "a constant error on the arm's own readings"
    option_values: ClassVar = _OPTIONS
    option_of_kind: ClassVar = _OPTION_OF_KIND
    parameter_of_option: ClassVar = {name: f"{name}: error up to, {unit}" for name, unit in _UNIT.items()}


class PropDrift(BiasShift):
    """An error that grows from nothing, at a constant rate, for as long as the episode lasts.

    Options:
        joint: Largest error at severity 1 of each joint position after 40 control steps, rad.
        position: Of each coordinate of the hand, m.
        rotation: Of the hand's rotation about each axis, rad.
        finger: Of each finger position, m.
        other: Of components that the environment says nothing of, in their own unit.
    """

    name = "prop_drift"
    summary = "an error on the arm's own readings that grows with time"
    option_values: ClassVar = _OPTIONS
    option_of_kind: ClassVar = _OPTION_OF_KIND
    parameter_of_option: ClassVar = {
        name: f"{name}: error after {DRIFT_STEPS} control steps up to, {unit}" for name, unit in _UNIT.items()
    }

    def errors_in_scales(self, key: str, size: int) -> Reading:
        """See `ErrorShift.errors_in_scales`."""
        return super().errors_in_scales(key, size) * self.step_count / DRIFT_STEPS
