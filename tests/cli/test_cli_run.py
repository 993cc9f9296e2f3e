"""`fdp-bench run` as a user meets it: through a shell, with real signals."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

from fdp_bench.cli.main import FIRST_COMMAND, main
from fdp_bench.records import RunStore, compare_records
from fdp_bench.toy import TOY_TASK

PROGRAM = f"{shlex.quote(sys.executable)} -m fdp_bench"
RUN = f"{PROGRAM} run --task {TOY_TASK}"


@pytest.fixture
def shell(tmp_path, fakes_environment):
    def call(command):
        return subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env=fakes_environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


@pytest.fixture
def run(tmp_path, monkeypatch, fakes, capfd):
    """`fdp-bench run` on the toy task in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(arguments):
        code = main(["run", "--task", TOY_TASK, *shlex.split(arguments)])
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return call


def test_the_table_goes_to_stdout_and_the_run_to_results(run, tmp_path):
    code, out, err = run("--policy watcher --shift dim@4 --episodes 2 --seed 5 --workers 1")

    assert code == 0, err
    assert re.search(r"watcher +clean +- +2 ", out)
    assert re.search(r"watcher +dim +4 +2 ", out)
    (folder,) = (tmp_path / "results").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}-Toy-watcher-dim", folder.name)
    assert f"next: fdp-bench report results/{folder.name}" in out
    manifest = RunStore.open(folder).manifest()
    assert (manifest.config["seed"], manifest.config["episodes"], manifest.config["workers"]) == (5, 2, 1)
    assert manifest.invocations[0]["command"].startswith(f"fdp-bench run --task {TOY_TASK} --policy watcher")


def test_an_unquoted_order_runs_the_right_policy_and_tells_how_to_quote(shell, tmp_path):
    done = shell(f"{RUN} --policy seeker:prop>vision --shift dim@4 --episodes 1 --out run")

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert '--policy "seeker:prop>vision"' in done.stderr
    assert "rm vision" in done.stderr
    assert re.search(r"seeker:prop>vision +dim +4 +1 ", done.stderr)
    assert re.search(r"seeker:prop>vision +dim +4 +1 ", (tmp_path / "vision").read_text())
    assert RunStore.open(tmp_path / "run").manifest().config["policies"] == ["seeker:prop>vision"]


