import json

import gymnasium
import numpy as np
import pytest
from demo_data import made_up_episode

import fdp_bench.demos.recording.collect as collect
from fdp_bench.api import DatasetError, RunError, SpecError, stream_int
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.recording.attempt import DEMO_STATE, record_attempt
from fdp_bench.demos.recording.collect import collect_demonstrations, resolve_expert_task

TASK = "fdp_bench/Lift-v1"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    out = tmp_path_factory.mktemp("demos") / "lift.hdf5"
    collect_demonstrations("Lift", out, num_demos=2, seed=3)
    return out


@pytest.fixture(scope="module")
def env():
    env = gymnasium.make(TASK, disable_env_checker=True)
    yield env
    env.close()


def test_file_has_robomimics_layout(file):
    import h5py

    with h5py.File(file) as opened:
        data = opened["data"]
        env_args = json.loads(data.attrs["env_args"])
        assert (env_args["env_name"], env_args["type"]) == ("Lift", 1)
        assert env_args["fdp_bench"]["task_id"] == TASK
        assert data.attrs["total"] == sum(data[name].attrs["num_samples"] for name in data)
        for name in ("demo_0", "demo_1"):
            demo = data[name]
            steps = demo.attrs["num_samples"]
            shapes = {"states": (steps, 32), "actions": (steps, 7), "rewards": (steps,), "dones": (steps,)}
            assert {key: demo[key].shape for key in shapes} == shapes
            observed = {
                "robot0_joint_pos": (steps, 7),
                "robot0_eef_pos": (steps, 3),
                "robot0_eef_quat": (steps, 4),
                "robot0_gripper_qpos": (steps, 2),
                "tactile": (steps, 12),
                "agentview_image": (steps, 84, 84, 3),
                "robot0_eye_in_hand_image": (steps, 84, 84, 3),
            }
            assert {key: values.shape for key, values in demo["obs"].items()} == observed
            assert demo["obs/agentview_image"].dtype == np.uint8
            assert demo["dones"][:].tolist() == [0] * (steps - 1) + [1]


def test_episode_ends_when_success_has_held(file):
    import h5py

    with h5py.File(file) as opened:
        for demo in opened["data"].values():
            assert demo["rewards"][-10:].tolist() == [1.0] * 10
            assert demo["rewards"][-11] == 0.0


def test_recorded_actions_reproduce_states_and_observations(file, env):
    import h5py

    observation, _ = env.reset(seed=stream_int(3, 0, DEMO_STATE))
    with h5py.File(file) as opened:
        demo = opened["data/demo_0"]
        for step, action in enumerate(demo["actions"][:]):
            np.testing.assert_array_equal(env.unwrapped.state(), demo["states"][step])
            np.testing.assert_array_equal(
                observation["image.wrist"], demo["obs/robot0_eye_in_hand_image"][step]
            )
            np.testing.assert_array_equal(observation["prop"][:7], demo["obs/robot0_joint_pos"][step])
            np.testing.assert_array_equal(observation["prop"][14:], demo["obs/robot0_gripper_qpos"][step])
            observation, *_, info = env.step(action)
    assert info["success_held"]


def test_robosuite_can_load_the_recorded_model_and_states(file):
    import h5py
    import robosuite

    with h5py.File(file) as opened:
        env_args = json.loads(opened["data"].attrs["env_args"])
        xml = opened["data/demo_1"].attrs["model_file"]
        states = opened["data/demo_1/states"][:]
    without_cameras = {"has_offscreen_renderer": False, "use_camera_obs": False, "hard_reset": False}
    robosuite_env = robosuite.make(env_args["env_name"], **{**env_args["env_kwargs"], **without_cameras})
    try:
        robosuite_env.reset()
        robosuite_env.reset_from_xml_string(robosuite_env.edit_model_xml(xml))
        robosuite_env.sim.set_state_from_flattened(states[-1])
        robosuite_env.sim.forward()
        assert robosuite_env._check_success()
    finally:
        robosuite_env.close()


def test_model_file_names_no_folder_of_this_machine(file):
    import h5py

    with h5py.File(file) as opened:
        xml = opened["data/demo_0"].attrs["model_file"]
    assert 'file="robosuite/models/assets/' in xml
    assert 'file="/' not in xml


