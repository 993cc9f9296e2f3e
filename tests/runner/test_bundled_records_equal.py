"""Bundled policies give equal records, however many workers, lanes, shards and interruptions, wherever they run."""

from dataclasses import replace

import pytest
from executors import HAS_RAY, quiet, ray_cluster

from fdp_bench.records import compare_records
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.executor import ExecutorSpec
from fdp_bench.runner.merge import merge_runs
from fdp_bench.runner.run import RunInterruptedError, begin_run, resume_run
from fdp_bench.runner.shard import Shard

pytestmark = pytest.mark.slow
CONFIG = RunConfig(
    task="fdp_bench/Lift-v1",
    policies=("fdp:prop>vision", "fdp:vision>prop", "dp-dit"),
    shifts=("occlusion@3",),
    episodes=2,
    lanes=8,
    batch_rows=8,
)


@pytest.fixture(scope="module", autouse=True)
def one_commit():
    """Somebody may commit while a test runs, and shards of two commits are not merged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fdp_bench.runner.opening.git_state", lambda: {"commit": "c0ffee", "dirty": False})
        yield


def begin(out, *, workers, lanes, progress=quiet, shard=None, executor="local"):
    return begin_run(
        replace(CONFIG, lanes=lanes),
        out,
        name="test",
        command=["fdp-bench", "run"],
        progress=progress,
        workers=workers,
        shard=shard,
        executor=ExecutorSpec.parse(executor),
    )


def stop_after(count):
    """Progress that presses Ctrl-C once so many records are there."""

    def progress(announcement):
        del announcement
        seen = []

        def take(record):
            seen.append(record)
            if len(seen) == count:
                raise KeyboardInterrupt

        return take

    return progress


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One worker that steps eight episodes side by side."""
    store = begin(tmp_path_factory.mktemp("runs") / "whole", workers=1, lanes=8)
    assert len(store.records()) == 12
    assert {record.status for record in store.records()} == {"ok"}
    return store


@pytest.mark.parametrize(("workers", "lanes"), [(1, 1), (2, 8), (2, 1), (4, 8), (4, 1)])
def test_workers_and_lanes_move_no_record(tmp_path, whole, workers, lanes):
    store = begin(tmp_path / "run", workers=workers, lanes=lanes)

    assert compare_records(whole.path, store.path) == []


@pytest.mark.parametrize(("workers", "lanes"), [(1, 8), (2, 1)])
def test_interruptions_move_no_record(tmp_path, whole, workers, lanes):
    with pytest.raises(RunInterruptedError):
        begin(tmp_path / "run", workers=workers, lanes=lanes, progress=stop_after(5))

    # Goes on with as many lanes as it was not started with.
    store = resume_run(tmp_path / "run", command=[], progress=quiet, workers=3 - workers, lanes=9 - lanes)

    assert [entry["episodes"] for entry in store.manifest().invocations] == [5, 7]
    assert compare_records(whole.path, store.path) == []


def test_shards_move_no_record(tmp_path, whole):
    with pytest.raises(RunInterruptedError):
        begin(tmp_path / "1", workers=1, lanes=1, shard=Shard(1, 3), progress=stop_after(1))
    resume_run(tmp_path / "1", command=[], progress=quiet, workers=2, lanes=8)
    begin(tmp_path / "2", workers=1, lanes=8, shard=Shard(2, 3))
    begin(tmp_path / "3", workers=2, lanes=1, shard=Shard(3, 3))

    store = merge_runs([tmp_path / str(number) for number in (1, 2, 3)], tmp_path / "run").store

    assert compare_records(whole.path, store.path) == []


@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: pip install 'fdp-bench[ray]', or tox -e ray")
def test_ray_moves_no_record(tmp_path, whole):
    with ray_cluster(2):
        with pytest.raises(RunInterruptedError):
            begin(tmp_path / "run", workers=2, lanes=1, progress=stop_after(4), executor="ray")
        store = resume_run(
            tmp_path / "run",
            command=[],
            progress=quiet,
            workers=2,
            lanes=8,
            executor=ExecutorSpec.parse("ray"),
        )

    assert compare_records(whole.path, store.path) == []
