"""The same senses prioritized one way and the other, on the same episodes."""

from typing import TYPE_CHECKING, Any

from fdp_bench.report.names import recipe_of
from fdp_bench.report.tables.summary import COMPARISON_COLUMNS

if TYPE_CHECKING:
    import pandas

#: As `compare_policies` gives them; the adjusted p-value alone.
ORDER_COLUMNS = tuple(column for column in COMPARISON_COLUMNS if column != "mcnemar_p")


def order_table(summary: "pandas.DataFrame", comparison: "pandas.DataFrame") -> "pandas.DataFrame":
    """Comparisons of policies that differ in nothing but their order, ``a>b`` against ``b>a``.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
        comparison: As `fdp_bench.report.tables.summary.compare_policies` returns it, of the same records.

    Returns:
        Rows of the comparison with `ORDER_COLUMNS`; p-values stay adjusted over the whole comparison.
    """
    import pandas

    recipes = dict(zip(summary["label"], summary["policy"].map(recipe_of), strict=True))
    rows = [
        {name: row[name] for name in ORDER_COLUMNS}
        for row in comparison.to_dict("records")
        if are_reversed(recipes[row["policy_a"]], recipes[row["policy_b"]])
    ]
    return pandas.DataFrame(rows, columns=list(ORDER_COLUMNS))


def are_reversed(first: str, second: str) -> bool:
    """Whether two recipes are one policy with its two senses swapped: ``fdp:a>b`` and ``fdp:b>a``."""
    (head_a, order_a, options_a), (head_b, order_b, options_b) = _split(first), _split(second)
    high, mark, low = order_a.partition(">")
    return bool(mark) and head_a == head_b and options_a == options_b and order_b == f"{low}>{high}"


def _split(recipe: str) -> tuple[str, str, Any]:
    text, _, options = recipe.partition("?")
    head, _, order = text.partition(":")
    return head, order, options
