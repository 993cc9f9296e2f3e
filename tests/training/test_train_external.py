"""Training on demonstrations of somebody else's environment: the page's example, with a scripted expert."""

import json

import numpy as np
import pytest
from external_page import example

from fdp_bench.api import DatasetError
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.layout import FORMAT_VERSION
from fdp_bench.demos.record import record
from fdp_bench.runner.rollout.environment import make_base
from fdp_bench.tasks import resolve_task
from fdp_bench.tasks.external import registry
from fdp_bench.training.job import task_info

__all__ = ["example"]


def write_packed(path, *, side=84):
    """Two demonstrations in the packed form, as `fdp_bench.demos.pack` describes it."""
    env = make_base("reach.toml")
    prop, frames, actions = [], [], []
    for seed in range(2):
        observation, _ = env.reset(seed=seed)
        last = np.zeros((side, side, 3), np.uint8)
        for _ in range(5):
            hand, ball = np.split(env.unwrapped.inner.unwrapped.observe(), 2)
            action = np.clip(10.0 * (ball - hand), -1.0, 1.0).astype(np.float32)
            frame = observation["image.front"][:side, :side]
            prop.append(observation["prop"])
            frames.append(frame - last)
            actions.append(action)
            last = frame
            observation = env.step(action)[0]
    env.close()
    card = {
        "format": FORMAT_VERSION,
        "task_id": "mine/ReachByEye-v0",
        "profile": "fast",
        "cameras": ["image.front"],
    }
    members = {"prop": prop, "actions": actions, "image.front": frames, "episode_ends": [5, 10]}
    np.savez(
        path,
        card=np.frombuffer(json.dumps(card).encode(), np.uint8),
        **{key: np.array(value) for key, value in members.items()},
    )


def test_the_task_is_the_environments_for_the_keys_that_the_file_holds(example):
    write_packed(example / "reach.npz")

    info = task_info(load_demonstrations(example / "reach.npz"))

    assert info.task_id == "mine/ReachByEye-v0"
    assert info.modalities == {"prop": ("prop",), "vision": ("image.front",)}
    assert info.observation_shapes == {"prop": (2,), "image.front": (84, 84, 3)}
    assert (info.action_dim, info.horizon, info.profile) == (2, 60, "fast")


def test_demonstrations_of_another_shape_are_refused(example):
    write_packed(example / "small.npz", side=40)

    with pytest.raises(DatasetError, match=r"'image.front' of shape \(40, 40, 3\).*\(84, 84, 3\)"):
        task_info(load_demonstrations(example / "small.npz"))


def test_demonstrations_of_another_map_under_the_same_id_are_refused(example):
    record(
        "reach.toml",
        lambda observation, env: [0, 0],
        episodes=2,
        out=example / "reach.hdf5",
        only_successes=False,
    )
    data = load_demonstrations(example / "reach.hdf5")
    assert task_info(data).task_id == "mine/ReachByEye-v0"

    text = (example / "reach.toml").read_text()
    for changed, refused in (("[0, 2]", True), ('summary = "Reach the ball"', False)):
        registry._remembered.clear()
        other = text.replace("slice = [0, 2]", "slice = [2, 4]") if refused else changed + "\n" + text
        (example / "reach.toml").write_text(other)
        resolve_task("reach.toml")
        if refused:
            with pytest.raises(
                DatasetError, match=r"another map of mine/ReachByEye-v0 \(digest [0-9a-f]{12}, now"
            ):
                task_info(data)
        else:
            assert task_info(data).action_dim == 2
