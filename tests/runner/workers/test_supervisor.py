"""Workers that die, hang, grow or raise: the run goes on, each episode is named, and the others are as they were.

That a worker lost by chance costs nothing is held for every executor, in `test_executor_conformance`.
"""

import signal

import pytest
from fake_tasks import DOOMED_TASK

from fdp_bench.api import RunError
from fdp_bench.records import RunStore, compare_records
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.processes import process
from fdp_bench.runner.run import begin_run
from fdp_bench.runner.workers import capacity
from fdp_bench.runner.workers.worker_handle import Limits
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")


# Of a run's first three episodes, the first starts right of the middle, where these policies come to grief; it is under
# way beside the second.
def begin(
    out,
    *,
    policies=("faulty?how=raise",),
    shifts=(),
    episodes=3,
    workers=2,
    lanes=2,
    limits=None,
    task=TOY_TASK,
    **changes,
):
    config = RunConfig(task=task, policies=policies, shifts=shifts, episodes=episodes, lanes=lanes, **changes)
    return begin_run(
        config,
        out,
        name="test",
        command=[],
        progress=lambda run_info: lambda record: None,
        workers=workers,
        limits=limits,
    )


def outcomes(store):
    """Index -> what came of it, without who it was and why it went wrong."""
    facts = {}
    for record in store.records():
        comparable = record.comparable()
        gone_wrong = record.status == "error"
        facts[record.spec.index] = "error" if gone_wrong else {**comparable, "spec": None, "id": None}
    return facts


def incidents(store):
    return store.manifest().invocations[-1].get("incidents", [])


@pytest.fixture(scope="module")
def raised(tmp_path_factory, fakes_folder):
    """A run whose policy raises where the others' workers come to grief."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(fakes_folder)
        return begin(tmp_path_factory.mktemp("runs") / "raised")


@pytest.fixture(scope="module")
def fallen(tmp_path_factory, fakes_folder):
    """A run whose policy takes its worker down there, and with which an episode is run again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(fakes_folder)
        policies = ("faulty?how=segfault",)
        return begin(tmp_path_factory.mktemp("runs") / "fallen", policies=policies, retest=0.3)


def assert_only_the_first_is_named(store, raised, reason):
    assert outcomes(store) == outcomes(raised)
    assert [index for index, what in outcomes(store).items() if what == "error"] == [0]
    errors = [record for record in store.records() if record.status == "error"]
    assert {record.error for record in errors} == {
        f"its process {reason}; the second try, alone in a fresh process"
    }
    assert len(incidents(store)) >= 1 + len(errors)
    assert store.manifest().status == "complete"


def test_an_episode_that_ends_its_process_is_named_and_the_rest_is_unchanged(fallen, raised):
    assert_only_the_first_is_named(fallen, raised, "was ended by SIGSEGV")


def test_so_is_one_that_leaves_without_a_word(tmp_path, raised):
    store = begin(tmp_path / "run", policies=("faulty?how=exit",))

    assert_only_the_first_is_named(store, raised, "ended with exit code 7")


def test_what_a_process_said_last_is_kept_and_moves_no_comparison(tmp_path, fallen):
    alone = begin(tmp_path / "alone", policies=("faulty?how=segfault",), workers=1)

    said = [record.said for record in alone.records() if record.status == "error"]
    assert said
    assert all("about to fall" in text or "Segmentation fault" in text for text in said)
    assert any('fake_policies.py", line' in text for text in said)
    assert {record.said for record in alone.records() if record.status == "ok"} == {""}
    assert compare_records(alone.path, fallen.path) == []


def test_lost_workers_leave_a_retest_whole(fallen):
    assert [record.status for record in fallen.retest_records()] == ["error", "error"]


