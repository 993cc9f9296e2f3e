"""Workers that segfault, hang, run out of memory or raise: does the run end, named, and is the rest as it was?"""

import os
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from typing import Any

import gymnasium

from fdp_bench.api.streams import INITIAL_STATE, stream_int
from fdp_bench.records import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.run import begin_run
from fdp_bench.runner.workers.worker_handle import Limits
from fdp_bench.toy import TOY_TASK
from tests.torture.plugins import CGROUP, installed

WHAT = "a worker's segmentation fault, hang, end by the kernel for want of memory, and exception"
#: What befalls a worker -> what its episode's error must say.
REASONS = {
    "segfault": "SIGSEGV",
    "hang": "no sign of life",
    "memory": "SIGKILL",
    "exception": "policy 'sufferer?how=exception': act raised ValueError",
}
EPISODES, WORKERS, LANES = 4, 2, 2
#: Patience with a worker that says nothing; memory takes its time to run out on a busy machine.
HANG_S, MEMORY_S = 3.0, 60.0
MEMORY = Path("/sys/fs/cgroup/memory")
#: Of what a worker takes after it was put there.
LIMIT_BYTES = 300 * 2**20


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Twenty runs of each kind (two if `quick`), each with another seed, against runs in which nothing happens."""
    kinds = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        path = installed(folder / "plugins")
        sys.path[:0] = path.split(os.pathsep)
        os.environ["PYTHONPATH"] = path
        if stack.enter_context(small_cgroup()) is None:
            return {
                "passed": False,
                "kinds": {},
                "why": "no memory cgroup can be made here: it takes root and cgroup v1",
            }
        for seed in mixed_seeds(2 if quick else 20):
            whole = play(folder, "nothing", seed)
            for how in REASONS:
                found = compare(play(folder, how, seed), whole, how, stricken(seed))
                kinds.setdefault(how, []).append(found)
    counts = {
        how: {key: sum(run[key] for run in runs) for key in runs[0]} | {"runs": len(runs)}
        for how, runs in kinds.items()
    }
    passed = all(
        count["complete"] == count["runs"] <= count["stricken"]
        and not count["unnamed"]
        and not count["changed"]
        for count in counts.values()
    )
    return {"kinds": counts, "hang_s": HANG_S, "memory_limit_bytes": LIMIT_BYTES, "passed": passed}


def play(folder: Path, how: str, seed: int) -> RunStore:
    """One run under one misfortune."""
    config = RunConfig(
        task=TOY_TASK, policies=(f"sufferer?how={how}",), shifts=(), episodes=EPISODES, lanes=LANES, seed=seed
    )
    return begin_run(
        config,
        folder / f"{how}-{seed}",
        name="torture",
        command=[],
        progress=lambda run_info: lambda record: None,
        workers=WORKERS,
        limits=Limits(hang_s=MEMORY_S if how == "memory" else HANG_S),
    )


def stricken(seed: int) -> set[int]:
    """Indices of a run's episodes that start right of the middle, where `Sufferer` suffers."""
    env = gymnasium.make(TOY_TASK, disable_env_checker=True)
    starts = {
        index: env.reset(seed=stream_int(seed, index, INITIAL_STATE))[0]["prop"][0]
        for index in range(EPISODES)
    }
    return {index for index, start in starts.items() if start > 0}


def mixed_seeds(count: int) -> list[int]:
    """The first seeds whose runs hold episodes that suffer beside some that do not."""
    return list(islice((seed for seed in count_from() if 0 < len(stricken(seed)) < EPISODES), count))


def compare(store: RunStore, whole: RunStore, how: str, stricken: set[int]) -> dict[str, int]:
    """What came of one run.

    Returns:
        Whether it ended, how many of its episodes were to suffer, how many of those bear no error that names what
        befell them, and how many of the others are not what they are where nothing happens.
    """
    healthy = {record.spec.index: facts(record) for record in whole.records()}
    records = {record.spec.index: record for record in store.records()}
    named = {
        index
        for index, record in records.items()
        if record.status == "error" and REASONS[how] in record.error
    }
    unchanged = {index for index, record in records.items() if facts(record) == healthy[index]}
    return {
        "complete": int(store.manifest().status == "complete" and len(store.records()) == EPISODES),
        "stricken": len(stricken),
        "unnamed": len(stricken - named),
        "others": EPISODES - len(stricken),
        "changed": len(set(range(EPISODES)) - stricken - unchanged),
    }


def facts(record: Any) -> dict[str, Any]:
    """A record without who acted: what must not change."""
    return {**record.comparable(), "spec": None, "id": None}


@contextmanager
def small_cgroup():
    """A memory cgroup in which little room is left, or None where none can be made."""
    group = MEMORY / f"fdp-bench-torture-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(LIMIT_BYTES))
    except OSError:
        yield None
        return
    os.environ[CGROUP] = str(group)
    try:
        yield group
    finally:
        group.rmdir()


def words(figures: dict[str, Any]) -> str:
    """The figures in a sentence."""
    if not figures["kinds"]:
        return figures["why"]
    return "; ".join(
        f"{how}: {count['complete']} of {count['runs']} runs ended, {count['unnamed']} of {count['stricken']} "
        f"stricken episodes not named, {count['changed']} of {count['others']} others changed"
        for how, count in figures["kinds"].items()
    )
