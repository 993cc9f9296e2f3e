"""Brings the actions of any source into the units of the task that it is read as, or refuses them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, TaskInfo
from fdp_bench.demos.demo_episode import ImportedEpisode, Origin, Source, cut_actions
from fdp_bench.tasks import TASKS

if TYPE_CHECKING:
    from fdp_bench.demos.formats.robomimic.retake import Retaker


def settled(opened: Source, info: TaskInfo, count: int, actions: str | None) -> Iterator[ImportedEpisode]:
    """The first `count` demonstrations, their actions float32 in [-1, 1] and meaning what the task's own do.

    Args:
        opened: The source.
        info: The task.
        count: How many.
        actions: What the user says of the source's actions, see `fdp_bench.demos.demo_episode.ACTION_KINDS`.

    Raises:
        DatasetError: If one is damaged, or its actions do not lead to what was recorded.
    """
    with ExitStack() as stack:
        retaker: Retaker | None = None
        for number, episode in enumerate(opened.episodes(count)):
            if episode.rewards is None:
                # The written file has zeros then.
                opened.origin.note("The source holds no rewards; zeros stand in their place.")
            if info.task_id not in TASKS:
                taken = cut_actions(episode.actions, opened.origin, is_shown=False, asked=actions)
            elif episode.states is not None:
                # Its reader has taken them again from these.
                taken = episode.actions.astype(np.float32)
            else:
                retaker = retaker or _retaker(info, stack)
                try:
                    taken = _shown_by_prop(retaker, info, episode, actions, opened.origin)
                except DatasetError as error:
                    raise DatasetError(f"demonstration {number}, counted from 0: {error}") from error
            yield replace(episode, actions=taken)


def _retaker(info: TaskInfo, stack: ExitStack) -> "Retaker":
    # robosuite is for the package's own tasks.
    from fdp_bench.demos.formats.robomimic.replay import Replayer
    from fdp_bench.demos.formats.robomimic.retake import Retaker

    return Retaker(stack.enter_context(closing(Replayer(info.task_id, info.profile, draws=False))))


def _shown_by_prop(
    retaker: "Retaker", info: TaskInfo, episode: ImportedEpisode, actions: str | None, origin: Origin
) -> npt.NDArray[np.float32]:
    from fdp_bench.demos.formats.robomimic.hand_actions import settle_actions

    motion = retaker.motion_of_prop(episode.prop, info.control_hz)
    return settle_actions(retaker, motion, episode.actions.astype(np.float64), actions, origin)[0]