def test_a_worker_that_hangs_is_ended_and_says_where(tmp_path, raised, monkeypatch):
    # As long as it takes on a busy machine.
    monkeypatch.setattr(process, "_DUMP_S", 60.0)
    store = begin(
        tmp_path / "run", policies=("faulty?how=hang",), episodes=1, workers=1, limits=Limits(hang_s=5.0)
    )

    errors = [record for record in store.records() if record.status == "error"]
    assert {record.spec.index: "error" for record in errors} == {
        index: what for index, what in outcomes(raised).items() if what == "error"
    }
    for record in errors:
        assert record.error.startswith("its process gave no sign of life and was ended")
        assert 'fake_policies.py", line' in record.said


def test_patience_follows_from_the_episodes():
    assert Limits().patience_s(None) == 600.0
    assert Limits().patience_s(0.5) == 60.0
    assert Limits().patience_s(30.0) == 300.0
    assert Limits(hang_s=7.0).patience_s(30.0) == 7.0


def test_a_worker_that_grows_is_replaced_between_episodes(tmp_path):
    limits = Limits(worker_bytes=220 * 2**20)
    store = begin(tmp_path / "run", policies=("greedy",), workers=1, lanes=1, limits=limits)
    undisturbed = begin(tmp_path / "again", policies=("greedy?mib=1",), workers=1, lanes=1, limits=limits)

    assert incidents(store)
    assert {"MiB of memory" in incident["reason"] for incident in incidents(store)} == {True}
    assert incidents(undisturbed) == []
    assert outcomes(store) == outcomes(undisturbed)
    invocation = store.manifest().invocations[-1]
    assert invocation["time_share"]["physics"] > 0.0


def test_the_default_limit_is_a_workers_share_of_the_machine(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal: 16777216 kB\nMemAvailable: 1 kB\n")
    monkeypatch.setattr(capacity, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(capacity, "_CGROUP", tmp_path)

    assert capacity.worker_memory_limit(4) == int(0.8 * 2**34 / 4)
    (tmp_path / "memory.max").write_text(str(2**30))
    assert capacity.worker_memory_limit(1) == int(0.8 * 2**30)


def test_processes_that_die_before_any_episode_end_the_run_and_say_why(tmp_path, monkeypatch):
    mark = tmp_path / "mark"
    monkeypatch.setenv("FDP_BENCH_FAKES_DOOM", str(mark))
    policy = f"breaker?file={str(mark).replace('/', '%')}"

    with pytest.raises(
        RunError, match="3 processes in a row were lost before they could start an episode"
    ) as caught:
        begin(tmp_path / "run", policies=(policy,), task=DOOMED_TASK, workers=1)

    assert signal.SIGKILL.name in str(caught.value)
    assert "(no room for another one)" in str(caught.value)
    assert "fdp-bench run --resume" in str(caught.value)
    store = RunStore.open(tmp_path / "run")
    assert store.manifest().status == "failed"
    assert len(incidents(store)) == 4


@pytest.mark.parametrize("how", ["slow", "swallow"])
def test_a_policy_slower_than_its_limit_is_the_policys_error(tmp_path, raised, how):
    store = begin(tmp_path / "run", policies=(f"faulty?how={how}",), workers=1, act_timeout=1.0)

    assert outcomes(store) == outcomes(raised)
    assert {record.error for record in store.records() if record.status == "error"} == {
        f"policy 'faulty?how={how}': act took longer than the 1 s of --act-timeout"
    }
    assert incidents(store) == []


def test_a_worker_lost_while_it_checks_is_replaced_once(tmp_path, monkeypatch):
    mark = tmp_path / "mark"
    monkeypatch.setenv("FDP_BENCH_FAKES_DOOM_ONCE", str(mark))
    store = begin(tmp_path / "run", policies=("blind",), task=DOOMED_TASK, workers=1, episodes=1)

    assert mark.exists()
    assert [incident["reason"].split(" (")[0] for incident in incidents(store)] == [
        "a worker process was ended by SIGKILL"
    ]
    assert {record.status for record in store.records()} == {"ok"}
