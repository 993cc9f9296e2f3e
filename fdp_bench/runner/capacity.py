"""How many workers this machine has room for: usable cores, a container's quota, free memory."""

import math
from contextlib import suppress
from pathlib import Path

from fdp_bench.records.provenance import usable_cores

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")

#: Memory of a worker with one lane and what each further lane adds, bytes: proportional set sizes on Lift as
#: ``python -m benchmarks scaling`` measures them, rounded up.
WORKER_BYTES = 650 * 2**20
LANE_BYTES = 170 * 2**20


def default_workers(lanes: int, beside: int = 0) -> int:
    """Worker processes that this machine has room for, >= 1: one a usable core, fewer where memory is short.

    Args:
        lanes: Episodes that a worker steps side by side.
        beside: Other processes of the run that take a core each.
    """
    cores = usable_cores()
    quota = cpu_quota(_CGROUP / "cpu.max")
    if quota is not None:
        cores = min(cores, max(1, math.floor(quota)))
    cores -= beside
    room = free_memory(_MEMINFO, _CGROUP)
    if room is not None:
        cores = min(cores, room // (WORKER_BYTES + (lanes - 1) * LANE_BYTES))
    return max(1, cores)


def cpu_quota(path: Path) -> float | None:
    """Cores that a control group (version 2) may use, from its ``cpu.max``; None where there is no limit."""
    try:
        quota, period = path.read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def free_memory(meminfo: Path, cgroup: Path) -> int | None:
    """Bytes that can be had without swapping: the machine's, or the control group's where those are fewer.

    Args:
        meminfo: ``/proc/meminfo``.
        cgroup: Folder of a control group (version 2), with ``memory.max`` and ``memory.current``.

    Returns:
        Bytes, >= 0; None where nobody says.
    """
    found = []
    # A control group without a limit says "max"; other systems have neither file.
    with suppress(OSError, ValueError):
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        found += [int(lines[name].split()[0]) * 1024 for name in ("MemAvailable",) if name in lines]
    with suppress(OSError, ValueError):
        limit, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
        found.append(limit - used)
    return max(0, min(found)) if found else None
