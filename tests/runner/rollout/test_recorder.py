import subprocess

import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np

from fdp_bench.runner.rollout.recorder import STRIP_FRAMES, STRIP_GAP, VIDEO_SCALE, Recorder, film_strip


def moment(value, height=8, width=10):
    return {
        "image.a": np.full((height, width, 3), value, np.uint8),
        "image.b": np.full((6, width, 3), value, np.uint8),
    }


def test_a_strip_shows_evenly_spread_moments_from_first_to_last():
    strip = film_strip([moment(value) for value in range(0, 110, 10)])

    shown = strip[0, :: 10 + STRIP_GAP, 0]

    assert shown.tolist() == [0, 20, 40, 60, 80, 100]
    assert strip.shape == (8 + STRIP_GAP + 6, STRIP_FRAMES * 10 + (STRIP_FRAMES - 1) * STRIP_GAP, 3)


def test_a_short_episode_gives_a_short_strip():
    assert film_strip([moment(1), moment(2)]).shape[1] == 2 * 10 + STRIP_GAP


def test_a_strip_keeps_what_the_cameras_showed_at_decisions(tmp_path):
    recorder = Recorder(keeps_decisions=True)
    frame = moment(3)
    recorder.see({**frame, "prop": np.zeros(2)}, is_decision=True)
    frame["image.a"][:] = 99  # the environment may draw into the same memory again
    recorder.see(moment(50), is_decision=False)

    recorder.save_strip(tmp_path / "strip.png")

    picture = imageio.imread(tmp_path / "strip.png")
    assert picture.shape == (16, 10, 3)
    assert picture[0, 0, 0] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["strip.png"]


def test_a_video_shows_every_frame_side_by_side(tmp_path):
    recorder = Recorder(keeps_all=True)
    for value in (0, 100, 200):
        recorder.see(moment(value, height=12, width=16), is_decision=value == 0)

    recorder.save_video(tmp_path / "video.mp4", 20.0)

    decode = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", tmp_path / "video.mp4"]
    raw = subprocess.run(
        [*decode, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], stdout=subprocess.PIPE, check=True
    ).stdout
    frames = np.frombuffer(raw, np.uint8).reshape(-1, 12 * VIDEO_SCALE, 32 * VIDEO_SCALE, 3)
    assert np.allclose(frames[:, 4, 4, 0], [0, 100, 200], atol=8)
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


def test_nothing_is_written_where_nothing_was_seen(tmp_path):
    recorder = Recorder(keeps_decisions=True, keeps_all=True)
    recorder.see({"prop": np.zeros(2)}, is_decision=True)

    recorder.save_strip(tmp_path / "strip.png")
    recorder.save_video(tmp_path / "video.mp4", 20.0)

    assert list(tmp_path.iterdir()) == []
