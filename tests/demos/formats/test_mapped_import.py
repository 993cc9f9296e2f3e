"""Minari datasets of an environment that a map makes a task; other formats for such tasks."""

import json

import gymnasium
import h5py
import numpy as np
import pytest
from external_page import example

from fdp_bench.api import DatasetError
from fdp_bench.cli.main import main
from fdp_bench.demos.card import dataset_card
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.formats.importing import import_demonstrations
from fdp_bench.demos.formats.minari.mapped import MappedMinariFolder, start_of
from fdp_bench.tasks.external.make import adapted
from fdp_bench.tasks.make import make_task
from fdp_bench.training.job import task_info

__all__ = ["example"]

STEPS = (4, 6)


def write(folder, episodes, *, seeds=(), **metadata):
    """A dataset as Minari 0.5 lays it out: one observation more than actions."""
    (folder / "data").mkdir(parents=True)
    described = {"dataset_id": "mine/reach-v0", "data_format": "hdf5", "minari_version": "0.5.4"}
    (folder / "data" / "metadata.json").write_text(json.dumps(described | metadata))
    with h5py.File(folder / "data" / "main_data.hdf5", "w") as file:
        for index, members in enumerate(episodes):
            for name, values in members.items():
                file[f"episode_{index}/{name}"] = values
        for index, seed in enumerate(seeds):
            file[f"episode_{index}"].attrs["seed"] = seed
    return folder


def reached(index, steps):
    """What the example's own environment shows and is given: hand and ball in one array, velocities in m/s."""
    generator = np.random.default_rng(index)
    return {
        "observations": generator.uniform(-0.2, 0.2, (steps + 1, 4)).astype(np.float32),
        "actions": generator.uniform(-0.5, 0.5, (steps, 2)).astype(np.float32),
        "rewards": np.ones(steps),
    }


def test_the_map_is_applied_to_observations_and_actions(example, capfd):
    episodes = [reached(index, steps) for index, steps in enumerate(STEPS)]
    write(example / "in", episodes)

    assert main(["demos", "import", "in", "--task", "reach.toml", "--out", "reach.hdf5"]) == 0
    shown = capfd.readouterr().out
    data = load_demonstrations(example / "reach.hdf5", task_id="mine/ReachByEye-v0")

    assert "wrote 2 demonstrations of mine/ReachByEye-v0 (10 steps, from minari)" in shown
    assert "It has no 'image.front', and the first demonstration cannot be replayed" in shown
    assert "(it says neither its seed nor its options)" in shown
    for made, demo in zip(episodes, data.demos, strict=True):
        np.testing.assert_array_equal(demo.prop, made["observations"][:-1, :2])
        np.testing.assert_allclose(demo.actions, 2.0 * made["actions"], atol=1e-6)
    assert task_info(data).modalities == {"prop": ("prop",)}
    card = dataset_card(example / "reach.hdf5")
    assert card["task_version"] == data.card["task_map_sha256"][:12] != ""
    assert card["source"]["dataset_id"] == "mine/reach-v0"


def test_actions_beyond_the_environments_bounds_are_cut_and_noted(example):
    write(example / "in", [reached(0, 4) | {"actions": np.full((4, 2), 0.9, np.float32)}])

    summary = import_demonstrations(example / "in", example / "out.hdf5", task="reach.toml")

    assert any("beyond [-1, 1]" in note for note in summary.notes)
    assert (load_demonstrations(example / "out.hdf5").demos[0].actions == 1.0).all()


def played(seed, steps):
    """An episode as Minari's collector records it: the seed, and what came of it."""
    env = gymnasium.make("reach:mine/Reach-v0", disable_env_checker=True)
    generator = np.random.default_rng(seed)
    observations, actions = [env.reset(seed=seed)[0]], []
    for _ in range(steps):
        actions.append(generator.uniform(-0.5, 0.5, 2).astype(np.float32))
        observations.append(env.step(actions[-1])[0])
    env.close()
    return {"observations": np.array(observations), "actions": np.array(actions)}


def test_frames_are_drawn_where_the_seeds_lead_to_what_was_recorded(example):
    write(example / "in", [played(7, 5), played(8, 3)], seeds=(7, 8))

    summary = import_demonstrations(example / "in", example / "out.hdf5", task="reach.toml")
    data = load_demonstrations(example / "out.hdf5")

    assert any("Frames were drawn while each demonstration" in note for note in summary.notes)
    env = make_task("reach.toml")
    for seed, demo in zip((7, 8), data.demos, strict=True):
        observation, _ = env.reset(seed=seed)
        for step, action in enumerate(demo.actions):
            np.testing.assert_allclose(demo.prop[step], observation["prop"], atol=1e-6)
            apart = np.abs(demo.images["image.front"][step].astype(int) - observation["image.front"])
            assert apart.mean() < 0.01
            observation = env.step(action)[0]
    env.close()
    assert demo.images["image.front"].std() > 10
    assert task_info(data).modalities == {"prop": ("prop",), "vision": ("image.front",)}


