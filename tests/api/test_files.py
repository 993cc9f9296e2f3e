"""Files that are written in one step."""

import errno
import os

import pytest

from fdp_bench.api.files import write_whole


def test_a_file_is_replaced_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "file.json"
    write_whole(path, b"old")
    write_whole(path, "new \N{SNOWMAN}")

    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]
    assert path.read_text(encoding="utf-8") == "new \N{SNOWMAN}"


def test_a_disk_that_refuses_leaves_the_old_content_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_whole(path, "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")

    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]
    assert path.read_text() == "old"


def test_a_rest_of_an_earlier_write_and_a_planted_link_are_no_way_in(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("dear")
    for name in ("file.part", "file"):
        (tmp_path / name).symlink_to(mine)

    write_whole(tmp_path / "file", "new")

    assert mine.read_text() == "dear"
    assert (tmp_path / "file").read_text() == "new"
    assert not (tmp_path / "file").is_symlink()
