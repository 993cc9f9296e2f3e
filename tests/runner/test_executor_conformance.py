"""What every executor keeps: equal records, lost workers survived, errors told alike, an end on Ctrl-C and SIGTERM."""

import os
import signal
from pathlib import Path

import pytest
from executors import (
    EXECUTORS,
    HAS_RAY,
    RunInterruptedError,
    finish_on,
    incidents_of,
    ray_cluster,
    records_left,
    run_on,
)

from fdp_bench.api import PluginError
from fdp_bench.records import compare_records
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.rollout.timing import PHASES
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")
OTHERS = [name for name in EXECUTORS if name != "one process"]


@pytest.fixture(scope="module", autouse=True)
def one_commit():
    """Somebody may commit while a test runs, and shards of two commits are not merged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fdp_bench.runner.run_manifest.git_state", lambda: {"commit": "c0ffee", "dirty": False})
        yield


@pytest.fixture(scope="module")
def cluster(fakes_folder):
    """Two nodes of Ray, where it is installed."""
    with ray_cluster(2, fakes_folder, Path(__file__).parents[1]) as found:
        yield found


@pytest.fixture
def executor(request):
    """An executor's name; its cluster is up."""
    if request.param == "ray":
        if not HAS_RAY:
            pytest.skip("Ray is not installed: pip install 'fdp-bench[ray]', or tox -e ray")
        request.getfixturevalue("cluster")
    return request.param


def config_of(policy="watcher", shifts=("dim@4",), episodes=3, **changes):
    return RunConfig(task=TOY_TASK, policies=(policy,), shifts=shifts, episodes=episodes, lanes=2, **changes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, fakes_folder):
    """Policy -> its run by one process, made once."""
    made = {}

    def run(config):
        if config not in made:
            made[config] = run_on("one process", config, tmp_path_factory.mktemp("runs") / "whole")
        return made[config]

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(fakes_folder)
        yield run


@pytest.mark.parametrize("executor", OTHERS, indirect=True)
def test_records_and_pictures_equal_those_of_one_process(executor, tmp_path, whole):
    config = config_of(videos=1, retest=0.5)
    reference = whole(config)

    store = run_on(executor, config, tmp_path / "run")

    assert compare_records(reference.path, store.path) == []
    assert {record.spec.id: record.comparable() for record in store.retest_records()} == {
        record.spec.id: record.comparable() for record in reference.retest_records()
    }
    manifest = store.manifest()
    assert manifest.status == "complete"
    assert manifest.episodes_planned == 6
    assert manifest.invocations[0]["executor"] == EXECUTORS[executor][0]
    assert {*manifest.invocations[0]["time_share"]} == {*PHASES}
    for folder, names in (
        ("strips", {"watcher_clean.png", "watcher_dim-4.png"}),
        ("videos", {"watcher_clean_0000.mp4", "watcher_dim-4_0000.mp4"}),
    ):
        assert {file.name for file in (store.path / folder).iterdir()} == names
        for name in names:
            assert (store.path / folder / name).read_bytes() == (reference.path / folder / name).read_bytes()


@pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
@pytest.mark.parametrize("option", ["", "&orphan=1"], ids=["dead", "a forked copy of it lives on"])
def test_a_worker_lost_by_chance_costs_nothing(executor, option, tmp_path):
    mark = tmp_path / "mark"
    config = config_of(f"breaker?file={str(mark).replace('/', '%')}{option}", shifts=())

    try:
        store = run_on(executor, config, tmp_path / "run")
        assert mark.exists()
        undisturbed = run_on("one process", config, tmp_path / "again")
    finally:
        # The copy waits for that.
        mark.unlink(missing_ok=True)

    assert [incident["reason"] for incident in incidents_of(store)] == [
        "a worker process was ended by SIGSEGV"
    ]
    assert {record.status for record in store.records()} == {"ok"}
    assert compare_records(undisturbed.path, store.path) == []


@pytest.mark.parametrize("executor", OTHERS, indirect=True)
def test_what_ends_its_process_is_told_alike(executor, tmp_path, whole):
    config = config_of("faulty?how=segfault", shifts=(), episodes=4)
    reference = whole(config)

    store = run_on(executor, config, tmp_path / "run")

    assert compare_records(reference.path, store.path) == []
    errors = [record for record in store.records() if record.status == "error"]
    assert errors
    assert {record.error for record in errors} == {
        "its process was ended by SIGSEGV; the second try, alone in a fresh process"
    }
    assert all("about to fall" in record.said or "Segmentation fault" in record.said for record in errors)


@pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_a_stopped_run_keeps_its_records_and_can_be_finished(executor, number, code, tmp_path, whole):
    config = config_of()
    seen = []

    def stop_after_two(run_info):
        del run_info

        def take(record):
            seen.append(record)
            if len(seen) == 2:
                os.kill(os.getpid(), number)

        return take

    with pytest.raises(RunInterruptedError) as caught:
        run_on(executor, config, tmp_path / "run", progress=stop_after_two)
    assert caught.value.exit_code == code
    assert [record.spec.id for record in records_left(executor, tmp_path / "run")] == [
        record.spec.id for record in seen
    ]

    store = finish_on(executor, config, tmp_path / "run")

    assert compare_records(whole(config).path, store.path) == []


@pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
def test_what_cannot_run_is_said_and_leaves_nothing_behind(executor, tmp_path):
    with pytest.raises(PluginError, match="bad build"):
        run_on(executor, config_of("misbuilt"), tmp_path / "run")

    assert list(tmp_path.iterdir()) == []
