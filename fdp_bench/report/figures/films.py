"""What the cameras showed of one episode of a run: a policy's clean film strip beside its shifted one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import CLEAN
from fdp_bench.records.store import STRIPS_NAME
from fdp_bench.report.figures.picture_files import is_picture
from fdp_bench.report.figures.style import library_style, save_picture
from fdp_bench.report.names import shift_slug, split_shift
from fdp_bench.report.tables.trainings import PolicyKey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Width of one strip in the picture, inches.
_STRIP_INCHES = 5.4


@dataclass(frozen=True)
class Film:
    """The strips of one shift.

    Attributes:
        task: Gymnasium id.
        shift: Canonical shift string.
        pairs: Policy's name -> (clean strip, shifted strip), as files.
    """

    task: str
    shift: str
    pairs: Mapping[str, tuple[Path, Path]]


def find_films(
    run: Path,
    task: str,
    arms: Sequence[Mapping[str, Any]],
    names: Mapping[PolicyKey, str] | None = None,
) -> list[Film]:
    """The strips that a run kept, one film a shift; policies whose strips are missing are left out.

    Args:
        run: Folder of the run.
        task: Gymnasium id.
        arms: The manifest's arms.
        names: (policy, checkpoint) -> how it is called; the policy's string where there is none.
    """
    called = {
        arm["slug"]: (names or {}).get((arm["policy"], arm["checkpoint"]), arm["policy"]) for arm in arms
    }
    strips = {(called[arm["slug"]], arm["shift"]): run / STRIPS_NAME / f"{arm['slug']}.png" for arm in arms}
    films = []
    for shift in dict.fromkeys(shift for _, shift in strips if shift != CLEAN):
        pairs = {
            policy: (strips[policy, CLEAN], strip)
            for (policy, of), strip in strips.items()
            if of == shift and (policy, CLEAN) in strips
        }
        kept = {policy: pair for policy, pair in pairs.items() if all(map(is_picture, pair))}
        if kept:
            films.append(Film(task, shift, kept))
    return films


def film_figure(film: Film) -> "Figure":
    """Draw a film: a row a policy, clean on the left and shifted on the right, time running to the right."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    pictures = {policy: [imread(path)[..., :3] for path in pair] for policy, pair in film.pairs.items()}
    shapes = [picture.shape for pair in pictures.values() for picture in pair]
    height, width = (max(shape[axis] for shape in shapes) for axis in (0, 1))
    inches = _STRIP_INCHES * height / width + 0.15
    figure = Figure(figsize=(2 * _STRIP_INCHES + 0.5, 1.0 + inches * len(pictures)), layout="constrained")
    grid = figure.subplots(len(pictures), 2, squeeze=False)
    name, severity = split_shift(film.shift)
    for row, (policy, pair) in zip(grid, pictures.items(), strict=True):
        for axes, picture in zip(row, pair, strict=True):
            axes.imshow(_padded(picture, height, width), interpolation="nearest")
            axes.set_axis_off()
        row[0].text(-0.02, 0.5, policy, rotation=90, ha="right", va="center", transform=row[0].transAxes)
    grid[0, 0].set_title(CLEAN)
    grid[0, 1].set_title(f"{name}, severity {severity}")
    figure.suptitle(f"What the cameras showed of episode 0 on {film.task}", fontsize=12)
    figure.supxlabel(
        "One row a camera; moments at which the policy decided, the first and the last of its episode included.",
        fontsize=8.5,
    )
    return figure


def _padded(picture: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """Put white to the right of and below a picture, values in [0, 1]: a short episode keeps its scale."""
    missing = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
    return np.pad(picture, missing, constant_values=1.0)


@library_style()
def save_film(film: Film, folder: Path, *, suffix: str = "") -> Path:
    """Write `film_figure` as ``film-<shift><suffix>.png`` and return its path."""
    path = folder / f"film-{shift_slug(film.shift)}{suffix}.png"
    return save_picture(film_figure(film), path, 150)
