"""Tables as plain text for the terminal."""

import textwrap
from typing import TYPE_CHECKING

from fdp_bench.report.tables.all_tasks import across_layouts
from fdp_bench.report.tables.seed_cells import seed_cell_layouts
from fdp_bench.report.typeset import THIS_REPORT, Layout, comparison_layouts, printable, summary_layouts

if TYPE_CHECKING:
    import pandas

#: Columns that the footnotes are wrapped to, and that the table itself fits with ordinary names.
WIDTH = 110


def terminal_table(summary: "pandas.DataFrame", family: str = THIS_REPORT) -> str:
    """The summary as aligned plain text with its footnotes, one block a task.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
        family: Whose tests the p-values are adjusted over.

    Returns:
        Lines without a trailing newline.
    """
    return "\n\n".join(plain_text(layout) for layout in summary_layouts(summary, family))


def across_text(summary: "pandas.DataFrame") -> str:
    """All tasks in one table as aligned plain text; empty where there is one task only.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
    """
    return "\n\n".join(plain_text(layout) for layout in across_layouts(summary))


def seed_text(summary: "pandas.DataFrame") -> str:
    """Training seeds side by side as aligned plain text; empty where no cell has several.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
    """
    return "\n\n".join(plain_text(layout) for layout in seed_cell_layouts(summary))


def comparison_table(comparison: "pandas.DataFrame", family: str = THIS_REPORT) -> str:
    """The comparison of policies as aligned plain text; empty where there is nothing to compare.

    Args:
        comparison: As `fdp_bench.report.tables.summary.compare_policies` returns it.
        family: Whose tests the p-values are adjusted over.
    """
    return "\n\n".join(plain_text(layout) for layout in comparison_layouts(comparison, family))


def shown(text: str) -> str:
    """Lines that hold strangers' names, without what would drive the terminal."""
    return "\n".join(map(printable, text.split("\n")))


def plain_text(layout: Layout) -> str:
    """Align a table's columns; numbers to the right."""
    lines = [layout.headers, *layout.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(layout.headers))]

    def line(cells: tuple[str, ...]) -> str:
        aligned = (
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(cells, widths, layout.numeric, strict=True)
        )
        return "  ".join(aligned).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    notes = [
        text
        for note in layout.notes
        for text in textwrap.wrap(note, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    ]
    return "\n".join([layout.title, "", line(layout.headers), rule, *map(line, layout.rows), rule, *notes])
