"""The folder of derived files."""

import os

import pytest

from fdp_bench.api import RunError
from fdp_bench.sim import cache
from fdp_bench.sim.cache import cache_folder, cached_bytes, prepare_numba


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FDP_BENCH_CACHE", str(tmp_path / "cache"))


def unexpected_build() -> bytes:
    raise AssertionError("built although the cache held it")


def test_content_is_built_once_and_then_read():
    assert cached_bytes("a.bin", lambda: b"content") == b"content"
    assert cached_bytes("a.bin", unexpected_build) == b"content"


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:10], lambda data: b"x" + data[1:]]
)
def test_a_damaged_file_is_built_again(damage):
    cached_bytes("a.bin", lambda: b"content")
    path = cache_folder() / "a.bin"
    path.write_bytes(damage(path.read_bytes()))
    assert cached_bytes("a.bin", lambda: b"rebuilt") == b"rebuilt"
    assert cached_bytes("a.bin", unexpected_build) == b"rebuilt"


def test_no_temporary_file_is_left_behind():
    cached_bytes("a.bin", lambda: b"content")
    assert [path.name for path in cache_folder().iterdir()] == ["a.bin"]


def test_a_failed_write_leaves_nothing_behind_and_the_content_is_used(monkeypatch):
    def full_disk(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fdopen", full_disk)
    assert cached_bytes("a.bin", lambda: b"content") == b"content"
    assert list(cache_folder().iterdir()) == []


def test_the_folder_follows_the_environment(tmp_path, monkeypatch):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("FDP_BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "fdp-bench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "fdp-bench"


@pytest.fixture
def no_numba_folder(monkeypatch):
    """Nobody has named one; what the test names is taken back."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")


def test_numba_keeps_its_own_place_where_it_can_write_to_one(no_numba_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    prepare_numba()

    assert os.environ["NUMBA_CACHE_DIR"] == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("home", ["read-only", "unknown"])
def test_where_nothing_can_be_written_numba_gets_a_folder_that_goes_with_the_process(
    no_numba_folder, home, tmp_path, monkeypatch
):
    finalized = []
    monkeypatch.setattr(cache.multiprocessing.util, "Finalize", lambda *args, **_: finalized.append(args))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home == "unknown":

        def nobody():
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(cache.Path, "home", nobody)

    prepare_numba()

    (folder,) = tmp_path.iterdir()
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)
    assert (folder.stat().st_mode & 0o777) == 0o700
    ((_, remove),) = [call[:2] for call in finalized]
    remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_without_a_home_content_is_built_each_time(monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    for name in ("FDP_BENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cache.Path, "home", nobody)

    assert cached_bytes("a.bin", lambda: b"content") == b"content"
    assert cached_bytes("a.bin", lambda: b"again") == b"again"


def test_settings_of_numba_that_lie_in_the_working_folder_are_not_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: somebodys\n")

    with pytest.raises(RunError, match=r"\.numba_config\.yaml in the working folder .* move it away"):
        prepare_numba()
