"""Everything that the page shows, as values; the template only lays it out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN, IMAGE_PREFIX, EpisodeRecord
from fdp_bench.records.store import STRIPS_NAME
from fdp_bench.report.figures.plots import Plot
from fdp_bench.report.html.pictures import Picture, file_picture, frame_picture, panel_picture
from fdp_bench.report.html.tables import PageTable, page_table
from fdp_bench.report.names import severity_text, shift_title, short_task, split_shift
from fdp_bench.report.runs import Runs
from fdp_bench.report.shift_previews.severity_frames import SeverityFrames
from fdp_bench.report.tables.trainings import (
    DEMOS,
    SEED,
    find_trainings,
    name_policies,
    name_series,
    tasks_of,
)
from fdp_bench.stats import smallest_detectable_difference

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Shown:
    """A picture with the words beside it."""

    title: str
    detail: str
    picture: Picture


@dataclass(frozen=True)
class Chart:
    """A plot: its panels, its caption and the numbers behind it."""

    title: str
    caption: str
    panels: tuple[Shown, ...]
    table: PageTable


@dataclass(frozen=True)
class Gallery:
    """A shift at every severity beside the clean frame.

    Attributes:
        title: Shift and task.
        subject: What is seen.
        views: (title, frames) of the view that shows most of the shift, one a camera.
        more: The same for the other views.
    """

    title: str
    subject: str
    views: tuple[tuple[str, tuple[Shown, ...]], ...]
    more: tuple[tuple[str, tuple[Shown, ...]], ...]


@dataclass(frozen=True)
class FilmGroup:
    """What the policies saw under one shift.

    Attributes:
        title: The shift.
        policies: (policy, strips): the clean one first, then by rising severity.
    """

    title: str
    policies: tuple[tuple[str, tuple[Shown, ...]], ...]

    @property
    def weight(self) -> int:
        """Bytes that its pictures take."""
        return sum(len(shown.picture.source) for _, strips in self.policies for shown in strips)


def chart(plot: Plot) -> Chart:
    """A plot for the page: its panels drawn apart, so that they wrap on narrow screens."""
    panels = tuple(
        Shown(panel.title, "", panel_picture(panel, f"{plot.title}: {panel.title}; the numbers stand below"))
        for panel in plot.panels
    )
    return Chart(plot.title, plot.caption, panels, page_table(plot.layout))


def gallery(preview: SeverityFrames) -> Gallery:
    """A shift's severities for the page, frame by frame."""
    highest = max(preview.rows)
    shown = max(
        range(len(preview.views)),
        key=lambda view: sum(preview.change(highest, view, camera) for camera in preview.cameras),
    )
    views = [
        [
            (
                f"camera {camera.removeprefix(IMAGE_PREFIX)}, {preview.views[view]}",
                tuple(_frame(preview, severity, view, camera) for severity in preview.rows),
            )
            for camera in preview.cameras
        ]
        for view in range(len(preview.views))
    ]
    others = [pair for view, of_view in enumerate(views) if view != shown for pair in of_view]
    return Gallery(
        f"{preview.shift} on {short_task(preview.task)}", preview.subject, tuple(views[shown]), tuple(others)
    )


def film_groups(runs: Runs) -> list[FilmGroup]:
    """The strips that runs kept of what their policies saw, a group a task and shift."""
    names = name_policies(find_trainings(runs.records), tasks_of(runs.records))
    outcomes = _first_episodes(runs.records)
    several = len({record.spec.task for record in runs.records}) > 1
    strips: dict[str, dict[str, list[Shown]]] = {}
    for path, manifest in zip(runs.paths, runs.manifests, strict=True):
        task = str(manifest.config.get("task", ""))
        arms = sorted(manifest.arms, key=lambda arm: float(arm["severity"]))
        for group, arm in _in_groups(arms, f"{short_task(task)}: " if several else ""):
            shown = _strip(path, task, arm, outcomes)
            if shown is not None:
                name = names.get((arm["policy"], arm["checkpoint"]), arm["policy"])
                strips.setdefault(group, {}).setdefault(name, []).append(shown)
    return [
        FilmGroup(title, tuple((name, tuple(shown)) for name, shown in of_group.items() if len(shown) > 1))
        for title, of_group in strips.items()
        if any(len(shown) > 1 for shown in of_group.values())
    ]


