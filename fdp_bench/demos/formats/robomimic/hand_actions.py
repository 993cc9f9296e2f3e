"""Whether a recorded action means what it means to the package's tasks: a hand's delta, in units of 5 cm and 0.5 rad.

What a file says of its controller may be left over from before its actions were converted, and some say nothing. So the
actions are taken again, and have to account for the motion that was recorded. Absolute poses are turned into deltas on
request.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from fdp_bench.api import DatasetError
from fdp_bench.demos.demo_episode import ABSOLUTE, Origin, cut_actions
from fdp_bench.demos.formats.robomimic.retake import HandPath, Motion, Retaken, Retaker

#: What an action of 1 asks for: m, and rad.
_METRES, _RADIANS = 0.05, 0.5
#: Poses may ask for this much more than a delta of 1, and so many of their components: a controller reads where the
#: hand is a physics step late.
_SLACK, _SLACK_SHARE = 0.1, 0.02


@dataclass(frozen=True)
class Tolerance:
    """How far from the record the hand may be after each action, on average over a demonstration.

    It may lie within `floor_m`, or within `share` of how far away it would be without any action. Measured on
    recordings of robosuite 1.4.1 and 1.5.2 of five tasks: true actions come to 0.01 of it from states and at most to
    0.3 from `prop` alone (Door, whose pull on the hand nobody recorded); actions of half the size to 0.5, with x and y
    exchanged to 0.18, poses to 2.
    """

    floor_m: float
    share: float


FROM_STATES = Tolerance(floor_m=0.0003, share=0.15)
FROM_PROP = Tolerance(floor_m=0.001, share=0.4)


def settle_actions(
    retaker: Retaker, motion: Motion, actions: npt.NDArray[np.float64], asked: str | None, origin: Origin
) -> tuple[npt.NDArray[np.float32], Retaken]:
    """Actions as a demonstration holds them, once they are shown to lead to what was recorded.

    Args:
        retaker: Takes them again.
        motion: What was recorded.
        actions: As the source has them, shape (T, 7).
        asked: `ABSOLUTE` where the user says that they are poses.
        origin: Gets notes.

    Raises:
        DatasetError: If they do not, with how far they lead away.
    """
    if asked == ABSOLUTE:
        frame, deltas = _best(retaker.path(motion), actions)
        if not _are_deltas(deltas):
            away = 100 * _METRES * np.abs(deltas[:, :3]).max()
            raise DatasetError(
                f"its actions are not absolute poses of the hand: they would lie up to {away:.0f} cm from it, and a "
                f"control step reaches {100 * _METRES:.0f} cm; leave --actions absolute out"
            )
        origin.note(f"Actions were absolute poses ({frame}) and were converted to deltas of the hand.")
        actions = np.concatenate([np.clip(deltas, -1.0, 1.0), actions[:, 6:]], axis=1)
    tolerance = FROM_PROP if motion.layout is None else FROM_STATES
    executed = np.clip(actions, -1.0, 1.0).astype(np.float32)
    taken = retaker.retake(motion, executed)
    if taken.apart_m > tolerance.floor_m:
        unmoved = retaker.unmoved_m(motion, executed)
        if taken.apart_m > tolerance.share * unmoved:
            raise DatasetError(_refusal(retaker.path(motion), actions, taken, unmoved, asked))
    return cut_actions(actions, origin, is_shown=len(actions) > 1, asked=asked), taken


def _refusal(
    path: HandPath, actions: npt.NDArray[np.float64], taken: Retaken, unmoved: float, asked: str | None
) -> str:
    if asked != ABSOLUTE and _are_deltas(_best(path, actions)[1]):
        why = "they are absolute poses; convert them with: --actions absolute"
    else:
        why = "they have another unit, frame, sign or delay than the task's deltas (1 is 5 cm or 0.5 rad)"
    return (
        "its actions do not lead to what was recorded: taken again, one ends "
        f"{1000 * taken.largest_error:.3g} mm or mrad elsewhere, and the hand is {1000 * taken.apart_m:.2g} mm away on "
        f"average ({1000 * unmoved:.2g} mm without any action); {why}"
    )


def _are_deltas(deltas: npt.NDArray[np.float64]) -> bool:
    return bool((np.abs(deltas) > 1.0 + _SLACK).mean() <= _SLACK_SHARE)


def _best(path: HandPath, poses: npt.NDArray[np.float64]) -> tuple[str, npt.NDArray[np.float64]]:
    """The frame in which poses are nearest to the hand, and the deltas that lead to them, shape (T, 6)."""
    return min(
        _candidates(path, poses), key=lambda pair: float(np.maximum(np.abs(pair[1]) - 1.0, 0.0).mean())
    )


def _candidates(
    path: HandPath, poses: npt.NDArray[np.float64]
) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """Robosuite gives goals in the world or in the robot's base, as the grip site's rotation or as the hand's."""
    frames = {
        "world": (np.zeros(3), np.eye(3)),
        "robot's base": (path.base_position, path.base_rotation),
    }
    for frame, (place, turn) in frames.items():
        goals = place + poses[:, :3] @ turn.T
        rotations = Rotation.from_matrix(turn) * Rotation.from_rotvec(poses[:, 3:6])
        for part, held in path.rotations.items():
            turned = (rotations * Rotation.from_matrix(held).inv()).as_rotvec()
            deltas = np.concatenate([(goals - path.positions) / _METRES, turned / _RADIANS], axis=1)
            yield f"in the frame of the {frame}, rotations of the {part}", deltas
