"""Our own recordings, made anew from what they hold of the simulator alone: to the bit, touch included."""

from dataclasses import replace

import gymnasium
import h5py
import numpy as np
import pytest

from fdp_bench.api import DatasetError
from fdp_bench.demos.card import dataset_card
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.formats.importing import import_demonstrations
from fdp_bench.demos.model_file import portable_model_file, recorded_model_file
from fdp_bench.demos.recording.attempt import record_attempt
from fdp_bench.demos.robomimic import write_hdf5
from fdp_bench.sim.physics import model_xml
from fdp_bench.sim.touch import TOUCH_VERSION


class Recorded:
    """One demonstration of a task, with the XML that its model was compiled from."""

    def __init__(self, task, robosuite_name, steps):
        env = gymnasium.make(task, disable_env_checker=True)
        whole = record_attempt(env, seed=0, attempt=0)
        self.task_id, self.robosuite_name = task, robosuite_name
        self.compiled_from = portable_model_file(model_xml(env.unwrapped.robosuite_env))
        self.as_it_stands = recorded_model_file(env.unwrapped.robosuite_env)
        env.close()
        # Up to the grasp: contacts are what is hard to make anew.
        arrays = {
            name: getattr(whole, name)[:steps] for name in ("states", "actions", "rewards", "prop", "tactile")
        }
        images = {key: frames[:steps] for key, frames in whole.images.items()}
        self.episode = replace(whole, **arrays, images=images, lead_in_steps=0)

    def write(self, path, *episodes, keep=()):
        """Write the file, with nothing observed but what `keep` names."""
        header = {"task_id": self.task_id, "profile": "fast", "seed": 0, "format": 1, "expert_version": 1}
        env_args = {"env_name": self.robosuite_name, "type": 1, "env_kwargs": {}, "fdp_bench": header}
        write_hdf5(path, episodes or (self.episode,), env_args)
        with h5py.File(path, "r+") as file:
            for demo in file["data"].values():
                for name in set(demo["obs"]) - set(keep):
                    del demo["obs"][name]
        return path


@pytest.fixture(scope="module")
def lift():
    return Recorded("fdp_bench/Lift-v1", "Lift", 50)


@pytest.fixture(scope="module")
def door():
    return Recorded("fdp_bench/Door-v1", "Door", 60)


@pytest.fixture(scope="module")
def can():
    return Recorded("fdp_bench/Can-v1", "PickPlaceCan", 5)


@pytest.mark.parametrize("task", ["lift", "door", "can"])
def test_all_observations_come_back_to_the_bit_from_states_and_actions(task, request, tmp_path):
    recorded = request.getfixturevalue(task)
    out = tmp_path / "out.hdf5"
    summary = import_demonstrations(recorded.write(tmp_path / "in.hdf5"), out)
    demo = load_demonstrations(out).demos[0]
    np.testing.assert_array_equal(demo.prop, recorded.episode.prop)
    np.testing.assert_array_equal(demo.tactile, recorded.episode.tactile)
    for key, frames in recorded.episode.images.items():
        np.testing.assert_array_equal(demo.images[key], frames)
    assert any("Touch was felt" in note for note in summary.notes)


def test_recordings_touch_something(lift, door):
    for recorded in (lift, door):
        assert np.abs(recorded.episode.tactile[:, 6:]).max() > 0.1


def test_file_from_before_touch_gets_it_and_keeps_its_hash(lift, tmp_path):
    everything = [name for name in _observed(lift, tmp_path) if name != "tactile"]
    old = lift.write(tmp_path / "old.hdf5", keep=everything)
    assert load_demonstrations(old).demos[0].tactile is None
    import_demonstrations(old, tmp_path / "new.hdf5")
    np.testing.assert_array_equal(
        load_demonstrations(tmp_path / "new.hdf5").demos[0].tactile, lift.episode.tactile
    )
    before, after = dataset_card(old), dataset_card(tmp_path / "new.hdf5")
    assert (after["sha256"], after["expert"]) == (before["sha256"], before["expert"])
    assert (before["touch_version"], after["touch_version"]) == (None, TOUCH_VERSION)


def _observed(recorded, tmp_path):
    path = tmp_path / "whole.hdf5"
    write_hdf5(path, [recorded.episode], {"fdp_bench": {}})
    with h5py.File(path) as file:
        return list(file["data/demo_0/obs"])


def test_touch_is_left_out_of_all_where_actions_do_not_lead_to_the_states_of_one(lift, tmp_path):
    other = lift.episode.actions.copy()
    other[40, 2] += 0.01
    spoilt = replace(lift.episode, actions=other)
    out = tmp_path / "out.hdf5"
    summary = import_demonstrations(lift.write(tmp_path / "in.hdf5", lift.episode, spoilt), out)
    assert any(note.startswith("There is no touch: the actions of demo_1") for note in summary.notes)
    assert all(demo.tactile is None for demo in load_demonstrations(out).demos)
    assert dataset_card(out)["touch_version"] is None


def test_touch_of_another_version_is_not_kept(lift, tmp_path):
    path = lift.write(tmp_path / "in.hdf5", keep=["tactile"])
    with h5py.File(path, "r+") as file:
        file["data/demo_0/obs/tactile"][:] = 7.0
        text = file["data"].attrs["env_args"]
        file["data"].attrs["env_args"] = text.replace('"format": 1', '"format": 1, "touch_version": 0')
    import_demonstrations(path, tmp_path / "out.hdf5")
    np.testing.assert_array_equal(
        load_demonstrations(tmp_path / "out.hdf5").demos[0].tactile, lift.episode.tactile
    )


def test_model_file_says_where_the_door_was_put(door):
    assert door.as_it_stands != door.compiled_from
    assert door.episode.model_file == door.as_it_stands


def test_model_file_of_a_task_with_nothing_to_put_is_the_compiled_one(lift):
    assert lift.as_it_stands == lift.compiled_from


def test_file_that_does_not_say_where_the_door_stands_is_refused(door, tmp_path):
    without = replace(door.episode, model_file=door.compiled_from)
    with pytest.raises(DatasetError, match="where its Door_main stands"):
        import_demonstrations(door.write(tmp_path / "in.hdf5", without), tmp_path / "out.hdf5")


def test_signs_that_nothing_can_touch_may_be_placed_nowhere(can, tmp_path):
    without = replace(can.episode, model_file=can.compiled_from)
    import_demonstrations(can.write(tmp_path / "in.hdf5", without), tmp_path / "out.hdf5")
    demo = load_demonstrations(tmp_path / "out.hdf5").demos[0]
    np.testing.assert_array_equal(demo.images["image.agentview"], can.episode.images["image.agentview"])
