"""Turns demonstrations of other programs into a file of this package's, whatever their format."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium

from fdp_bench.api import DatasetError, TaskInfo, nearest
from fdp_bench.demos.advice import way_to
from fdp_bench.demos.demo_episode import ImportedEpisode, Source
from fdp_bench.demos.layout import FORMAT_VERSION, GYM_ENV_TYPE, ROBOSUITE_ENV_TYPE
from fdp_bench.demos.recording.task_card import environment_versions, installed_versions, task_entries
from fdp_bench.tasks import TASKS, describe, resolve_task
from fdp_bench.tasks.make import make_task

PROFILES = ("fast", "reference")


@dataclass(frozen=True)
class ImportSummary:
    """What an import did.

    Attributes:
        path: The finished file.
        task_id: Gymnasium id of the task.
        num_demos: Demonstrations in it.
        num_steps: Control steps of them all.
        source_format: For instance ``"robomimic"``.
        notes: What was changed or found on the way, a sentence each.
    """

    path: Path
    task_id: str
    num_demos: int
    num_steps: int
    source_format: str
    notes: tuple[str, ...]


def import_demonstrations(
    source: Path,
    out: Path,
    *,
    task: str | None = None,
    profile: str = "fast",
    num_demos: int | None = None,
    progress: bool = False,
) -> ImportSummary:
    """Read demonstrations of another program and write them as a file that ``fdp-bench train`` reads.

    Args:
        source: An HDF5 file of robomimic, robosuite or this package, the folder of a LeRobotDataset v3, or the folder
            of a Minari dataset. Of somebody else's task the folders alone; a Minari dataset is then one of the
            environment itself, and the map is applied to what it holds.
        out: File to write, HDF5; must not exist.
        task: Gymnasium id or short name of the task, or the path of a map; None asks the source.
        profile: Render profile of the frames.
        num_demos: Number of demonstrations, the first ones; None takes all.
        progress: Whether to show a progress bar on standard error.

    Returns:
        What was done.

    Raises:
        SpecError: If the task is not known.
        DatasetError: If the source cannot be read as demonstrations of the task, or `out` exists or cannot be written.
    """
    if out.exists():
        raise DatasetError(f"{out} exists already; delete it or choose another --out")
    if profile not in PROFILES:
        raise DatasetError(f"render profile {profile!r} is not known{nearest(profile, PROFILES)}")
    if not source.exists():
        raise DatasetError(f"there is no file or folder {source}; check the path")
    task_id = resolve_task(task) if task else _task_of(source)
    with ExitStack() as stack:
        env = stack.enter_context(closing(make_task(task_id, profile))) if task_id not in TASKS else None
        info = task_info(task_id, profile) if env is None else env.unwrapped.task_info  # type: ignore[attr-defined]
        opened = stack.enter_context(_open(source, info) if env is None else _open_mapped(source, env))
        count = opened.num_demos if num_demos is None else num_demos
        if not 1 <= count <= opened.num_demos:
            raise DatasetError(
                f"{source} holds {opened.num_demos} demonstrations, and {count} were asked for; "
                f"use 1-{opened.num_demos}"
            )
        lengths = _write(out, opened, _entries(info, env), count, progress)
        return ImportSummary(
            out, info.task_id, count, sum(lengths), opened.origin.format, tuple(opened.origin.notes)
        )


def task_info(task_id: str, profile: str) -> TaskInfo:
    """What is known of a task of the package, without building it."""
    return replace(describe(task_id), profile=profile)


def _open(source: Path, info: TaskInfo) -> Source:
    """Tell the format by what is there, and open it."""
    from fdp_bench.demos.formats.robomimic.read import RobomimicFile

    if source.is_file():
        return RobomimicFile(source, info)
    if (source / "meta" / "info.json").is_file():
        from fdp_bench.demos.formats.lerobot.read import LerobotFolder

        return LerobotFolder(source, info)
    from fdp_bench.demos.formats.minari.folder import MinariFolder, is_minari

    if is_minari(source):
        return MinariFolder(source, info)
    raise DatasetError(
        f"{source} is a folder, but no LeRobotDataset (meta/info.json) and no Minari dataset "
        "(data/metadata.json); give one, or an HDF5 file"
    )


def _open_mapped(source: Path, env: gymnasium.Env[Any, Any]) -> Source:
    """The same for somebody else's environment: formats that hold observations as they are."""
    from fdp_bench.demos.formats.minari.folder import is_minari
    from fdp_bench.tasks.external.env import ExternalEnv

    own: Any = env.unwrapped
    if is_minari(source) and isinstance(own, ExternalEnv):
        from fdp_bench.demos.formats.minari.mapped import MappedMinariFolder

        return MappedMinariFolder(source, own)
    if (source / "meta" / "info.json").is_file() and {"prop", "vision"} <= set(own.task_info.modalities):
        return _open(source, own.task_info)
    raise DatasetError(
        f"{source} cannot be read as demonstrations of {own.task_info.task_id}: that takes a Minari dataset of its "
        "environment, or a LeRobotDataset where it has 'prop' and 'vision'; "
        f"{way_to('or record some', own.task_info.task_id)}"
    )


