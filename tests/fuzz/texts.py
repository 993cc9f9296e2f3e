"""TOML: suites and task maps."""

import contextlib
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from fdp_bench.api.errors import FdpBenchError
from fdp_bench.suites.load import KEYS, load_suite, packaged_suites

from .mutate import ODD, mutate_bytes, mutate_data

SUITE = 'policies = ["fdp:prop>vision", "dp-dit"]\ntasks = ["Lift"]\nshifts = ["color"]\n'


def toml_files() -> st.SearchStrategy[str]:
    """Suites and maps with some values replaced, with bytes spoiled, and any text at all."""
    return st.one_of(
        st.integers(0, 2**32).map(_spoiled_suite),
        st.integers(0, 2**32).map(_spoiled_text),
        st.text(max_size=200),
    )


def _spoiled_suite(seed: int) -> str:
    rng = random.Random(seed)
    suite: dict[str, Any] = {
        "summary": "a suite",
        "policies": ["fdp:prop>vision", "dp-dit"],
        "tasks": ["Lift"],
        "shifts": ["occlusion", "color+distractors@3"],
        "severities": [1, 3, 0.5],
        "demos": [10, 50],
        "train_seeds": [0, 1],
        "episodes": 5,
        "seed": 0,
        "profile": "fast",
        "training": {"steps": 100, "base_steps": 40, "batch_size": 8},
        "variants": {"own": {"zero_init": False, "policies": ["dp-dit"]}},
        "factors": {"loss_weight": ["min-snr", "plain"], "steps": [10, 20, "x/../y"]},
    }
    if rng.random() < 0.5:
        suite[rng.choice(KEYS)] = rng.choice(ODD)
    return dumped(mutate_data(suite, rng))


def _spoiled_text(seed: int) -> str:
    rng = random.Random(seed)
    return mutate_bytes(rng.choice(_samples()), rng).decode("utf-8", "surrogateescape")


def _samples() -> list[bytes]:
    maps = Path(__file__).parents[2] / "fdp_bench" / "tasks" / "maps"
    return [path.read_bytes() for path in (*packaged_suites().values(), *sorted(maps.glob("*.toml")))]


def dumped(value: Any, at: str = "") -> str:
    """Plain data as TOML, as far as TOML can say it."""
    if not isinstance(value, dict):
        return f"x = {_inline(value)}\n"
    return "".join(
        f"{_quoted(str(key))} = {_inline(entry)}\n" for key, entry in value.items() if entry is not None
    )


def _inline(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) > 10**100:
        return "1" + "0" * 400
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{_quoted(str(key))} = {_inline(entry)}" for key, entry in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    safe = "".join(
        sign if sign.isprintable() and sign not in '"\\' else f"\\U{ord(sign):08x}" for sign in text
    )
    return f'"{safe}"'


def read_toml_file(text: str) -> None:
    """Read a text as a suite, plan it if it is one, and read it as a task map."""
    from fdp_bench.suites.cells import plan_cells
    from fdp_bench.suites.estimate import training_steps
    from fdp_bench.suites.evaluation import run_folder

    path = Path("suite.toml")
    path.write_bytes(text.encode("utf-8", "surrogateescape" if _escapes(text) else "replace"))
    with contextlib.suppress(FdpBenchError):
        _read_map(path)
    suite = load_suite(str(path))
    if set(suite.tasks) <= {"fdp_bench/Lift-v1"}:
        small = replace(suite, demos=suite.demos[:2], train_seeds=suite.train_seeds[:2])
        for cell in plan_cells(small, lambda task, demos: 5000):
            training_steps(cell)
            folder = run_folder(Path("out"), cell)
            assert folder.resolve().parent == Path("out/runs").resolve(), f"{folder} leaves its folder"


def _escapes(text: str) -> bool:
    return any("\udc80" <= sign <= "\udcff" for sign in text)


def _read_map(path: Path) -> None:
    try:
        from fdp_bench.tasks.external.map_file import read_map
    except ImportError:  # pragma: no cover - maps come later than suites
        return
    read_map(path)
