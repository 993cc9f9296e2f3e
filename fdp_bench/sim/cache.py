"""Derived files that can be lost at any time: reduced drawn models, and the code that numba compiles.

Files of drawn models are written whole or not at all, carry a digest of their content, and are rebuilt when it does
not match.
"""

import contextlib
import hashlib
import importlib.util
import multiprocessing.util
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from fdp_bench.api.errors import RunError
from fdp_bench.api.files import is_writable

_DIGEST_BYTES = 32
#: Variable that names the first folder that numba tries.
_NUMBA_FOLDER = "NUMBA_CACHE_DIR"
#: Settings that numba reads wherever it is worked.
_NUMBA_SETTINGS = Path(".numba_config.yaml")


def cache_folder() -> Path:
    """``$FDP_BENCH_CACHE`` where set, else ``fdp-bench`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := os.environ.get("FDP_BENCH_CACHE"):
        return Path(chosen)
    return _user_cache() / "fdp-bench"


def prepare_numba() -> None:
    """See to it that numba compiles here as it does elsewhere; call it before numba is imported.

    It keeps code beside the source or in the user's cache, and refuses to compile where it can write to neither: an
    installation and a home that are both read-only, as in many containers. There it gets a folder that goes with this
    process. It also follows a settings file in the working folder, down to whose compiled code it loads; no number of
    ours may depend on that, and no stranger's file run.

    Raises:
        RunError: If such a file is there.
    """
    if _NUMBA_SETTINGS.exists():
        raise RunError(
            f"{_NUMBA_SETTINGS} in the working folder tells numba what to compile and load; move it away, and give "
            "settings of your own as variables, such as NUMBA_NUM_THREADS"
        )
    if os.environ.get(_NUMBA_FOLDER) or is_writable(_user_cache() / "numba"):
        return
    # robosuite has numba keep code, too.
    robosuite = importlib.util.find_spec("robosuite")
    sources = [Path(__file__).parent]
    if robosuite is not None and robosuite.origin:
        sources.append(Path(robosuite.origin).parent / "utils")
    if all(is_writable(source / "__pycache__") for source in sources):
        return
    with contextlib.suppress(OSError):
        folder = tempfile.mkdtemp(prefix="fdp-bench-compiled-")
        os.environ[_NUMBA_FOLDER] = folder
        # Run at the end of child processes, too, where `atexit` is not.
        multiprocessing.util.Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=0)


def _user_cache() -> Path:
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base)
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        # A container may run as a number that no user has. Nothing can be kept here.
        return Path(os.devnull) / ".cache"


def cached_bytes(name: str, build: Callable[[], bytes]) -> bytes:
    """Content of a cached file, built where it is missing or damaged.

    A cache that cannot be written (read-only home, full disk) costs time and nothing else.

    Args:
        name: File name; holds a hash of everything that the content depends on.
        build: Makes the content.
    """
    path = cache_folder() / name
    content = _read(path)
    if content is None:
        content = build()
        with contextlib.suppress(OSError):
            _write(path, content)
    return content


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        # Workers may build the same file at once: the last one wins, and readers see either whole file.
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
