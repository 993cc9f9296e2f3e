"""Gymnasium-Robotics' AdroitHandDoor through the map that comes along, under shifts of every level."""

import h5py
import numpy as np
import pytest

from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.formats.importing import import_demonstrations
from fdp_bench.demos.record import record
from fdp_bench.runner.rollout.environment import make_base, wrap
from fdp_bench.specs import parse_shifts
from fdp_bench.training.job import task_info

pytest.importorskip("gymnasium_robotics", reason="needs pip install 'fdp-bench[robotics]'")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def door():
    env = make_base("AdroitHandDoor")
    yield env
    env.close()


def played(env, steps=5):
    env.reset(seed=4, options={"shift_seed": 2})
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (steps, 28)).astype(np.float32)
    shown = [env.step(action)[0] for action in actions]
    return shown, env.unwrapped.state_sha256()


def test_prop_is_the_hands_own(door):
    observation, _ = door.reset(seed=0)
    data = door.unwrapped.inner.unwrapped.data

    assert np.allclose(observation["prop"][:27], data.qpos[1:-2], atol=1e-6)
    assert np.allclose(observation["prop"][27:], data.site("S_grasp").xpos, atol=1e-6)
    assert observation["image.front"].shape == (84, 84, 3)


@pytest.mark.parametrize("shift", ["occlusion", "color", "lighting", "camera_pose", "prop_bias"])
def test_a_shift_changes_what_is_shown_and_not_the_door(door, shift):
    clean, state = played(door)
    dynamics = door.unwrapped.dynamics_sha256()

    shown, shifted_state = played(wrap(door, parse_shifts(shift)))

    key = "prop" if shift == "prop_bias" else "image.front"
    assert not np.array_equal(clean[-1][key], shown[-1][key])
    assert (shifted_state, door.unwrapped.dynamics_sha256()) == (state, dynamics)


def test_episodes_are_recorded_and_fit_the_task(tmp_path):
    generator = np.random.default_rng(0)
    out = tmp_path / "door.hdf5"

    def act(observation, env):
        assert env.data.qpos.size == 30
        return generator.uniform(-1.0, 1.0, 28)

    record("AdroitHandDoor", act, episodes=1, out=out, only_successes=False)
    data = load_demonstrations(out)

    assert {key: seen.shape[1:] for key, seen in data.demos[0].observations.items()} == {
        "prop": (30,),
        "door": (9,),
        "image.front": (84, 84, 3),
    }
    info = task_info(data)
    assert info.default_modalities == ("prop", "vision")
    assert set(info.modalities) == {"prop", "vision", "door"}


def test_a_dataset_that_notes_its_initial_states_gets_its_frames_by_replay(door, tmp_path):
    own = door.unwrapped.inner
    own.reset(seed=11)
    start = own.unwrapped.get_env_state()
    start = {name: np.array(start[name]) for name in ("qpos", "qvel", "door_body_pos")}
    generator = np.random.default_rng(0)
    observations, actions = [own.reset(seed=3, options={"initial_state_dict": start})[0]], []
    for _ in range(4):
        actions.append(generator.uniform(-1.0, 1.0, 28).astype(np.float32))
        observations.append(own.step(actions[-1])[0])
    (tmp_path / "in" / "data").mkdir(parents=True)
    (tmp_path / "in" / "data" / "metadata.json").write_text('{"data_format": "hdf5"}')
    with h5py.File(tmp_path / "in" / "data" / "main_data.hdf5", "w") as file:
        file["episode_0/observations"], file["episode_0/actions"] = np.array(observations), np.array(actions)
        for name, values in start.items():
            file["episode_0"].attrs[f"options/initial_state_dict/{name}"] = values

    import_demonstrations(tmp_path / "in", tmp_path / "door.hdf5", task="AdroitHandDoor")
    (demo,) = load_demonstrations(tmp_path / "door.hdf5").demos

    assert demo.images["image.front"].shape == (4, 84, 84, 3)
    np.testing.assert_allclose(demo.vectors["door"][:, 0], np.array(observations)[:-1, 27], rtol=1e-6)
