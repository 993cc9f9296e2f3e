"""Clean episodes that no run plays, and the command that calibrates on them."""

import json

import pytest
from fake_policies import Blind, Faulty, Seeker

from fdp_bench.api import (
    CALIBRATION_EPISODES,
    CALIBRATION_SEED,
    CalibrationRequest,
    PolicySpec,
    RunError,
    SpecError,
    stream_int,
)
from fdp_bench.api.streams import INITIAL_STATE
from fdp_bench.calibration.calibrate import calibrate
from fdp_bench.calibration.playing import Stage
from fdp_bench.cli.main import main
from fdp_bench.demos.recording.attempt import DEMO_STATE
from fdp_bench.runner.config import RunConfig
from fdp_bench.toy import TOY_TASK, ToyEnv

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture
def stage():
    made = Stage(TOY_TASK, "fast", "cpu")
    yield made
    made.close()


def test_episodes_come_with_every_decision_that_was_asked_for(stage):
    policy = Seeker(PolicySpec("seeker"), stage.task)
    played = {episode.index: episode for episode in stage.play(policy, range(2, 9))}

    assert sorted(played) == list(range(2, 9))
    for index, episode in played.items():
        observation = episode.decisions[0].observation
        env = ToyEnv()
        first, _ = env.reset(seed=stream_int(CALIBRATION_SEED, index, INITIAL_STATE))
        assert (observation["prop"] == first["prop"]).all()
        assert observation["image.front"].shape == (2, *first["image.front"].shape)
        assert episode.decisions[0].noise.shape == policy.noise_shape
    assert any(episode.success for episode in played.values())
    assert len({len(episode.decisions) for episode in played.values()}) > 1


def test_an_episode_is_the_same_whoever_is_played_beside_it(stage):
    policy = Seeker(PolicySpec("seeker"), stage.task)
    together = {episode.index: episode for episode in stage.play(policy, range(6))}
    (alone,) = stage.play(policy, range(4, 5))

    assert (alone.success, len(alone.decisions)) == (together[4].success, len(together[4].decisions))
    for one, other in zip(alone.decisions, together[4].decisions, strict=True):
        assert (one.noise == other.noise).all()
        assert all((one.observation[key] == other.observation[key]).all() for key in one.observation)


def test_an_episode_that_ends_in_an_error_stops_the_calibration(stage):
    policy = Faulty(PolicySpec("faulty"), stage.task)

    with pytest.raises(
        RunError, match=r"clean episode [0-9]+ failed, so nothing is calibrated: policy 'faulty'"
    ):
        list(stage.play(policy, range(8)))


def test_runs_refuse_the_seed_of_calibrations():
    with pytest.raises(SpecError, match=f"seed {CALIBRATION_SEED} is kept for fdp-bench calibrate"):
        RunConfig(TOY_TASK, ("blind",), (), seed=CALIBRATION_SEED)


def test_no_calibration_episode_begins_like_a_demonstration_or_an_episode_of_an_everyday_run():
    calibrated = {stream_int(CALIBRATION_SEED, index, INITIAL_STATE) for index in range(1000)}
    others = {
        stream_int(seed, index, name)
        for seed in (0, 1, 2, 20261130, 20261201)
        for index in range(1000)
        for name in (INITIAL_STATE, DEMO_STATE)
    }
    assert len(calibrated) == 1000
    assert not calibrated & others


def test_a_policy_without_anything_to_calibrate_is_told_apart():
    with pytest.raises(SpecError, match="policy 'blind' has nothing to calibrate"):
        calibrate("blind", TOY_TASK, CalibrationRequest())
    assert Blind.calibrate(PolicySpec("blind"), None, None, CalibrationRequest()) is None


def test_the_command_says_what_was_made_and_what_comes_next(tmp_path, capsys):
    command = [
        "calibrate",
        "--policy",
        "careful",
        "--task",
        TOY_TASK,
        "--episodes",
        "5",
        "--out",
        str(tmp_path),
    ]

    assert main(command) == 0
    shown = capsys.readouterr()
    path = tmp_path / "careful.json"
    assert sorted(entry[0] for entry in json.loads(path.read_text())) == [3, 4, 5, 6, 7]
    assert shown.out.splitlines() == [
        f"calibrated: careful@{path}",
        "a fact",
        f'next: fdp-bench run --task {TOY_TASK} --policy "careful@{path}" --shift occlusion',
    ]
    assert shown.err == "warning: a warning\n"
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"calibrated already: careful@{path}\n")


def test_the_commands_default_is_that_of_the_interface():
    from fdp_bench.cli import calibrate as command

    assert command._EPISODES == CALIBRATION_EPISODES == CalibrationRequest().episodes


def test_a_run_refuses_what_is_not_calibrated_and_warns_of_what_warns(tmp_path, capsys):
    path = tmp_path / "careful.json"
    run = ["run", "--policy", f"careful@{path}", "--task", TOY_TASK, "--shift", "dim", "--episodes", "1"]

    assert main([*run, "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == "error: not calibrated; fdp-bench calibrate --policy careful\n"
    assert main(["calibrate", "--policy", "careful", "--task", TOY_TASK, "--out", str(tmp_path)]) == 0
    assert main([*run, "--out", str(tmp_path / "run"), "--workers", "1"]) == 0
    assert f"warning: careful@{path}: it is only careful" in capsys.readouterr().err
