import re
from pathlib import Path

import pytest

from fdp_bench.cli.main import main
from fdp_bench.plugins import shift_plugins
from fdp_bench.report.shift_previews.tables import EFFECTS, between, variants
from fdp_bench.tasks import TASKS

KINDS = [plugin.load() for plugin in shift_plugins().values() if plugin.distribution == "fdp-bench"]
DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "reference" / "shifts.md"


@pytest.fixture
def text():
    return PAGE.read_text(encoding="utf-8")


def numbers(values):
    return [float(value.removesuffix("%")) / (100 if value.endswith("%") else 1) for value in values]


def shown_effects(tables):
    """What tables of effects hold: (task, shift with options, what was measured) -> text for each level."""
    rows = {}
    for task, table in re.findall(r"<summary>(.*?)</summary>(.*?)</details>", tables, re.DOTALL):
        for shift, measure, values in re.findall(r"^\| `(.*?)` \| (.*?) \| (.*) \|$", table, re.MULTILINE):
            rows[task, shift, measure] = tuple(values.split(" | "))
    return rows


def test_the_table_of_parameters_is_up_to_date():
    assert main(["shifts", "table", "--into", str(PAGE), "--check"]) == 0


def test_the_effects_of_every_shift_on_every_task_are_shown_and_of_none_else(text):
    shown = {(task, shift) for task, shift, _ in shown_effects(between(text, EFFECTS))}

    assert shown == {
        (task.short_name, shift) for task in TASKS.values() for kind in KINDS for shift in variants(kind)
    }


@pytest.mark.slow
@pytest.mark.parametrize("task", [task.short_name for task in TASKS.values()])
def test_the_effects_shown_are_what_the_code_does(text, task, capsys):
    assert main(["shifts", "table", "--task", task]) == 0
    measured = shown_effects(capsys.readouterr().out)
    shown = {row: values for row, values in shown_effects(between(text, EFFECTS)).items() if row[0] == task}

    assert shown.keys() == measured.keys()
    for row, values in measured.items():
        # Another renderer may round a pixel differently, and a thing's outline.
        allowed = {"rel": 0.02, "abs": 0.03 if "hidden" in row[2] else 0.1 if "pixel" in row[2] else 0.0}
        assert numbers(shown[row]) == pytest.approx(numbers(values), **allowed), row


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_shift_states_parameters_that_change_with_the_level(kind):
    for chosen in kind.shown_options:
        options = kind._resolve_options(chosen)
        rows = [kind.parameters_at(level / 5, options) for level in range(1, 6)]
        assert len({tuple(row.values()) for row in rows}) == 5


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_option_is_named(kind, text):
    row = next(line for line in text.splitlines() if line.startswith(f"| `{kind.name}` |"))
    for option, values in kind.option_values.items():
        assert f"`{option}={values if isinstance(values, str) else values[0]}`" in row
        for other in () if isinstance(values, str) else values[1:]:
            assert f"`{other}`" in row


def test_the_pictures_on_the_page_of_previews_are_there_and_small():
    page = PAGE.with_name("shift-previews.md")
    names = re.findall(r"!\[.*?\]\((.*?)\)", page.read_text(encoding="utf-8"))

    assert names
    for name in names:
        assert 20_000 < (page.parent / name).stat().st_size < 300_000
