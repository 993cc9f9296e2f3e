"""A Ray cluster of several nodes on this machine: nodes that are lost, none that can be had, others than expected."""

from dataclasses import replace
from pathlib import Path

import pytest
from executors import HAS_RAY, finish_on, incidents_of, ray_cluster, run_on

from fdp_bench.api import RunError
from fdp_bench.records import compare_records
from fdp_bench.runner.config import ExecutorSpec, RunConfig
from fdp_bench.runner.run import begin_run
from fdp_bench.toy import TOY_TASK

pytestmark = [
    pytest.mark.usefixtures("fakes"),
    pytest.mark.skipif(
        not HAS_RAY, reason="Ray is not installed: pip install 'fdp-bench[ray]', or tox -e ray"
    ),
]
CONFIG = RunConfig(
    task=TOY_TASK, policies=("watcher?delay=0.05",), shifts=("dim@4",), episodes=8, lanes=2, videos=1
)


@pytest.fixture
def cluster(fakes_folder):
    """Three nodes."""
    with ray_cluster(3, fakes_folder, Path(__file__).parents[2]) as found:
        yield found


def begin(out, progress, workers, executor="ray", config=None, **facts):
    return begin_run(
        config or CONFIG,
        out,
        name="test",
        command=["fdp-bench", "run"],
        progress=progress,
        workers=workers,
        executor=ExecutorSpec.parse(executor),
        **facts,
    )


def test_a_node_killed_mid_run_moves_no_record(cluster, tmp_path, monkeypatch):
    from fdp_bench.runner.ray_cluster.pool import RayPool

    ray_nodes, nodes = cluster
    config = replace(CONFIG, episodes=16)
    seen, welcomed, welcome = [], [], RayPool._welcome

    def count(pool, member):
        welcomed.append(member)
        welcome(pool, member)

    monkeypatch.setattr(RayPool, "_welcome", count)

    def kill_a_node_once_all_work(run_info):
        del run_info

        def take(record):
            seen.append(record)
            if len(seen) >= 3 and len(welcomed) >= 3 and nodes[0] in ray_nodes.worker_nodes:
                ray_nodes.remove_node(nodes[0], allow_graceful=False)

        return take

    store = begin(tmp_path / "run", kill_a_node_once_all_work, 3, config=config)

    whole = run_on("one process", config, tmp_path / "whole")
    assert compare_records(whole.path, store.path) == []
    assert len(store.episodes_path.read_bytes().splitlines()) == len(store.records()) == 32
    assert {record.status for record in store.records()} == {"ok"}
    reasons = [incident["reason"] for incident in incidents_of(store)]
    assert reasons
    assert all("was lost with its node or actor" in reason for reason in reasons)
    facts = store.manifest().invocations[0]
    assert facts["executor"] == "ray"
    assert sum(node["workers"] for node in facts["nodes"]) >= 2
    assert {file.name for file in (store.path / "videos").iterdir()} == {
        file.name for file in (whole.path / "videos").iterdir()
    }


def test_a_cluster_without_room_is_said(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("fdp_bench.runner.ray_cluster.pool._FIRST_S", 2.0)

    with pytest.raises(RunError, match=r"no room for a worker \(1 CPU, 1 GPU\) .* it has 3 CPU"):
        begin_run(
            CONFIG,
            tmp_path / "run",
            name="test",
            command=[],
            progress=lambda run_info: lambda record: None,
            workers=1,
            executor=ExecutorSpec.parse("ray", worker_gpus=1.0),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_that_is_lost_mid_run_leaves_what_was_counted(cluster, tmp_path, monkeypatch):
    import ray

    seen, wait = [], ray.wait

    def unreachable_after_two(*args, **options):
        if len(seen) >= 2:
            raise ConnectionError("the head does not answer")
        return wait(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ray, "wait", unreachable_after_two)
        with pytest.raises(RunError, match=r"no longer reached \(the head does not answer\); .* --resume"):
            begin(tmp_path / "run", lambda run_info: seen.append, 1)

    store = finish_on("one process", CONFIG, tmp_path / "run")
    whole = run_on("one process", CONFIG, tmp_path / "whole")
    assert compare_records(whole.path, store.path) == []


def test_a_policy_that_hangs_before_the_run_is_named(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("fdp_bench.runner.ray_cluster.pool.START_S", 60.0)
    monkeypatch.setitem(globals(), "CONFIG", replace(CONFIG, policies=("watcher?delay=3600",)))

    with pytest.raises(RunError, match="no sign of life for 60 s after it began with policy 'watcher"):
        begin(tmp_path / "run", lambda run_info: lambda record: None, 1)
    assert list(tmp_path.iterdir()) == []


def test_workers_that_share_gpus_are_as_many_as_lie_on_single_ones(monkeypatch):
    from fdp_bench.runner.ray_cluster import connection

    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 64.0, "GPU": 2.0})

    shares = {0.0: 64, 0.25: 8, 0.4: 4, 0.1: 20, 1 / 3: 6, 1.0: 2, 2.0: 1, 4.0: 1}
    assert {share: connection.room_for(1, share) for share in shares} == shares


def test_a_node_with_another_version_is_refused(cluster, tmp_path, monkeypatch):
    theirs = {"fdp-bench": "0.0.1"}
    monkeypatch.setattr("fdp_bench.runner.ray_cluster.pool.versions", lambda: theirs)

    with pytest.raises(RunError, match=r"node '.*' has fdp-bench .*, this machine 0\.0\.1"):
        begin(tmp_path / "run", lambda run_info: lambda record: None, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999", "ray://127.0.0.1:1"])
def test_a_cluster_that_is_not_there_is_said_before_ray_tries_for_minutes(address, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("Ray was asked")

    monkeypatch.setattr("ray.init", refuse)
    monkeypatch.setenv("RAY_ADDRESS", address)

    with pytest.raises(
        RunError, match=rf"no Ray cluster is reached at '{address}' \(.+\); .*ray start --head"
    ):
        begin(tmp_path / "run", lambda run_info: lambda record: None, 1)
    assert list(tmp_path.iterdir()) == []
