from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from matplotlib.image import imread

from fdp_bench.api import LEVELS, ObservationShift, image_keys
from fdp_bench.report.names import shift_slug
from fdp_bench.report.shift_previews.severity_frames import (
    EPISODES,
    MOMENTS_S,
    SeverityFrames,
    draw_severity_frames,
)
from fdp_bench.report.shift_previews.strips import save_strip, strip_figure, strip_layout
from fdp_bench.runner.rollout.environment import make_base
from fdp_bench.toy import CONTROL_HZ, TOY_TASK


class Dimmed(ObservationShift):
    """Halves the light at full severity; later only, when asked."""

    name = "dimmed"
    option_values = {"from_step": "0"}  # noqa: RUF012

    def alter(self, observation: Any) -> Any:
        if self.step_count < int(self.options["from_step"]):
            return dict(observation)
        scale = 1 - 0.5 * self.severity
        return observation | {
            key: (observation[key] * scale).astype(np.uint8) for key in image_keys(tuple(observation))
        }


@pytest.fixture(scope="module")
def toy() -> gymnasium.Env[Any, Any]:
    return make_base(TOY_TASK)


def toy_ladder(toy: gymnasium.Env[Any, Any], **options: Any) -> SeverityFrames:
    levels = [level / LEVELS for level in range(1, LEVELS + 1)]
    environments = {0.0: toy} | {level: Dimmed(toy, severity=level, **options) for level in levels}
    return draw_severity_frames(environments, task=TOY_TASK, shift="dimmed", control_hz=CONTROL_HZ)


def test_rows_are_clean_and_the_five_levels(toy: gymnasium.Env[Any, Any]) -> None:
    preview = toy_ladder(toy)
    assert list(preview.rows) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert preview.cameras == ("image.front", "image.hand")


def test_a_constant_shift_is_shown_on_several_episodes(toy: gymnasium.Env[Any, Any]) -> None:
    preview = toy_ladder(toy)
    assert preview.views == tuple(f"episode {index}" for index in EPISODES)
    frames = [preview.frame(0.0, view, "image.front") for view in range(len(EPISODES))]
    assert not np.array_equal(frames[0], frames[1])


class Yesterday(ObservationShift):
    """Shows the frame of seven control steps ago; black where that was not drawn."""

    name = "yesterday"
    frame_lags = (0, 7)

    def begin(self, observation: Any) -> None:
        self.seen: dict[int, Any] = {}

    def alter(self, observation: Any) -> Any:
        self.seen[self.step_count] = {key: observation[key] for key in image_keys(tuple(observation))}
        past = self.seen.get(max(self.step_count - 7, 0), {})
        return observation | {
            key: past.get(key, np.zeros_like(frame)) for key, frame in self.seen[self.step_count].items()
        }


def test_a_shift_gets_the_earlier_frames_that_it_reads(toy: gymnasium.Env[Any, Any]) -> None:
    preview = draw_severity_frames(
        {0.0: toy, 1.0: Yesterday(Dimmed(toy, severity=1.0, from_step=30), severity=1.0)},
        task=TOY_TASK,
        shift="yesterday",
        control_hz=CONTROL_HZ,
    )
    brightness = [preview.frame(1.0, view, "image.front").mean() for view in range(len(MOMENTS_S))]
    assert brightness[0] == brightness[1] > brightness[2] == brightness[3] > 0.0


def test_a_shift_that_sets_in_later_is_shown_over_time(toy: gymnasium.Env[Any, Any]) -> None:
    preview = toy_ladder(toy, from_step=25)
    assert preview.views == tuple(f"{moment:g} s" for moment in MOMENTS_S)
    changes = [preview.change(1.0, view, "image.front") for view in range(len(MOMENTS_S))]
    assert changes[:2] == [0.0, 0.0]
    assert min(changes[2:]) > 50


def test_change_is_the_mean_absolute_difference_to_the_clean_frame(toy: gymnasium.Env[Any, Any]) -> None:
    preview = toy_ladder(toy)
    for severity, row in preview.rows.items():
        clean = preview.rows[0.0][1]["image.hand"].astype(float)
        expected = np.abs(row[1]["image.hand"].astype(float) - clean).mean()
        assert preview.change(severity, 1, "image.hand") == pytest.approx(expected)


def test_frames_of_a_strip_are_those_of_the_ladder_enlarged_in_whole_pixels(
    toy: gymnasium.Env[Any, Any],
) -> None:
    preview, scale = toy_ladder(toy), 6
    layout = strip_layout(preview)
    canvas = strip_figure(preview).axes[0].images[0].get_array()
    for row, severity in enumerate(preview.rows):
        for number, camera in enumerate(preview.cameras):
            top, left = layout.origin(row, number, view := 1)
            shown = canvas[top : top + layout.side[0] : scale, left : left + layout.side[1] : scale]
            assert np.array_equal(shown, preview.frame(severity, view, camera))


def test_frames_of_a_strip_do_not_overlap(toy: gymnasium.Env[Any, Any]) -> None:
    layout = strip_layout(toy_ladder(toy))
    covered = np.zeros(layout.size, int)
    for row in range(layout.rows):
        for camera in range(layout.cameras):
            for view in range(layout.views):
                top, left = layout.origin(row, camera, view)
                covered[top : top + layout.side[0], left : left + layout.side[1]] += 1
    assert covered.max() == 1
    assert covered.sum() == 6 * 2 * 3 * layout.side[0] * layout.side[1]


def test_strips_name_severities_views_cameras_and_measured_changes(toy: gymnasium.Env[Any, Any]) -> None:
    preview = toy_ladder(toy)
    texts = [text.get_text() for text in strip_figure(preview).axes[0].texts]
    assert {"clean", "level 1", "level 5", "camera front", "camera hand", "episode 2"} <= set(texts)
    assert f"{preview.change(0.6, 2, 'image.hand'):.1f}" in texts


def test_a_strip_is_written_under_the_name_of_its_shift(tmp_path: Path, toy: gymnasium.Env[Any, Any]) -> None:
    path = save_strip(toy_ladder(toy), tmp_path, suffix="-toy")
    assert path == tmp_path / "strip-dimmed-toy.png"
    assert min(imread(path).shape[:2]) > 500


@pytest.mark.parametrize(
    ("shift", "slug"),
    [
        ("occlusion", "occlusion"),
        ("occlusion?kind=camera", "occlusion-kind-camera"),
        ("occlusion+color", "occlusion-and-color"),
        ("occlusion@0.5", "occlusion-0.5"),
    ],
)
def test_file_names_of_shifts_hold_no_special_characters(shift: str, slug: str) -> None:
    assert shift_slug(shift) == slug
