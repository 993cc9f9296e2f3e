"""The peer: an evaluation as robosuite's users write it, with cameras observed on every control step.

robosuite's own environment behind its `GymWrapper`, both cameras at 84x84, and the same policy, observation steps and
chunks of actions as ours. With several environments they run in Gymnasium's `AsyncVectorEnv`, a process each, and a
batch of episodes is stepped until the last one ends (as LeRobot's evaluation does). Same task, success rule, horizon
and early end as ours. What could favour either side favours the peer: robosuite's model is not compiled anew at each
reset (`hard_reset=False`), and Mesa and torch have all cores.

Run as ``python -m benchmarks.peer --envs N --episodes N``; prints its figures as one line of JSON.
"""

import argparse
import json
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

CAMERAS = {"image.agentview": "agentview_image", "image.wrist": "robot0_eye_in_hand_image"}
PROP = ("robot0_joint_pos", "robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")
SIDE = 84
HORIZON = 200
HOLD_STEPS = 10


class PeerLift(gymnasium.Env):
    """robosuite's Lift behind its GymWrapper, with our names for what it observes, and our success rule."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, seed: int) -> None:
        import robosuite
        from robosuite.wrappers import GymWrapper

        base = robosuite.make(
            "Lift",
            robots="Panda",
            has_renderer=False,
            has_offscreen_renderer=True,
            use_camera_obs=True,
            camera_names=["agentview", "robot0_eye_in_hand"],
            camera_heights=SIDE,
            camera_widths=SIDE,
            control_freq=20,
            ignore_done=True,
            hard_reset=False,
            seed=seed,
        )
        self._env = GymWrapper(base, keys=[*PROP, *CAMERAS.values()], flatten_obs=False)
        self.action_space = spaces.Box(-1.0, 1.0, (7,), np.float32)
        frame = spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)
        self.observation_space = spaces.Dict(
            {"prop": spaces.Box(-10.0, 10.0, (16,), np.float32), **dict.fromkeys(CAMERAS, frame)}
        )
        self._steps = self._held = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the next episode; robosuite draws it from the seed of its construction."""
        super().reset(seed=seed)
        self._steps = self._held = 0
        observation, _ = self._env.reset()
        return self._named(observation), {"success": False}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Take one control step."""
        observation, reward, _, _, _ = self._env.step(action)
        success = bool(self._env.env._check_success())
        self._steps += 1
        self._held = self._held + 1 if success else 0
        held = self._held >= HOLD_STEPS
        truncated = self._steps >= HORIZON and not held
        return self._named(observation), float(reward), held, truncated, {"success": success}

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _named(self, observation: dict[str, Any]) -> dict[str, Any]:
        parts = [np.array(observation[key], np.float64) for key in PROP]
        # Of a rotation's two quaternions, the one that the policy was trained with.
        parts[2] *= -1.0 if parts[2][0] < 0.0 else 1.0
        named: dict[str, Any] = {"prop": np.concatenate(parts).astype(np.float32)}
        # robosuite hands out OpenGL's rows, the lowest first.
        return named | {key: np.ascontiguousarray(observation[name][::-1]) for key, name in CAMERAS.items()}


def make_env(seed: int, shift: str) -> gymnasium.Env:
    """An environment with or without the occlusion shift."""
    env: gymnasium.Env = PeerLift(seed)
    if shift:
        from fdp_bench.runner.rollout.environment import wrap
        from fdp_bench.specs import parse_shifts

        env = wrap(env, parse_shifts(shift))
    return env


def env_maker(seed: int, shift: str) -> Callable[[], gymnasium.Env]:
    return lambda: make_env(seed, shift)


class Chunked:
    """The policy: asked every `n_action_steps` control steps, given the latest `n_obs_steps` observations."""

    def __init__(self, spec: str, envs: int) -> None:
        import torch

        from fdp_bench.runner.rollout.preflight import build_policy
        from fdp_bench.specs import parse_policy
        from fdp_bench.tasks import describe

        self.policy = build_policy(parse_policy(spec), describe("fdp_bench/Lift-v1"), "cpu")
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        self._envs = envs
        self._rng = np.random.default_rng(0)

    def reset(self, observation: dict[str, Any]) -> None:
        """Start episodes."""
        self._history: deque[dict[str, Any]] = deque(
            [observation] * self.policy.n_obs_steps, self.policy.n_obs_steps
        )
        self._plan: deque[Any] = deque()

    def act(self) -> Any:
        """Actions of all environments for one control step, shape (N, 7)."""
        if not self._plan:
            batch = {
                key: np.stack([seen[key] for seen in self._history], axis=1) for key in self._history[-1]
            }
            noise = self._rng.standard_normal((self._envs, *self.policy.noise_shape)).astype(np.float32)
            self._plan.extend(self.policy.act(batch, noise).swapaxes(0, 1))
        return self._plan.popleft()

    def see(self, observation: dict[str, Any]) -> None:
        """Take the observation of a control step."""
        self._history.append(observation)


def roll_out(env: Any, policy: Chunked, envs: int) -> tuple[int, int, list[bool]]:
    """One batch of episodes, until the last one ends: control steps of episodes, of environments, successes."""
    observation, _ = env.reset()
    policy.reset(observation if envs > 1 else _batched(observation))
    running, success = np.ones(envs, bool), np.zeros(envs, bool)
    useful = stepped = 0
    while running.any():
        actions = policy.act()
        if envs > 1:
            observation, _, terminated, truncated, info = env.step(actions)
            now = np.asarray(info["success"], bool)
        else:
            observation, _, terminated, truncated, info = env.step(actions[0])
            observation, now = _batched(observation), np.array([info["success"]])
        policy.see(observation)
        useful += int(running.sum())
        stepped += envs
        success |= now & running
        running &= ~(np.asarray(terminated) | np.asarray(truncated))
    return useful, stepped, success.tolist()


def _batched(observation: dict[str, Any]) -> dict[str, Any]:
    return {key: value[None] for key, value in observation.items()}


def evaluate(spec: str, shifts: list[str], envs: int, episodes: int, seed: int) -> dict[str, Any]:
    """Evaluate a policy under each shift; times are without the making of environments and policy."""
    start = time.perf_counter()
    policy = Chunked(spec, envs)
    setup_s = time.perf_counter() - start
    figures: dict[str, Any] = {
        "episodes": 0,
        "wall_s": 0.0,
        "control_steps": 0,
        "stepped": 0,
        "successes": {},
    }
    for shift in shifts:
        start = time.perf_counter()
        if envs > 1:
            makers = [env_maker(seed + number, shift) for number in range(envs)]
            env: Any = gymnasium.vector.AsyncVectorEnv(
                makers, context="spawn", autoreset_mode=gymnasium.vector.AutoresetMode.DISABLED
            )
        else:
            env = make_env(seed, shift)
        env.reset()
        setup_s += time.perf_counter() - start
        successes: list[bool] = []
        start = time.perf_counter()
        while len(successes) < episodes:
            useful, stepped, ended = roll_out(env, policy, envs)
            figures["control_steps"] += useful
            figures["stepped"] += stepped
            successes += ended
        figures["wall_s"] += time.perf_counter() - start
        figures["episodes"] += len(successes)
        figures["successes"][shift or "clean"] = [sum(successes), len(successes)]
        env.close()
    return {**figures, "setup_s": setup_s}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer", description=__doc__.partition("\n")[0])
    parser.add_argument("--policy", default="fdp:prop>vision")
    parser.add_argument("--shift", action="append", default=[], help="beside clean; repeatable")
    parser.add_argument("--envs", type=int, default=1)
    parser.add_argument("--episodes", type=int, default=4, help="episodes under each shift, and without")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    figures = evaluate(args.policy, ["", *args.shift], args.envs, args.episodes, args.seed)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
