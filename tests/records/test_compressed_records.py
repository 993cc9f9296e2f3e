"""Records files as they are published."""

import lzma

import pytest
from record_data import manifest, record

from fdp_bench.api import RunError
from fdp_bench.records import RunStore
from fdp_bench.records.compressed import compress, compressed, decompress


@pytest.fixture
def store(tmp_path):
    """A run whose two records lie compressed beside nothing."""
    store = RunStore.create(tmp_path / "run", manifest())
    with store.writer() as append:
        append(record(0))
        append(record(1))
    compressed(store.episodes_path).write_bytes(compress(store.episodes_path.read_bytes()))
    store.episodes_path.unlink()
    return store


def test_compressed_records_are_read_like_plain_ones(store):
    assert store.is_published
    assert store.records() == [record(0), record(1)]


def test_plain_records_count_where_both_are_there(store):
    store.episodes_path.write_text("")
    assert not store.is_published
    assert store.records() == []


def test_a_compressed_retest_is_read(store):
    assert store.retest_records() == []
    compressed(store.retest_path).write_bytes(compressed(store.episodes_path).read_bytes())
    assert store.retest_records() == [record(0), record(1)]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-20], "is cut off"),
        (lambda data: b"plain" + data, "is no xz file"),
        (lambda data: lzma.compress(b"x" * 10, lzma.FORMAT_ALONE), "is no xz file"),
        (lambda data: data[:60] + b"\0\0\0" + data[63:], "is no xz file"),
    ],
    ids=["cut off", "no xz", "another format", "flipped bytes"],
)
def test_damaged_files_are_one_error(store, damage, message):
    path = compressed(store.episodes_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=f"cannot be read: it {message}"):
        store.records()


def test_a_small_file_that_holds_too_much_is_refused(tmp_path):
    path = tmp_path / "bomb.xz"
    path.write_bytes(compress(b"\n" * 1_000_001))
    with pytest.raises(OSError, match="holds more than 1,000,000 bytes"):
        decompress(path, limit=1_000_000)
    assert len(decompress(path, limit=1_000_001)) == 1_000_001
