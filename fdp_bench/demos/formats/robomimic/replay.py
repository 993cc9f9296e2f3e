"""Observations made from recorded simulator states: what the task's own cameras, joints and touch show at each of them.

The scene is the task's own, in its render profile; from the file come the joint positions and where loose fixtures (a
door) stand. So the frames are those that a policy sees when it is evaluated, whatever robosuite recorded the states.

Forces are no part of a state: they depend on the motors' torques, and on the contact solver's last solution. So touch
is felt by taking the recorded actions again, each from the state in which it was taken, and holds only where each of
them leads to the state that was recorded next.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, image_keys
from fdp_bench.demos.joints import JointLayout, read_joint_layout
from fdp_bench.sim.physics import model_xml

#: A fixture of the scene may stand this far (m) from where the task has it; robosuite's versions differ by less.
_SAME_PLACE_M = 0.01
_ROBOT = "robot0"
#: A control step that ends this far (m, rad) from the recorded state was not taken in this scene by this controller.
#: The same step with other rounding, of another processor for instance, ends within 1e-12.
_SAME_STATE = 1e-6


@dataclass(frozen=True)
class Felt:
    """What came of taking recorded actions again.

    Attributes:
        tactile: Shape (T, 12), see `fdp_bench.sim.touch.TouchSensor`; None where a step ended elsewhere.
        largest_error: Largest difference of a joint position from the recorded one after a control step, m or rad, up
            to the step that ended elsewhere.
    """

    tactile: npt.NDArray[np.float32] | None
    largest_error: float


class Replayer:
    """Shows recorded states in a task's scene. Close it after use.

    Args:
        task_id: Gymnasium id of one of the package's tasks.
        profile: Render profile of the frames.
    """

    def __init__(self, task_id: str, profile: str) -> None:
        import gymnasium

        env: Any = gymnasium.make(task_id, profile=profile, read_touch=False, disable_env_checker=True)
        self._env = env.unwrapped
        self._env.reset(seed=0)
        simulation = self._env.robosuite_env.sim
        self._model, self._data = simulation.model._model, simulation.data._data
        #: The model as it is before a reset puts anything into its place.
        self._unplaced = read_joint_layout(model_xml(self._env.robosuite_env))
        self._task_id = task_id

    def close(self) -> None:
        """Free the environment."""
        self._env.close()

    def show(
        self, model_file: str, states: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.uint8]]]:
        """What is seen at each state.

        Args:
            model_file: MuJoCo XML of the model that the states belong to.
            states: Shape (T, 1 + joint positions + joint velocities): time first, as robosuite flattens them.

        Returns:
            ``prop``, shape (T, 16), and camera key -> frames, shape (T, H, W, 3).

        Raises:
            DatasetError: If the model is not that of the task, or the states do not fit it.
        """
        layout = _checked_layout(model_file, states)
        self._place_fixtures(layout)
        columns = 1 + self._columns(layout)
        prop, frames = [], []
        for row in states:
            self._data.qpos[:] = row[columns]
            self._data.time = row[0]
            observation = self._env._observation()
            prop.append(observation["prop"])
            frames.append({key: observation[key] for key in image_keys(observation)})
        images = {key: np.array([each[key] for each in frames], np.uint8) for key in frames[0]}
        return np.array(prop, np.float32), images

    def feel(self, model_file: str, states: npt.NDArray[Any], actions: npt.NDArray[np.float32]) -> Felt:
        """What touch shows at each state, the first of which the arm is taken to be held still in, as at reset.

        Args:
            model_file: See `show`.
            states: See `show`.
            actions: Actions taken in them, shape (T, 7).

        Raises:
            DatasetError: See `show`.
        """
        layout = _checked_layout(model_file, states)
        positions = states[:, 1 + self._columns(layout)]
        velocities = states[:, 1 + layout.num_positions + self._velocity_columns(layout)]
        self._begin_at(layout, positions[0], velocities[0])
        readings, largest_error = [self._env._touch.read_at_rest()], 0.0
        for step, action in enumerate(actions[:-1], start=1):
            self._env._take_control_step(np.asarray(action, np.float64))
            readings.append(self._env._touch.read())
            error = float(np.abs(self._data.qpos - positions[step]).max())
            largest_error = max(largest_error, error)
            if not error <= _SAME_STATE:
                return Felt(None, largest_error)
            self._data.qpos[:], self._data.qvel[:] = positions[step], velocities[step]
        return Felt(np.array(readings, np.float32), largest_error)

    def _begin_at(
        self, layout: JointLayout, positions: npt.NDArray[Any], velocities: npt.NDArray[Any]
    ) -> None:
        """Reset as an episode does, with everything where the file has it at first."""
        environment = self._env.robosuite_env
        robot = environment.robots[0]
        # Controllers keep the arm's first posture for the whole episode.
        robot.init_qpos = positions[robot._ref_joint_pos_indexes]
        robot.initialization_noise = {"magnitude": 0.0, "type": "gaussian"}
        self._env.reset(seed=0)
        self._place_fixtures(layout)
        self._data.qpos[:], self._data.qvel[:] = positions, velocities
        environment.sim.forward()

    def _columns(self, layout: JointLayout) -> npt.NDArray[np.intp]:
        """Column of the file's joint positions for each of the task's."""
        columns = np.full(self._model.nq, -1)
        for number in range(self._model.njnt):
            joint = self._model.joint(number)
            width = len(joint.qpos0)
            held = layout.positions.get(joint.name)
            if held is None or held.stop - held.start != width:
                raise DatasetError(
                    f"the file's model has no joint {joint.name!r} as {self._task_id} has it; "
                    "it is of another task or robot (a single Panda with its own gripper is read)"
                )
            start = int(joint.qposadr[0])
            columns[start : start + width] = np.arange(held.start, held.stop)
        return columns

    def _velocity_columns(self, layout: JointLayout) -> npt.NDArray[np.intp]:
        """The same of the velocities, for a layout whose joints `_columns` has found to be the task's."""
        columns = np.full(self._model.nv, -1)
        for number in range(self._model.njnt):
            joint = self._model.joint(number)
            held, start = layout.velocities[joint.name], int(joint.dofadr[0])
            columns[start : start + held.stop - held.start] = np.arange(held.start, held.stop)
        return columns

    def _place_fixtures(self, layout: JointLayout) -> None:
        """Move the task's loose fixtures to where the file has them; refuse one with other walls."""
        loose = {name.partition("_")[0] for name in layout.positions} - {_ROBOT}
        for number in range(1, self._model.nbody):
            name = self._model.body(number).name
            if name not in layout.fixed_bodies or self._model.body_parentid[number] != 0:
                continue
            position, quaternion = layout.fixed_bodies[name]
            if name.partition("_")[0] in loose:
                if np.array_equal(position, self._unplaced.fixed_bodies[name][0]):
                    raise DatasetError(f"the file does not say where its {name} stands; record it anew")
                self._model.body_pos[number] = position
                self._model.body_quat[number] = _unit(quaternion, name)
            elif (
                self._is_solid(number)
                and np.abs(self._model.body_pos[number] - position).max() > _SAME_PLACE_M
            ):
                raise DatasetError(
                    f"the file's {name} stands at {np.round(position, 3).tolist()} m, that of {self._task_id} at "
                    f"{np.round(self._model.body_pos[number], 3).tolist()} m: they are not the same task"
                )

    def _is_solid(self, body: int) -> bool:
        """Whether a body or one in it can be touched; signs that show where things go stand where the task has them."""
        geoms = self._model.body_rootid[self._model.geom_bodyid] == body
        return bool(np.any(self._model.geom_contype[geoms] | self._model.geom_conaffinity[geoms]))


def _checked_layout(model_file: str, states: npt.NDArray[Any]) -> JointLayout:
    layout = read_joint_layout(model_file)
    if states.shape[1] != layout.state_size:
        raise DatasetError(
            f"the file's states hold {states.shape[1]} numbers each, its model asks for {layout.state_size}"
        )
    if not np.isfinite(states).all():
        raise DatasetError("the file's states are not all finite")
    return layout


def _unit(quaternion: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
    """A unit quaternion; one that is near enough stays as it is, to the bit."""
    length = float(np.linalg.norm(quaternion))
    if length < 1e-6:
        raise DatasetError(f"the file's {name} is turned by {quaternion.tolist()}, which is no rotation")
    return quaternion if abs(length - 1.0) < 1e-9 else quaternion / length