def test_reader_sees_what_the_environment_showed(file):
    data = load_demonstrations(file, task_id=TASK)
    assert set(data.demos[0].images) == {"image.agentview", "image.wrist"}
    assert data.demos[0].prop.shape[1] == 16
    assert data.profile == "fast"


def test_interrupted_collection_ends_with_the_same_bytes(file, tmp_path, monkeypatch):
    out = tmp_path / "lift.hdf5"

    def killed_at_second(env, *, seed, attempt):
        if attempt == 1:
            raise KeyboardInterrupt
        return record_attempt(env, seed=seed, attempt=attempt)

    monkeypatch.setattr(collect, "record_attempt", killed_at_second)
    with pytest.raises(KeyboardInterrupt):
        collect_demonstrations("Lift", out, num_demos=2, seed=3)
    assert not out.exists()

    attempts = []

    def noted(env, *, seed, attempt):
        attempts.append(attempt)
        return record_attempt(env, seed=seed, attempt=attempt)

    monkeypatch.setattr(collect, "record_attempt", noted)
    collect_demonstrations("Lift", out, num_demos=2, seed=3)
    assert attempts == [1]
    assert out.read_bytes() == file.read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_failed_attempts_are_left_out_and_counted(tmp_path, monkeypatch):
    def fails_first(env, *, seed, attempt):
        return None if attempt == 0 else made_up_episode(attempt)

    monkeypatch.setattr(collect, "record_attempt", fails_first)
    summary = collect_demonstrations("Lift", tmp_path / "lift.hdf5", num_demos=2)
    assert (summary.num_demos, summary.num_not_kept) == (2, 1)
    demos = load_demonstrations(summary.path).demos
    for demo, attempt in zip(demos, (1, 2), strict=True):
        np.testing.assert_array_equal(demo.actions, made_up_episode(attempt).actions)


def test_expert_that_keeps_failing_ends_the_collection(tmp_path, monkeypatch):
    monkeypatch.setattr(collect, "record_attempt", lambda env, *, seed, attempt: None)
    with pytest.raises(RunError, match="failed on"):
        collect_demonstrations("Lift", tmp_path / "lift.hdf5", num_demos=1)


def test_partial_collection_with_other_settings_is_refused(tmp_path, monkeypatch):
    def killed(env, *, seed, attempt):
        raise KeyboardInterrupt

    monkeypatch.setattr(collect, "record_attempt", killed)
    with pytest.raises(KeyboardInterrupt):
        collect_demonstrations("Lift", tmp_path / "lift.hdf5", num_demos=1, seed=3)
    with pytest.raises(DatasetError, match="seed 3, now 4"):
        collect_demonstrations("Lift", tmp_path / "lift.hdf5", num_demos=1, seed=4)


def test_existing_file_is_never_overwritten(tmp_path):
    out = tmp_path / "there.hdf5"
    out.write_bytes(b"mine")
    with pytest.raises(DatasetError, match="exists already"):
        collect_demonstrations("Lift", out, num_demos=1)
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize(("num_demos", "seed"), [(0, 0), (-1, 0), (1, -1)])
def test_numbers_out_of_range_are_refused(tmp_path, num_demos, seed):
    with pytest.raises(DatasetError):
        collect_demonstrations("Lift", tmp_path / "lift.hdf5", num_demos=num_demos, seed=seed)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot write"):
        collect_demonstrations("Lift", tmp_path / "file" / "lift.hdf5", num_demos=1)


def test_unknown_task_names_the_nearest():
    assert resolve_expert_task("LiftWide") == "fdp_bench/LiftWide-v1"
    with pytest.raises(SpecError, match="LiftWide"):
        resolve_expert_task("LiftWild")


@pytest.mark.slow
@pytest.mark.parametrize("task_id", ["fdp_bench/Lift-v1", "fdp_bench/LiftWide-v1"])
def test_expert_succeeds_on_99_percent_of_200_seeds(task_id):
    env = gymnasium.make(task_id, disable_env_checker=True)
    env.unwrapped.draw_images = False
    try:
        episodes = [record_attempt(env, seed=1, attempt=attempt) for attempt in range(200)]
    finally:
        env.close()
    lengths = [len(episode.actions) - episode.lead_in_steps for episode in episodes if episode is not None]
    print(f"{task_id}: {len(lengths)}/200, mean {np.mean(lengths):.1f} steps to follow")
    assert len(lengths) >= 198
    assert 35 <= np.mean(lengths) <= 80
