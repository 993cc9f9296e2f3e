"""Folders in LeRobot's layout whose normalizers do or do not know the policy's features; LeRobot need not be there."""

import json

import numpy as np
import pytest
from fdp_policies.lerobot import LeRobotFolder
from fdp_policies.lerobot_folder import POSTPROCESSOR, PREPROCESSOR
from safetensors.numpy import save_file

from fdp_bench.api import CheckpointError, PolicySpec
from fdp_bench.toy import ToyEnv

STATE, CAMERA = "observation.state", "observation.images.front"
INPUTS = {STATE: {"type": "STATE", "shape": [2]}, CAMERA: {"type": "VISUAL", "shape": [3, 32, 32]}}
OUTPUTS = {"action": {"type": "ACTION", "shape": [2]}}
MODES = {"STATE": "MEAN_STD", "VISUAL": "IDENTITY", "ACTION": "MIN_MAX"}


def write(
    folder, *, modes=None, keep=lambda name: name, steps=("normalizer_processor", "unnormalizer_processor")
):
    """A folder; `keep` renames each statistic's key, or drops it with an empty name."""
    modes = modes or MODES
    config = {
        "type": "act",
        "input_features": INPUTS,
        "output_features": OUTPUTS,
        "normalization_mapping": modes,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"weights")
    for file, kind in zip((PREPROCESSOR, POSTPROCESSOR), steps, strict=True):
        # LeRobot's datasets have statistics of more than a policy reads.
        made = {
            f"{key}.{name}": np.ones(2, np.float32)
            for key in (STATE, "action", "timestamp")
            for name in ("mean", "std", "min", "max")
        }
        save_file(
            {new: values for old, values in made.items() if (new := keep(old))},
            folder / f"{file}.safetensors",
        )
        step = {
            "registry_name": kind,
            "config": {"features": INPUTS | OUTPUTS, "norm_map": modes},
            "state_file": f"{file}.safetensors",
        }
        (folder / file).write_text(json.dumps({"steps": [step] if kind else []}))
    return folder


def build(folder):
    return LeRobotFolder(PolicySpec("lerobot", checkpoint=str(folder)), ToyEnv().task_info)


def refused(folder):
    with pytest.raises(CheckpointError) as error:
        build(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def edit(folder, file, change):
    content = json.loads((folder / file).read_text())
    change(content["steps"][0])
    (folder / file).write_text(json.dumps(content))


def test_statistics_of_every_feature_are_enough(tmp_path):
    """The next thing that is looked at is LeRobot itself, or the weights, which are none."""
    with pytest.raises(Exception, match="LeRobot cannot"):
        build(write(tmp_path))


def test_statistics_under_other_names_are_refused_key_by_key(tmp_path):
    said = refused(write(tmp_path, keep=lambda name: "so100.buffer." + name))

    assert f"{PREPROCESSOR}: its normalizer_processor has no statistics for '{STATE}' (mean and std)" in said
    assert "'so100.buffer.observation.state'" in said


def test_each_side_is_held_to_its_own_features(tmp_path):
    said = refused(write(tmp_path, keep=lambda name: "" if name == "action.max" else name))

    assert f"{POSTPROCESSOR}: its unnormalizer_processor has no statistics for 'action' (max)" in said


@pytest.mark.parametrize("file", [PREPROCESSOR, POSTPROCESSOR])
def test_a_normalizer_without_a_file_of_statistics_is_refused(tmp_path, file):
    write(tmp_path)
    edit(tmp_path, file, lambda step: step.pop("state_file"))

    assert "it has some for nothing" in refused(tmp_path)


@pytest.mark.parametrize("steps", [("", "unnormalizer_processor"), ("normalizer_processor", "")])
def test_a_processor_without_a_normalizer_is_refused_where_the_policy_asks_for_one(tmp_path, steps):
    assert "has no statistics for" in refused(write(tmp_path, steps=steps))


def test_a_normalizer_that_leaves_a_feature_out_is_refused(tmp_path):
    write(tmp_path)
    edit(tmp_path, PREPROCESSOR, lambda step: step["config"]["features"].pop(STATE))

    assert f"'{STATE}' (none of its features)" in refused(tmp_path)


def test_nothing_is_asked_of_features_that_are_not_normalized(tmp_path):
    write(tmp_path, modes=dict.fromkeys(MODES, "IDENTITY"), keep=lambda name: "x." + name)

    with pytest.raises(Exception, match="LeRobot cannot"):
        build(tmp_path)


def test_a_mode_that_nobody_knows_is_refused(tmp_path):
    assert "'observation.state' by 'LOGARITHM'" in refused(
        write(tmp_path, modes={**MODES, "STATE": "LOGARITHM"})
    )
