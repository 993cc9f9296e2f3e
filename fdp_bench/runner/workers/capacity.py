"""How many workers this machine has room for: usable cores, a container's quota, free memory."""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fdp_bench.records.provenance import usable_cores

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")
#: Names the control group of this process.
_OWN = Path("/proc/self/cgroup")

#: Memory of a worker with one lane and what each further lane adds, bytes: proportional set sizes on Lift as
#: ``python -m benchmarks scaling`` measures them, rounded up.
WORKER_BYTES = 650 * 2**20
LANE_BYTES = 170 * 2**20
#: Share of the machine's memory that all workers together may hold; the rest is the parent's and the system's.
_WORKERS_SHARE = 0.8


def default_workers(lanes: int, beside: int = 0) -> int:
    """Worker processes that this machine has room for, >= 1: one a usable core, fewer where memory is short.

    Args:
        lanes: Episodes that a worker steps side by side.
        beside: Other processes of the run that take a core each.
    """
    cores, groups = usable_cores(), control_groups(_CGROUP, _OWN)
    for quota in (cpu_quota(group / "cpu.max") for group in groups):
        if quota is not None:
            cores = min(cores, max(1, math.floor(quota)))
    cores -= beside
    room = free_memory(_MEMINFO, groups)
    if room is not None:
        cores = min(cores, room // (WORKER_BYTES + (lanes - 1) * LANE_BYTES))
    return max(1, cores)


def control_groups(root: Path, own: Path) -> tuple[Path, ...]:
    """Folders of the control groups (version 2) that this process is in, its own first and the outermost last.

    A container's limits are those of the outermost group that it sees; a scheduler sets a job's further in.

    Args:
        root: Where they are mounted.
        own: ``/proc/self/cgroup``.
    """
    path = ""
    with suppress(OSError):
        path = next((line[3:] for line in own.read_text().splitlines() if line.startswith("0::")), "")
    inner = root.joinpath(*(name for name in path.split("/") if name))
    # Seen from inside a container, the path may be one of its host's.
    is_here = ".." not in inner.parts and inner.is_dir()
    return (
        (*(group for group in (inner, *inner.parents) if root in group.parents), root) if is_here else (root,)
    )


def cpu_quota(path: Path) -> float | None:
    """Cores that a control group (version 2) may use, from its ``cpu.max``; None where there is no limit."""
    try:
        quota, period = path.read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def free_memory(meminfo: Path, groups: Sequence[Path]) -> int | None:
    """Bytes that can be had without swapping: the machine's, or a control group's where those are fewer.

    Args:
        meminfo: ``/proc/meminfo``.
        groups: Folders of control groups (version 2), with ``memory.max`` and ``memory.current``.

    Returns:
        Bytes, >= 0; None where nobody says.
    """
    found = []
    # A control group without a limit says "max"; other systems have neither file.
    with suppress(OSError, ValueError):
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        found += [int(lines[name].split()[0]) * 1024 for name in ("MemAvailable",) if name in lines]
    for group in groups:
        with suppress(OSError, ValueError):
            limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
            found.append(limit - used)
    return max(0, min(found)) if found else None


def total_memory(meminfo: Path, groups: Sequence[Path]) -> int | None:
    """Bytes of the machine, or of a control group's limit where that is less; None where nobody says."""
    found = []
    with suppress(OSError, ValueError):
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        found += [int(lines[name].split()[0]) * 1024 for name in ("MemTotal",) if name in lines]
    for group in groups:
        with suppress(OSError, ValueError):
            found.append(int((group / "memory.max").read_text()))
    return min(found) if found else None


def worker_memory_limit(workers: int) -> int | None:
    """Bytes that a worker may hold before it is replaced: its share of the machine's; None where nobody says."""
    total = total_memory(_MEMINFO, control_groups(_CGROUP, _OWN))
    return None if total is None else int(_WORKERS_SHARE * total / workers)


def memory_held(pid: int) -> int | None:
    """Bytes of memory that a process has to itself (resident, not shared); None where nobody says."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return None
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
