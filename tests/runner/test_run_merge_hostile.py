"""Shards that somebody has meddled with: each refused in one line, nothing written, nothing copied from elsewhere."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fdp_bench.api import FdpBenchError, RunError
from fdp_bench.records import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.merge import merge_runs
from fdp_bench.runner.planning.shard import Shard
from fdp_bench.runner.run import begin_run
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture(scope="module")
def made(tmp_path_factory, fakes_folder):
    """Two shards of a run."""
    folder = tmp_path_factory.mktemp("runs")
    config = RunConfig(task=TOY_TASK, policies=("blind",), shifts=("dim@4",), episodes=2, videos=1)
    with pytest.MonkeyPatch.context() as patch:
        # Somebody may commit while a test runs.
        patch.setattr("fdp_bench.runner.run_manifest.git_state", lambda: {"commit": "c0ffee", "dirty": False})
        patch.syspath_prepend(fakes_folder)
        for number in (1, 2):
            begin_run(
                config,
                folder / str(number),
                name="test",
                command=["fdp-bench", "run"],
                progress=lambda run_info: lambda record: None,
                workers=1,
                shard=Shard(number, 2),
            )
    return folder


@pytest.fixture
def parts(made, tmp_path):
    """A copy of them to spoil."""
    return [shutil.copytree(made / name, tmp_path / "parts" / name) for name in ("1", "2")]


def spoil(path, change):
    file = path / "manifest.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def refused(parts, out):
    """The one line that a merge is refused with; it leaves nothing behind."""
    before = sorted(out.parent.rglob("*"))
    with pytest.raises(FdpBenchError) as caught:
        merge_runs(parts, out)
    assert sorted(out.parent.rglob("*")) == before
    message = str(caught.value)
    assert "\n" not in message
    return message


def in_all(parts, change):
    for part in parts:
        spoil(part, change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data["config"].update(episodes=10**12), "more than a run holds"),
        (lambda data: data["shard"].update(count=10**12), "makes 1000000000000 parts of 4 episodes"),
        (lambda data: data["arms"][0].update(surprise=1), "surprise is not known"),
        (lambda data: data["arms"][0].update(slug="../../x"), "is no plain name of a file"),
        (lambda data: data["config"].pop("workers"), "fields: workers"),
        (lambda data: data["config"].update(task=5), "config.task is 5"),
        (lambda data: data["shard"].pop("number"), "shard.number is missing"),
        (lambda data: data["invocations"][0].update(git=5), "git is 5, not an object"),
    ],
)
def test_a_manifest_that_asks_for_nonsense_is_refused(parts, tmp_path, change, words):
    in_all(parts, change)

    assert words in refused(parts, tmp_path / "out")


@pytest.mark.parametrize(
    ("git", "words"),
    [
        ({"commit": "c0ffee", "dirty": True, "changes": "abc"}, "git dirty is False and True"),
        ({"commit": "decaf", "dirty": False}, "git commit is 'c0ffee' and 'decaf'"),
        ({}, "git commit is 'c0ffee' and None"),
    ],
    ids=["dirty", "commit", "installed"],
)
def test_shards_of_unlike_sources_are_refused(parts, tmp_path, git, words):
    spoil(parts[1], lambda data: data.update(git=git))

    assert words in refused(parts, tmp_path / "out")


def test_shards_of_checkouts_changed_in_different_ways_are_refused(parts, tmp_path):
    for part, changes in zip(parts, ("abc", "def"), strict=True):
        git = {"commit": "c0ffee", "dirty": True, "changes": changes}
        spoil(part, lambda data, git=git: data.update(git=git, invocations=[]))

    assert "git changes is 'abc' and 'def'" in refused(parts, tmp_path / "out")


def test_a_shard_that_went_on_from_another_commit_is_refused(parts, tmp_path):
    later = {"commit": "decaf", "dirty": True, "changes": "abc"}
    spoil(parts[1], lambda data: data["invocations"].append({"git": later}))

    message = refused(parts, tmp_path / "out")

    assert "was started with commit c0ffee and goes on with commit decaf and changes abc" in message
    assert "run shard 2/2 anew" in message


@pytest.mark.parametrize("name", ["out", "strips/out", "."])
def test_a_run_is_not_merged_into_one_of_its_shards(parts, name):
    message = refused(parts, parts[0] / name)

    assert "not empty" in message if name == "." else f"lies in the shard {parts[0]}" in message


def test_a_shard_reached_by_two_ways_is_given_twice(parts, tmp_path):
    (tmp_path / "alias").symlink_to(parts[0])

    assert "shard 1/2 is given 2 times" in refused([*parts, tmp_path / "alias"], tmp_path / "out")


def test_a_folder_that_is_no_run_is_named(parts, tmp_path):
    (tmp_path / "other").mkdir()

    assert f"'{tmp_path / 'other'}' is no run" in refused([*parts, tmp_path / "other"], tmp_path / "out")


@pytest.mark.parametrize("what", ["picture", "folder"])
def test_pictures_are_not_fetched_from_elsewhere(parts, tmp_path, what):
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    (secret / "key.png").write_text("secret")
    strips = parts[0] / "strips"
    if what == "picture":
        (strips / "key.png").symlink_to(secret / "key.png")
    else:
        shutil.rmtree(strips)
        strips.symlink_to(secret)

    assert "is a symbolic link, which may lead out of the run" in refused(parts, tmp_path / "out")


def test_records_that_are_no_file_do_not_block_a_merge(parts, tmp_path):
    (parts[0] / "episodes.jsonl").unlink()
    os.mkfifo(parts[0] / "episodes.jsonl")

    assert "it is no file" in refused(parts, tmp_path / "out")


def test_unfinished_shards_are_named_with_what_completes_them(parts, tmp_path):
    for part in parts:
        store = RunStore.open(part)
        store.update_manifest(replace(store.manifest(), status="running"))

    message = refused(parts, tmp_path / "out")

    for number, part in enumerate(parts, start=1):
        assert (
            f"{part} (shard {number}/2) is running; complete it with: fdp-bench run --resume {part}"
            in message
        )


def test_a_run_is_not_merged_into_the_working_folder(parts, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")

    assert "is the working folder; name a new one in it" in refused(parts, Path())


def test_a_run_may_be_merged_into_an_empty_folder(parts, tmp_path):
    (tmp_path / "out").mkdir()

    assert len(merge_runs(parts, tmp_path / "out").store.records()) == 4


def test_a_neighbour_of_the_merged_run_stays_as_it_is(parts, tmp_path):
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "mine").write_text("dear")

    merge_runs(parts, tmp_path / "out")

    assert (tmp_path / ".out.part" / "mine").read_text() == "dear"
    assert {entry.name for entry in tmp_path.iterdir()} == {"parts", "out", ".out.part"}


def test_a_merged_run_is_refused_as_a_shard(parts, tmp_path):
    merge_runs(parts, tmp_path / "parts" / "out")

    with pytest.raises(RunError, match="is no shard: it was merged already"):
        merge_runs([*parts, tmp_path / "parts" / "out"], tmp_path / "again")
