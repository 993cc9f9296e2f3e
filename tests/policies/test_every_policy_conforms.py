"""Every policy that ships keeps the rules of a policy, in each form that changes how it acts."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from fdp_policies.checkpoints.policy_spec import FAMILIES, architecture_of
from fdp_policies.config import DiffusionConfig, TrainingConfig
from fdp_policies.guard.option import guard_option
from fdp_policies.lerobot import adapter
from fdp_policies.training.fit import fit
from fdp_policies.training.job import Job
from gymnasium.spaces import Box, Dict
from lerobot_stubs import Chunks

from fdp_bench.api import CalibrationRequest, Decision, PlayedEpisode, PolicySpec
from fdp_bench.demos.dataset import Demonstration, Demonstrations
from fdp_bench.plugins import load_policy, policy_plugins
from fdp_bench.specs import parse_policy
from fdp_bench.testing import check_policy
from fdp_bench.toy import ToyEnv

logging.getLogger("matplotlib").setLevel(logging.ERROR)

#: Forms to check where the bare name is not enough; what ships and is not named here is checked under its bare name.
FORMS = {
    "fdp": (
        "fdp:prop>vision",
        "fdp:vision>prop",
        "fdp:prop+vision>tactile",
        "fdp:prop>vision?backbone=unet",
        "fdp:prop>vision?composition=score",
        "fdp:prop>vision?sampler=ddpm&denoising_steps=4",
        "fdp:prop>vision?guard=on",
        "fdp:vision>prop?guard=on",
        "fdp:prop>vision?guard=on&backbone=unet",
        "fdp:prop>vision?guard=on&composition=score",
    ),
    "dp-dit": (
        "dp-dit",
        "dp-dit?modality_dropout=0.3",
        "dp-dit?modalities=prop+vision+tactile",
        "dp-dit?encoder=vit",
        "dp-dit?guard=base:prop",
    ),
    "base": ("base:prop", "base:vision", "base:prop+tactile", "base:vision?backbone=unet"),
    "dp-unet": ("dp-unet", "dp-unet?modality_dropout=0.3", "dp-unet?guard=base:prop"),
    "bc": ("bc", "bc?modalities=tactile"),
    "score-sum": ("score-sum:prop,vision", "score-sum:prop,vision?backbone=unet"),
    "router": ("router:prop,vision", "router:prop+vision,prop+tactile", "router:prop,vision?backbone=unet"),
}
SHIPPED = sorted(name for name, plugin in policy_plugins().items() if plugin.distribution == "fdp-bench")
TEXTS = [text for name in SHIPPED for text in FORMS.get(name, (name,))]
#: A few gradient steps, so that no two weights are equal by their start alone.
RECIPE = TrainingConfig(
    num_demos=4, steps=8, warmup_steps=1, eval_every=4, batch_size=8, plateau_min_steps=1, eval_windows=16,
    precision="fp32", learning_rate=5e-3,
)  # fmt: skip


class FeelingToy(ToyEnv):
    """The toy with touch: how far the gripper is from the target, each way."""

    def __init__(self):
        super().__init__()
        spaces = {**self.observation_space.spaces, "tactile": Box(-1, 1, (2,), np.float32)}
        self.observation_space = Dict(spaces)
        self.task_info = replace(
            self.task_info,
            modalities={**self.task_info.modalities, "tactile": ("tactile",)},
            observation_shapes={key: space.shape for key, space in spaces.items()},
            default_modalities=("prop", "vision"),
        )

    def _observe(self):
        return {**super()._observe(), "tactile": (self.target - self.gripper).astype(np.float32)}


def demonstrate(env, index, length=10):
    """An episode of actions towards the target, with noise."""
    rng = np.random.default_rng(index)
    seen, actions = [env.reset(seed=index)[0]], []
    for _ in range(length):
        actions.append(np.clip(8 * (env.target - env.gripper) + rng.normal(0, 0.3, 2), -1, 1))
        seen.append(env.step(actions[-1])[0])
    rows = {key: np.stack([each[key] for each in seen[:-1]]) for key in seen[0]}
    images = {key: rows[key] for key in rows if key.startswith("image.")}
    return Demonstration(
        f"demo_{index}", rows["prop"], images, np.array(actions, np.float32), tactile=rows["tactile"]
    )


def calibrated(spec, env):
    """The spec of a guarded policy that has seen clean episodes, or what looks like some."""

    def play(policy, indices):
        for index in indices:
            demo = demonstrate(env, 100 + index, length=6)
            seen = {key: demo.observations[key] for key in env.task_info.observation_shapes}
            noise = np.random.default_rng(index).standard_normal((3, *policy.noise_shape), dtype=np.float32)
            decisions = [
                Decision({key: value[step : step + 2] for key, value in seen.items()}, noise[step])
                for step in range(3)
            ]
            yield PlayedEpisode(index, True, tuple(decisions))

    done = load_policy(spec.name).calibrate(spec, env.task_info, play, CalibrationRequest(episodes=19))
    return parse_policy(done.policy)


@pytest.fixture(scope="module")
def env():
    return FeelingToy()


@pytest.fixture(scope="module")
def shown(env):
    demos = tuple(demonstrate(env, index) for index in range(6))
    names = [demo.name for demo in demos]
    return Demonstrations(env.task_info.task_id, "fast", demos, names[:4], names[4:], sha256="toy")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def trained(env, shown, stored, monkeypatch):
    """Give a spec tiny weights, trained for a moment; policies of one folder share what they can."""
    monkeypatch.setattr("fdp_policies.training.fitter.plot_training", lambda *_: None)
    monkeypatch.setattr("fdp_bench.demos.dataset.load_demonstrations", lambda *_, **__: shown)

    def make(spec):
        if spec.name in FAMILIES:
            architecture = architecture_of(spec, env.task_info)
            tiny = {"horizon": 4, "n_action_steps": 4, "width": 32, "depth": 2, "heads": 2}
            tiny |= {"feature_dim": 16, "crop_size": 24}
            network = replace(architecture.network, **tiny)
            training = replace(RECIPE, modality_dropout=architecture.modality_dropout)
            job = Job(
                replace(architecture, network=network),
                env.task_info,
                shown,
                DiffusionConfig(),
                training,
                "cpu",
                stored,
            )
            path = fit(job)
            option = guard_option(spec, env.task_info)
            if option is None:
                return replace(spec, checkpoint=str(path))
            if option.names_base:
                fit(
                    replace(
                        job, architecture=replace(option.base, network=replace(option.base.network, **tiny))
                    )
                )
            return calibrated(replace(spec, checkpoint=str(path)), env)
        kind = load_policy(spec.name)
        try:
            path = kind.fit(spec, env.task_info, stored / "data", stored, {"num_demos": "4"})
        except NotImplementedError:
            return spec
        return replace(spec, checkpoint=str(path))

    return make


@pytest.mark.parametrize("text", TEXTS)
def test_it_keeps_the_rules_of_a_policy(text, env, trained, monkeypatch):
    monkeypatch.setattr(adapter, "load_folder", lambda _: (Chunks(), dict, lambda actions: actions))
    spec = parse_policy(text)
    check_policy(load_policy(spec.name), env, spec=trained(spec))


def test_every_form_is_of_a_policy_that_ships():
    assert set(FORMS) <= set(SHIPPED)
    assert all(PolicySpec(name).name == parse_policy(text).name for name in FORMS for text in FORMS[name])
