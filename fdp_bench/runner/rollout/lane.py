"""One place of a worker where episodes run one after the other, in an environment that is built once."""

from contextlib import suppress

from fdp_bench.api.episode import EpisodeSpec
from fdp_bench.api.modality import TaskInfo
from fdp_bench.runner.rollout.batched_policy import AskedPolicy
from fdp_bench.runner.rollout.contract_monitor import ContractMonitor
from fdp_bench.runner.rollout.environment import Environment, make_base, task_info, wrap
from fdp_bench.runner.rollout.episode import Episode, PicturePaths
from fdp_bench.runner.rollout.timing import Stopwatch, TimedSteps
from fdp_bench.specs import parse_shifts


class Lane:
    """Holds a base environment, which is dear to build, and puts each arm's shifts around it.

    Args:
        task_id: Gymnasium id.
        profile: Render profile of the built-in tasks.
        watch: What counts the time of resets, physics and frames.

    Attributes:
        episode: The episode under way; None when the lane is free.
    """

    def __init__(self, task_id: str, profile: str, watch: Stopwatch | None = None) -> None:
        self._watch = watch or Stopwatch()
        self._task_id = task_id
        self._profile = profile
        self._base: Environment | None = None
        self._env: Environment | None = None
        self._shift = ""
        self.episode: Episode | None = None

    @property
    def base(self) -> Environment:
        """The environment without shifts, built on first use."""
        if self._base is None:
            with self._watch.phase("setup"):
                self._base = ContractMonitor(TimedSteps(make_base(self._task_id, self._profile), self._watch))
            self._env = None
        return self._base

    @property
    def task(self) -> TaskInfo:
        """The task of the base environment."""
        return task_info(self.base, self._task_id)

    def environment(self, shift: str) -> Environment:
        """The base environment under a shift string."""
        base = self.base
        if self._env is None or self._shift != shift:
            self._env, self._shift = wrap(base, parse_shifts(shift)), shift
        return self._env

    def start(self, spec: EpisodeSpec, policy: AskedPolicy, pictures: PicturePaths) -> Episode:
        """Begin an episode.

        Raises:
            FdpBenchError: If its arm cannot be run at all: an unsupported shift, no rendering.
        """
        self.episode = Episode(spec, self.environment(spec.shift), self.task, policy, pictures)
        with self._watch.phase("resets", getattr(self.base.unwrapped, "scene", None)):
            self.episode.reset()
        return self.episode

    def free(self) -> None:
        """Take the ended episode out; after an error of the environment, the next one gets a new environment."""
        if self.episode is not None and self.episode.environment_failed:
            self.close()
        self.episode = None

    def close(self) -> None:
        """Close the environment, if there is one."""
        base, self._base, self._env = self._base, None, None
        if base is not None:
            # It is dropped because its state is anybody's guess: what closing it says adds nothing.
            with suppress(Exception):
                base.close()
