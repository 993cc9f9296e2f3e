"""Bundled policies give equal records, however many workers, lanes, shards and interruptions, wherever they run."""

from dataclasses import replace

import pytest
from executors import HAS_RAY, incidents_of, quiet, ray_cluster

from fdp_bench.records import compare_records
from fdp_bench.runner.config import BATCH_ROWS, ExecutorSpec, RunConfig
from fdp_bench.runner.interrupts import RunInterruptedError
from fdp_bench.runner.merge import merge_runs
from fdp_bench.runner.planning.shard import Shard
from fdp_bench.runner.run import begin_run, resume_run

pytestmark = pytest.mark.slow
#: Lift with eight rows a batch, Can with as many as runs on a CPU have.
CONFIGS = {
    "Lift": RunConfig(
        task="fdp_bench/Lift-v1",
        policies=("fdp:prop>vision", "fdp:vision>prop", "dp-dit", "dp-unet"),
        shifts=("occlusion@3",),
        episodes=2,
        lanes=8,
        batch_rows=8,
    ),
    "Can": RunConfig(
        task="fdp_bench/Can-v1",
        policies=("fdp:prop>vision", "dp-unet"),
        shifts=("distractors@3",),
        episodes=2,
        lanes=BATCH_ROWS,
        batch_rows=BATCH_ROWS,
    ),
}


@pytest.fixture(scope="module", autouse=True)
def one_commit():
    """Somebody may commit while a test runs, and shards of two commits are not merged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fdp_bench.runner.run_manifest.git_state", lambda: {"commit": "c0ffee", "dirty": False})
        yield


class Runs:
    """Runs of one configuration, all to come out as the first one: one worker, as many lanes as a batch has rows.

    Attributes:
        config: The configuration.
        lanes: The most lanes.
        whole: The first run.
    """

    def __init__(self, config, folder):
        self.config, self.lanes = config, config.batch_rows
        self.whole = self.begin(folder / "whole", workers=1)
        assert len(self.whole.records()) == self.episodes
        assert {record.status for record in self.whole.records()} == {"ok"}

    @property
    def episodes(self):
        return 2 * len(self.config.policies) * self.config.episodes

    def begin(self, out, *, workers, lanes=None, progress=quiet, shard=None, executor="local"):
        return begin_run(
            replace(self.config, lanes=lanes or self.lanes),
            out,
            name="test",
            command=["fdp-bench", "run"],
            progress=progress,
            workers=workers,
            shard=shard,
            executor=ExecutorSpec.parse(executor),
        )

    def different(self, store):
        return compare_records(self.whole.path, store.path)


def resume(out, *, workers, lanes, progress=quiet, executor="local"):
    return resume_run(
        out,
        command=[],
        progress=progress,
        workers=workers,
        lanes=lanes,
        executor=ExecutorSpec.parse(executor),
    )


def after(count, act):
    """Progress that acts once so many records are there."""

    def progress(run_info):
        del run_info
        seen = []

        def take(record):
            seen.append(record)
            if len(seen) == count:
                act()

        return take

    return progress


def press_ctrl_c():
    raise KeyboardInterrupt


@pytest.fixture(scope="module", params=CONFIGS)
def runs(request, tmp_path_factory):
    return Runs(CONFIGS[request.param], tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_and_lanes_move_no_record(tmp_path, runs, workers):
    # One worker with all lanes is what the others are compared with.
    store = runs.begin(tmp_path / "run", workers=workers, lanes={1: 1, 2: runs.lanes, 4: 1}[workers])

    assert runs.different(store) == []


def test_an_interruption_moves_no_record(tmp_path, runs):
    with pytest.raises(RunInterruptedError):
        runs.begin(tmp_path / "run", workers=2, lanes=1, progress=after(3, press_ctrl_c))

    store = resume(tmp_path / "run", workers=1, lanes=runs.lanes)

    assert [entry["episodes"] for entry in store.manifest().invocations] == [3, runs.episodes - 3]
    assert runs.different(store) == []


def test_shards_and_an_interruption_move_no_record(tmp_path, runs):
    with pytest.raises(RunInterruptedError):
        runs.begin(tmp_path / "1", workers=1, lanes=1, shard=Shard(1, 2), progress=after(1, press_ctrl_c))
    resume(tmp_path / "1", workers=2, lanes=runs.lanes)
    runs.begin(tmp_path / "2", workers=1, shard=Shard(2, 2))

    store = merge_runs([tmp_path / "1", tmp_path / "2"], tmp_path / "run").store

    assert runs.different(store) == []


@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: pip install 'fdp-bench[ray]', or tox -e ray")
def test_ray_an_interruption_and_a_lost_node_move_no_record(tmp_path, runs):
    with ray_cluster(3) as (cluster, nodes):
        with pytest.raises(RunInterruptedError):
            runs.begin(tmp_path / "run", workers=2, lanes=1, progress=after(2, press_ctrl_c), executor="ray")
        store = resume(
            tmp_path / "run",
            workers=3,
            lanes=runs.lanes,
            progress=after(2, lambda: cluster.remove_node(nodes[0], allow_graceful=False)),
            executor="ray",
        )

    assert incidents_of(store)
    assert runs.different(store) == []
