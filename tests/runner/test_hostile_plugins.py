"""Plugins that do what no plugin should: it is recorded on the episode, by name, and nobody else suffers."""

import pytest
from hostile import hostile, hostile_folder
from rollout_helper import comparable, roll_out, specs

from fdp_bench.api import PluginError, RunError
from fdp_bench.records import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.processes.process import Child
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.preflight import PreflightRequest, check
from fdp_bench.runner.run import begin_run
from fdp_bench.runner.workers.worker_handle import Limits
from fdp_bench.toy import TOY_TASK, ToyEnv

__all__ = ["hostile", "hostile_folder"]
pytestmark = pytest.mark.usefixtures("hostile")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("exit", "act raised SystemExit: 5"),
        ("reset-exit", "reset raised SystemExit: 4"),
        ("mute", "act raised Mute: its text cannot be had: RuntimeError"),
    ],
)
def test_what_a_policy_raises_is_its_error(how, why):
    records, _ = roll_out(specs(2, policy=f"hostile?how={how}"), lanes=2)

    assert {record.error for record in records.values()} == {f"policy 'hostile?how={how}': {why}"}


def test_of_a_long_error_the_record_keeps_beginning_and_end():
    records, _ = roll_out(specs(1, policy="hostile?how=long"))

    (record,) = records.values()
    assert record.error.startswith("policy 'hostile?how=long': act raised ValueError: beginxxx")
    assert record.error.endswith("xxxend")
    assert len(record.error) < 2_200


def test_what_a_policy_does_to_its_observation_reaches_nobody_else():
    quiet = comparable(roll_out(specs(3, policy="hostile"))[0])
    records, _ = roll_out(specs(3, policy="hostile?how=in-place"))

    for record in records.values():
        expected = quiet["hostile", "clean", record.spec.index]
        assert {**record.comparable(), "spec": 0, "id": 0} == {**expected, "spec": 0, "id": 0}


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("four", "step returned 4 values; Gymnasium's five values are needed"),
        ("none", "step returned a NoneType; Gymnasium's five values are needed"),
        ("no-info", "step returned a NoneType for info; a dictionary is needed"),
        ("half-a-reset", "reset returned no pair of observation and info"),
        ("no-observation", "observation is a NoneType, not a dictionary"),
        ("no-key", "observation lacks 'prop'"),
        ("in-place", "observation 'prop' holds numbers that are not finite"),
        ("success", "changes what the task says of success and of the episode's end"),
        ("no-success", "changes what the task says of success and of the episode's end"),
        ("end", "changes what the task says of success and of the episode's end"),
        ("action", "changes the action"),
        ("action-in-place", "changes the action"),
        ("twice", "takes 2 control steps for one"),
        ("not-a-number", "its receipt cannot be recorded: ValueError"),
        ("no-json", "its receipt cannot be recorded: TypeError"),
        ("words-for-numbers", "its receipt cannot be recorded: ValueError: receipt.pixel_change"),
    ],
)
def test_a_shift_that_breaks_the_rules_is_named(how, why):
    shift = f"bad@3?how={how}"
    records, _ = roll_out(specs(2, policy="hostile", shift=shift), lanes=1)

    for record in records.values():
        assert record.status == "error"
        assert not record.success_once
        assert record.error.startswith(f"shift {shift!r}: {why}")


def test_a_shift_that_ends_its_process_in_order_is_named():
    records, _ = roll_out(specs(1, policy="hostile", shift="bad@3?how=exit"))

    assert {record.error for record in records.values()} == {"shift 'bad': SystemExit: 9"}


def test_a_task_whose_safety_figures_cannot_be_had_is_named(monkeypatch):
    def fail(env):
        raise OverflowError("too fast")

    monkeypatch.setattr(ToyEnv, "safety", fail)
    records, _ = roll_out(specs(1, policy="hostile"))

    assert {record.error for record in records.values()} == {
        f"task {TOY_TASK!r}: its safety figures cannot be had: OverflowError: too fast"
    }


