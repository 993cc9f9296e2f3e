"""How all plots look: colours, marks, themes and files."""

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdp_bench.api.files import write_whole
from fdp_bench.report.typeset import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that stay apart for colour-blind readers (Okabe and Ito 2008), ordered so that neighbours differ in
#: lightness too.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
#: What tells series apart without colour.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1)))
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "++", "oo", "--")
#: What the line of a policy's base is called in legends.
BASE_ALONE = "its base alone, same shift"
#: Dots an inch of PNG files.
PNG_DPI = 160


@dataclass(frozen=True)
class Theme:
    """Colours of what carries no data.

    Attributes:
        name: ``"light"`` or ``"dark"``.
        ink: Lines and text.
        quiet: Grid.
        paper: Background; ``"none"`` lets the page shine through.
    """

    name: str
    ink: str
    quiet: str
    paper: str


#: For files.
PRINT = Theme("print", "#000000", "#bbbbbb", "#ffffff")
#: For a page that is light or dark.
LIGHT = Theme("light", "#1c2430", "#d5d9df", "none")
DARK = Theme("dark", "#dfe4ea", "#3a434f", "none")


@dataclass(frozen=True)
class SeriesStyle:
    """How one series is told from the others, in colour and without."""

    color: str
    marker: str
    line: Any
    hatch: str


def series_style(number: int) -> SeriesStyle:
    """The style of the series with this number, from 0 on; colours and marks recur after eight."""
    place = number % len(COLORS)
    return SeriesStyle(COLORS[place], MARKERS[place], LINES[place], HATCHES[place])


@dataclass(frozen=True)
class Palette:
    """Gives a policy one style in all plots of a report.

    Attributes:
        names: All series of the report, in the order of its tables.
    """

    names: tuple[str, ...] = ()

    def order(self, names: Iterable[str]) -> list[str]:
        """Names whose places number the styles of a figure, see `series_style`.

        Args:
            names: What the figure shows.

        Returns:
            The report's names where they tell all that the figure shows apart, else the figure's own: single
            trainings of a series, or more policies than there are styles.
        """
        own = list(dict.fromkeys(names))
        places = {self.names.index(name) % len(COLORS) for name in own if name in self.names}
        return list(self.names) if len(places) == len(own) else own


@contextmanager
def library_style() -> Iterator[None]:
    """Draw and save figures by Matplotlib's own settings.

    The user's file may ask for LaTeX or other sizes, and one that lies in the working folder comes before it and may be
    a stranger's.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


@contextmanager
def themed(theme: Theme = PRINT) -> Iterator[None]:
    """Draw and save figures in a theme; equal figures give equal bytes."""
    import matplotlib

    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color"),
        theme.ink,
    )
    paper = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), theme.paper)
    settings: dict[Any, Any] = {**ink, **paper, "grid.color": theme.quiet, "hatch.linewidth": 0.6}
    with library_style():
        matplotlib.rcParams.update(settings)
        yield


def ink() -> Any:
    """Colour of lines and text in the theme that is drawn."""
    import matplotlib

    return matplotlib.rcParams["text.color"]


def save_figure(figure: "Figure", folder: Path, stem: str) -> list[Path]:
    """Write a figure as PNG and SVG; the same bytes for the same figure.

    Returns:
        The files written.
    """
    import matplotlib

    files = [folder / f"{stem}.png", folder / f"{stem}.svg"]
    verbatim(figure)
    with (
        matplotlib.rc_context({"svg.hashsalt": "fdp-bench", "svg.fonttype": "none"}),
        _without_glyph_warnings(),
    ):
        _write(figure, files[0], dpi=PNG_DPI)
        _write(figure, files[1], metadata={"Date": None})
    return files


def save_picture(figure: "Figure", path: Path, dots_per_inch: int) -> Path:
    """Write a figure as a PNG file and return its path."""
    verbatim(figure)
    with _without_glyph_warnings():
        _write(figure, path, dpi=dots_per_inch)
    return path


def _write(figure: "Figure", path: Path, **options: Any) -> None:
    """Write a figure whole or not at all, and not through a link, which a stranger's run may hold in its place."""
    buffer = BytesIO()
    figure.savefig(buffer, format=path.suffix[1:], **options)
    write_whole(path, buffer.getvalue())


