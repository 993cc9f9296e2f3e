"""What nodes of a Ray cluster answer, held against what the first one and this machine have; their pictures, kept."""

from collections.abc import Mapping
from pathlib import Path

from fdp_bench.api.errors import RunError
from fdp_bench.records.store import STRIPS_NAME
from fdp_bench.records.writer import unwritable
from fdp_bench.runner.ray_cluster.actor import HostFacts, Picture
from fdp_bench.runner.rollout.preflight import PreflightReport
from fdp_bench.runner.workers.worker import PicturePlan


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
