"""Reads robomimic's HDF5 files, low-dimensional ones and those with images, and robosuite's own recordings.

Where a file holds states and its model, every observation is made from them anew
(`fdp_bench.demos.formats.robomimic.replay`): robosuite's own are up to 48 ms old, signed differently in the quaternion,
and drawn by another version. A file without states is read as it is, which needs frames of the task's size and all
parts of ``prop``. Recorded actions are taken again, and a file whose actions do not lead to its states is refused.
Touch of our own files is kept; where there is none it is felt on the way, if the actions lead to the very states.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, TaskInfo
from fdp_bench.demos.demo_episode import (
    ABSOLUTE,
    ImportedEpisode,
    Origin,
    checked_actions,
    checked_prop,
    checked_rewards,
)
from fdp_bench.demos.formats.robomimic.environment import RecordedWith, check_same_actions, read_recorded_with
from fdp_bench.demos.formats.robomimic.hand_actions import settle_actions
from fdp_bench.demos.formats.robomimic.replay import Replayer
from fdp_bench.demos.formats.robomimic.retake import Retaken, Retaker
from fdp_bench.demos.layout import IMAGE_NAMES, LEAD_IN_ATTRIBUTE, PROP_PARTS, TOUCH_NAME
from fdp_bench.demos.safe_readers import hdf5
from fdp_bench.sim.touch import TOUCH_VERSION

#: Actions as a demonstration holds them, and what came of taking them again.
_Taken = tuple[npt.NDArray[np.float32], Retaken]
_TOUCH_PATH = f"obs/{TOUCH_NAME}"
#: robosuite's hand may be off by this much (m) from what the file itself says, at the median step: a hand of another
#: build is off by centimetres, a reading that is one physics step old by a millimetre or two.
_HAND_TOLERANCE_M = 0.01
#: robosuite's name of a task -> short names of the package's tasks, the likeliest first.
TASKS_BY_ENV_NAME = {
    "Lift": ("Lift", "LiftWide"),
    "PickPlaceCan": ("Can",),
    "Stack": ("Stack",),
    "NutAssemblySquare": ("Square",),
    "Door": ("Door",),
}


def env_name_of(path: Path) -> str:
    """Name that robosuite gives the task a file says it is of; empty where it does not say.

    Raises:
        DatasetError: If the file cannot be read.
    """
    with hdf5.open_hdf5(path) as file:
        data = hdf5.child(file, "data")
        return "" if data is None else read_recorded_with(data).env_name


class RobomimicFile:
    """An opened file; see `fdp_bench.demos.demo_episode.Source`.

    Args:
        path: The HDF5 file.
        task: The task that it shall be read as.
        actions: What the user says of its actions, see `fdp_bench.demos.demo_episode.ACTION_KINDS`.

    Raises:
        DatasetError: If the file is missing, damaged, of another task, or its actions mean something else.
    """

    def __init__(self, path: Path, task: TaskInfo, actions: str | None = None) -> None:
        self._path, self._task = path, task
        self._file = hdf5.open_hdf5(path)
        try:
            self._data = hdf5.child(self._file, "data")
            if self._data is None:
                raise DatasetError(f"{path} has no group 'data': it is no robomimic file")
            recorded = read_recorded_with(self._data)
            self._refuse_other_task(recorded)
            notes = check_same_actions(recorded, task.control_hz, is_absolute=actions == ABSOLUTE)
            self._names = sorted(
                (name for name in hdf5.names(self._data) if re.fullmatch(r"demo_?\d{1,9}", name)),
                key=_number,
            )
            if not self._names:
                raise DatasetError(f"{path} holds no demonstrations (groups data/demo_0, data/demo_1 ...)")
        except BaseException:
            self._file.close()
            raise
        self.num_demos = len(self._names)
        details = {
            "env_name": recorded.env_name,
            "robosuite": recorded.version,
            **_without_none(recorded.ours),
        }
        self.origin = Origin("fdp-bench" if recorded.ours else "robomimic", details, recorded.settings, notes)
        touch_version = recorded.ours.get("touch_version", TOUCH_VERSION)
        self._holds_touch = bool(recorded.ours) and touch_version == TOUCH_VERSION
        self._asked = actions
        self._replayer: Replayer | None = None
        self._retaker: Retaker | None = None

    def __enter__(self) -> "RobomimicFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._replayer is not None:
            self._replayer.close()

    def episodes(self, count: int) -> Iterator[ImportedEpisode]:
        """The first `count` demonstrations, by their numbers.

        Raises:
            DatasetError: If one is damaged, or cannot be shown.
        """
        names = self._names[:count]
        taken = self._take_again(names)
        touch = self._touch(names, taken)
        for index, name in enumerate(names):
            with self._named(name):
                tactile = None if touch is None else touch[index]
                episode = self._read(hdf5.child(self._data, name), taken.get(name), tactile)
            yield episode

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Let what goes wrong say in which demonstration."""
        try:
            yield
        except DatasetError as error:
            raise DatasetError(f"{self._path}, {name}: {error}") from error
        except (OSError, RuntimeError, TypeError, AttributeError, ValueError) as error:
            raise DatasetError(f"{self._path}, {name}, is damaged ({error})") from error

    def _take_again(self, names: Sequence[str]) -> dict[str, _Taken]:
        """Name -> settled actions and what came of taking them again, for demonstrations that hold states."""
        taken = {}
        for name in names:
            group = hdf5.child(self._data, name)
            if self._has_states(group):
                with self._named(name):
                    retaker = self._retaking()
                    actions = checked_actions(self._actions(group), "actions")
                    states = hdf5.array(group, "states", shape=(len(actions), None)).astype(np.float64)
                    motion = retaker.motion_of_states(hdf5.text(group, "model_file") or "", states)
                    taken[name] = settle_actions(retaker, motion, actions, self._asked, self.origin)
        return taken

    def _touch(
        self, names: Sequence[str], taken: Mapping[str, _Taken]
    ) -> list[npt.NDArray[np.float32]] | None:
        """Touch of the first demonstrations, of all or of none: as recorded, else felt anew."""
        groups = [hdf5.child(self._data, name) for name in names]
        if self._holds_touch and all(hdf5.child(group, _TOUCH_PATH) is not None for group in groups):
            width = self._task.observation_shapes[TOUCH_NAME][0]
            held = []
            for name, group in zip(names, groups, strict=True):
                with self._named(name):
                    values = hdf5.array(group, _TOUCH_PATH, shape=(None, width))
                    held.append(checked_prop(values, _TOUCH_PATH))
            return held
        if len(taken) < len(names):
            return None
        felt, largest_error = [], 0.0
        for name, (_, made) in taken.items():
            largest_error = max(largest_error, made.largest_error)
            if made.tactile is None:
                self.origin.note(
                    f"There is no touch: the actions of {name}, taken again, do not lead to its states "
                    f"({1000 * largest_error:.2g} mm or mrad off after a step), so its forces are not known."
                )
                return None
            felt.append(made.tactile)
        self.origin.details |= {"touch_version": TOUCH_VERSION, "touch_largest_joint_error": largest_error}
        self.origin.note("Touch was felt by taking the recorded actions again from the recorded states.")
        return felt

    def _actions(self, group: Any) -> npt.NDArray[Any]:
        return hdf5.array(group, "actions", shape=(None, self._task.action_dim))

    def _has_states(self, group: Any) -> bool:
        return bool(hdf5.text(group, "model_file")) and hdf5.child(group, "states") is not None

    def _read(
        self, group: Any, taken: _Taken | None, tactile: npt.NDArray[np.float32] | None
    ) -> ImportedEpisode:
        actions = taken[0] if taken else checked_actions(self._actions(group), "actions")
        steps = len(actions)
        rewards = None
        if hdf5.child(group, "rewards") is not None:
            rewards = checked_rewards(hdf5.array(group, "rewards", shape=(steps,)), "it")
        lead_in = group.attrs.get(LEAD_IN_ATTRIBUTE, 0) if self.origin.format == "fdp-bench" else 0
        states, model_file = None, ""
        if self._has_states(group):
            model_file = hdf5.text(group, "model_file") or ""
            states = hdf5.array(group, "states", shape=(steps, None)).astype(np.float64)
            prop, images = self._replay(group, model_file, states)
        else:
            prop, images = self._stored(group, steps)
        if tactile is not None and len(tactile) != steps:
            raise DatasetError(f"it has {steps} actions and {len(tactile)} steps of touch")
        return ImportedEpisode(prop, images, actions, rewards, states, model_file, int(lead_in), tactile)

    def _replayed(self) -> Replayer:
        if self._replayer is None:
            self._replayer = Replayer(self._task.task_id, self._task.profile)
        return self._replayer

    def _retaking(self) -> Retaker:
        if self._retaker is None:
            self._retaker = Retaker(self._replayed())
        return self._retaker

    def _replay(
        self, group: Any, model_file: str, states: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.uint8]]]:
        self.origin.note("All observations were made from the file's states, in the task's own scene.")
        prop, images = self._replayed().show(model_file, states)
        if hdf5.child(group, "obs/robot0_eef_pos") is not None:
            stored = hdf5.array(group, "obs/robot0_eef_pos", shape=(len(states), 3))
            apart = float(np.median(np.linalg.norm(prop[:, 7:10] - stored, axis=1)))
            if not apart <= _HAND_TOLERANCE_M:
                raise DatasetError(
                    f"the hand is {1000 * apart:.0f} mm away from where the file's own robot0_eef_pos has it"
                )
            largest = self.origin.details.get("largest_median_hand_error_m", 0.0)
            self.origin.details["largest_median_hand_error_m"] = round(max(largest, apart), 6)
        return prop, images

    def _stored(
        self, group: Any, steps: int
    ) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.uint8]]]:
        """Observations as stored: robosuite's own pictures, so those of the profile ``reference``."""
        if self._task.profile != "reference" and self.origin.details.get("profile") != self._task.profile:
            raise DatasetError(
                f"it holds no states with their model_file to make frames of profile {self._task.profile!r} from; "
                "its own frames are robosuite's: import them with --profile reference"
            )
        if hdf5.child(group, "obs") is None:
            raise DatasetError("it holds neither states with their model_file nor observations")
        images = {}
        for key in self._task.modalities["vision"]:
            frame = self._task.observation_shapes[key]
            found = hdf5.described(group, f"obs/{IMAGE_NAMES[key]}", shape=(steps, *frame))
            if found.dtype != np.uint8:
                raise DatasetError(f"{found.name} holds {found.dtype}, not uint8")
            images[key] = found[()]
        parts = [hdf5.array(group, f"obs/{part}", shape=(steps, width)) for part, width in PROP_PARTS.items()]
        prop = checked_prop(np.concatenate(parts, axis=1), "obs")
        prop[:, 10:14] *= np.where(prop[:, 10:11] < 0.0, -1.0, 1.0)
        self.origin.note("Frames and prop are the file's own: there were no states to make them from.")
        return prop, images

    def _refuse_other_task(self, recorded: RecordedWith) -> None:
        short_name = self._task.task_id.partition("/")[2].rpartition("-v")[0]
        ours = recorded.ours.get("task_id")
        if ours is not None and ours != self._task.task_id:
            raise DatasetError(f"{self._path} holds demonstrations of {ours}, not of {self._task.task_id}")
        fitting = TASKS_BY_ENV_NAME.get(recorded.env_name, ())
        if recorded.env_name and short_name not in fitting:
            right = " or ".join(f"--task {name}" for name in fitting) or "none of the package's tasks is that"
            raise DatasetError(
                f"{self._path} holds demonstrations of robosuite's {recorded.env_name}, not of {short_name}; {right}"
            )


def _number(name: str) -> int:
    return int(name.removeprefix("demo").removeprefix("_"))


def _without_none(values: Any) -> dict[str, Any]:
    wanted = ("task_id", "profile", "seed", "expert_version", "touch_version")
    return {key: values[key] for key in wanted if values.get(key) is not None}
