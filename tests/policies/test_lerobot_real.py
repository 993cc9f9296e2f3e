"""LeRobot's own policies, randomly initialized, behind the adapter; `tox -e lerobot` installs LeRobot."""

import json
import os

import numpy as np
import pytest
import torch
from fdp_policies.lerobot import LeRobotFolder

from fdp_bench.api import CheckpointError, PolicySpec
from fdp_bench.testing import check_policy
from fdp_bench.toy import TOY_TASK, ToyEnv

#: Kept for the length of the process: what a `Library` defines goes with it.
_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def _define_operators() -> None:
    """Declare the operators that torchvision's Python code names.

    Its wheel for CUDA cannot load its compiled half beside a PyTorch for CPUs. ResNets need nothing of that half.
    """
    for name in ("nms", "qnms"):
        _OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _import_lerobot() -> str:
    """Import LeRobot's policies; why not, where they cannot be."""
    try:
        import lerobot
    except ImportError as error:
        return f"LeRobot is not installed ({error}); `tox -e lerobot` brings it"
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        _define_operators()
    try:
        import lerobot.policies.act.modeling_act
        import lerobot.policies.diffusion.modeling_diffusion  # noqa: F401
    except (ImportError, RuntimeError) as error:
        return f"LeRobot's policies cannot be imported ({error})"
    return ""


REASON = _import_lerobot()
if REASON and os.environ.get("FDP_BENCH_REQUIRE_LEROBOT"):
    raise RuntimeError(REASON)
pytestmark = [
    pytest.mark.skipif(bool(REASON), reason=REASON),
    pytest.mark.filterwarnings("default"),
]

CAMERA = "observation.images.front"
FEATURES = {"observation.state": (2,), CAMERA: (3, 32, 32)}


def save_policy(folder, kind, **settings):
    """Write a policy with random weights and its processors as `lerobot-train` does."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.act.processor_act import make_act_pre_post_processors
    from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
    from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
    from lerobot.policies.diffusion.processor_diffusion import make_diffusion_pre_post_processors

    shapes = {
        "input_features": {
            "observation.state": PolicyFeature(FeatureType.STATE, FEATURES["observation.state"]),
            CAMERA: PolicyFeature(FeatureType.VISUAL, FEATURES[CAMERA]),
        },
        "output_features": {"action": PolicyFeature(FeatureType.ACTION, (2,))},
    }
    torch.manual_seed(0)
    if kind == "act":
        config = ACTConfig(
            **shapes, device="cpu", pretrained_backbone_weights=None, dim_model=32, n_heads=2, dim_feedforward=32,
            n_encoder_layers=1, n_vae_encoder_layers=1, latent_dim=4, chunk_size=6, n_action_steps=4, **settings,
        )  # fmt: skip
        policy, make = ACTPolicy(config), make_act_pre_post_processors
    else:
        config = DiffusionConfig(
            **shapes, device="cpu", horizon=8, n_action_steps=4, down_dims=(16, 32), crop_shape=(28, 28),
            spatial_softmax_num_keypoints=8, diffusion_step_embed_dim=16, num_train_timesteps=20,
            num_inference_steps=3, **settings,
        )  # fmt: skip
        policy, make = DiffusionPolicy(config), make_diffusion_pre_post_processors
    stats = {
        "observation.state": _stats((2,), 0.1, 0.4),
        "action": _stats((2,), 0.05, 0.3),
        CAMERA: _stats((3, 1, 1), 0.5, 0.25),
    }
    policy.save_pretrained(folder)
    for processor in make(config, dataset_stats=stats):
        processor.save_pretrained(folder)
    return policy.eval()


def _stats(shape, mean, std):
    return {
        "mean": torch.full(shape, mean),
        "std": torch.full(shape, std),
        "min": torch.full(shape, mean - std),
        "max": torch.full(shape, mean + 2 * std),
    }


def spec_of(folder):
    return PolicySpec("lerobot", checkpoint=str(folder))


def observe(rows, steps):
    generator = np.random.default_rng(0)
    return {
        "prop": generator.uniform(-0.3, 0.5, (rows, steps, 2)).astype(np.float32),
        "image.front": generator.integers(0, 256, (rows, steps, 32, 32, 3), dtype=np.uint8),
    }


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("act", {}),
        ("diffusion", {"noise_scheduler_type": "DDIM"}),
        ("diffusion", {"noise_scheduler_type": "DDPM"}),
    ],
)
def test_lerobots_policies_keep_the_rules_of_a_policy(tmp_path, kind, settings):
    save_policy(tmp_path, kind, **settings)

    check_policy(LeRobotFolder, TOY_TASK, spec=spec_of(tmp_path))


@pytest.mark.parametrize(("kind", "settings"), [("act", {}), ("diffusion", {"noise_scheduler_type": "DDIM"})])
def test_the_adapter_acts_as_lerobot_itself_does(tmp_path, kind, settings):
    """The oracle: LeRobot's own processors around its `select_action`, a control step at a time."""
    from fdp_policies.lerobot_folder import load_folder

    save_policy(tmp_path, kind, **settings)
    theirs, preprocess, postprocess = load_folder(tmp_path)
    ours = LeRobotFolder(spec_of(tmp_path), ToyEnv().task_info)
    seen = observe(rows=1, steps=1)
    noise = np.random.default_rng(1).standard_normal((1, *ours.noise_shape), dtype=np.float32)
    history = {key: np.repeat(value, ours.n_obs_steps, axis=1) for key, value in seen.items()}

    batch = {
        "observation.state": torch.as_tensor(seen["prop"][:, 0]),
        CAMERA: torch.as_tensor(seen["image.front"][:, 0]).permute(0, 3, 1, 2) / 255,
    }
    asked = {} if kind == "act" else {"noise": torch.as_tensor(noise)}
    theirs.reset()
    steps = [postprocess(theirs.select_action(preprocess(dict(batch)), **asked)) for _ in range(4)]

    expected = torch.stack(steps, dim=1).numpy()
    assert np.allclose(ours.act(history, noise), expected, atol=1e-6)
    assert np.ptp(expected) > 1e-3


def test_weights_that_do_not_fit_the_config_are_refused_in_one_line(tmp_path):
    save_policy(tmp_path, "act")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "dim_model": 64}))

    with pytest.raises(CheckpointError, match="LeRobot cannot load") as refused:
        LeRobotFolder(spec_of(tmp_path), ToyEnv().task_info)
    assert "\n" not in str(refused.value)


def test_no_weights_are_fetched_for_the_image_encoder(tmp_path):
    save_policy(tmp_path, "act")
    config = json.loads((tmp_path / "config.json").read_text())
    named = {**config, "pretrained_backbone_weights": "ResNet18_Weights.IMAGENET1K_V1"}
    (tmp_path / "config.json").write_text(json.dumps(named))

    assert LeRobotFolder(spec_of(tmp_path), ToyEnv().task_info).modalities == ("prop", "vision")
