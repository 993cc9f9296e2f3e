"""Fills the template; the page holds all it needs and refuses to load or run anything else."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from fdp_bench import __version__
from fdp_bench.report.coverage import Coverage
from fdp_bench.report.html.content import Chart, FilmGroup, Gallery
from fdp_bench.report.html.grid import MARKS, GridRow
from fdp_bench.report.html.provenance import PAPER_BIBTEX, SOFTWARE_BIBTEX, RunFacts
from fdp_bench.report.html.tables import PageTable
from fdp_bench.report.tables.findings import Finding

#: Size of a page, without videos, in bytes.
MAX_BYTES = 5_000_000
#: Bytes kept free for the words around film strips.
_SPARE = 60_000
#: Rows of a table above which it starts folded.
MOST_OPEN_ROWS = 40
#: Rows of a table above which the page leaves it to the files beside it.
MOST_ROWS = 600
#: Arms above which the grids of episodes start folded.
_MOST_OPEN_ARMS = 24
_TEMPLATE, _STYLE, _SCRIPT = "report.html.j2", "report.css", "report.js"


@dataclass(frozen=True)
class Page:
    """What a page says.

    Attributes:
        title: Headline.
        facts: (number, of what) pairs below it.
        findings: What the tables say, in sentences.
        warnings: What is missing or unfinished.
        coverage: What the runs hold of their suites.
        across: All tasks in one table, where there are several.
        headline: Success under shifts, one table a task.
        comparison: Policy against policy, one table a task.
        notes: Blocks of plain text below these tables.
        charts: Curves and bars.
        areas: Areas under the severity curves, and aggregates over training seeds.
        effects: What the shifts did to the pictures, measured.
        galleries: Shifts at every severity.
        unseen: Shifts that change no picture.
        films: What the policies saw.
        safety: Safety figures, one table a task.
        safety_comparison: The same, policy against policy.
        grid: Shift -> arms with a mark an episode.
        runs: Manifests.
        remake: Commands that make the runs and the page again.
        files: Names of the files beside the page.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    findings: Sequence[Finding]
    headline: Sequence[PageTable]
    grid: Mapping[str, Sequence[GridRow]]
    runs: Sequence[RunFacts]
    remake: Sequence[str]
    warnings: Sequence[str] = ()
    coverage: Sequence[Coverage] = ()
    across: Sequence[PageTable] = ()
    comparison: Sequence[PageTable] = ()
    notes: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    areas: Sequence[PageTable] = ()
    effects: Sequence[PageTable] = ()
    galleries: Sequence[Gallery] = ()
    unseen: Sequence[str] = ()
    films: Sequence[FilmGroup] = ()
    safety: Sequence[PageTable] = ()
    safety_comparison: Sequence[PageTable] = ()
    files: Sequence[str] = ()

    @property
    def few_arms(self) -> bool:
        """Whether the grids of all arms can stand open."""
        return sum(map(len, self.grid.values())) <= _MOST_OPEN_ARMS

    @property
    def has_videos(self) -> bool:
        """Whether an episode's mark leads to a video."""
        return any(row.has_videos for rows in self.grid.values() for row in rows)


def render(page: Page) -> str:
    """The page as HTML, with all that `MAX_BYTES` allows; what is left out is named.

    Film strips go first, then the marks of single episodes, then the safety figures of policy against policy.
    """
    for kept, sentence in (
        (page, ""),
        (
            replace(page, safety_comparison=()),
            "safety figures of policy against policy (safety-comparison.csv)",
        ),
        (replace(page, grid={}), "the marks of single episodes (episodes.jsonl of each run)"),
        (
            replace(page, grid={}, safety_comparison=()),
            "the marks of single episodes, and safety differences",
        ),
    ):
        bare = replace(kept, films=(), warnings=_with(page, sentence))
        text = _fill(bare)
        if len(text.encode()) <= MAX_BYTES - _SPARE:
            return _with_films(replace(bare, films=page.films), MAX_BYTES - _SPARE - len(text.encode()))
    return text


def _with_films(page: Page, room: int) -> str:
    """The page with the film strips that fit into so many bytes."""
    kept: list[FilmGroup] = []
    left_out: list[str] = []
    for group in page.films:
        if group.weight <= room:
            kept.append(group)
            room -= group.weight
        else:
            left_out.append(group.title)
    sentence = f"what the policies saw under {', '.join(left_out)} (strips/ of each run)" if left_out else ""
    return _fill(replace(page, films=kept, warnings=_with(page, sentence)))


def _with(page: Page, sentence: str) -> Sequence[str]:
    """The page's warnings with one about what is left out."""
    return [*page.warnings, f"Left out to keep this page small: {sentence}."] if sentence else page.warnings


def _fill(page: Page) -> str:
    import jinja2

    folder = files("fdp_bench.report.html") / "templates"
    sources = {name: (folder / name).read_text(encoding="utf-8") for name in (_TEMPLATE, _STYLE, _SCRIPT)}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({_TEMPLATE: sources[_TEMPLATE]}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(_TEMPLATE).render(
        page=page,
        marks=MARKS,
        style=sources[_STYLE],
        script=sources[_SCRIPT],
        style_hash=_hash(sources[_STYLE]),
        script_hash=_hash(sources[_SCRIPT]),
        version=__version__,
        paper=PAPER_BIBTEX,
        software=SOFTWARE_BIBTEX,
        most_open_rows=MOST_OPEN_ROWS,
        most_rows=MOST_ROWS,
    )
    # Not every name of a folder is text.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _hash(text: str) -> str:
    """A source for the page's content security policy: this very text and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
