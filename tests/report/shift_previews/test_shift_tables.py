from typing import Any, ClassVar

import numpy as np
import pytest

from fdp_bench.api import ObservationShift, SpecError, image_keys
from fdp_bench.report.shift_previews.effects import STEPS, Effect, measure_effect, play_swaying
from fdp_bench.report.shift_previews.severity_frames import EPISODES
from fdp_bench.report.shift_previews.tables import (
    EFFECTS,
    PARAMETERS,
    between,
    effect_tables,
    fill,
    parameter_table,
    variants,
)
from fdp_bench.runner.rollout.environment import make_base
from fdp_bench.toy import TOY_TASK

PAGE = "# Page\n\n<!-- shift parameters (by hand) -->\nold\n<!-- end of shift parameters -->\n\nend\n"


class Dim(ObservationShift):
    name, summary = "dim", "darker"
    option_values: ClassVar = {"by": "100"}
    shown_options: ClassVar = ({}, {"by": "50"})

    @classmethod
    def parameters_at(cls, severity: float, options: Any) -> dict[str, str]:
        return {"darker by": f"{severity * float(options['by']):.0f}", "always": "the same"}

    def alter(self, observation: Any) -> Any:
        by = self.severity * float(self.options["by"]) if self.step_count > 0 else 0.0
        frames = {key: np.maximum(observation[key] - by, 0.0) for key in image_keys(tuple(observation))}
        return observation | {key: frame.astype(np.uint8) for key, frame in frames.items()}


class Wrong(ObservationShift):
    name, summary, modality = "wrong", "readings off by a centimetre", "prop"

    def alter(self, observation: Any) -> Any:
        return observation | {"prop": observation["prop"] + np.float32(0.01)}


@pytest.fixture(scope="module")
def toy() -> Any:
    return make_base(TOY_TASK)


@pytest.fixture(scope="module")
def clean(toy: Any) -> Any:
    return tuple(play_swaying(toy, index) for index in EPISODES)


def test_the_table_has_a_row_for_each_parameter_that_changes_of_each_shown_choice() -> None:
    lines = parameter_table([Dim]).splitlines()

    assert variants(Dim) == ("dim", "dim?by=50")
    assert lines[0] == "| shift | parameter | level 1 | level 2 | level 3 | level 4 | level 5 |"
    assert lines[2:] == [
        "| `dim` | darker by | 20 | 40 | 60 | 80 | 100 |",
        "| `dim?by=50` | darker by | 10 | 20 | 30 | 40 | 50 |",
    ]


def test_a_page_gets_its_table_and_keeps_the_rest() -> None:
    filled = fill(PAGE, PARAMETERS, "| new |")

    assert between(filled, PARAMETERS) == "| new |"
    assert filled == PAGE.replace("\nold\n", "\n\n| new |\n\n")
    assert fill(filled, PARAMETERS, "| new |") == filled


def test_a_page_without_a_place_is_explained() -> None:
    with pytest.raises(
        SpecError, match="write the lines <!-- shift effects --> and <!-- end of shift effects -->"
    ):
        fill(PAGE, EFFECTS, "| new |")


def test_pixels_are_compared_at_equal_moments_of_equal_episodes(toy: Any, clean: Any) -> None:
    effect = measure_effect(clean, Dim(toy, severity=0.4, by="50"), "vision")

    # Two of three moments are 20 darker; the toy has pixels darker than that.
    assert effect.pixel_change == pytest.approx(2 / 3 * 20, rel=0.1)
    assert effect.target_hidden == effect.gripper_hidden == 0.0
    assert effect.reading_change is None


def test_readings_are_measured_for_a_shift_of_another_sense(toy: Any, clean: Any) -> None:
    effect = measure_effect(clean, Wrong(toy, severity=1.0), "prop")

    assert effect.reading_change == pytest.approx(0.01, rel=1e-4)
    assert effect.pixel_change is None


def test_the_arm_sways_while_effects_are_measured(clean: Any) -> None:
    for episode in clean:
        assert episode.readings["prop"].shape == (STEPS + 1, 2)
        assert (np.ptp(episode.readings["prop"], axis=0) > 0.03).all()


SEEN = [Effect(pixel_change=level + 0.25, target_hidden=0.0, gripper_hidden=level / 10) for level in range(5)]
READ = [Effect(reading_change=0.01 * level) for level in range(5)]


def test_effects_are_shown_by_task_and_measure_without_rows_of_zeros() -> None:
    first, second = effect_tables({("dim", "Lift"): SEEN, ("wrong", "Toy"): READ}).split("</details>\n\n")

    assert first.splitlines()[:3] == ['<details markdown="1" open>', "<summary>Lift</summary>", ""]
    assert first.splitlines()[5:7] == [
        "| `dim` | pixel change | 0.2 | 1.2 | 2.2 | 3.2 | 4.2 |",
        "| `dim` | gripper hidden | 0% | 10% | 20% | 30% | 40% |",
    ]
    assert second.splitlines()[:2] == ['<details markdown="1">', "<summary>Toy</summary>"]
    assert "| `wrong` | reading change | 0 | 0.01 | 0.02 | 0.03 | 0.04 |" in second.splitlines()
