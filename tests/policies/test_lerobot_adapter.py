"""The adapter for LeRobot's policies, on stand-ins with LeRobot's interface; the real ones: test_lerobot_real.py."""

import json

import numpy as np
import pytest
import torch
from fdp_policies.lerobot import LeRobotFolder, LeRobotParts, LeRobotPolicy, match_inputs, seeded_by
from fdp_policies.lerobot_folder import POSTPROCESSOR, PREPROCESSOR, checked_files, folder_sha256
from lerobot_stubs import CAMERA, Chunks, Diffusing, Sampling, feature

from fdp_bench.api import CheckpointError, PolicySpec, SpecError, TaskInfo
from fdp_bench.testing import check_policy
from fdp_bench.toy import TOY_TASK, ToyEnv


def plugin(model, **attributes):
    """A plugin as a foreign author writes it, around a model."""

    def make_policy(self):
        return LeRobotParts(model, dict, lambda actions: actions)

    return type("Foreign", (LeRobotPolicy,), {"make_policy": make_policy, **attributes})


def build(model, spec=PolicySpec("foreign"), **attributes):  # noqa: B008
    return plugin(model, **attributes)(spec, ToyEnv().task_info)


@pytest.mark.parametrize(
    ("model", "stochastic"),
    [(Chunks(), False), (Sampling(), True), (Diffusing("DDIM"), False), (Diffusing("DDPM"), False)],
    ids=["chunks", "sampling", "ddim", "ddpm"],
)
def test_wrapped_policies_keep_the_rules_of_a_policy(model, stochastic):
    check_policy(plugin(model, stochastic=stochastic), TOY_TASK)


def test_a_policy_that_draws_without_saying_so_breaks_the_rules():
    with pytest.raises(Exception, match="other actions"):
        check_policy(plugin(Sampling()), TOY_TASK)


def test_asking_a_sampling_policy_leaves_torchs_generator_as_it_was():
    policy = build(Sampling(), stochastic=True)
    observation = {
        "prop": np.zeros((2, 1, 2), np.float32),
        "image.front": np.zeros((2, 1, 32, 32, 3), np.uint8),
    }
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    policy.act(observation, np.ones((2, 1), np.float32))

    assert torch.equal(torch.randn(4), expected)


def test_equal_noise_gives_equal_draws_and_other_noise_others():
    def draw(value):
        with seeded_by(torch.full((2, 2), value), "cpu"):
            return torch.randn(3)

    assert torch.equal(draw(0.5), draw(0.5))
    assert not torch.equal(draw(0.5), draw(0.25))


def test_pixels_come_as_fractions_with_channels_first():
    seen = {}

    def keep(batch):
        seen.update(batch)
        return batch

    def make_policy(self):
        return LeRobotParts(Chunks(), keep, lambda actions: actions)

    policy = type("Foreign", (LeRobotPolicy,), {"make_policy": make_policy})(
        PolicySpec("foreign"), ToyEnv().task_info
    )
    frames = np.random.default_rng(0).integers(0, 256, (1, 1, 32, 32, 3), dtype=np.uint8)
    policy.act({"prop": np.zeros((1, 1, 2), np.float32), "image.front": frames}, np.zeros((1,), np.float32))

    assert np.allclose(seen[CAMERA].numpy(), np.moveaxis(frames, -1, -3) / 255)


def test_actions_leave_the_postprocessor_in_the_environments_units_and_uncut():
    def make_policy(self):
        return LeRobotParts(Chunks(), dict, lambda actions: 0 * actions + torch.tensor([0.5, 9.0]))

    policy = type("Foreign", (LeRobotPolicy,), {"make_policy": make_policy})(
        PolicySpec("foreign"), ToyEnv().task_info
    )
    observation = {
        "prop": np.zeros((1, 1, 2), np.float32),
        "image.front": np.zeros((1, 1, 32, 32, 3), np.uint8),
    }

    assert policy.act(observation, np.zeros((1,), np.float32)).tolist() == [[[0.5, 9.0]] * 3]
    assert policy.action_units == "environment"


def test_modalities_are_those_that_the_policy_reads():
    blind = Chunks()
    del blind.config.input_features[CAMERA]

    assert build(blind).modalities == ("prop",)
    assert build(Chunks()).modalities == ("prop", "vision")


