"""Episodes under a condition: the runner's own episodes, with what the policy sees altered on the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fdp_bench.api import CLEAN, EpisodeRecord, EpisodeSpec, Inspector, Observation, Policy, TaskInfo
from fdp_bench.diagnose.conditions import AS_IT_IS, Condition, altered_observation
from fdp_bench.diagnose.decisions import Decision, Decisions
from fdp_bench.runner.config import BATCH_ROWS
from fdp_bench.runner.rollout.batched_policy import Actions, BatchedPolicy, Noise, PolicyError
from fdp_bench.runner.rollout.episode import PicturePaths
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.rollout import Rollout
from fdp_bench.specs import parse_policy


class ConditionedPolicy(Policy):
    """An inspector as a policy that always acts under one condition's mask."""

    def __init__(self, inspector: Inspector, condition: Condition, spec: str, task: TaskInfo) -> None:
        super().__init__(parse_policy(spec), task)
        self._inspector, self._condition = inspector, condition
        self.modalities = inspector.modalities
        self.n_obs_steps, self.n_action_steps = inspector.n_obs_steps, inspector.n_action_steps

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """See `Policy.noise_shape`."""
        return self._inspector.noise_shape

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        condition = self._condition
        return self._inspector.act(observation, noise, masked=condition.masked, base_only=condition.base_only)

    def reset(self, lanes: npt.NDArray[np.int64]) -> None:
        """See `Policy.reset`."""
        self._inspector.reset(lanes)

    def fallbacks(self) -> npt.NDArray[np.bool_] | None:
        """See `Policy.fallbacks`."""
        return self._inspector.fallbacks()


class ConditionedRows(BatchedPolicy):
    """A policy behind a batch of constant size whose rows are altered, and kept, by episode and step.

    Attributes:
        kept: Episode index -> its decisions, unaltered, in order.
    """

    def __init__(
        self,
        policy: Policy,
        task: TaskInfo,
        condition: Condition,
        lanes: Sequence[Lane],
        donors: Decisions | None,
    ) -> None:
        super().__init__(policy, task, BATCH_ROWS)
        self._condition, self._lanes, self._donors = condition, lanes, donors
        self._modalities = task.modalities
        self.kept: dict[int, list[Decision]] = {}

    def act(
        self, observations: Mapping[int, Observation], noises: Mapping[int, Noise]
    ) -> tuple[dict[int, Actions | PolicyError], float]:
        """See `BatchedPolicy.act`."""
        altered = {row: self._altered(row, seen) for row, seen in observations.items()}
        if self._donors is None:
            for row, seen in observations.items():
                index, step = self._where(row)
                self.kept.setdefault(index, []).append(Decision(step, seen, noises[row]))
        return super().act(altered, noises)

    def _altered(self, row: int, seen: Observation) -> Observation:
        if self._donors is None:
            return seen
        index, step = self._where(row)
        donor = self._donors.donor(index, step // self.n_action_steps)
        return altered_observation(seen, donor.observation, self._condition, self._modalities)

    def _where(self, row: int) -> tuple[int, int]:
        episode = self._lanes[row].episode
        assert episode is not None
        return episode.spec.index, episode.steps


@dataclass
class Stage:
    """Where episodes run: lanes with their environments, kept from one condition to the next.

    Attributes:
        task_id: Gymnasium id.
        episodes: Episodes a condition, >= 2.
        seed: Seed of all random streams; equal episodes of all conditions share theirs.
        lanes: Where the episodes run, each with its environment.
    """

    task_id: str
    episodes: int
    seed: int
    lanes: list[Lane] = field(init=False)

    def __post_init__(self) -> None:
        self.lanes = [Lane(self.task_id, "fast") for _ in range(min(BATCH_ROWS, self.episodes))]

    def play(
        self,
        inspector: Inspector,
        spec: str,
        condition: Condition,
        donors: Decisions | None,
        tick: Callable[[], None],
    ) -> tuple[list[EpisodeRecord], Decisions | None]:
        """Run the episodes under one condition.

        Args:
            inspector: The policy.
            spec: Its canonical string.
            condition: What is done to it.
            donors: Decisions of the unaltered episodes; None for those themselves, which are kept.
            tick: Called after each episode.

        Returns:
            Records in the order of their indices, and the decisions where they were kept.
        """
        task = self.lanes[0].task
        policy = ConditionedPolicy(inspector, condition, spec, task)
        rows = ConditionedRows(policy, task, condition, self.lanes, donors)
        rollout = Rollout(self.lanes, lambda _: rows, lambda _: PicturePaths())
        rollout.add(
            EpisodeSpec(self.task_id, spec, "", CLEAN, 0.0, index, self.seed)
            for index in range(self.episodes)
        )
        records: list[EpisodeRecord] = []
        while not rollout.is_idle:
            for record in rollout.round():
                records.append(record)
                tick()
        records.sort(key=lambda record: record.spec.index)
        if condition != AS_IT_IS:
            return records, None
        kept = tuple(tuple(rows.kept.get(index, ())) for index in range(self.episodes))
        return records, Decisions(f"{self.episodes} episodes of its own", kept)

    def close(self) -> None:
        """Close the environments."""
        for lane in self.lanes:
            lane.close()
