"""Observations made from recorded simulator states: what the task's own cameras and joints show at each of them.

The scene is the task's own, in its render profile; from the file come the joint positions and where loose fixtures (a
door) stand. So the frames are those that a policy sees when it is evaluated, whatever robosuite recorded the states.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, image_keys
from fdp_bench.demos.formats.joints import JointLayout, read_joint_layout

#: A fixture of the scene may stand this far (m) from where the task has it; robosuite's versions differ by less.
_SAME_PLACE_M = 0.01
_ROBOT = "robot0"


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
        layout = read_joint_layout(model_file)
        if states.shape[1] != layout.state_size:
            raise DatasetError(
                f"the file's states hold {states.shape[1]} numbers each, its model asks for {layout.state_size}"
            )
        if not np.isfinite(states).all():
            raise DatasetError("the file's states are not all finite")
        self._place_fixtures(layout)
        columns = self._columns(layout)
        prop, frames = [], []
        for row in states:
            self._data.qpos[:] = row[columns]
            self._data.time = row[0]
            observation = self._env._observation()
            prop.append(observation["prop"])
            frames.append({key: observation[key] for key in image_keys(observation)})
        images = {key: np.array([each[key] for each in frames], np.uint8) for key in frames[0]}
        return np.array(prop, np.float32), images

    def _columns(self, layout: JointLayout) -> npt.NDArray[np.intp]:
        """Column of the file's flat states for each of the task's joint positions."""
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
            columns[start : start + width] = np.arange(held.start, held.stop) + 1
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
                self._model.body_pos[number] = position
                self._model.body_quat[number] = quaternion / np.linalg.norm(quaternion)
            elif np.abs(self._model.body_pos[number] - position).max() > _SAME_PLACE_M:
                raise DatasetError(
                    f"the file's {name} stands at {np.round(position, 3).tolist()} m, that of {self._task_id} at "
                    f"{np.round(self._model.body_pos[number], 3).tolist()} m: they are not the same task"
                )