def test_an_unquoted_order_other_than_the_implied_one_is_put_back_and_judged(shell, tmp_path):
    done = shell(f"{RUN} --policy seeker:vision>tactile --shift dim --episodes 1 --out run")

    assert done.returncode == 2
    assert "order 'vision>tactile' names unknown modality 'tactile'" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_ctrl_c_or_sigterm_leaves_a_readable_run_and_its_command_finishes_it(
    shell, run, tmp_path, fakes_environment, number, code, word
):
    # Each worker runs one episode and waits, so that the signal finds the run under way.
    go_on = tmp_path / "go-on"
    policy = f"watcher?until={str(go_on).replace('/', '%')}"
    arguments = f"--policy '{policy}' --shift dim@4 --episodes 6 --workers 2 --lanes 1"
    process = subprocess.Popen(
        shlex.split(f"{RUN} {arguments} --out run"),
        cwd=tmp_path,
        env=fakes_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    episodes = tmp_path / "run" / "episodes.jsonl"
    while process.poll() is None and not (episodes.exists() and episodes.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    # As a terminal and a scheduler do it: to every process of the group, the workers included.
    os.killpg(process.pid, number)
    _, errors = process.communicate()

    assert process.returncode == code, errors
    assert "Traceback" not in errors
    go_on.touch()
    store = RunStore.open(tmp_path / "run")
    kept = len(store.records())
    assert kept == 2
    assert f"{word}: {kept} of 12 episodes are kept" in errors
    assert store.manifest().status == "interrupted"
    command = re.search(r"finish the run with: fdp-bench (.*)", errors).group(1)

    resumed = shell(f"{PROGRAM} {command}")

    assert resumed.returncode == 0, resumed.stderr
    assert store.manifest().status == "complete"
    assert run(f"{arguments} --out whole")[0] == 0
    assert compare_records(tmp_path / "run", tmp_path / "whole") == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("run", f"no --policy given; for a start: {FIRST_COMMAND}"),
        ("run --policy dp-dit", f"no --shift given; for a start: {FIRST_COMMAND}"),
        ("run --policy dp-dti --shift color", "unknown policy 'dp-dti'; did you mean 'dp-dit'?"),
        ("run --policy dp-dit --shift colour", "unknown shift 'colour'; did you mean 'color'?"),
        ("run --policy dp-dit --shift color@7", "level 7 is out of range"),
        ("run --policy dp-dit --shift color?prat=table", "no option 'prat'; did you mean 'part'?"),
        ("run --policy dp-dit --shift color --task Lfit", "did you mean 'Lift'?"),
        ("run --policy fdp:prop> --shift color", "names no modality behind '>'"),
        ("run --policy fdp:vision>vision --shift color", "names 'vision' twice"),
        ("run --policy dp-dit --shift color --lanes 9", "lanes is 9; it must lie in 1-4"),
        ("run --policy dp-dit --shift color --out /dev/null/run", "/dev/null"),
        ("run --resume nowhere", "is no run"),
        ("run --resume nowhere --seed 3", "--seed cannot be given with --resume"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2_and_nothing_written(
    tmp_path, monkeypatch, capsys, arguments, why
):
    monkeypatch.chdir(tmp_path)

    assert main(arguments.split()) == 2

    shown = capsys.readouterr().err
    assert why in shown
    assert shown.startswith("error: ")
    assert shown.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_missing_weights_are_one_line_with_the_training_command(run, tmp_path):
    code, _, err = run("--policy untrained --shift dim")

    assert code == 2
    assert err.startswith("error: policy 'untrained' has no weights")
    assert "fdp-bench train --policy untrained" in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_errors_count_as_failures_and_are_shown(run):
    code, _, err = run("--policy 'faulty?how=shape' --shift dim --episodes 1 --out run")

    assert code == 4
    assert "2 of 2 episodes ended in an error and count as failures:" in err
    assert "2 x policy 'faulty?how=shape': act returned shape (4, 1, 2)" in err
    assert "fdp-bench run --resume run" in err


@pytest.mark.parametrize(("most", "code"), [(0, 4), (1, 4), (2, 0)])
def test_more_errors_than_allowed_give_exit_code_4(run, most, code):
    arguments = "--policy 'faulty?how=shape' --shift dim --episodes 1 --out run"

    assert run(f"{arguments} --max-errors {most}")[0] == code


def test_what_a_policy_raises_is_shown_with_its_traceback_once(run, tmp_path):
    code, _, err = run("--policy 'faulty?how=unmended' --shift dim --episodes 1 --out run")

    assert code == 4
    assert err.count("Traceback (most recent call last):") == 1
    assert re.search(r'File ".*fake_policies.py", line \d+, in act', err)
    records = RunStore.open(tmp_path / "run").records()
    assert all(record.traceback.endswith("ValueError: not mended yet") for record in records)
    assert compare_records(tmp_path / "run", tmp_path / "run") == []
    assert "traceback" not in records[0].comparable()


def test_three_equal_errors_in_a_row_stop_the_run_with_the_traceback(run, tmp_path):
    code, _, err = run("--policy 'faulty?how=unmended' --shift dim --episodes 20 --workers 1 --out run")

    assert code == 2
    assert 'fake_policies.py", line' in err
    last = err.splitlines()[-1]
    assert "3 episodes in a row of faulty?how=unmended, " in last
    assert "finish the run with: fdp-bench run --resume run" in last
    assert len(RunStore.open(tmp_path / "run").records()) < 40


@pytest.mark.parametrize("inference", ["worker", "shared"])
def test_episodes_that_ended_in_an_error_are_run_again_on_demand(run, tmp_path, inference):
    policy = f"--policy 'faulty?how=unmended' --shift dim --episodes 2 --workers 1 --inference {inference}"
    assert run(f"{policy} --max-errors 9 --out run")[0] == 0
    assert main(["run", "--resume", "run"]) == 4
    (tmp_path / "mended").touch()

    assert main(["run", "--resume", "run", "--retry-errors"]) == 0

    store = RunStore.open(tmp_path / "run")
    assert [record.status for record in store.records()] == ["ok"] * 4
    kept = [json.loads(line) for line in store.errors_path.read_text().splitlines()]
    assert len(kept) == 4
    assert all(record["traceback"] for record in kept)
    assert run(f"{policy} --out fresh")[0] == 0
    assert compare_records(tmp_path / "run", tmp_path / "fresh") == []


def test_retrying_errors_of_no_run_is_refused(run):
    code, _, err = run("--policy seeker --shift dim --retry-errors")

    assert code == 2
    assert err == "error: --retry-errors means nothing without --resume RUN; name the run, or leave it out\n"


def test_a_worker_that_dies_is_replaced_and_the_run_says_so(run, tmp_path):
    code, out, err = run("--policy 'faulty?how=segfault' --shift dim --episodes 4 --workers 1 --out run")

    assert code == 4
    assert re.search(r"faulty\?how=segfault +dim +3 +4 ", out)
    assert "x a worker process was ended by SIGSEGV" in err
    assert "x its process was ended by SIGSEGV; the second try, alone in a fresh process (first: " in err
    assert RunStore.open(tmp_path / "run").manifest().status == "complete"


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("worker-memory", "4X", "invalid size"),
        ("worker-memory", "0", "invalid size"),
        ("act-timeout", "0", "invalid number of seconds"),
        ("hang-timeout", "nan", "invalid number of seconds"),
        ("max-errors", "-1", "invalid whole number"),
    ],
)
def test_limits_that_make_no_sense_are_refused(run, capfd, tmp_path, option, value, why):
    with pytest.raises(SystemExit) as caught:
        run(f"--policy blind --shift dim --{option} {value}")

    assert caught.value.code == 2
    assert why in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_says_what_exit_codes_mean(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--help"])

    shown = capsys.readouterr().out
    for code in (0, 1, 2, 4, 130, 143):
        assert re.search(rf"^ +{code}  \w", shown, re.MULTILINE)
