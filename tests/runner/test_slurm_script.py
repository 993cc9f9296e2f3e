"""The array script of docs/how-to/clusters.md, run as Slurm runs it: killed, preempted, queued again."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fdp_bench.records import RunStore, compare_records
from fdp_bench.runner.merge import merge_runs
from fdp_bench.toy import TOY_TASK

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "clusters.md"
#: What the script runs, and what these tests run in its place: two arms on a task that starts in no time.
ASKED = '--policy "fdp:prop>vision" --policy dp-dit --shift occlusion --shift color --tier full'
TOY = f"--task {TOY_TASK} --policy watcher?delay=0.1 --shift dim@4 --lanes 1"


@pytest.fixture(scope="module")
def script():
    """The page's script."""
    (found,) = re.findall(r"```bash\n(#!/bin/bash\n.*?)```", PAGE.read_text(), re.DOTALL)
    return found


@pytest.fixture
def cluster(tmp_path, script, fakes_environment):
    """Submits an array of the script with so many shards: returns what starts one of its tasks."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "fdp-bench"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fdp_bench "$@"\n')
    program.chmod(0o755)
    (tmp_path / "work").mkdir()

    def submit(shards, episodes):
        text = script
        for asked, given in ((ASKED, f"{TOY} --episodes {episodes}"), ("shards=16", f"shards={shards}")):
            assert text.count(asked) == 1
            text = text.replace(asked, given)
        file = tmp_path / "script.sh"
        file.write_text(text)

        def start(task):
            environment = {
                **fakes_environment,
                # The shards of a checkout that somebody commits to meanwhile would not belong together.
                "GIT_DIR": os.devnull,
                "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
                "SLURM_JOB_ID": str(1000 + task),
                "SLURM_ARRAY_JOB_ID": "1000",
                "SLURM_ARRAY_TASK_ID": str(task),
                "SLURM_ARRAY_TASK_COUNT": "1",
                "SLURM_CPUS_PER_TASK": "1",
            }
            return subprocess.Popen(
                ["bash", str(file)],
                cwd=tmp_path / "work",
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )

        return start

    return submit


def ended(process):
    """Exit code of a task that ended by itself, with what it said where it failed."""
    said, _ = process.communicate()
    assert process.returncode in (0, 143), said
    return process.returncode


def stop_after_first_record(process, run, number):
    """Signal the process that Slurm knows, the batch shell, once an episode of its shard is recorded."""
    while process.poll() is None:
        file = run / "episodes.jsonl"
        if file.exists() and file.stat().st_size:
            process.send_signal(number)
            break
        time.sleep(0.01)
    process.communicate()
    return process.returncode


def whole_run(folder, environment, episodes):
    command = [sys.executable, "-m", "fdp_bench", "run", *TOY.split(), "--episodes", str(episodes)]
    subprocess.run(
        [*command, "--workers", "1", "--out", str(folder)], env=environment, check=True, capture_output=True
    )
    return folder


def check_array(cluster, environment, tmp_path, shards, episodes, stops):
    """Run an array whose first tasks are stopped by these signals and queued again; compare it with a whole run."""
    start, parts = cluster(shards, episodes), tmp_path / "work" / "parts"
    codes = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143}

    # Slurm starts them together, and none of them finds the folder of all.
    together = [start(task) for task in range(1, len(stops) + 2)]
    runs = [parts / str(task) for task in range(1, len(stops) + 1)]
    # At once: a task that waits for its turn to be stopped would end meanwhile.
    with ThreadPoolExecutor(len(stops)) as pool:
        left = [*pool.map(stop_after_first_record, together, runs, stops)]
    assert left == [codes[number] for number in stops]
    for run in runs:
        store = RunStore.open(run)
        assert 0 < len(store.records()) < store.manifest().episodes_planned
    assert ended(together[-1]) == 0
    for task in (*range(1, len(stops) + 1), *range(len(stops) + 2, shards + 1)):
        assert ended(start(task)) == 0
    merged = merge_runs([parts / str(number) for number in range(1, shards + 1)], tmp_path / "merged").store
    whole = whole_run(tmp_path / "whole", environment, episodes)
    assert compare_records(whole, merged.path) == []
    assert len(merged.episodes_path.read_bytes().splitlines()) == 2 * episodes
    assert {file.name for file in parts.iterdir()} == {str(number) for number in range(1, shards + 1)}


def test_a_task_of_the_array_script_that_was_killed_goes_on_where_it_was(
    cluster, fakes_environment, tmp_path
):
    check_array(cluster, fakes_environment, tmp_path, 2, 8, [signal.SIGKILL])


@pytest.mark.slow
def test_sixteen_tasks_killed_and_preempted_give_the_run_of_one_machine(cluster, fakes_environment, tmp_path):
    check_array(cluster, fakes_environment, tmp_path, 16, 32, [signal.SIGKILL, signal.SIGTERM])


def test_the_script_is_what_a_shell_and_slurm_take(script, tmp_path):
    (tmp_path / "script.sh").write_text(script)

    subprocess.run(["bash", "-n", str(tmp_path / "script.sh")], check=True)
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$", script, re.MULTILINE))
    assert options["array"] == "1-" + re.search(r"^shards=(\d+)", script, re.MULTILINE)[1]
    # Without B: the batch shell, in whose place fdp-bench runs, is the one process that gets no signal.
    assert options["signal"].startswith("B:TERM@")
    assert "cpus-per-task" in options
