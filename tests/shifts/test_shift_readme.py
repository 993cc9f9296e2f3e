import re
from pathlib import Path

import pytest

from fdp_bench.cli.main import main
from fdp_bench.report.shift_tables import EFFECTS, between
from fdp_bench.testing import check_shift
from fdp_bench.toy import TOY_TASK

SCENES_AND_CAMERAS = ("occlusion", "color", "distractors", "camera_pose", "lighting", "texture")
IMAGES = ("noise", "blur", "jpeg", "brightness", "contrast", "frame_drop", "frame_delay")
READINGS = (
    *("prop_noise", "prop_bias", "prop_drift", "prop_delay", "prop_dropout", "prop_freeze"),
    *("tactile_noise", "tactile_bias", "tactile_dropout"),
)
README = Path(__file__).resolve().parents[2] / "shifts" / "README.md"


@pytest.fixture
def text():
    return README.read_text(encoding="utf-8")


def test_the_table_of_parameters_is_up_to_date():
    assert main(["shifts", "table", "--into", str(README), "--check"]) == 0


def test_effects_of_every_shift_on_its_tasks_are_shown(text):
    measured = between(text, EFFECTS)

    for name in (*SCENES_AND_CAMERAS, *IMAGES, *READINGS):
        assert f"| `{name}` | Lift |" in measured


def test_the_shift_in_ten_lines_keeps_the_rules(text):
    code = re.search(r"```python\n(import numpy.*?)```", text, re.DOTALL)[1]
    names = {}
    exec(code, names)

    check_shift(names["Fog"], TOY_TASK)
    assert len([line for line in code.splitlines() if line and not line.startswith(("import", "from"))]) <= 10


@pytest.mark.parametrize("name", [*SCENES_AND_CAMERAS, *IMAGES, *READINGS])
def test_a_shift_states_parameters_that_change_with_the_level(name):
    from fdp_bench.plugins import load_shift

    kind = load_shift(name)
    for chosen in kind.shown_options:
        options = kind._resolve_options(chosen)
        rows = [kind.parameters_at(level / 5, options) for level in range(1, 6)]
        assert len({tuple(row.values()) for row in rows}) == 5


def test_every_option_is_named(text):
    from fdp_bench.plugins import load_shift

    for name in (*SCENES_AND_CAMERAS, *IMAGES, *READINGS):
        row = next(line for line in text.splitlines() if line.startswith(f"| [`{name}`]"))
        for option, values in load_shift(name).option_values.items():
            assert f"`{option}={values if isinstance(values, str) else values[0]}`" in row
            for other in () if isinstance(values, str) else values[1:]:
                assert f"`{other}`" in row
