"""Inputs of strangers, made up and damaged, ten thousand of each kind: does one raise a traceback, or run?"""

from typing import Any

from tests.fuzz.__main__ import measure as fuzz_all
from tests.fuzz.surfaces import SURFACES

WHAT = "specs, TOML, JSON, JSONL, HDF5, npz, pictures, data sets and checkpoints from strangers, generated and damaged"


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Fuzz each way in with 10,000 inputs (200 if `quick`), or its share of them (`tests.fuzz.surfaces.Surface`)."""
    examples = 200 if quick else 10_000
    surfaces = fuzz_all(list(SURFACES), examples)
    harmless = all(
        row["examples"] >= SURFACES[name].examples(examples)
        and row["refused"] < row["examples"]
        and not (row["tracebacks"] or row["code_run"] or row["crashes"])
        for name, row in surfaces.items()
    )
    return {"surfaces": surfaces, "passed": harmless}


def words(figures: dict[str, Any]) -> str:
    """The figures in a sentence."""
    rows = figures["surfaces"].values()
    examples = ", ".join(f"{name} {row['examples']:,}" for name, row in figures["surfaces"].items())
    tracebacks, code_run, crashes = (
        sum(row[key] for row in rows) for key in ("tracebacks", "code_run", "crashes")
    )
    return f"inputs: {examples}; {tracebacks} tracebacks, {code_run} times code run, {crashes} crashes"