def _task_of(source: Path) -> str:
    """The task that a source says it is of."""
    from fdp_bench.demos.formats.robomimic.read import TASKS_BY_ENV_NAME, env_name_of

    ours = source / "meta" / "fdp_bench.json"
    if ours.is_file():
        from fdp_bench.demos.formats.lerobot.read import task_in_card

        return task_in_card(ours)
    name = env_name_of(source) if source.is_file() else ""
    if name not in TASKS_BY_ENV_NAME:
        what = f"it says {name!r}" if name else "it does not say"
        raise DatasetError(f"which task is {source} of? {what}; name one with --task")
    return resolve_task(TASKS_BY_ENV_NAME[name][0])


def _entries(info: TaskInfo, env: gymnasium.Env[Any, Any] | None) -> dict[str, Any]:
    """What the file says of the task, and of the versions at hand."""
    if env is not None:
        return {**task_entries(env), "versions": environment_versions(env)}
    return {
        "task_id": info.task_id,
        "profile": info.profile,
        "format": FORMAT_VERSION,
        "versions": installed_versions(("fdp-bench", "robosuite", "mujoco")),
    }


def _write(out: Path, opened: Source, entries: Mapping[str, Any], count: int, progress: bool) -> list[int]:
    """Write everything beside `out`, then move it there."""
    from fdp_bench.demos.robomimic import write_hdf5

    unfinished = out.with_name(out.name + ".unfinished")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shown = _shown(_with_rewards(opened, count), count, progress)
        # What there is to say of the source is complete when all of it was read.
        lengths = write_hdf5(unfinished, shown, lambda: _env_args(opened, entries))
        unfinished.replace(out)
    except OSError as error:
        raise DatasetError(f"cannot write {out}: {error.strerror or error}; choose another --out") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return lengths


def _with_rewards(opened: Source, count: int) -> Iterator[ImportedEpisode]:
    """The demonstrations, with a note where rewards are missing: the written file has zeros then."""
    for episode in opened.episodes(count):
        if episode.rewards is None:
            opened.origin.note("The source holds no rewards; zeros stand in their place.")
        yield episode


def _shown(episodes: Iterator[ImportedEpisode], count: int, progress: bool) -> Iterator[ImportedEpisode]:
    from tqdm import tqdm

    yield from tqdm(episodes, total=count, unit="demo", disable=not progress, desc="import")


def _env_args(opened: Source, entries: Mapping[str, Any]) -> dict[str, Any]:
    """Description, in the manner of robomimic, of the environment; ours stands in ``fdp_bench``."""
    origin = opened.origin
    touch = {"touch_version": origin.details["touch_version"]} if "touch_version" in origin.details else {}
    of_robosuite = bool(origin.details.get("env_name"))
    return {
        "env_name": origin.details.get("env_name") or entries["task_id"],
        "type": ROBOSUITE_ENV_TYPE if of_robosuite else GYM_ENV_TYPE,
        "env_version": origin.details.get("robosuite", ""),
        "env_kwargs": dict(origin.settings),
        "fdp_bench": {
            **entries,
            "seed": origin.details.get("seed"),
            **touch,
            "source": {"format": origin.format, **origin.details, "notes": list(origin.notes)},
        },
    }
