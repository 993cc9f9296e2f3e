"""The connection to a Ray cluster, and what it has room for."""

import logging
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import ray
from ray.exceptions import RayError

from fdp_bench.api.errors import RunError

#: Seconds that somebody is given to answer at a cluster's address; Ray itself tries for minutes.
_ANSWER_S = 10.0


def connect(address: str) -> None:
    """Join a cluster, unless this process has already.

    Args:
        address: As `ray.init` takes it; empty for the cluster that this machine is part of, or ``$RAY_ADDRESS``.

    Raises:
        RunError: If none is reached.
    """
    try:
        _knock(address or os.environ.get("RAY_ADDRESS", ""))
        with handlers_kept():
            ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RayError, TimeoutError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RunError(
            f"no Ray cluster is reached at {address or os.environ.get('RAY_ADDRESS', 'this machine')!r} ({reason}); "
            "start one with: ray start --head, or name its client port: --executor ray://HOST:10001"
        ) from error


def _knock(address: str) -> None:
    """See whether anybody listens at HOST:PORT or ray://HOST:PORT; what else Ray takes is left to Ray.

    Raises:
        ConnectionError: If nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
        except (OSError, OverflowError, UnicodeError) as error:
            raise ConnectionError(getattr(error, "strerror", None) or str(error)) from error


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Keep this program's handlers of signals: Ray would put its own in their place."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        with suppress(ValueError):
            for number, handler in before.items():
                signal.signal(number, handler)


def room_for(cpus: int, gpus: float) -> int:
    """Workers that the whole cluster has room for, >= 1.

    Args:
        cpus: CPUs that a worker takes, >= 1.
        gpus: GPUs that it takes, a share of one below 1; 0.0 for none.
    """
    resources = ray.cluster_resources()
    room = int(resources.get("CPU", 0.0) // cpus)
    if gpus:
        held = resources.get("GPU", 0.0)
        # Those that share a GPU lie on one: what is left over of two makes no third.
        room = min(room, int(held * int(1 / gpus) if gpus < 1.0 else held // gpus))
    return max(1, room)


def shown_resources() -> str:
    """What the cluster has, in words."""
    resources: Mapping[str, float] = ray.cluster_resources()
    held = [f"{resources[name]:g} {name}" for name in ("CPU", "GPU") if name in resources]
    return ", ".join(held) or "neither CPU nor GPU"
