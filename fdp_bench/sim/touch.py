"""Touch: what a force and torque sensor at the wrist and one in each finger read.

The wrist's readings are robosuite's own sensors of the gripper; the fingers' are summed from MuJoCo's contacts.
Nothing of it is computed before somebody reads it, and nothing is written to the simulation.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: A force of this many newtons reads 1: the most that one of the gripper's fingers can push in robosuite's model.
FORCE_SCALE_N = 20.0
#: A torque of this many newton metres reads 1: the force above at the tip of the fingers, 10 cm from the sensor.
TORQUE_SCALE_NM = 2.0
#: Readings end at plus and minus this, 200 N and 20 N m, as those of a sensor of the arm's size do.
SATURATION = 10.0
#: Raised whenever the same state comes to read otherwise; each demonstration file says which its readings are of.
TOUCH_VERSION = 1

#: What each component is, in words that shifts of touch know; forces in x, y, z.
TOUCH_COMPONENTS = ("force",) * 3 + ("torque",) * 3 + ("left_finger",) * 3 + ("right_finger",) * 3
_SCALES = np.array([TORQUE_SCALE_NM if kind == "torque" else FORCE_SCALE_N for kind in TOUCH_COMPONENTS])

_FORCE_SENSOR, _TORQUE_SENSOR = "gripper0_right_force_ee", "gripper0_right_torque_ee"
_SITE = "gripper0_right_ft_frame"
#: Bodies of the left and of the right finger, each with its tip.
_FINGERS = (
    ("gripper0_right_leftfinger", "gripper0_right_finger_joint1_tip"),
    ("gripper0_right_rightfinger", "gripper0_right_finger_joint2_tip"),
)


class TouchSensor:
    """Reads touch as of the last physics step, in the frame of the wrist's sensor (z out of the hand).

    A reading, float32 (12,), in units of `FORCE_SCALE_N` and `TORQUE_SCALE_NM`, each in [-`SATURATION`, `SATURATION`]:

    - the force that the arm exerts on the gripper, 3: in free air it carries the gripper's weight, 5.1 N;
    - the torque likewise, 3, about the sensor;
    - the force that everything else exerts on the left finger, 3, the other finger included; and on the right, 3.

    Args:
        model: Physics model, `mujoco.MjModel`, with robosuite's Panda gripper.
        data: Its `mujoco.MjData`; only read.
    """

    def __init__(self, model: Any, data: Any) -> None:
        self._model, self._data = model, data
        self._scratch: Any = None
        self._sensors = [*_addresses(model, _FORCE_SENSOR), *_addresses(model, _TORQUE_SENSOR)]
        self._site = model.site(_SITE).id
        # 1 for geoms of the left finger, 2 for those of the right one, 0 for all others.
        finger_of_body = np.zeros(model.nbody, np.int64)
        for number, bodies in enumerate(_FINGERS, start=1):
            finger_of_body[[model.body(body).id for body in bodies]] = number
        self._finger_of_geom = finger_of_body[model.geom_bodyid]

    def read(self) -> npt.NDArray[np.float32]:
        """Read after a control step, before anything else has moved the data on."""
        to_sensor = self._data.site_xmat[self._site].reshape(3, 3).T
        fingers = self._finger_forces() @ to_sensor.T
        return _scaled(np.concatenate([self._data.sensordata[self._sensors], fingers.ravel()]))

    def read_at_rest(self) -> npt.NDArray[np.float32]:
        """Read where an arm held still would, as it is at reset.

        No physics step has been taken then, and MuJoCo's own figures are those of an arm that falls, its motors
        being off.
        """
        import mujoco

        if self._scratch is None:
            self._scratch = mujoco.MjData(self._model)
        # Without velocities, accelerations and contacts.
        scratch = self._scratch
        scratch.qpos[:] = self._data.qpos
        mujoco.mj_kinematics(self._model, scratch)
        mujoco.mj_comPos(self._model, scratch)
        mujoco.mj_comVel(self._model, scratch)
        mujoco.mj_rnePostConstraint(self._model, scratch)
        mujoco.mj_sensorAcc(self._model, scratch)
        return _scaled(np.concatenate([scratch.sensordata[self._sensors], np.zeros(6)]))

    def _finger_forces(self) -> npt.NDArray[np.float64]:
        """Sum of the contacts' forces on each finger, shape (2, 3), N, in the world's axes."""
        import mujoco

        totals = np.zeros((3, 3))
        if self._data.ncon == 0:
            return totals[1:]
        contacts = self._data.contact
        fingers = self._finger_of_geom[contacts.geom]
        touching = np.flatnonzero(fingers[:, 0] != fingers[:, 1])
        if touching.size == 0:
            return totals[1:]
        frames, force = contacts.frame.reshape(-1, 3, 3), np.zeros(6)
        for index in touching.tolist():
            mujoco.mj_contactForce(self._model, self._data, index, force)
            # A contact's force points from its first geom to its second, in a frame of its own.
            world = force[:3] @ frames[index]
            totals[fingers[index, 0]] -= world
            totals[fingers[index, 1]] += world
        return totals[1:]


def _addresses(model: Any, sensor: str) -> Sequence[int]:
    found = model.sensor(sensor)
    start = int(found.adr[0])
    return range(start, start + int(found.dim[0]))


def _scaled(reading: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    scaled: npt.NDArray[np.float32] = np.clip(reading / _SCALES, -SATURATION, SATURATION).astype(np.float32)
    return scaled