def svg_bytes(figure: "Figure") -> bytes:
    """A figure as SVG for a page: letters as text and nothing for editors, a quarter of the usual size."""
    import matplotlib

    buffer = BytesIO()
    settings: dict[Any, Any] = {"svg.hashsalt": "fdp-bench", "svg.fonttype": "none"}
    verbatim(figure)
    fonts = {"font.sans-serif": ["DejaVu Sans", "Verdana", "Helvetica"]}
    with matplotlib.rc_context(settings | fonts), _without_glyph_warnings():
        figure.savefig(
            buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"), None)
        )
    return re.sub(rb">\s+<", b"><", re.sub(rb"\s*\n\s*", b" ", buffer.getvalue()))


def verbatim(figure: "Figure") -> "Figure":
    """Make a figure show names as they are: a dollar sign begins no formula, what cannot be drawn is U+FFFD.

    Names come from strangers' records; what is no formula would stop the drawing. Only the numbers at logarithmic axes
    are formulas, Matplotlib's own.
    """
    from matplotlib.text import Text

    formulas = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        if axis.get_scale() != "linear"
        for label in axis.get_ticklabels(which="both")
    }
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text not in formulas:
            text.set_parse_math(False)
            text.set_text(drawable(text.get_text()))
    return figure


def drawable(text: str) -> str:
    """Text of one or more lines with nothing in it but what is seen; tick labels need it when they are set."""
    return "\n".join(map(printable, text.split("\n")))


@contextmanager
def _without_glyph_warnings() -> Iterator[None]:
    """A character that the font lacks is drawn as a box, and nobody has to be told."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def success_axis(axes: "Axes", *, label: str = "success rate (% of episodes)") -> None:
    """Make the vertical axis a success rate in percent, with room for marks at 0 and 100."""
    axes.set_ylabel(label)
    axes.set_ylim(-3, 105)
    axes.set_yticks(range(0, 101, 20))
    axes.grid(axis="y", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def draw_base(
    axes: "Axes",
    across: Sequence[float],
    along: Sequence[float],
    rates: Sequence[float],
    *,
    rotated: bool = False,
) -> None:
    """Draw what a policy's base does alone as a dashed line through each bar.

    Args:
        axes: Where to draw.
        across: Middle of each bar on the axis of the categories.
        along: Half the length of each line, in units of that axis.
        rates: The base's success of each bar, in percent.
        rotated: Whether bars lie, so that rates are on the horizontal axis.
    """
    from matplotlib.patheffects import withStroke

    draw = axes.vlines if rotated else axes.hlines
    low, high = (
        [middle + sign * half for middle, half in zip(across, along, strict=True)] for sign in (-1, 1)
    )
    draw(
        rates,
        low,
        high,
        colors=ink(),
        linestyles=(0, (2.5, 1.2)),
        linewidth=2.2,
        label=BASE_ALONE,
        zorder=4,
        path_effects=[withStroke(linewidth=4.2, foreground="white")],
    )


def finish(figure: "Figure", axes: Sequence["Axes"], caption: str) -> "Figure":
    """Put one legend above all panels and the caption below them."""
    entries: dict[str, Any] = {}
    for panel in axes:
        handles, names = panel.get_legend_handles_labels()
        entries |= {name: handle for name, handle in zip(names, handles, strict=True) if name not in entries}
    width = figure.get_size_inches()[0]
    if entries:
        longest = max(map(len, entries))
        # About 0.085 inches a letter and half an inch for the mark.
        columns = max(1, min(len(entries), int(width / (0.5 + 0.085 * longest))))
        figure.legend(
            list(entries.values()), list(entries), loc="outside upper center", ncols=columns, frameon=False
        )
    figure.supxlabel(wrapped(caption, width), fontsize=8.5)
    return figure


def wrapped(text: str, width_inches: float) -> str:
    """Break a caption of 8.5 points into lines that fit a figure's width."""
    import textwrap

    # About 13 letters an inch at that size.
    columns = max(30, int(13 * width_inches))
    return "\n".join(line for part in text.split("\n") for line in textwrap.wrap(part, columns))
