"""Tables as files: CSV with full precision, Markdown and LaTeX as people read them."""

import re
from typing import TYPE_CHECKING

from fdp_bench.report.across import across_layouts
from fdp_bench.report.layout import Layout, comparison_layouts, summary_layouts

if TYPE_CHECKING:
    import pandas

_MARKDOWN_ESCAPES = str.maketrans({char: "\\" + char for char in "\\|<>*_`#[]"})
_LATEX_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        **{char: "\\" + char for char in "&%$#_{}"},
    }
)


def csv_text(table: "pandas.DataFrame") -> str:
    """A table as CSV: fractions and p-values to full precision, empty where there is no value."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def markdown_report(summary: "pandas.DataFrame", comparison: "pandas.DataFrame") -> str:
    """Both tables as GitHub-flavoured Markdown with their notes; first, of several tasks, one table of all."""
    layouts = [*across_layouts(summary), *summary_layouts(summary), *comparison_layouts(comparison)]
    return "\n".join(markdown_table(layout) for layout in layouts)


def latex_report(summary: "pandas.DataFrame", comparison: "pandas.DataFrame") -> str:
    r"""The same as LaTeX ``table`` environments; needs ``\usepackage{booktabs}``."""
    layouts = [*across_layouts(summary), *summary_layouts(summary), *comparison_layouts(comparison)]
    return "\n".join(["% Needs \\usepackage{booktabs}.", *map(_latex, layouts)])


def markdown_text(text: str) -> str:
    """Text as Markdown that shows it as it is: no character acts as markup."""
    return text.translate(_MARKDOWN_ESCAPES)


def markdown_table(layout: Layout) -> str:
    """A table as GitHub-flavoured Markdown with its title and notes; every cell is escaped."""

    def line(cells: tuple[str, ...] | list[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    escaped = [[cell.translate(_MARKDOWN_ESCAPES) for cell in row] for row in layout.rows]
    rule = ["---:" if numeric else ":---" for numeric in layout.numeric]
    headers = [header.translate(_MARKDOWN_ESCAPES) for header in layout.headers]
    notes = [f"- {note.translate(_MARKDOWN_ESCAPES)}" for note in layout.notes]
    return "\n".join(
        [f"### {layout.title}", "", line(headers), line(rule), *map(line, escaped), "", *notes, ""]
    )


def _latex(layout: Layout) -> str:
    def line(cells: tuple[str, ...]) -> str:
        # A minus sign, not a hyphen, before a number.
        typeset = (re.sub(r"(?<!\w)-(?=\d)", "$-$", cell.translate(_LATEX_ESCAPES)) for cell in cells)
        return "    " + " & ".join(typeset) + r" \\"

    alignment = "".join("r" if numeric else "l" for numeric in layout.numeric)
    caption = " ".join([f"{layout.title}.", *layout.notes]).translate(_LATEX_ESCAPES)
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            r"  \small",
            rf"  \caption{{{caption}}}",
            rf"  \begin{{tabular}}{{{alignment}}}",
            r"    \toprule",
            line(layout.headers),
            r"    \midrule",
            *map(line, layout.rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )
