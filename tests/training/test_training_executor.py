import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fdp_bench.api import RunError
from fdp_bench.training import executor
from fdp_bench.training.executor import default_parallel, train_all
from fdp_bench.training.job import FAILED, THERE_ALREADY, TRAINED


def test_each_job_is_trained_with_its_own_settings(plan):
    jobs = plan("learner", num_demos=(2, 3), seeds=(0, 5), settings={"steps": "9"})
    outcomes = train_all(jobs, 2)

    assert [outcome.job for outcome in outcomes] == list(jobs)
    for outcome in outcomes:
        told = json.loads(outcome.checkpoint.read_text())["settings"]
        assert told == {"num_demos": str(outcome.job.num_demos), "seed": str(outcome.job.seed), "steps": "9"}
        assert outcome.status == TRAINED
        assert (outcome.steps, outcome.heldout_loss) == (7, 0.25)
        assert outcome.warnings == ("it is only pretending",)
        assert outcome.job.log.read_text() == "learning learner from demos.npz\n"


def test_what_is_there_is_not_made_again(plan):
    jobs = plan("learner")
    (first,), (second,) = train_all(jobs, 1), train_all(jobs, 1)

    assert first.status == TRAINED
    assert second.status == THERE_ALREADY
    assert second.checkpoint == first.checkpoint


def test_a_training_that_fails_leaves_the_others_alone(plan):
    jobs = plan("learner?way=refuse", "learner?way=break", "learner?way=die", "learner")
    refused, broken, dead, well = train_all(jobs, 2)

    assert (refused.status, refused.error) == (FAILED, "there is no room")
    assert (broken.status, broken.error) == (FAILED, "ZeroDivisionError: one over nothing")
    assert "Traceback" in broken.job.log.read_text()
    assert dead.status == FAILED
    assert "signal 9" in dead.error
    assert str(dead.job.log) in dead.error
    assert well.status == TRAINED


@pytest.mark.parametrize(("parallel", "threads"), [(1, "8"), (2, "4")])
def test_trainings_at_once_share_the_cores(plan, monkeypatch, parallel, threads):
    monkeypatch.setattr(executor, "usable_cores", lambda: 8)
    outcomes = train_all(plan("learner", seeds=(0, 1)), parallel)

    assert [json.loads(each.checkpoint.read_text())["threads"] for each in outcomes] == [threads] * 2


def test_no_more_are_under_way_than_asked_for(plan):
    under_way, most = 0, 0

    def started(_):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)

    def done(_):
        nonlocal under_way
        under_way -= 1

    train_all(plan("learner", seeds=(0, 1, 2)), 2, started=started, done=done)

    assert (under_way, most) == (0, 2)


def test_a_log_that_cannot_be_written_is_said(plan, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(RunError, match="--out"):
        train_all(plan("learner"), 1)


def test_on_a_cpu_there_is_one_training_a_core_and_on_a_gpu_eight_at_most(monkeypatch):
    monkeypatch.setattr(executor, "usable_cores", lambda: 32)

    assert [default_parallel(jobs, "cpu") for jobs in (1, 12, 100)] == [1, 12, 32]
    assert [default_parallel(jobs, "cuda") for jobs in (1, 12, 100)] == [1, 8, 8]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_trainings_end_with_the_command_that_began_them(learners, data, tmp_path, how):
    command = [sys.executable, "-m", "fdp_bench", "train", "--policy", "learner?way=wait", "--task", "Lift"]
    command += [
        "--data",
        str(data),
        "--num-demos",
        "2",
        "--seed",
        "0,1",
        "--jobs",
        "2",
        "--out",
        str(tmp_path),
    ]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Otherwise a test run that ignores Ctrl-C passes that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    files = [tmp_path / f"demos2-seed{seed}" / "waiting" for seed in (0, 1)]
    while not all(file.exists() and file.read_text() for file in files):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(how)
    _, errors = process.communicate()

    for file in files:
        while running(int(file.read_text())):
            time.sleep(0.05)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "the same command goes on" in errors


def running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Nobody may be there to collect it.
    return stat.rpartition(b")")[2].split()[0] != b"Z"
