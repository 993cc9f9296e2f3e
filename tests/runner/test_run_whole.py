"""Whole runs with spawned workers, on the toy task."""

import os
from contextlib import contextmanager
from dataclasses import replace

import pytest

from fdp_bench.api import CheckpointError, PluginError, RunError
from fdp_bench.records import RunStore, compare_records
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.run import begin_run, resume_run
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")


class Watched:
    """Takes the place of the progress bar."""

    def __init__(self):
        self.run_info = None
        self.records = []

    def __call__(self, run_info):
        self.run_info = run_info
        return self.records.append


def begin(
    out, *, policies=("watcher",), shifts=("dim@4",), episodes=3, workers=1, lanes=4, videos=0, progress=None
):
    config = RunConfig(
        task=TOY_TASK, policies=policies, shifts=shifts, episodes=episodes, lanes=lanes, videos=videos
    )
    return begin_run(
        config,
        out,
        name="test",
        command=["fdp-bench", "run"],
        progress=progress or Watched(),
        workers=workers,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, fakes_folder):
    """A run of six episodes by one worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(fakes_folder)
        return begin(tmp_path_factory.mktemp("runs") / "finished", policies=("watcher:prop",), videos=1)


def test_a_run_leaves_records_manifest_and_pictures(finished):
    manifest = finished.manifest()

    assert len(finished.records()) == 6
    assert (manifest.status, manifest.episodes_planned) == ("complete", 6)
    assert manifest.config["policies"] == ["watcher:prop"]
    assert manifest.config["shifts"] == ["dim@4"]
    assert manifest.task["task_id"] == TOY_TASK
    assert [arm["slug"] for arm in manifest.arms] == ["watcher-prop_clean", "watcher-prop_dim-4"]
    assert manifest.policies[0]["source"] == "none needed"
    assert manifest.versions["numpy"]
    assert manifest.machine["cores"] >= 1
    assert [entry["episodes"] for entry in manifest.invocations] == [6]
    share = manifest.invocations[0]["time_share"]
    assert sum(share.values()) == pytest.approx(1.0, abs=1e-3)
    assert all(share[phase] > 0.0 for phase in ("physics", "inference", "resets", "setup", "idle", "other"))
    assert {path.name for path in (finished.path / "strips").iterdir()} == {
        "watcher-prop_clean.png",
        "watcher-prop_dim-4.png",
    }
    assert {path.name for path in (finished.path / "videos").iterdir()} == {
        "watcher-prop_clean_0000.mp4",
        "watcher-prop_dim-4_0000.mp4",
    }


def test_two_workers_with_other_lanes_give_equal_records(finished, tmp_path):
    other = begin(tmp_path / "other", policies=("watcher:prop",), workers=2, lanes=3)

    assert compare_records(finished.path, other.path) == []


def test_a_cut_run_is_resumed_to_an_equal_one(finished, tmp_path):
    cut = begin(tmp_path / "cut", policies=("watcher:prop",))
    lines = cut.episodes_path.read_bytes().splitlines(keepends=True)
    cut.episodes_path.write_bytes(b"".join(lines[:2]) + lines[2][:50])
    cut.update_manifest(replace(cut.manifest(), status="interrupted", versions={"numpy": "0.1"}))
    watched = Watched()

    resume_run(cut.path, command=["fdp-bench", "run", "--resume"], progress=watched, workers=2, lanes=None)

    assert compare_records(finished.path, cut.path) == []
    assert len(watched.run_info.finished) == 2
    assert len(watched.records) == 4
    assert any("started with numpy 0.1" in warning for warning in watched.run_info.warnings)
    assert cut.manifest().status == "complete"
    assert [entry["episodes"] for entry in cut.manifest().invocations] == [6, 4]


def test_a_complete_run_is_resumed_without_running_anything(finished):
    watched = Watched()

    resume_run(finished.path, command=[], progress=watched, workers=None, lanes=None)

    assert watched.run_info is None


def test_a_run_that_is_written_is_not_resumed_and_nothing_is_started(finished, tmp_path, monkeypatch):
    store = RunStore.create(tmp_path / "run", finished.manifest())
    monkeypatch.setattr("fdp_bench.runner.run.make_executor", None)

    with store.writer(), pytest.raises(RunError, match=f"another process is writing .*process {os.getpid()}"):
        resume_run(store.path, command=[], progress=Watched(), workers=1, lanes=None)


def test_what_another_process_finished_meanwhile_is_not_run_again(finished, tmp_path, monkeypatch):
    records = finished.records()
    store = RunStore.create(tmp_path / "run", replace(finished.manifest(), status="interrupted"))
    lock = RunStore.writer

    @contextmanager
    def wait_for_the_other(store, **kinds):
        with lock(store, **kinds) as append:
            for record in records:
                append(record)
        with lock(store, **kinds) as append:
            yield append

    monkeypatch.setattr(RunStore, "writer", wait_for_the_other)
    monkeypatch.setattr("fdp_bench.runner.run.make_executor", None)
    resume_run(store.path, command=[], progress=Watched(), workers=1, lanes=None)

    assert len(store.episodes_path.read_bytes().splitlines()) == len(records)
    assert store.manifest().status == "complete"


def test_a_run_with_other_weights_is_not_resumed(finished, tmp_path):
    manifest = finished.manifest()
    arms = [{**arm, "checkpoint": "f00"} for arm in manifest.arms]
    store = RunStore.create(tmp_path / "run", replace(manifest, arms=arms))

    with pytest.raises(RunError, match="other weights of 'watcher:prop'"):
        resume_run(store.path, command=[], progress=Watched(), workers=1, lanes=None)


@pytest.mark.parametrize(("policy", "error"), [("untrained", CheckpointError), ("misbuilt", PluginError)])
def test_what_cannot_run_leaves_nothing_behind(tmp_path, policy, error):
    with pytest.raises(error) as caught:
        begin(tmp_path / "results" / "run", policies=("watcher", policy))

    assert list(tmp_path.iterdir()) == []
    assert "Traceback" in str(caught.value.__cause__)


def test_an_existing_run_is_refused_before_any_work(finished):
    with pytest.raises(RunError, match="is not empty"):
        begin(finished.path)


def test_workers_use_one_thread_and_the_parent_keeps_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)

    store = begin(tmp_path / "run", policies=("faulty?how=threads",), shifts=(), episodes=1)

    assert store.records()[0].error.endswith(str(["1", "1", "1", "0"]))
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
