"""The connection to a Ray cluster: what it has room for, and what its nodes answer."""

import logging
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import ray
from ray.exceptions import RayError

from fdp_bench.api.errors import RunError
from fdp_bench.records.store import STRIPS_NAME
from fdp_bench.records.writer import unwritable
from fdp_bench.runner.processes.messages import PicturePlan
from fdp_bench.runner.ray_cluster.actor import HostFacts, Picture
from fdp_bench.runner.rollout.preflight import PreflightReport

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


def check_versions(facts: HostFacts, versions: Mapping[str, str]) -> None:
    """Hold a node's packages against this machine's: what can move a number must be the same everywhere.

    Args:
        facts: What the node's host says.
        versions: Distribution -> version here.

    Raises:
        RunError: If one differs.
    """
    for name, version in versions.items():
        theirs = facts.versions.get(name)
        if theirs != version:
            raise RunError(
                f"node {facts.node!r} has {name} {theirs}, this machine {version}; install the same on all"
            )


def check_report(first: PreflightReport, report: PreflightReport, node: str) -> None:
    """Hold what a node found against what the first one did: every node must run the same.

    Args:
        first: The first node's report.
        report: This one's.
        node: Its name.

    Raises:
        RunError: If weights or plugins differ.
    """
    unlike = [
        f"{ours.spec!r} with weights {theirs.sha256[:12] or 'none'} instead of {ours.sha256[:12] or 'none'}"
        for ours, theirs in zip(first.policies, report.policies, strict=True)
        if (ours.spec, ours.sha256) != (theirs.spec, theirs.sha256)
    ]
    if report.plugins != first.plugins or report.shifts != first.shifts:
        unlike.append(f"plugins {report.plugins} instead of {first.plugins}")
    if unlike:
        raise RunError(f"node {node!r} has {unlike[0]}; every node needs the same files and plugins")


def keep_picture(picture: Picture, plan: PicturePlan) -> None:
    """Write a node's picture into the run, whole or not at all; pictures that nobody asked for are dropped.

    Raises:
        RunError: If it cannot be written.
    """
    folder = plan.strips if picture.folder == STRIPS_NAME else plan.videos
    if folder is None:
        return
    path = folder / Path(picture.name).name
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        part.write_bytes(picture.data)
        part.replace(path)
    except OSError as error:
        raise RunError(unwritable(path, error)) from error
