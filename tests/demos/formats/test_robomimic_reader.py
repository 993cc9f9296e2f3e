"""Files of this package in robomimic's own hands; `tox -e robomimic` installs it."""

import subprocess
import sys

import numpy as np
import pytest
from demo_data import made_up_episode, write_made_up

from fdp_bench.demos.demo_episode import ImportedEpisode
from fdp_bench.demos.layout import IMAGE_NAMES, PROP_PARTS
from fdp_bench.demos.robomimic import write_hdf5

pytest.importorskip("robomimic", reason="robomimic is not installed; tox -e robomimic does")
# robomimic's sources are older than the interpreter and the libraries that read them here.
pytestmark = pytest.mark.filterwarnings("ignore")

SEQUENCE = 3


@pytest.fixture
def file(tmp_path):
    return write_made_up(tmp_path / "demos.hdf5", [made_up_episode(i, steps=5 + i) for i in range(10)])


def sequence_dataset(file, **settings):
    from robomimic.utils import obs_utils
    from robomimic.utils.dataset import SequenceDataset

    keys = (*PROP_PARTS, *IMAGE_NAMES.values())
    obs_utils.initialize_obs_utils_with_obs_specs(
        [{"obs": {"low_dim": list(PROP_PARTS), "rgb": list(IMAGE_NAMES.values())}}]
    )
    return SequenceDataset(
        str(file),
        obs_keys=keys,
        dataset_keys=("actions", "rewards", "dones"),
        frame_stack=1,
        seq_length=SEQUENCE,
        pad_seq_length=True,
        load_next_obs=False,
        hdf5_cache_mode=None,
        **settings,
    )


def test_sequences_are_the_demonstrations_that_were_written(file):
    dataset = sequence_dataset(file)
    assert (dataset.n_demos, len(dataset)) == (10, sum(range(5, 15)))
    written = made_up_episode(2, steps=7)
    # Demonstrations go by their numbers: those of 5 and 6 steps come before.
    item = dataset[5 + 6 + 1]
    np.testing.assert_array_equal(item["actions"], written.actions[1 : 1 + SEQUENCE])
    np.testing.assert_array_equal(item["obs"]["robot0_joint_pos"], written.prop[1 : 1 + SEQUENCE, :7])
    frames = item["obs"]["agentview_image"]
    np.testing.assert_array_equal(frames, written.images["image.agentview"][1 : 1 + SEQUENCE])
    assert item["dones"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("mask", "number"), [("train", 9), ("valid", 1)])
def test_masks_are_robomimics_filter_keys(file, mask, number):
    assert sequence_dataset(file, filter_by_attribute=mask).n_demos == number


def dataset_info(file):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "robomimic.scripts.get_dataset_info", "--dataset", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_get_dataset_info_describes_the_file(file):
    said = dataset_info(file)
    assert "total transitions: 95" in said
    assert "total trajectories: 10" in said
    assert '"env_name": "Lift"' in said


def test_imports_without_rewards_states_or_model_are_read_too(tmp_path):
    made = [made_up_episode(i, steps=5 + i) for i in range(10)]
    bare = [ImportedEpisode(each.prop, each.images, each.actions) for each in made]
    file = tmp_path / "imported.hdf5"
    write_hdf5(file, bare, {"env_name": "fdp_bench/Lift-v1", "type": 2, "env_kwargs": {}, "fdp_bench": {}})
    item = sequence_dataset(file)[0]
    np.testing.assert_array_equal(item["actions"], made[0].actions[:SEQUENCE])
    assert item["rewards"].tolist() == [0.0] * SEQUENCE
    assert "total transitions: 95" in dataset_info(file)
