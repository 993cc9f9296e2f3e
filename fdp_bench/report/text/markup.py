"""Tables as files: CSV with full precision, Markdown and LaTeX as people read them."""

import re
from typing import TYPE_CHECKING, Any

from fdp_bench.report.tables.all_tasks import all_tasks_layouts
from fdp_bench.report.typeset import Layout, comparison_layouts, summary_layouts

if TYPE_CHECKING:
    import pandas

_MARKDOWN_ESCAPES = str.maketrans({char: "\\" + char for char in "\\|<>*_`#[]~$&"})
#: How text begins that spreadsheets take for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_LATEX_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "`": r"\textasciigrave{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        **{char: "\\" + char for char in "&%$#_{}"},
    }
)


def csv_text(table: "pandas.DataFrame") -> str:
    """A table as CSV: fractions and p-values to full precision, empty where there is no value.

    Spreadsheets take text for a formula that begins with one of `_FORMULA`, and a formula can fetch and send. Such
    text gets an apostrophe before it; no name that `fdp-bench run` gives is like that. Numbers stay as they are.
    """
    from pandas.api.types import is_numeric_dtype

    safe = table.rename(columns=_no_formula)
    for name in safe.columns:
        if not is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(_no_formula)
    return str(safe.to_csv(index=False, lineterminator="\n"))


def markdown_report(summary: "pandas.DataFrame", comparison: "pandas.DataFrame", head: str = "") -> str:
    """Both tables as GitHub-flavoured Markdown with their notes; first, of several tasks, one table of all.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
        comparison: As `fdp_bench.report.tables.summary.compare_policies` returns it, of the same records.
        head: Markdown that stands before the tables.
    """
    layouts = [*all_tasks_layouts(summary), *summary_layouts(summary), *comparison_layouts(comparison)]
    return head + "\n".join(markdown_table(layout) for layout in layouts)


def latex_report(summary: "pandas.DataFrame", comparison: "pandas.DataFrame") -> str:
    r"""The same as LaTeX ``table`` environments; needs ``\usepackage{booktabs}``."""
    layouts = [*all_tasks_layouts(summary), *summary_layouts(summary), *comparison_layouts(comparison)]
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
        [
            f"### {layout.title.translate(_MARKDOWN_ESCAPES)}",
            "",
            line(headers),
            line(rule),
            *map(line, escaped),
            "",
            *notes,
            "",
        ]
    )


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _latex(layout: Layout) -> str:
    def line(cells: tuple[str, ...]) -> str:
        # A minus sign, not a hyphen, before a number.
        typeset = (re.sub(r"(?<!\w)-(?=\d)", "$-$", cell.translate(_LATEX_ESCAPES)) for cell in cells)
        text = " & ".join(typeset)
        # What the line break before it would take for its argument.
        return "    " + ("{}" if text.startswith(("[", "*")) else "") + text + r" \\"

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
