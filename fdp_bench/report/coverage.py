"""What the runs of a suite hold of what it asks, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from fdp_bench.report.text.markup import markdown_text
from fdp_bench.report.text.terminal import shown


@dataclass(frozen=True)
class Coverage:
    """How far a suite has come.

    Attributes:
        sentence: How many of its cells are complete.
        missing: What is missing, one line a group of cells; empty where nothing is.
    """

    sentence: str
    missing: tuple[str, ...] = ()


def coverage_text(coverage: Sequence[Coverage]) -> str:
    """For the terminal; empty where there is none."""
    return shown(
        "\n".join("\n".join([one.sentence, *(f"  {line}" for line in one.missing)]) for one in coverage)
    )


def coverage_markdown(coverage: Sequence[Coverage]) -> str:
    """For the head of a Markdown file; empty where there is none."""
    blocks = [
        "\n".join(
            [markdown_text(one.sentence), "", *(f"- {markdown_text(line)}" for line in one.missing)]
        ).rstrip()
        for one in coverage
    ]
    return "".join(f"{block}\n\n" for block in blocks)
