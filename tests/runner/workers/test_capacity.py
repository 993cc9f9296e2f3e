"""How many workers a machine has room for."""

import pytest

from fdp_bench.runner.workers import capacity

GIB = 2**30


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes what a machine says of itself: cores, free memory, and its control group's files."""
    monkeypatch.setattr(capacity, "_CGROUP", tmp_path)
    monkeypatch.setattr(capacity, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(capacity, "_OWN", tmp_path / "own")

    def say(cores, free=64 * GIB, **files):
        monkeypatch.setattr(capacity, "usable_cores", lambda: cores)
        (tmp_path / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable: {free // 1024} kB\n")
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)

    return say


def test_there_is_a_worker_a_core(machine):
    machine(6)

    assert capacity.default_workers(lanes=4) == 6
    assert capacity.default_workers(lanes=4, beside=1) == 5


@pytest.mark.parametrize(("quota", "workers"), [("250000 100000", 2), ("50000 100000", 1), ("max 100000", 6)])
def test_a_containers_quota_counts(machine, quota, workers):
    machine(6, cpu_max=quota)

    assert capacity.default_workers(lanes=4) == workers


def test_short_memory_leaves_fewer_and_fewer_with_more_lanes(machine):
    machine(64, free=8 * GIB)

    assert 1 < capacity.default_workers(lanes=16) < capacity.default_workers(lanes=1) < 64


def test_a_containers_limit_on_memory_counts(machine):
    machine(64, memory_max=str(5 * GIB), memory_current=str(4 * GIB))

    assert capacity.default_workers(lanes=4) == 1


@pytest.mark.parametrize("own", ["/job_7/step_0", "/job_7"])
def test_the_limits_of_a_schedulers_job_count(machine, tmp_path, own):
    machine(64, own=f"9:cpu:/other\n0::{own}\n")
    job = tmp_path / "job_7"
    (job / "step_0").mkdir(parents=True)

    (job / "cpu.max").write_text("400000 100000")
    assert capacity.default_workers(lanes=4) == 4

    (job / "memory.max").write_text(str(3 * GIB))
    (job / "memory.current").write_text(str(GIB))
    assert capacity.default_workers(lanes=4) == 1
    (tmp_path / "meminfo").unlink()
    assert capacity.worker_memory_limit(2) == int(0.8 * 3 * GIB / 2)


@pytest.mark.parametrize("own", ["/../../job_7", "/not/here", ""])
def test_a_control_group_that_is_not_seen_from_here_sets_no_limit(machine, tmp_path, own):
    machine(6, own=f"0::{own}\n", cpu_max="250000 100000")

    assert capacity.default_workers(lanes=4) == 2


def test_a_machine_that_says_nothing_gets_a_worker_a_core(machine, tmp_path):
    machine(3, memory_max="max", memory_current="1")
    (tmp_path / "meminfo").unlink()

    assert capacity.default_workers(lanes=4) == 3