def test_a_history_needs_a_way_to_ask_for_it():
    model = Chunks()
    model.config.n_obs_steps = 2

    with pytest.raises(SpecError, match="override `predict`"):
        build(model)


def test_cameras_of_other_names_are_matched_by_the_option():
    task = ToyEnv().task_info
    features = {"observation.images.top": feature(3, 32, 32), "observation.state": feature(2)}

    assert match_inputs(features, task, "hand") == {
        "observation.images.top": "image.hand",
        "observation.state": "prop",
    }
    with pytest.raises(SpecError, match=r"no camera 'top'.*\?cameras=front"):
        match_inputs(features, task, "")
    with pytest.raises(SpecError, match="names 2 cameras"):
        match_inputs(features, task, "hand,front")


def test_inputs_of_another_shape_are_refused():
    task = ToyEnv().task_info

    with pytest.raises(SpecError, match=r"\(7,\).*'prop' of shape \(2,\)"):
        match_inputs({"observation.state": feature(7)}, task, "")
    with pytest.raises(SpecError, match="nothing of the kind"):
        match_inputs({"observation.environment_state": feature(3)}, task, "")


def test_actions_of_another_size_are_refused():
    model = Chunks()
    model.config.action_feature = feature(7)

    with pytest.raises(SpecError, match=r"\(7,\).*takes \(2,\)"):
        build(model)


@pytest.fixture
def folder(tmp_path):
    """A folder in LeRobot's layout, the weights aside."""
    step = {"registry_name": "normalizer_processor", "config": {}, "state_file": "stats.safetensors"}
    (tmp_path / "config.json").write_text(json.dumps({"type": "act"}))
    for name in (PREPROCESSOR, POSTPROCESSOR):
        (tmp_path / name).write_text(json.dumps({"name": "p", "steps": [step]}))
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "stats.safetensors").write_bytes(b"stats")
    return tmp_path


def test_the_hash_covers_every_file_that_is_loaded(folder):
    before = {folder_sha256(folder)}
    for path in checked_files(folder):
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        before.add(folder_sha256(folder))
        path.write_bytes(content)

    assert len(before) == 1 + 5


@pytest.mark.parametrize(
    "step",
    [
        {"class": "subprocess.Popen", "config": {"args": ["touch", "owned"]}},
        {"registry_name": "normalizer_processor", "class": "subprocess.Popen"},
        {"registry_name": "tokenizer_processor"},
        {"registry_name": ["normalizer_processor"]},
        {"registry_name": "normalizer_processor", "state_file": "../stats.safetensors"},
        {"registry_name": "normalizer_processor", "state_file": "stats.pt"},
        {"registry_name": "normalizer_processor", "state_file": "absent.safetensors"},
        "normalizer_processor",
    ],
)
def test_processors_that_could_run_code_or_leave_the_folder_are_refused(folder, step):
    (folder / POSTPROCESSOR).write_text(json.dumps({"steps": [step]}))

    with pytest.raises(CheckpointError) as refused:
        checked_files(folder)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"steps": 3}', "[" * 100_000])
def test_malformed_processors_are_refused_in_one_line(folder, text):
    (folder / PREPROCESSOR).write_text(text)

    with pytest.raises(CheckpointError) as refused:
        checked_files(folder)
    assert "\n" not in str(refused.value)


def test_pickled_weights_are_not_taken_for_safetensors(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(CheckpointError, match="pickled weights are refused"):
        checked_files(folder)


def test_without_a_folder_the_weights_are_told_to_be_missing():
    task: TaskInfo = ToyEnv().task_info
    weights = LeRobotFolder.weights(PolicySpec("lerobot"), task)

    assert not weights.available
    assert "lerobot@FOLDER" in weights.source
    with pytest.raises(CheckpointError, match="nothing is fetched"):
        LeRobotFolder(PolicySpec("lerobot", checkpoint="someone/act_pusht"), task)


def test_other_kinds_of_policy_are_refused_before_lerobot_is_imported(folder):
    (folder / "config.json").write_text(json.dumps({"type": "pi0"}))

    with pytest.raises(CheckpointError, match="type 'pi0'"):
        LeRobotFolder(PolicySpec("lerobot", checkpoint=str(folder)), ToyEnv().task_info)
