"""Observations made from recorded simulator states: what the task's own cameras, joints and touch show at each of them.

The scene is the task's own, in its render profile; from the file come the joint positions and where loose fixtures (a
door) stand. So the frames are those that a policy sees when it is evaluated, whatever robosuite recorded the states.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, image_keys
from fdp_bench.demos.joints import JointLayout, read_joint_layout
from fdp_bench.sim.physics import model_xml

#: A fixture of the scene may stand this far (m) from where the task has it; robosuite's versions differ by less.
_SAME_PLACE_M = 0.01
_ROBOT = "robot0"


class Replayer:
    """Shows recorded states in a task's scene. Close it after use.

    Args:
        task_id: Gymnasium id of one of the package's tasks.
        profile: Render profile of the frames.
        draws: Whether frames are drawn at all.

    Attributes:
        env: The task's environment.
        model: Its MuJoCo model.
        data: The model's data.
    """

    def __init__(self, task_id: str, profile: str, *, draws: bool = True) -> None:
        import gymnasium

        env: Any = gymnasium.make(
            task_id, profile=profile, draw_images=draws, read_touch=False, disable_env_checker=True
        )
        self.env = env.unwrapped
        self.env.reset(seed=0)
        simulation = self.env.robosuite_env.sim
        self.model, self.data = simulation.model._model, simulation.data._data
        #: The model as it is before a reset puts anything into its place.
        self._unplaced = read_joint_layout(model_xml(self.env.robosuite_env))
        self._task_id = task_id

    def close(self) -> None:
        """Free the environment."""
        self.env.close()

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
        self.place_fixtures(layout)
        columns = 1 + self._columns(layout)
        prop, frames = [], []
        for row in states:
            self.data.qpos[:] = row[columns]
            self.data.time = row[0]
            observation = self.env._observation()
            prop.append(observation["prop"])
            frames.append({key: observation[key] for key in image_keys(observation)})
        images = {key: np.array([each[key] for each in frames], np.uint8) for key in frames[0]}
        return np.array(prop, np.float32), images

    def arranged(
        self, model_file: str, states: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], JointLayout]:
        """Joint positions (T, nq) and velocities (T, nv) of states in the task's own order, and the file's layout.

        Raises:
            DatasetError: See `show`.
        """
        layout = _checked_layout(model_file, states)
        positions = states[:, 1 + self._columns(layout)]
        return positions, states[:, 1 + layout.num_positions + self._velocity_columns(layout)], layout

    def _columns(self, layout: JointLayout) -> npt.NDArray[np.intp]:
        """Column of the file's joint positions for each of the task's."""
        columns = np.full(self.model.nq, -1)
        for number in range(self.model.njnt):
            joint = self.model.joint(number)
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
        columns = np.full(self.model.nv, -1)
        for number in range(self.model.njnt):
            joint = self.model.joint(number)
            held, start = layout.velocities[joint.name], int(joint.dofadr[0])
            columns[start : start + held.stop - held.start] = np.arange(held.start, held.stop)
        return columns

    def place_fixtures(self, layout: JointLayout) -> None:
        """Move the task's loose fixtures to where the file has them; refuse one with other walls."""
        loose = {name.partition("_")[0] for name in layout.positions} - {_ROBOT}
        for number in range(1, self.model.nbody):
            name = self.model.body(number).name
            if name not in layout.fixed_bodies or self.model.body_parentid[number] != 0:
                continue
            position, quaternion = layout.fixed_bodies[name]
            if name.partition("_")[0] in loose:
                if np.array_equal(position, self._unplaced.fixed_bodies[name][0]):
                    raise DatasetError(f"the file does not say where its {name} stands; record it anew")
                self.model.body_pos[number] = position
                self.model.body_quat[number] = _unit(quaternion, name)
            elif (
                self._is_solid(number)
                and np.abs(self.model.body_pos[number] - position).max() > _SAME_PLACE_M
            ):
                raise DatasetError(
                    f"the file's {name} stands at {np.round(position, 3).tolist()} m, that of {self._task_id} at "
                    f"{np.round(self.model.body_pos[number], 3).tolist()} m: they are not the same task"
                )

    def _is_solid(self, body: int) -> bool:
        """Whether a body or one in it can be touched; signs that show where things go stand where the task has them."""
        geoms = self.model.body_rootid[self.model.geom_bodyid] == body
        return bool(np.any(self.model.geom_contype[geoms] | self.model.geom_conaffinity[geoms]))


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
