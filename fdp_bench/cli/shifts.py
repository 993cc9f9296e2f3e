"""Show what shifts do: pictures at every level, and tables of their parameters and measured effects.

fdp-bench shifts preview
fdp-bench shifts preview --shift "camera_pose+occlusion" --task Lift --out previews
fdp-bench shifts preview --task Can --sheet can.jpg
fdp-bench shifts table
fdp-bench shifts table --into shifts/README.md --check
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdp_bench.api.profile import PROFILES
from fdp_bench.cli._typed_task import typed_task
from fdp_bench.cli.main import SUBCOMMANDS

if TYPE_CHECKING:
    from fdp_bench.api import Shift
    from fdp_bench.report.shift_previews.effects import Effect

SUMMARY = SUBCOMMANDS["shifts"]
#: Folder of the pictures.
PREVIEWS = Path("previews")
#: What a contact sheet may be.
SHEETS = (".png", ".jpg")
#: Exit code where a page's table is out of date.
OUTDATED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="preview|table")
    preview = actions.add_parser(
        "preview", help="write a picture of each shift: clean and at its five levels"
    )
    preview.add_argument(
        "--shift",
        action="append",
        metavar="SHIFT",
        help="shift, or several joined by + (default: every shift)",
    )
    preview.add_argument("--task", default="Lift", help="task that is shown (default: Lift)")
    preview.add_argument(
        "--profile", choices=PROFILES, default=PROFILES[0], help="render profile (default: fast)"
    )
    preview.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help=f"folder, or for one shift a file that ends in .png (default: {PREVIEWS}/)",
    )
    preview.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="instead, put every shift of the cameras on one sheet, a row a shift: a .png or .jpg",
    )
    table = actions.add_parser("table", help="make the Markdown tables of parameters and measured effects")
    table.add_argument(
        "--task",
        action="append",
        help="task that effects are measured on (default: every task of the package)",
    )
    table.add_argument("--no-effects", action="store_true", help="parameters only: nothing is simulated")
    table.add_argument("--into", type=Path, metavar="FILE", help="put the tables between their marks in FILE")
    table.add_argument(
        "--check",
        action="store_true",
        help="only say whether FILE holds the present parameters; exit code 1 if not",
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    return _preview(args) if args.action == "preview" else _table(args)


def _preview(args: argparse.Namespace) -> int:
    from fdp_bench.api import SpecError, UnsupportedShiftError
    from fdp_bench.report.shift_previews.tables import variants
    from fdp_bench.runner.rollout.environment import make_base

    if args.sheet is not None:
        return _sheet(args)
    shifts: list[str] = args.shift or [text for kind in _kinds() for text in variants(kind)]
    out: Path = args.out or PREVIEWS
    if out.suffix == ".png" and len(shifts) > 1:
        raise SpecError(
            f"{len(shifts)} shifts do not fit into one file {out}; name a folder, such as --out previews"
        )
    base = make_base(typed_task(args.task), args.profile)
    skipped = 0
    try:
        for shift in shifts:
            try:
                for path in _draw(base, args.task, shift, out):
                    print(path)
            except UnsupportedShiftError as error:
                if args.shift:
                    raise
                skipped += 1
                print(f"left out: {error}", file=sys.stderr)
    finally:
        base.close()
    return 0 if skipped < len(shifts) else OUTDATED


def _sheet(args: argparse.Namespace) -> int:
    """Write a contact sheet of the shifts that alter what cameras show."""
    from fdp_bench.api import SpecError, UnsupportedShiftError
    from fdp_bench.cli._ladders import seen_ladder
    from fdp_bench.report.figures.style import library_style
    from fdp_bench.report.shift_previews.contact_sheet import sheet_figure
    from fdp_bench.report.shift_previews.tables import variants
    from fdp_bench.runner.rollout.environment import make_base

    if args.sheet.suffix not in SHEETS or args.out is not None:
        raise SpecError(
            f"--sheet writes one file, a {' or '.join(SHEETS)}, and no folder: --sheet previews.png"
        )
    of_cameras = (text for kind in _kinds() if kind.modality == "vision" for text in variants(kind))
    shifts: list[str] = args.shift or list(of_cameras)
    base = make_base(typed_task(args.task), args.profile)
    ladders = []
    try:
        for shift in shifts:
            try:
                ladders.append(seen_ladder(base, args.task, shift))
            except UnsupportedShiftError as error:
                if args.shift:
                    raise
                print(f"left out: {error}", file=sys.stderr)
    finally:
        base.close()
    if not ladders:
        return OUTDATED
    args.sheet.parent.mkdir(parents=True, exist_ok=True)
    with library_style():
        figure = sheet_figure(ladders)
        figure.savefig(args.sheet, pil_kwargs={} if args.sheet.suffix == ".png" else {"quality": 75})
    print(args.sheet)
    return 0


def _draw(base: Any, task: str, shift: str, out: Path) -> list[Path]:
    """Write the film strip of a shift, and its readings where it alters a sense of numbers."""
    from fdp_bench.cli._ladders import seen_ladder, shifted_at_levels
    from fdp_bench.report.figures.style import library_style
    from fdp_bench.report.names import shift_slug
    from fdp_bench.report.shift_previews.effects import play_swaying
    from fdp_bench.report.shift_previews.reading_strips import reading_figure, reading_file
    from fdp_bench.report.shift_previews.strips import strip_figure
    from fdp_bench.runner.rollout.environment import shifts_of, task_info

    environments = shifted_at_levels(base, shift)
    senses = {each.modality for each in shifts_of(environments[1.0])}
    into = out.parent if out.suffix == ".png" else out
    info = task_info(base, task)
    figures: dict[str, Any] = {}
    with library_style():
        if "vision" in senses:
            figures[f"strip-{shift_slug(shift)}.png"] = strip_figure(seen_ladder(base, task, shift))
        for sense in sorted(senses - {"vision"}):
            episodes = {severity: play_swaying(env, 0) for severity, env in environments.items()}
            for key in info.modalities[sense]:
                readings = {severity: episode.readings[key] for severity, episode in episodes.items()}
                figures[reading_file(shift, key)] = reading_figure(
                    readings, task=info.task_id, shift=shift, key=key, control_hz=info.control_hz or 1.0
                )
        into.mkdir(parents=True, exist_ok=True)
        paths = [out if out.suffix == ".png" and len(figures) == 1 else into / name for name in figures]
        for path, figure in zip(paths, figures.values(), strict=True):
            figure.savefig(path, dpi=150)
    return paths


def _table(args: argparse.Namespace) -> int:
    from fdp_bench.api import SpecError
    from fdp_bench.api.files import write_whole
    from fdp_bench.report.shift_previews.tables import (
        EFFECTS,
        PARAMETERS,
        between,
        effect_tables,
        fill,
        parameter_table,
    )

    kinds = _kinds()
    parameters = parameter_table(kinds)
    if args.check:
        if args.into is None:
            raise SpecError("--check compares a page; say which: --into shifts/README.md")
        if between(_read(args.into), PARAMETERS) == parameters:
            return 0
        again = f"fdp-bench shifts table --into {args.into}"
        print(f"{args.into} does not hold the present parameters; run {again}", file=sys.stderr)
        return OUTDATED
    tables = {PARAMETERS: parameters}
    if args.into is not None:
        # Before minutes of measuring: both places must be there.
        for name in (PARAMETERS, *(() if args.no_effects else (EFFECTS,))):
            between(_read(args.into), name)
    if not args.no_effects:
        tables[EFFECTS] = effect_tables(dict(_measured(kinds, args.task)))
    if args.into is None:
        print("\n\n".join(tables.values()))
        return 0
    page = _read(args.into)
    for name, table in tables.items():
        page = fill(page, name, table)
    write_whole(args.into, page)
    return 0


def _read(path: Path) -> str:
    from fdp_bench.api import SpecError

    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path} cannot be read ({error.strerror}); name a page that exists") from error


def _kinds() -> "list[type[Shift]]":
    """The shifts of the package, by name; those of other distributions have tables of their own."""
    from fdp_bench.plugins import shift_plugins

    return [plugin.load() for plugin in shift_plugins().values() if plugin.distribution == "fdp-bench"]


def _measured(
    kinds: "Sequence[type[Shift]]", tasks: Sequence[str] | None
) -> "Iterator[tuple[tuple[str, str], list[Effect]]]":
    """Effects of each shift on each task that has what it alters, task by task."""
    from fdp_bench.api import UnsupportedShiftError
    from fdp_bench.cli._ladders import shifted_at_levels
    from fdp_bench.report.shift_previews.effects import measure_effect, play_swaying
    from fdp_bench.report.shift_previews.severity_frames import EPISODES
    from fdp_bench.report.shift_previews.tables import variants
    from fdp_bench.runner.rollout.environment import make_base
    from fdp_bench.tasks import TASKS

    texts = [(kind, text) for kind in kinds for text in variants(kind)]
    for name in tasks or [task.short_name for task in TASKS.values()]:
        base = make_base(typed_task(name))
        try:
            clean = tuple(play_swaying(base, index) for index in EPISODES)
            for kind, text in texts:
                try:
                    environments = shifted_at_levels(base, text)
                    effects = [
                        measure_effect(clean, env, kind.modality)
                        for severity, env in environments.items()
                        if severity > 0.0
                    ]
                except UnsupportedShiftError as error:
                    print(f"left out: {error}", file=sys.stderr)
                    continue
                yield (text, name), effects
                print(f"measured {text} on {name}", file=sys.stderr)
        finally:
            base.close()
