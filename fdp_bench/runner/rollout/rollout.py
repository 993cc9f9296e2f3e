"""Episodes of one policy, several side by side, decided together."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.runner.rollout.batched_policy import AskedPolicy, PolicyError
from fdp_bench.runner.rollout.episode import Episode, PicturePaths
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.timing import Stopwatch


class Rollout:
    """Lanes stepped in rounds: one decision for all of them, then each executes its chunk of actions.

    A lane whose episode ended takes the next one before the following round, so every decision serves as many
    episodes as there are. Since a worker has one thread, executing chunks one after the other costs no more
    than stepping the lanes in turn.

    Args:
        lanes: Where episodes run.
        load_policy: Gives the policy that an episode asks for.
        pictures: Says which pictures of an episode are kept.
        watch: What counts the time.
        on_start: Called with each episode just before it starts.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        load_policy: Callable[[EpisodeSpec], AskedPolicy],
        pictures: Callable[[EpisodeSpec], PicturePaths],
        watch: Stopwatch | None = None,
        on_start: Callable[[EpisodeSpec], None] = lambda spec: None,
    ) -> None:
        self._on_start = on_start
        self._watch = watch or Stopwatch()
        self._lanes = lanes
        self._load_policy = load_policy
        self._pictures = pictures
        self._waiting: deque[EpisodeSpec] = deque()
        self._policy: AskedPolicy | None = None
        self._policy_key: tuple[str, str] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or waiting."""
        return not self._waiting and not self._running()

    def add(self, specs: Iterable[EpisodeSpec]) -> None:
        """Queue episodes; those of another policy wait until the present one's have ended."""
        self._waiting.extend(specs)

    def round(self) -> list[EpisodeRecord]:
        """Run one round and return the records of the episodes that ended in it.

        Raises:
            FdpBenchError: If an arm cannot be run at all.
        """
        started = self._fill()
        policy = self._policy
        assert policy is not None
        self._tell_policy(policy, started)
        self._decide_and_execute(policy)
        return self._take_finished()

    def _running(self) -> dict[int, Episode]:
        return {
            row: lane.episode
            for row, lane in enumerate(self._lanes)
            if lane.episode is not None and not lane.episode.done
        }

    def _fill(self) -> list[int]:
        started = []
        for row, lane in enumerate(self._lanes):
            if lane.episode is None and self._waiting and self._may_start(self._waiting[0]):
                spec = self._waiting.popleft()
                assert self._policy is not None
                # Whatever is slow or breaks in building it is none of the episode's.
                _ = lane.base
                self._on_start(spec)
                lane.start(spec, self._policy, self._pictures(spec))
                started.append(row)
        return started

    def _may_start(self, spec: EpisodeSpec) -> bool:
        key = (spec.policy, spec.checkpoint)
        if key != self._policy_key:
            if any(lane.episode is not None for lane in self._lanes):
                return False
            with self._watch.phase("setup"):
                self._policy, self._policy_key = self._load_policy(spec), key
        return True

    def _tell_policy(self, policy: AskedPolicy, started: Sequence[int]) -> None:
        running = self._running()
        rows = [row for row in started if row in running]
        if not rows:
            return
        try:
            policy.reset(rows)
        except PolicyError as fault:
            for row in rows:
                running[row].fail(_blame(running[row], fault), fault.traceback)

    def _decide_and_execute(self, policy: AskedPolicy) -> None:
        observations, noises = {}, {}
        for row, episode in self._running().items():
            try:
                observations[row] = episode.observation()
            except Exception as error:
                episode.cannot_be_read(error)
                continue
            noises[row] = episode.noise(policy.noise_shape)
        if not observations:
            return
        with self._watch.phase("inference"):
            answers, latency_ms = policy.act(observations, noises)
        for row, episode in self._running().items():
            answer = answers[row]
            episode.waited(latency_ms)
            if isinstance(answer, PolicyError):
                episode.fail(_blame(episode, answer), answer.traceback)
            else:
                episode.fell_back(policy.fallbacks.get(row))
                episode.advance(answer)

    def _take_finished(self) -> list[EpisodeRecord]:
        records = []
        for lane in self._lanes:
            if lane.episode is not None and lane.episode.done:
                records.append(lane.episode.finish())
                lane.free()
        return records


def _blame(episode: Episode, fault: PolicyError) -> str:
    return f"policy {episode.spec.policy!r}: {fault}"
