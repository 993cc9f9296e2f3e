"""Five hundred resets and episodes of Lift in one process: does memory grow, is the last state a fresh process's?"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WHAT = "500 resets and episodes in one process, with frames, under every built-in shift of Lift in turn"
EPISODES, STEPS, FRAME_EVERY = 500, 40, 8
#: Growth is counted from here on: by then each shift has been there once.
SETTLED = 60
LIMIT_MB = 50.0


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Play them all in one process, then the last one alone in another."""
    last = (70 if quick else EPISODES) - 1
    long = in_a_process(0, last)
    alone = in_a_process(last, last)
    equal = long["digest"] == alone["digest"]
    growth = (long["rss_bytes"][-1] - long["rss_bytes"][SETTLED]) / 1e6
    return {
        "episodes": last + 1,
        "control_steps_an_episode": STEPS,
        "growth_mb": round(growth, 2),
        "counted_from_episode": SETTLED,
        "rss_mb": [round(value / 1e6, 1) for value in long["rss_bytes"][:: max(1, last // 10)]],
        "last_states_equal": equal,
        "shifts": long["shifts"],
        "passed": equal and growth < LIMIT_MB,
    }


def in_a_process(first: int, last: int) -> dict[str, Any]:
    """Episodes `first` to `last`, played in a process of their own."""
    command = [sys.executable, "-m", "tests.torture.memory", str(first), str(last)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def play(first: int, last: int) -> dict[str, Any]:
    """Play episodes and say how large the process was after each, and what came of the last one."""
    import numpy as np

    from fdp_bench.plugins import shift_plugins
    from fdp_bench.runner.rollout.environment import make_base, wrap
    from fdp_bench.specs import parse_shifts

    shifts = ["clean", *(name for name in sorted(shift_plugins()) if not name.startswith("tactile"))]
    base, sizes, digest = make_base("Lift"), [], hashlib.sha256()
    for episode in range(first, last + 1):
        name = shifts[episode % len(shifts)]
        env = base if name == "clean" else wrap(base, parse_shifts(f"{name}@3"))
        actions = np.random.default_rng(episode).uniform(-1.0, 1.0, (STEPS, 7))
        digest = hashlib.sha256()
        observation, _ = env.reset(seed=episode)
        for step, action in enumerate(actions):
            observation, *_ = env.step(action)
            if step % FRAME_EVERY == 0:
                for key in sorted(observation):
                    digest.update(np.ascontiguousarray(observation[key]).tobytes())
        digest.update(base.unwrapped.robosuite_env.sim.get_state().flatten().tobytes())
        sizes.append(resident_bytes())
    return {"rss_bytes": sizes, "digest": digest.hexdigest(), "shifts": shifts}


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def words(figures: dict[str, Any]) -> str:
    """The figures in a sentence."""
    same = "equal to" if figures["last_states_equal"] else "**different from**"
    return (
        f"{figures['episodes']} episodes: memory grew by {figures['growth_mb']:.1f} MB after the first "
        f"{figures['counted_from_episode']}; the last one's states and frames are {same} a fresh process's"
    )


if __name__ == "__main__":
    print(json.dumps(play(int(sys.argv[1]), int(sys.argv[2]))))
