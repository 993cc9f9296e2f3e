"""One inference process for all workers: the same records, and no way to hang or to leave anything behind."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from fdp_bench.api import PluginError, RunError, SpecError
from fdp_bench.records import compare_records
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.inference_server import process
from fdp_bench.runner.inference_server.process import IN_WORKER, SHARED, choose_inference
from fdp_bench.runner.run import begin_run
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")

SHARED_MEMORY = Path("/dev/shm")


def begin(out, *, policies=("watcher",), workers=2, lanes=4, episodes=6, inference=SHARED, task=TOY_TASK):
    config = RunConfig(task=task, policies=policies, shifts=("dim@4",), episodes=episodes, lanes=lanes)
    return begin_run(
        config,
        out,
        name="test",
        command=["fdp-bench", "run"],
        progress=lambda run_info: lambda record: None,
        workers=workers,
        inference=inference,
    )


@pytest.fixture
def shared_memory(monkeypatch):
    """Names of the shared memory that a test's runs make; none of it outlives them, however they end."""
    if not SHARED_MEMORY.is_dir():
        pytest.skip("the system does not show its shared memory")
    made, create = [], process.SharedMemory

    def noting(*args, **kwargs):
        memory = create(*args, **kwargs)
        made.append(memory.name)
        return memory

    monkeypatch.setattr(process, "SharedMemory", noting)
    yield made
    assert [name for name in made if (SHARED_MEMORY / name).exists()] == []


@pytest.mark.parametrize(
    "policies", [("watcher", "seeker"), ("faulty",), ("faulty?how=raise",)], ids=["two", "nan", "raising"]
)
def test_shared_inference_gives_the_records_of_policies_in_the_workers(tmp_path, policies, shared_memory):
    shared = begin(tmp_path / "shared", policies=policies, workers=2, lanes=3)
    in_worker = begin(tmp_path / "worker", policies=policies, workers=1, inference=IN_WORKER)

    assert len(shared_memory) == 1
    assert compare_records(shared.path, in_worker.path) == []
    assert shared.manifest().invocations[0]["inference"] == SHARED
    assert shared.manifest().plugins == in_worker.manifest().plugins


@pytest.mark.parametrize("policy", ["doubtful", "doubtful?how=raise"])
def test_shared_inference_tells_the_shares_of_fallbacks_that_the_workers_tell(tmp_path, policy):
    shared = begin(tmp_path / "shared", policies=(policy,), workers=2, lanes=3)
    in_worker = begin(tmp_path / "worker", policies=(policy,), workers=1, inference=IN_WORKER)

    both = [{r.spec.id: r.fallback_share for r in store.records()} for store in (shared, in_worker)]
    assert both[0] == both[1]
    shares = [record.fallback_share for record in shared.records() if record.status == "ok"]
    assert None not in shares
    assert (max(shares) > 0) == (policy == "doubtful")


def test_simulating_workers_load_no_policy(tmp_path):
    store = begin(tmp_path / "run", policies=("faulty?how=process",), workers=1, lanes=1, episodes=8)

    assert {record.error for record in store.records()} == {
        "policy 'faulty?how=process': act raised ValueError: the inference process"
    }


def test_an_inference_process_that_dies_is_replaced_and_only_whoever_ended_it_suffers(
    tmp_path, shared_memory
):
    shared = begin(tmp_path / "shared", policies=("faulty?how=die",), episodes=4, lanes=2)
    in_worker = begin(tmp_path / "worker", policies=("faulty?how=die",), episodes=4, inference=IN_WORKER)

    # One for each inference process.
    assert len(shared_memory) > 1
    assert compare_records(shared.path, in_worker.path) == []
    assert {record.status for record in shared.records()} == {"ok", "error"}
    reasons = {incident["reason"] for incident in shared.manifest().invocations[0]["incidents"]}
    assert any(reason.startswith("the inference process was ended by SIGKILL") for reason in reasons)


def test_a_worker_that_dies_beside_an_inference_process_is_replaced(tmp_path, shared_memory):
    config = RunConfig(task=TOY_TASK, policies=("blind",), shifts=("meddler@1?how=crash",), episodes=2)
    store = begin_run(
        config,
        tmp_path / "run",
        name="test",
        command=[],
        progress=lambda run_info: lambda record: None,
        workers=1,
        inference=SHARED,
    )

    assert len(shared_memory) == 1
    assert {(record.spec.shift == "clean", record.status) for record in store.records()} == {
        (True, "ok"),
        (False, "error"),
    }


def test_a_policy_that_keeps_a_state_for_each_lane_is_refused(tmp_path, shared_memory):
    with pytest.raises(SpecError, match="run it with --inference worker"):
        begin(tmp_path / "run", policies=("remembering",))

    assert list(tmp_path.iterdir()) == []


def test_a_policy_that_cannot_be_built_leaves_nothing_behind(tmp_path, shared_memory):
    with pytest.raises(PluginError, match="bad build"):
        begin(tmp_path / "run", policies=("misbuilt",))

    assert list(tmp_path.iterdir()) == []


def test_shared_memory_without_room_is_said_before_anybody_writes_to_it(tmp_path, monkeypatch, shared_memory):
    monkeypatch.setattr(
        "fdp_bench.runner.inference_server.process.shutil.disk_usage",
        lambda path: SimpleNamespace(free=2**10),
    )

    with pytest.raises(
        RunError, match=r"/dev/shm has 0\.0 MiB free, and the workers need .* --inference worker"
    ):
        begin(tmp_path / "run")

    assert list(tmp_path.iterdir()) == []


def test_a_gpu_is_served_by_one_process_and_a_cpu_by_each_worker():
    assert choose_inference(None, "cpu") == IN_WORKER
    assert choose_inference(None, "cuda:1") == SHARED
    assert choose_inference(IN_WORKER, "cuda") == IN_WORKER
    with pytest.raises(SpecError, match="did you mean 'shared'"):
        choose_inference("share", "cpu")
