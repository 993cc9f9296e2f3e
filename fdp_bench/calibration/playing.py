"""Clean episodes of a policy, with everything that it was asked on the way."""

from collections.abc import Iterator, Mapping, Sequence

from fdp_bench.api import (
    CALIBRATION_SEED,
    CLEAN,
    Decision,
    EpisodeSpec,
    Observation,
    PlayedEpisode,
    Policy,
    RunError,
    TaskInfo,
)
from fdp_bench.runner.config import BATCH_ROWS, GPU_BATCH_ROWS
from fdp_bench.runner.rollout.batched_policy import Actions, BatchedPolicy, Noise, PolicyError
from fdp_bench.runner.rollout.episode import PicturePaths
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.rollout import Rollout
from fdp_bench.sim.memory import release_build_memory


class RecordedRows(BatchedPolicy):
    """A policy behind a batch of constant size; what each episode under way asked is kept.

    Attributes:
        kept: Episode index -> its decisions so far, in order.
    """

    def __init__(self, policy: Policy, task: TaskInfo, batch_rows: int, lanes: Sequence[Lane]) -> None:
        super().__init__(policy, task, batch_rows)
        self._lanes = lanes
        self.kept: dict[int, list[Decision]] = {}

    def act(
        self, observations: Mapping[int, Observation], noises: Mapping[int, Noise]
    ) -> tuple[dict[int, Actions | PolicyError], float]:
        """See `BatchedPolicy.act`."""
        for row, seen in observations.items():
            episode = self._lanes[row].episode
            assert episode is not None
            self.kept.setdefault(episode.spec.index, []).append(Decision(seen, noises[row]))
        return super().act(observations, noises)


class Stage:
    """Where clean episodes are played, in this process, with the runner's own episodes.

    Args:
        task_id: Gymnasium id.
        profile: Render profile of the built-in tasks.
        device: Device of the policies; it decides how many rows a batch has, as in a run.
    """

    def __init__(self, task_id: str, profile: str, device: str) -> None:
        self._rows = BATCH_ROWS if device == "cpu" else GPU_BATCH_ROWS
        self._lanes = [Lane(task_id, profile) for _ in range(BATCH_ROWS)]

    @property
    def task(self) -> TaskInfo:
        """The task."""
        return self._lanes[0].task

    def play(self, policy: Policy, indices: range) -> Iterator[PlayedEpisode]:
        """See `fdp_bench.api.Play`."""
        task = self.task
        for lane in self._lanes:
            _ = lane.base
        release_build_memory()
        rows = RecordedRows(policy, task, self._rows, self._lanes)
        rollout = Rollout(self._lanes, lambda _: rows, lambda _: PicturePaths())
        rollout.add(
            EpisodeSpec(task.task_id, str(policy.spec), "", CLEAN, 0.0, index, CALIBRATION_SEED)
            for index in indices
        )
        while not rollout.is_idle:
            for record in rollout.round():
                index = record.spec.index
                if record.status == "error":
                    raise RunError(f"clean episode {index} failed, so nothing is calibrated: {record.error}")
                yield PlayedEpisode(index, record.success_once, tuple(rows.kept.pop(index)))

    def close(self) -> None:
        """Close the environments."""
        for lane in self._lanes:
            lane.close()
