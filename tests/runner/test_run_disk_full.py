"""A disk that fills up while a run is under way: a clear error, everything so far readable, and the rest later."""

import errno
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fdp_bench.api import RunError
from fdp_bench.records import RunStore, compare_records, writer
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.rollout import recorder
from fdp_bench.runner.run import begin_run, resume_run
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")
NEVER_S = 1e9


def silent(run_info):
    del run_info
    return lambda record: None


def begin(out, progress=silent):
    config = RunConfig(task=TOY_TASK, policies=("watcher",), shifts=("dim@4",), episodes=3, lanes=1)
    return begin_run(config, out, name="test", command=[], progress=progress, workers=1)


class Filling:
    """A file on a disk with room for some more bytes."""

    room = 2_500

    def __init__(self, handle):
        self._handle = handle

    def write(self, data):
        taken = min(len(data), Filling.room)
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        Filling.room -= taken
        return self._handle.write(data[:taken])

    def __getattr__(self, name):
        return getattr(self._handle, name)


def test_a_run_on_a_disk_that_fills_up_is_kept_and_finished_later(tmp_path, monkeypatch):
    make = writer.RecordWriter.__init__
    with monkeypatch.context() as patch:
        patch.setattr(
            writer.RecordWriter, "__init__", lambda self, handle, path: make(self, Filling(handle), path)
        )
        with pytest.raises(RunError, match="no space is left on the disk; make room") as caught:
            begin(tmp_path / "run")
    store = RunStore.open(tmp_path / "run")
    kept = store.records()

    assert 0 < len(kept) < 6
    assert f"{len(kept)} of 6 episodes are kept; finish the run with: fdp-bench run --resume" in str(
        caught.value
    )
    assert store.manifest().status == "failed"
    resume_run(store.path, command=[], progress=silent, workers=1, lanes=None)
    assert compare_records(store.path, begin(tmp_path / "whole").path) == []


def test_a_run_whose_last_records_the_disk_refuses_is_not_complete(tmp_path, monkeypatch):
    sync = os.fsync

    def refuse(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "episodes.jsonl":
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(writer, "SYNC_INTERVAL_S", NEVER_S)
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(RunError, match=r"no space is left .*; 6 of 6 episodes are kept; finish the run"):
            begin(tmp_path / "run")
    assert RunStore.open(tmp_path / "run").manifest().status == "failed"

    store = resume_run(tmp_path / "run", command=[], progress=silent, workers=1, lanes=None)
    assert store.manifest().status == "complete"
    assert compare_records(store.path, begin(tmp_path / "whole").path) == []


# Between two records only a picture can fail, and behind the last one only the end looks.
@pytest.mark.parametrize(
    ("after", "interval_s", "noticed"),
    [
        (0, NEVER_S, r"strips/watcher_clean\.png' cannot be written: No such file"),
        (4, 0.0, r"episodes\.jsonl' is no longer there"),
        (6, NEVER_S, r"episodes\.jsonl' is no longer there"),
    ],
    ids=["picture", "record", "end"],
)
@pytest.mark.parametrize("gone", ["removed", "moved"])
def test_a_run_whose_folder_goes_away_stops_and_claims_nothing(
    gone, after, interval_s, noticed, tmp_path, monkeypatch
):
    def take_away(run_info):
        folder = run_info.store.path
        seen = []

        def take(record):
            seen.append(record)
            if len(seen) == after:
                remove()

        def remove():
            shutil.rmtree(folder) if gone == "removed" else folder.rename(tmp_path / "other")

        if after == 0:
            remove()
        return take

    with monkeypatch.context() as patch:
        patch.setattr(writer, "SYNC_INTERVAL_S", interval_s)
        with pytest.raises(
            RunError, match=rf"{noticed}.*; run .* was removed or moved while .*put back"
        ) as caught:
            begin(tmp_path / "run", take_away)

    assert "are kept" not in str(caught.value)
    assert not (tmp_path / "run").exists()
    if gone == "moved":
        (tmp_path / "other").rename(tmp_path / "run")
        store = resume_run(tmp_path / "run", command=[], progress=silent, workers=1, lanes=None)
        assert compare_records(store.path, begin(tmp_path / "whole").path) == []


def test_a_run_whose_last_manifest_does_not_fit_is_not_complete(tmp_path, monkeypatch):
    update = RunStore.update_manifest

    def refuse(store, manifest):
        if manifest.status == "complete":
            raise RunError("no room for the manifest")
        update(store, manifest)

    with monkeypatch.context() as patch:
        patch.setattr(RunStore, "update_manifest", refuse)
        with pytest.raises(
            RunError, match="no room for the manifest; 6 of 6 episodes are kept; finish the run"
        ):
            begin(tmp_path / "run")

    assert (
        resume_run(tmp_path / "run", command=[], progress=silent, workers=1, lanes=None).manifest().status
        == "complete"
    )


def test_a_manifest_that_does_not_fit_hides_no_error(tmp_path, monkeypatch):
    def refuse(store, manifest):
        raise RunError("no room for a manifest either")

    def stop(run_info):
        del run_info
        monkeypatch.setattr(RunStore, "update_manifest", refuse)

        def take(record):
            raise RunError("no room for the record")

        return take

    config = RunConfig(task=TOY_TASK, policies=("blind",), shifts=(), episodes=1)
    with pytest.raises(RunError, match="no room for the record; 1 of 1 episodes are kept"):
        begin_run(config, tmp_path / "run", name="test", command=[], progress=stop, workers=1)

    assert RunStore.open(tmp_path / "run").manifest().status == "running"


def test_a_picture_that_cannot_be_written_stops_the_run_and_is_no_episodes_error(tmp_path, monkeypatch):
    from rollout_helper import roll_out, specs

    from fdp_bench.runner.rollout.episode import PicturePaths

    def refuse(recorder, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(recorder.Recorder, "save_strip", refuse)

    with pytest.raises(RunError, match="no space is left on the disk"):
        roll_out(specs(1), pictures=lambda: PicturePaths(strip=tmp_path / "strip.png"))


@pytest.mark.slow
def test_a_real_disk_that_is_full_stops_the_run_which_is_finished_once_there_is_room(
    tmp_path, fakes_environment
):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system takes more rights")
    program = f"{sys.executable} -m fdp_bench run --workers 1"
    try:
        command = f"{program} --task {TOY_TASK} --policy watcher --shift dim@4 --episodes 60 --out {disk}/run"
        stopped = subprocess.run(
            shlex.split(command), env=fakes_environment, capture_output=True, text=True, check=False
        )
        kept = len(RunStore.open(disk / "run").records())
        assert stopped.returncode == 2
        assert "no space is left on the disk" in stopped.stderr
        assert "Traceback" not in stopped.stderr
        assert 0 <= kept < 120
        subprocess.run(["mount", "-o", "remount,size=10m", str(disk)], check=True)
        again = f"{program} --resume {disk}/run"
        resumed = subprocess.run(
            shlex.split(again), env=fakes_environment, capture_output=True, text=True, check=False
        )
        assert resumed.returncode == 0, resumed.stderr
        assert len(RunStore.open(disk / "run").records()) == 120
    finally:
        subprocess.run(["umount", str(disk)], check=True)