@pytest.mark.parametrize(
    ("policy", "shift", "why"),
    [
        (
            "hostile",
            "bad@3?how=built",
            r"shift 'bad@3\?how=built' cannot be built: EOFError: not to be built",
        ),
        ("hostile", "bad@3?how=built-exit", r"shift 'bad@3\?how=built-exit' cannot be built: SystemExit: 3"),
        ("hostile", "bad@3?how=lags", r"under shift 'bad@3\?how=lags' fails on its first step: TypeError"),
        (
            "hostile?how=built-exit",
            "clean",
            r"policy 'hostile\?how=built-exit' cannot be built: SystemExit: 3",
        ),
        ("hostile?how=noise", "clean", r"policy 'hostile\?how=noise' states noise_shape = None"),
        ("hostile?how=noise-float", "clean", r"states noise_shape = \(1.5,\)"),
    ],
)
def test_what_cannot_be_run_at_all_is_named_before_the_run(policy, shift, why):
    with pytest.raises(PluginError, match=why):
        check(Lane(TOY_TASK, "fast"), PreflightRequest((policy,), (shift,), "cpu"))


def test_before_the_run_it_is_said_what_is_begun_with():
    begun = []
    check(Lane(TOY_TASK, "fast"), PreflightRequest(("hostile",), ("bad@3",), "cpu"), begun.append)

    assert begun == ["its task", "policy 'hostile'", "shift 'clean'", "shift 'bad@3'"]


def begin(out, *hows, **changes):
    config = RunConfig(
        task=TOY_TASK, policies=tuple(f"hostile?how={how}" for how in hows), shifts=(), episodes=1, lanes=1
    )
    return begin_run(
        config,
        out,
        name="test",
        command=[],
        progress=lambda run_info: lambda record: None,
        workers=1,
        **changes,
    )


@pytest.mark.parametrize(
    ("inference", "name"), [("worker", "a worker process"), ("shared", "the inference process")]
)
def test_whoever_checks_before_the_run_is_given_so_much_time(tmp_path, monkeypatch, inference, name):
    receive_within = Child.receive_within

    def lose_patience(child, patience_s):
        if child.name == name:
            raise RunError(f"{name} had {patience_s:g} s")
        return receive_within(child, patience_s)

    monkeypatch.setattr(Child, "receive_within", lose_patience)

    with pytest.raises(RunError, match=f"{name} had 600 s"):
        begin(tmp_path / "run", "nothing", inference=inference)

    assert list(tmp_path.iterdir()) == []


def errors(store):
    return {record.spec.policy.rpartition("=")[2]: record.error for record in store.records()}


def test_a_process_that_a_plugin_moves_copies_or_breaks_does_no_harm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    store = begin(tmp_path.joinpath("parts").relative_to(tmp_path) / "run", "elsewhere", "copy", "weird")

    assert errors(store) == {
        "elsewhere": "",
        "copy": "",
        "weird": "its process failed: Weird: odd; the second try, alone in a fresh process",
    }
    assert store.manifest().status == "complete"
    assert len(store.episodes_path.read_bytes().splitlines()) == 3
    assert {path.name for path in (tmp_path / "parts" / "run" / "strips").iterdir()} == {
        "hostile-how-elsewhere_clean.png",
        "hostile-how-copy_clean.png",
    }
    assert "raise Weird" in next(record.said for record in store.records() if record.said)


def test_a_dead_worker_is_noticed_while_a_process_that_it_forked_lives_on(tmp_path, monkeypatch):
    monkeypatch.setenv("FDP_BENCH_HOSTILE_END", str(tmp_path / "end"))
    try:
        store = begin(tmp_path / "run", "orphan", limits=Limits(hang_s=60.0))
    finally:
        (tmp_path / "end").touch()

    assert RunStore.open(tmp_path / "run").manifest().status == "complete"
    assert errors(store) == {
        "orphan": "its process was ended by SIGSEGV; the second try, alone in a fresh process"
    }


def test_a_worker_that_cannot_load_what_it_could_before_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("FDP_BENCH_HOSTILE_BOOK", str(tmp_path / "book"))
    store = begin(tmp_path / "run", "built-1")

    assert errors(store) == {"built-1": ""}
    assert [incident["reason"] for incident in store.manifest().invocations[0]["incidents"]] == [
        "a worker process failed: policy 'hostile?how=built-1' cannot be built: OSError: stale file handle"
    ]


def test_what_no_worker_can_load_any_more_ends_the_run_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("FDP_BENCH_HOSTILE_BOOK", str(tmp_path / "book"))

    with pytest.raises(
        RunError, match=r"policy 'hostile\?how=built-9' cannot be built.*; 0 of 1 episodes are kept"
    ):
        begin(tmp_path / "run", "built-9")

    assert RunStore.open(tmp_path / "run").manifest().status == "failed"
