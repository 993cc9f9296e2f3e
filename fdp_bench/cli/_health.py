"""The checks behind ``fdp-bench doctor``; each looks at one thing and never raises for what it finds."""

import subprocess
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fdp_bench.cli._drawing import check_rendering
from fdp_bench.cli._finding import OK, PROBLEM, WARNING, Finding
from fdp_bench.cli._installed import check_extras, check_packages
from fdp_bench.cli._tested import check_tested
from fdp_bench.extras import DISTRIBUTION

if TYPE_CHECKING:
    from fdp_bench.plugins import Plugin
    from fdp_bench.tasks import Task

Check = Callable[[], Iterator[Finding]]


def findings(asked: Collection[str] = ()) -> Iterator[Finding]:
    """Run all checks, the quick ones first.

    Args:
        asked: Extras that must be installed.
    """
    for what, check in _checks(asked):
        try:
            yield from check()
        except Exception as error:
            yield Finding(
                PROBLEM,
                what,
                f"the check failed: {type(error).__name__}: {' '.join(str(error).split())}",
                _reinstall(DISTRIBUTION),
            )


def check_python() -> Iterator[Finding]:
    """Whether this Python is one that the package is made for."""
    import importlib.metadata
    import platform

    from packaging.specifiers import SpecifierSet

    needed = importlib.metadata.metadata(DISTRIBUTION)["Requires-Python"]
    version = platform.python_version()
    fits = SpecifierSet(needed).contains(version, prereleases=True)
    mend = "" if fits else f"make a virtual environment with a Python {needed} and install there"
    yield Finding(OK if fits else PROBLEM, "python", f"{version} (needed: {needed})", mend)


def check_plugins() -> Iterator[Finding]:
    """Whether every installed policy and shift can be loaded."""
    from fdp_bench.plugins import policy_plugins, shift_plugins

    loaded = []
    for plugin in (*policy_plugins().values(), *shift_plugins().values()):
        problem = plugin.problem()
        if problem:
            ours = plugin.distribution == DISTRIBUTION
            mend = f"{_reinstall(plugin.distribution)}, or uninstall it"
            yield Finding(PROBLEM if ours else WARNING, "plugins", problem, mend)
        else:
            loaded.append(plugin.name)
    yield Finding(OK, "plugins", f"{len(loaded)} load: {', '.join(loaded)}")


def check_weights() -> Iterator[Finding]:
    """Whether each policy's weights for each task that comes with some are there and whole, by loading them."""
    from fdp_bench.plugins import policy_plugins

    whole = 0
    for plugin in policy_plugins().values():
        if plugin.problem() or plugin.not_installed():
            continue
        states = [
            (f"{spec} on {task.short_name}", reason)
            for task in _tasks_with_weights(plugin)
            for spec, reason in _missing_weights(plugin, task.id)
        ]
        missing = {name: reason for name, reason in states if reason}
        whole += len(states) - len(missing)
        if missing:
            first = next(iter(missing.values()))
            text = f"{', '.join(missing)}: no usable weights; the first: {first}"
            mend = f"{_reinstall(plugin.distribution)}, or train: fdp-bench train --help"
            yield Finding(PROBLEM if plugin.distribution == DISTRIBUTION else WARNING, "weights", text, mend)
    if whole:
        yield Finding(OK, "weights", f"{whole} pairs of policy and task load with whole weights")


def _tasks_with_weights(plugin: "Plugin") -> "list[Task]":
    """The built-in tasks for which a policy says that it brings weights."""
    from fdp_bench.plugins import load_policy
    from fdp_bench.tasks import TASKS

    named = load_policy(plugin.name).bundled_tasks
    return [task for task in TASKS.values() if (task.bundled if named is None else task.id in named)]


def _missing_weights(plugin: "Plugin", task_id: str) -> Iterator[tuple[str, str]]:
    """For each order of a policy its spec, and why it cannot act on a task; empty where it can."""
    from fdp_bench.api import FdpBenchError, PolicySpec
    from fdp_bench.plugins import load_policy
    from fdp_bench.runner.rollout.preflight import build_policy
    from fdp_bench.tasks import describe

    policy, task = load_policy(plugin.name), describe(task_id)
    for order in policy.orders(task):
        spec = PolicySpec(plugin.name, order)
        try:
            weights = policy.weights(spec, task)
            if weights.available:
                build_policy(spec, task, "cpu")
            yield str(spec), "" if weights.available else weights.source
        except FdpBenchError as error:
            yield str(spec), str(error)


def check_ffmpeg() -> Iterator[Finding]:
    """Whether videos can be written."""
    import imageio_ffmpeg

    mend = "pip install --force-reinstall imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE; only --video needs it"
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
        subprocess.run([program, "-version"], capture_output=True, check=True, timeout=60)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        yield Finding(WARNING, "ffmpeg", f"no working ffmpeg: {error}", mend)
    else:
        yield Finding(OK, "ffmpeg", f"{imageio_ffmpeg.get_ffmpeg_version()} for --video")


def check_folders(results: Path = Path("results")) -> Iterator[Finding]:
    """Whether runs and cached models can be written."""
    from fdp_bench.api import RunError
    from fdp_bench.api.files import is_writable
    from fdp_bench.records.store import check_new_folder
    from fdp_bench.sim.cache import cache_folder

    try:
        check_new_folder(results / ".doctor")
    except RunError as error:
        yield Finding(
            PROBLEM, "results", str(error), "change to a folder that you may write, or use --out DIR"
        )
    else:
        yield Finding(OK, "results", f"{results.resolve()} can be written")
    cache = cache_folder()
    if is_writable(cache):
        yield Finding(OK, "cache", f"{cache} can be written")
    else:
        mend = "set FDP_BENCH_CACHE to a folder that you may write"
        yield Finding(
            WARNING, "cache", f"{cache} cannot be written: every start prepares the meshes anew", mend
        )


def check_cores() -> Iterator[Finding]:
    """How many workers a run gets."""
    from fdp_bench.records.provenance import cpu_model, usable_cores

    cores = usable_cores()
    workers = "1 worker" if cores == 1 else f"{cores} workers"
    yield Finding(OK, "cores", f"{cores} usable of {cpu_model()}: fdp-bench run starts up to {workers}")


def _reinstall(distribution: str) -> str:
    source = (
        " from its source folder: pip install --force-reinstall ." if distribution == DISTRIBUTION else ""
    )
    return f"reinstall {distribution}{source}"


def _checks(asked: Collection[str]) -> tuple[tuple[str, Check], ...]:
    return (
        ("python", check_python),
        ("packages", check_packages),
        ("extras", partial(check_extras, asked)),
        ("tested", check_tested),
        ("cores", check_cores),
        ("results", check_folders),
        ("ffmpeg", check_ffmpeg),
        ("plugins", check_plugins),
        ("weights", check_weights),
        ("rendering", check_rendering),
    )