def overview(runs: Runs, summary: "pandas.DataFrame") -> tuple[str, list[tuple[str, str]]]:
    """Title of the page, and what was run in a few (number, of what) pairs."""
    tasks = list(dict.fromkeys(short_task(task) for task in summary["task"]))
    shifts = list(dict.fromkeys(split_shift(shift)[0] for shift in summary["shift"] if shift != CLEAN))
    trainings = find_trainings(runs.records)
    policies = set(name_series(trainings, tasks_of(runs.records), pooled=(SEED, DEMOS)).values())
    least, most = int(summary["episodes"].min()), int(summary["episodes"].max())
    facts = [
        _counted(len(policies), "policy", "policies"),
        *([(str(len(trainings)), "trainings")] if len(trainings) > len(policies) else []),
        (", ".join(shifts) or "none", "shift" if len(shifts) == 1 else "shifts"),
        (f"{len(runs.records):,}", "episodes"),
        (str(most) if least == most else f"{least}–{most}", "episodes a cell"),
    ]
    pairs = summary["pairs"].where(summary["pairs"] > 0, summary["episodes"])
    detectable = smallest_detectable_difference(int(pairs.min()))
    if not math.isnan(detectable):
        facts.append((f"{math.ceil(100 * detectable - 1e-9)} points", "smallest detectable difference"))
    return f"{' and '.join(tasks)}: what happens when a sense lies", facts


def _counted(count: int, one: str, many: str) -> tuple[str, str]:
    return str(count), one if count == 1 else many


def _frame(preview: SeverityFrames, severity: float, view: int, camera: str) -> Shown:
    title = severity_text(severity)
    change = f"{preview.change(severity, view, camera):.1f}" if severity else ""
    alt = f"{camera.removeprefix(IMAGE_PREFIX)} camera, {preview.shift} {title}, {preview.views[view]}"
    return Shown(title, change, frame_picture(preview.frame(severity, view, camera), alt))


def _in_groups(arms: Sequence[Mapping[str, Any]], prefix: str) -> list[tuple[str, Mapping[str, Any]]]:
    """(shift's name, arm) pairs; a clean arm stands first in every group."""
    groups = dict.fromkeys(split_shift(arm["shift"])[0] for arm in arms if arm["shift"] != CLEAN)
    return [
        (f"{prefix}{group}", arm)
        for group in groups
        for arm in arms
        if arm["shift"] == CLEAN or split_shift(arm["shift"])[0] == group
    ]


def _strip(
    run: Path, task: str, arm: Mapping[str, Any], outcomes: Mapping[tuple[str, ...], str]
) -> Shown | None:
    title = CLEAN if arm["shift"] == CLEAN else f"level {split_shift(arm['shift'])[1]}"
    alt = f"what {arm['policy']} saw of episode 0 on {task}, {shift_title(arm['shift'])}"
    try:
        picture = file_picture(run / STRIPS_NAME / f"{arm['slug']}.png", alt)
    except OSError:
        return None
    return Shown(title, outcomes.get((task, arm["policy"], arm["checkpoint"], arm["shift"]), ""), picture)


def _first_episodes(records: Sequence[EpisodeRecord]) -> dict[tuple[str, ...], str]:
    """(task, policy, checkpoint, shift) -> what came of episode 0, which strips show."""
    found: dict[tuple[str, ...], str] = {}
    for record in records:
        spec = record.spec
        if spec.index == 0:
            outcome = "success" if record.success_once else "no success"
            text = f"{outcome}, {record.steps} steps" if record.status == "ok" else "error"
            found.setdefault((spec.task, spec.policy, spec.checkpoint, spec.shift), text)
    return found
