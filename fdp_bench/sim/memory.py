"""Gives back what making environments leaves behind."""

import ctypes
import gc
import sys
from contextlib import suppress


def release_build_memory() -> None:
    """Give back memory that only the making of environments needed, in a process that makes no more of them.

    MuJoCo keeps decoded meshes and textures for the next model (89 MB for Lift), and glibc keeps what was freed
    (100 MB an environment). An environment made later all the same only takes longer.
    """
    mujoco = sys.modules.get("mujoco")
    if mujoco is not None:
        mujoco.mj_clearCache(mujoco.mj_getCache())
    gc.collect()
    # Other C libraries than glibc have no such function, and need none.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