def test_what_went_another_way_has_no_frames(example):
    write(example / "first", [played(7, 5)], seeds=(8,))
    write(example / "later", [played(7, 5), played(8, 3)], seeds=(7, 9))

    summary = import_demonstrations(example / "first", example / "first.hdf5", task="reach.toml")
    assert any("cannot be replayed (at step 0 'prop' is" in note for note in summary.notes)
    assert not load_demonstrations(example / "first.hdf5").demos[0].images
    with pytest.raises(
        DatasetError, match=r"episode_1: it cannot be replayed .* take those before it with --num"
    ):
        import_demonstrations(example / "later", example / "later.hdf5", task="reach.toml")
    assert not (example / "later.hdf5").exists()


def test_the_start_is_read_as_minari_flattens_it():
    place = np.arange(3.0)
    attributes = {
        "seed": np.int64(7),
        "id": np.int64(0),
        "options/initial_state_dict/qpos": place,
        "options/level": np.int64(2),
        "options/name": "left out",
        "options/minari_autoseed": np.bool_(True),
    }

    seed, options = start_of(attributes)

    assert seed == 7
    assert options == {"initial_state_dict": {"qpos": place}, "level": 2}
    with pytest.raises(ValueError, match="lies below a number"):
        start_of({"options/a": place, "options/a/b": place})
    assert start_of({"seed": -1}) == start_of({"seed": "7"}) == (None, {})


class Watched(gymnasium.Env):
    """Its observation is a Dict that holds frames, and something of no interest."""

    metadata = {  # noqa: RUF012
        "render_fps": 5,
        "modalities": {"where": ("place",), "vision": ("image.eye",)},
    }
    observation_space = gymnasium.spaces.Dict(
        {
            "place": gymnasium.spaces.Box(-1, 1, (3,), np.float64),
            "image.eye": gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8),
            "hidden": gymnasium.spaces.Discrete(3),
        }
    )
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    spec = gymnasium.envs.registration.EnvSpec("tests/Watched-v0", max_episode_steps=9)


def test_frames_of_the_observation_are_taken_and_what_nobody_maps_is_left(tmp_path):
    generator = np.random.default_rng(0)
    made = {
        "observations/place": generator.uniform(size=(5, 3)),
        "observations/image.eye": generator.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8),
        "observations/hidden": np.zeros(5, np.int64),
        "actions": np.zeros((4, 1), np.float32),
    }
    folder = write(tmp_path / "in", [made])

    with MappedMinariFolder(folder, adapted(Watched(), "tests/Watched-v0")) as source:
        (episode,) = source.episodes(1)

    np.testing.assert_array_equal(episode.images["image.eye"], made["observations/image.eye"][:-1])
    np.testing.assert_allclose(episode.vectors["place"], made["observations/place"][:-1], rtol=1e-6)
    assert episode.prop.shape == (4, 0)
    assert not any("has no" in note for note in source.origin.notes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"observations": np.zeros((5, 3), np.float32)}, r"has shape \(5, 3\), not 5x4"),
        ({"observations": np.zeros((4, 4), np.float32)}, r"not 5x4"),
        ({"observations": np.full((5, 4), np.nan, np.float32)}, "not finite"),
        ({"actions": np.full((4, 2), np.inf, np.float32)}, "not finite"),
        ({"actions": np.zeros((4, 3), np.float32)}, r"not Tx2"),
    ],
)
def test_what_does_not_fit_the_environment_is_refused_and_leaves_nothing(example, changes, why):
    write(example / "in", [reached(0, 4) | changes])

    with pytest.raises(DatasetError, match=why) as refused:
        import_demonstrations(example / "in", example / "out.hdf5", task="reach.toml")
    assert "\n" not in str(refused.value)
    assert not list(example.glob("out*"))


def test_formats_that_hold_no_such_observations_are_refused_with_what_to_do(example):
    with h5py.File(example / "other.hdf5", "w") as file:
        file["data/demo_0/actions"] = np.zeros((3, 2))

    with pytest.raises(
        DatasetError, match=r"takes a Minari dataset.*record some with fdp_bench\.demos\.record"
    ):
        import_demonstrations(example / "other.hdf5", example / "out.hdf5", task="reach.toml")
