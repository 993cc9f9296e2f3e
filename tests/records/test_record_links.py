"""A run's folder from a stranger: links in it lead no write out of it, and no check makes what others see."""

import os

import pytest
from record_data import manifest, record

from fdp_bench.api import RunError
from fdp_bench.records import RunStore
from fdp_bench.records.store import check_new_folder


@pytest.fixture
def store(tmp_path):
    return RunStore.create(tmp_path / "run", manifest())


@pytest.fixture
def mine(tmp_path):
    """A file of the user's, outside the run."""
    file = tmp_path / "mine"
    file.write_text("dear")
    return file


def test_records_are_not_appended_through_a_link(store, mine):
    store.episodes_path.unlink()
    store.episodes_path.symlink_to(mine)

    with pytest.raises(RunError, match="is a symbolic link, which may lead out of the run"), store.writer():
        pass
    assert mine.read_text() == "dear"


@pytest.mark.parametrize("name", ["manifest.json", "manifest.json.part"])
def test_a_manifest_is_not_written_through_a_link(store, mine, name):
    found = store.manifest()
    (store.path / name).unlink(missing_ok=True)
    (store.path / name).symlink_to(mine)

    store.update_manifest(found)

    assert mine.read_text() == "dear"
    assert store.manifest() == found


def test_who_writes_is_not_noted_through_a_link(store, mine):
    (store.path / "episodes.writer.json").symlink_to(mine)

    with store.writer() as append:
        append(record(0))

    assert mine.read_text() == "dear"


def test_records_that_are_no_file_are_refused_at_once(store):
    store.episodes_path.unlink()
    os.mkfifo(store.episodes_path)

    with pytest.raises(RunError, match="it is no file"):
        store.records()


def test_a_check_makes_no_folder_that_others_might_find(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("shards start together, and would trip over it")

    monkeypatch.setattr(os, "mkdir", refuse)

    check_new_folder(tmp_path / "parts" / "1")
