"""OpenGL without a window: which implementation is used, and the process's one context.

All environments of a process draw on one context, made when the first of them draws and kept until the
process ends: contexts that come and go have corrupted living ones, and several contexts have returned each other's
images.
"""

import atexit
import ctypes
import ctypes.util
import os
import sys
import threading
import weakref
from types import ModuleType
from typing import Any, Protocol

from fdp_bench.api.errors import RenderingError, nearest

#: Values of the environment variable MUJOCO_GL that name an implementation.
BACKENDS = ("egl", "osmesa", "glfw", "cgl")

_INSTALL = "on Debian or Ubuntu run: apt-get install libegl1 libgl1-mesa-dri (or, for OSMesa, libosmesa6)"
_EGL_PLATFORM_DEVICE_EXT = 0x313F
#: What OpenGL says of itself -> its number in `glGetString`.
_STRING_NAMES = {"vendor": 0x1F00, "renderer": 0x1F01, "version": 0x1F02}


def prepare_environment() -> None:
    """Set the variables that Mesa and MuJoCo read once, where the user has not set them.

    ``LP_NUM_THREADS=0`` has Mesa's software rasterizer draw in the calling thread: by itself it takes every core,
    and with one thread of its own it waits for that thread's turn on a busy machine (measured: twice the time).
    ``MUJOCO_GL`` names the implementation. Call it first in every process that steps or draws: before mujoco and
    robosuite are imported, which act on ``MUJOCO_GL`` at import.

    Raises:
        RenderingError: If no implementation can be used, or ``MUJOCO_GL`` names none.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")
    os.environ["MUJOCO_GL"] = choose_backend()


def choose_backend() -> str:
    """Name the OpenGL implementation: MUJOCO_GL where set, else EGL, else OSMesa.

    Returns:
        One of `BACKENDS`.

    Raises:
        RenderingError: If MUJOCO_GL names none of them, or nothing is installed.
    """
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    if asked:
        if asked not in BACKENDS:
            raise RenderingError(
                f"MUJOCO_GL={asked!r} names no off-screen renderer{nearest(asked, BACKENDS)}"
            )
        return asked
    if sys.platform == "darwin":
        return "cgl"
    if egl_works():
        return "egl"
    if osmesa_works():
        return "osmesa"
    raise RenderingError(f"no off-screen OpenGL found, neither EGL nor OSMesa; {_INSTALL}")


def egl_works() -> bool:
    """Whether libEGL is installed and one of its devices can be initialized."""
    try:
        egl = ctypes.CDLL(ctypes.util.find_library("EGL") or "libEGL.so.1")
        egl.eglGetProcAddress.restype = ctypes.c_void_p
        query_address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
        display_address = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
        if not query_address or not display_address:
            return False
        query = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))(
            query_address
        )
        get_display = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)(
            display_address
        )
        egl.eglInitialize.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        devices = (ctypes.c_void_p * 16)()
        count = ctypes.c_int()
        if not query(16, devices, ctypes.byref(count)):
            return False
        for device in devices[: count.value]:
            display = get_display(_EGL_PLATFORM_DEVICE_EXT, device, None)
            if display and egl.eglInitialize(display, None, None):
                return True
    except (OSError, AttributeError):
        return False
    return False


def osmesa_works() -> bool:
    """Whether Mesa's off-screen library can be loaded."""
    name = ctypes.util.find_library("OSMesa")
    if name is None:
        return False
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


class ContextUser(Protocol):
    """Something that lives on the context."""

    def close(self) -> None:
        """Free it."""


class SharedContext:
    """The process's OpenGL context. Get it with `shared_context`; never make or free one."""

    def __init__(self) -> None:
        backend = os.environ["MUJOCO_GL"]
        try:
            module = _backend_module(backend)
            self._context: Any = module.GLContext(64, 64)
        except Exception as error:
            raise RenderingError(
                f"MUJOCO_GL={backend} makes no OpenGL context ({type(error).__name__}: {error}); {_INSTALL}"
            ) from error
        self.backend = backend
        #: What lives on the context and must be freed before it.
        self.users: weakref.WeakSet[ContextUser] = weakref.WeakSet()
        self.thread = threading.get_ident()
        self.process = os.getpid()

    def make_current(self) -> None:
        """Make the context current, whatever another library made current since.

        Raises:
            RenderingError: If called from another thread than the one that drew first.
        """
        if threading.get_ident() != self.thread:
            raise RenderingError(
                "frames are drawn from one thread of a process; use worker processes instead"
            )
        self._context.make_current()

    def free(self) -> None:
        """Free the context and what lives on it; only at the end of its process."""
        if self._context is not None and os.getpid() == self.process:
            for user in list(self.users):
                user.close()
            try:
                self._context.free()
            except Exception:
                # At exit, another library may have ended the display first; then the context is gone already,
                # and MuJoCo's finalizer must not complain about it a second time.
                self._context._context = None
            self._context = None


_shared: SharedContext | None = None


def shared_context() -> SharedContext:
    """The process's context, made on the first call in this process.

    A forked child makes its own: contexts do not survive a fork.

    Raises:
        RenderingError: If no context can be made.
    """
    global _shared
    if _shared is None or _shared.process != os.getpid():
        prepare_environment()
        _shared = SharedContext()
        atexit.register(_shared.free)
    return _shared


def gl_strings() -> dict[str, str]:
    """Backend, vendor, renderer and version of the OpenGL in use, for manifests and `fdp-bench doctor`."""
    context = shared_context()
    context.make_current()
    get_string = _egl_get_string() if context.backend == "egl" else _get_string()
    texts = {key: get_string(name) for key, name in _STRING_NAMES.items()}
    return {"backend": context.backend, **{key: (text or b"").decode() for key, text in texts.items()}}


def _egl_get_string() -> Any:
    # PyOpenGL's module of all OpenGL takes a quarter of a second to import, in every worker.
    egl = ctypes.CDLL(ctypes.util.find_library("EGL") or "libEGL.so.1")
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    return ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_uint)(egl.eglGetProcAddress(b"glGetString"))


def _get_string() -> Any:
    from OpenGL import GL

    return GL.glGetString


def _backend_module(backend: str) -> ModuleType:
    if backend == "egl":
        import mujoco.egl as module
    elif backend == "osmesa":
        import mujoco.osmesa as module
    elif backend == "glfw":
        import mujoco.glfw as module
    else:
        import mujoco.cgl as module
    return module  # type: ignore[no-any-return]
