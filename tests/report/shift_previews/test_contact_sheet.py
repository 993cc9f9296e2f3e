import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from fdp_bench.report.shift_previews.contact_sheet import sheet_figure
from fdp_bench.report.shift_previews.severity_frames import SeverityFrames

SIDE = 16
SEVERITIES = (0.0, 0.2, 1.0)
CAMERAS = ("image.front", "image.hand")


def preview(shift, color_of):
    """Frames of one colour each, by severity, view and camera."""
    rows = {
        severity: tuple(
            {
                camera: np.full((SIDE, SIDE, 3), color_of(severity, view, camera), np.uint8)
                for camera in CAMERAS
            }
            for view in range(2)
        )
        for severity in SEVERITIES
    }
    return SeverityFrames("ns/Task-v0", shift, CAMERAS, ("episode 0", "episode 1"), rows, "first frames")


def drawn(previews, enlargement=1):
    canvas = FigureCanvasAgg(sheet_figure(previews, enlargement=enlargement))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def pixels_of(picture, color):
    return int((picture == np.array(color)).all(axis=-1).sum())


@pytest.mark.parametrize("enlargement", [1, 3])
def test_every_shift_severity_and_camera_is_shown_by_its_last_view(enlargement):
    def color(row, severity, view, camera):
        # No grey, which letters have.
        return (40 * row + 10, int(100 * severity) + 110, 100 * view + 50 * CAMERAS.index(camera) + 10)

    previews = [
        preview(name, lambda *place, row=row: color(row, *place)) for row, name in enumerate(("dim", "far"))
    ]
    picture = drawn(previews, enlargement)

    for row in range(2):
        for severity in SEVERITIES:
            for camera in CAMERAS:
                assert pixels_of(picture, color(row, severity, 1, camera)) == (enlargement * SIDE) ** 2
                assert pixels_of(picture, color(row, severity, 0, camera)) == 0


def test_levels_run_to_the_right_and_cameras_stand_beside_one_another():
    one = preview("dim", lambda severity, _, camera: (int(100 * severity), 200, 50 * CAMERAS.index(camera)))
    picture = drawn([one])

    columns = [
        np.flatnonzero((picture == (int(100 * severity), 200, 50 * camera)).all(axis=-1).any(axis=0)).min()
        for camera in range(2)
        for severity in SEVERITIES
    ]
    assert columns == sorted(columns)
