"""One attempt of a scripted expert at a demonstration."""

from typing import Any

import gymnasium
import numpy as np

from fdp_bench.api import image_keys, stream, stream_int
from fdp_bench.demos.demo_episode import RecordedEpisode
from fdp_bench.demos.experts.registry import EXPERTS
from fdp_bench.demos.model_file import recorded_model_file

#: Random streams of an attempt. Evaluation's have other names, so the two share no initial state.
DEMO_STATE = "demonstration-state"
DEMO_EXPERT = "demonstration-expert"
#: A demonstration with fewer steps to follow is not kept: it shows hardly more than the end of a lift.
MIN_STEPS_TO_FOLLOW = 20


def record_attempt(env: gymnasium.Env[Any, Any], *, seed: int, attempt: int) -> RecordedEpisode | None:
    """Let the expert act for one episode.

    Args:
        env: An environment of `fdp_bench.tasks` whose task has an expert.
        seed: Seed of the collection, >= 0.
        attempt: Number of the attempt, >= 0; with `seed` it decides everything random.

    Returns:
        The episode, or None if the expert failed or showed too few steps to follow.
    """
    task = env.unwrapped
    robosuite_env = task.robosuite_env  # type: ignore[attr-defined]
    task_expert = EXPERTS[task.task_info.task_id]  # type: ignore[attr-defined]
    observation, _ = env.reset(seed=stream_int(seed, attempt, DEMO_STATE))
    expert = task_expert.begin(stream(seed, attempt, DEMO_EXPERT))
    states, actions, rewards, observations = [], [], [], []
    lead_in_steps = 0
    done = False
    held = False
    while not done:
        action = expert.act(task_expert.read(robosuite_env))
        lead_in_steps += int(expert.leading_in)
        states.append(task.state())  # type: ignore[attr-defined]
        observations.append(observation)
        actions.append(action)
        observation, reward, held, truncated, _ = env.step(action)
        rewards.append(float(reward))
        done = held or truncated
    if not held or len(actions) - lead_in_steps < MIN_STEPS_TO_FOLLOW:
        return None
    cameras = image_keys(observations[0])
    return RecordedEpisode(
        states=np.array(states, np.float64),
        actions=np.array(actions, np.float32),
        rewards=np.array(rewards, np.float32),
        prop=np.array([seen["prop"] for seen in observations], np.float32),
        tactile=np.array([seen["tactile"] for seen in observations], np.float32),
        images={key: np.array([seen[key] for seen in observations], np.uint8) for key in cameras},
        lead_in_steps=lead_in_steps,
        model_file=recorded_model_file(robosuite_env),
    )
