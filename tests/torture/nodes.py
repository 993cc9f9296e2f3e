"""A Ray cluster of three nodes on this machine, one of which is killed while a run is under way."""

import importlib.metadata
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from fdp_bench.records import compare_records
from fdp_bench.runner.config import ExecutorSpec, RunConfig
from fdp_bench.runner.run import begin_run
from fdp_bench.toy import TOY_TASK
from tests.torture.plugins import installed

WHAT = "one Ray node of three killed in the middle of a run"
CONFIG = RunConfig(task=TOY_TASK, policies=("watcher?delay=0.05",), shifts=("dim@4",), episodes=20, lanes=2)


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Five runs (one if `quick`), in each of which a node dies at another record, against an undisturbed local run."""
    if importlib.util.find_spec("ray") is None:
        return {"runs": [], "passed": False, "why": "Ray is not installed: pip install 'fdp-bench[ray]'"}
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "runner"))
    from executors import run_on

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = installed(folder / "plugins")
        sys.path[:0] = path.split(os.pathsep)
        os.environ["PYTHONPATH"] = path
        whole = run_on("one process", CONFIG, folder / "whole").path
        moments = (3,) if quick else (1, 5, 12, 20, 30)
        runs = [lose_a_node(folder / f"run-{after}", after, path, whole) for after in moments]
    well = all(run["different"] == 0 and run["doubled"] == 0 and run["lost_workers"] for run in runs)
    return {
        "runs": runs,
        "episodes": 2 * CONFIG.episodes,
        "ray": importlib.metadata.version("ray"),
        "passed": well,
    }


def lose_a_node(out: Path, after: int, path: str, whole: Path) -> dict[str, int]:
    """Run on three nodes and kill one of them after so many records."""
    from executors import incidents_of, ray_cluster

    with ray_cluster(3, *path.split(os.pathsep)) as (cluster, nodes):
        seen: list[Any] = []

        def progress(run_info: Any) -> Any:
            del run_info

            def take(record: Any) -> None:
                seen.append(record)
                if len(seen) == after:
                    cluster.remove_node(nodes[0], allow_graceful=False)

            return take

        store = begin_run(
            CONFIG,
            out,
            name="torture",
            command=[],
            progress=progress,
            workers=3,
            executor=ExecutorSpec.parse("ray"),
        )
    records = store.records()
    return {
        "killed_after": after,
        "lost_workers": len(incidents_of(store)),
        "different": len(compare_records(whole, out)),
        "doubled": len(store.episodes_path.read_bytes().splitlines())
        - len({each.spec.id for each in records}),
    }


def words(figures: dict[str, Any]) -> str:
    """The figures in a sentence."""
    if not figures["runs"]:
        return figures["why"]
    equal = sum(run["different"] == 0 and run["doubled"] == 0 for run in figures["runs"])
    moments = ", ".join(str(run["killed_after"]) for run in figures["runs"])
    return (
        f"{len(figures['runs'])} runs of {figures['episodes']} episodes, a node killed after {moments} of them: "
        f"records of {equal} equal to those of an undisturbed local run, none lost or doubled"
    )
