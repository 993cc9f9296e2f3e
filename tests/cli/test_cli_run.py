"""`fdp-bench run` as a user meets it: through a shell, with real signals."""

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


def test_ctrl_c_leaves_a_readable_run_and_its_command_finishes_it(shell, run, tmp_path, fakes_environment):
    arguments = "--policy 'watcher?delay=0.02' --shift dim@4 --episodes 6 --workers 2 --lanes 1"
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
    # As a terminal does it: to every process of the group, the workers included.
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()

    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    store = RunStore.open(tmp_path / "run")
    kept = len(store.records())
    assert 2 <= kept < 12
    assert f"interrupted: {kept} of 12 episodes are kept" in errors
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

    assert code == 1
    assert "2 of 2 episodes ended in an error and count as failures; the first: policy 'faulty" in err
