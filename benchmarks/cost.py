"""What a run costs by its size, reckoned from the constants that `benchmarks.scaling` measured.

    seconds = setup + episodes * seconds_an_episode / workers + one episode

with a core for each worker. The last term is the end of a run, when some workers wait for the longest episode. It is
arithmetic, not a measurement: it assumes that workers do not slow one another more than two do.
"""

from dataclasses import dataclass
from typing import Any

#: Runs in the table: policies, shifts beside clean, episodes a cell, workers.
RUNS = (
    (1, 1, 50, 1),
    (1, 1, 50, 2),
    (3, 3, 100, 2),
    (3, 3, 200, 2),
    (3, 3, 200, 16),
    (3, 15, 200, 16),
    (3, 15, 200, 1000),
)
MANY = 1000


@dataclass(frozen=True)
class Constants:
    """Measured constants.

    Attributes:
        episode_s: Seconds of one worker an episode of the main job.
        setup_s: Seconds until a worker is ready.
        slowdown: Seconds an episode beside another worker, over those alone; >= 1 but for noise.
        private_bytes: Memory of a worker that it shares with nobody.
        shared_bytes: Memory that all workers share.
        record_s: Seconds that an episode's record costs the gathering process.
        record_bytes: Bytes of an episode's record on disk.
    """

    episode_s: float
    setup_s: float
    slowdown: float
    private_bytes: float
    shared_bytes: float
    record_s: float
    record_bytes: float

    @classmethod
    def of(cls, scaling: dict[str, Any]) -> "Constants":
        """Read them off the figures of `benchmarks.scaling`."""
        workers = scaling["workers"]
        one, (most, last) = workers["1"], list(workers.items())[-1]
        memory = scaling["memory_bytes"]["1 workers"]
        return cls(
            episode_s=60.0 / one["episodes_per_minute"],
            setup_s=one["setup_s"],
            slowdown=one["steps_per_second"] * int(most) / last["steps_per_second"],
            private_bytes=memory["private"],
            shared_bytes=memory["rss"] - memory["private"],
            record_s=scaling["record_ms"] / 1e3,
            record_bytes=scaling["record_bytes"],
        )

    def run_s(self, episodes: int, workers: int) -> float:
        """Wall seconds of a run."""
        slowdown = self.slowdown if workers > 1 else 1.0
        episode_s = slowdown * self.episode_s
        return self.setup_s + episodes * episode_s / workers + (episode_s if workers > 1 else 0.0)


def table(scaling: dict[str, Any]) -> str:
    """Runs of some sizes, and what a thousand workers would need, as Markdown."""
    constants = Constants.of(scaling)
    lines = [
        "| policies | arms | episodes a cell | episodes | workers | wall time | records |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for policies, shifts, episodes, workers in RUNS:
        arms = policies * (1 + shifts)
        total = arms * episodes
        lines.append(
            f"| {policies} | {arms} | {episodes} | {total} | {workers} "
            f"| {duration(constants.run_s(total, workers))} | {total * constants.record_bytes / 1e6:.1f} MB |"
        )
    return "\n".join([*lines, "", *_many(constants)])


def _many(constants: Constants) -> list[str]:
    records_a_second = MANY / (constants.slowdown * constants.episode_s)
    gibibytes = (MANY * constants.private_bytes + constants.shared_bytes) / 2**30
    most = constants.slowdown * constants.episode_s / constants.record_s
    ready_episodes = constants.setup_s / constants.episode_s
    return [
        f"{MANY} workers on as many cores, on paper: {60 * records_a_second:,.0f} episodes/min and "
        f"{gibibytes:,.0f} GiB. The gathering process would take {records_a_second:,.0f} records a second, "
        f"{records_a_second * constants.record_s:.0%} of a core at {1e3 * constants.record_s:.2f} ms each; one "
        f"gatherer feeds at most some {most:,.0f} workers. Getting ready takes {constants.setup_s:.1f} s, in which a "
        f"ready worker does {ready_episodes:.0f} episodes: a run is worth {MANY} workers from some "
        f"{10 * MANY * ready_episodes:,.0f} episodes on, where getting ready is a tenth of it.",
    ]


def duration(seconds: float) -> str:
    """For people: seconds below two minutes, minutes below two hours, else hours."""
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200.0 else f"{seconds / 3600:.1f} h"
