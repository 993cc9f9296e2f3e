"""What can move a number and is not in the configuration: versions, source, machine.

Imports none of it but Pillow, which alone knows the JPEG library that it was built with. Mesa's version stands with the
renderer, which a worker asks; the C library's, whose mathematics NumPy uses, in the platform's name.
"""

import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

#: Distributions whose version can move a number of a run: physics and its compiled steps (numba, llvmlite), reduced
#: meshes, policies, and what shifts and environments do to pictures (pillow) and policies to noise (scipy).
DISTRIBUTIONS = (
    "fdp-bench",
    "robosuite",
    "mujoco",
    "gymnasium",
    "torch",
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "fast-simplification",
    "pillow",
)
#: The library behind Pillow's JPEG, on which the bits of the shift ``jpeg`` depend: one version of Pillow is built with
#: several.
LIBJPEG = "libjpeg"


def versions() -> dict[str, str]:
    """Version of each of `DISTRIBUTIONS` and of `LIBJPEG`; ``"not installed"`` where there is none."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found | {LIBJPEG: _libjpeg()}


def _libjpeg() -> str:
    """``"turbo 3.1.0"``; of the older library the version of its interface alone, ``"6.2"``."""
    try:
        from PIL import features
    except ImportError:
        return "not installed"
    turbo = features.version("libjpeg_turbo")
    return f"turbo {turbo}" if turbo else str(features.version("jpg") or "not installed")


def git_state(package: Path | None = None) -> dict[str, Any]:
    """Commit of the checkout that the package runs from and whether tracked files differ from it.

    Args:
        package: Folder of the package; this one if None.

    Returns:
        ``{"commit": hash, "dirty": bool}``, and where tracked files differ ``"changes"``, the start of a SHA-256 over
        how they do: two dirty checkouts of one commit are rarely alike. Empty when the package is not part of a git
        checkout.
    """
    folder = package or Path(__file__).parents[1]
    # A site-packages folder can lie inside somebody's repository without being part of it.
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return {}
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if not commit:
        return {}
    if not changes:
        return {"commit": commit, "dirty": False}
    how = _git(folder, "diff", "--binary", "--no-color", "--no-ext-diff", "HEAD") or changes
    return {
        "commit": commit,
        "dirty": True,
        "changes": hashlib.sha256(how.encode(errors="replace")).hexdigest()[:12],
    }


def machine(device: str) -> dict[str, Any]:
    """Processor, usable cores, platform and Python; the GPU's name where `device` is one."""
    found: dict[str, Any] = {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }
    if device.startswith("cuda") and shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        found["gpu"] = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    return found


def cpu_model() -> str:
    """Name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
