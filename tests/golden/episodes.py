"""Episodes that are played again: stored actions, the states and the pictures that they lead to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Tasks with a golden record.
TASKS = ("Lift", "LiftWide", "Can", "Stack", "Square", "Door")
#: Seed of the initial state and of the expert that chose the actions.
SEED = 6
#: Control steps after the one in which the fingers first touch something: long enough to grasp.
STEPS_AFTER_TOUCH = 10
#: More control steps than any approach takes.
_LONGEST_APPROACH = 150
#: Every visual shift is seen on this task, at this severity, by the camera that sees most.
SHIFTED_TASK, SHIFTED_SEVERITY, SHIFTED_CAMERA = "Lift", 3, "image.agentview"
#: With it, the frame that is seen under `frame_drop` is a dropped one.
SHIFT_SEED = 12
#: Control steps after which a shifted picture is taken: late enough for frames that come late.
SHIFTED_STEPS = 6

States = npt.NDArray[np.float64]
Actions = npt.NDArray[np.float32]
Pictures = Mapping[str, npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Played:
    """What an episode led to.

    Attributes:
        states: Stepper -> time (s), joint positions and velocities after the reset and after each action, shape
            (T + 1, 1 + nq + nv).
        state_names: What each component of a state is.
        pictures: ``"CAMERA, first"``, ``"CAMERA, last"`` and ``"SHIFT"`` -> frame, shape (84, 84, 3).
        dynamics_sha256: Digest of what decides how the model moves.
    """

    states: Mapping[str, States]
    state_names: tuple[str, ...]
    pictures: Pictures
    dynamics_sha256: str


def choose_actions(task: str) -> Actions:
    """Let the task's expert act until it has had something between its fingers for a while, shape (T, 7)."""
    from fdp_bench.demos.experts.registry import EXPERTS
    from fdp_bench.runner.rollout.environment import make_base

    env = make_base(task)
    base: Any = env.unwrapped
    base.draw_images = False
    expert_of = EXPERTS[base.task_info.task_id]
    expert, actions = expert_of.make(np.random.default_rng(SEED)), []
    env.reset(seed=SEED)
    touched_at = None
    while touched_at is None or len(actions) < touched_at + STEPS_AFTER_TOUCH:
        actions.append(expert.act(expert_of.read(base.robosuite_env)))
        observation, *_ = env.step(actions[-1])
        if touched_at is None and np.any(observation["tactile"][6:]):
            touched_at = len(actions)
        if len(actions) > _LONGEST_APPROACH:
            raise RuntimeError(
                f"{task}: the expert's fingers touch nothing in {_LONGEST_APPROACH} control steps"
            )
    env.close()
    return np.array(actions, np.float32)


def play(task: str, actions: Actions) -> Played:
    """Play actions with each stepper, in one environment: building it is what takes the time."""
    from fdp_bench.runner.rollout.environment import make_base
    from fdp_bench.sim.stepper import STEPPERS, make_stepper

    env = make_base(task)
    base: Any = env.unwrapped
    states, pictures = {}, {}
    for stepper in STEPPERS:
        base._take_control_step = make_stepper(stepper, base.robosuite_env)
        # One stepper's pictures are enough: they show its states.
        states[stepper], frames = _play(env, actions, draws=stepper == STEPPERS[0])
        pictures |= frames
    base._take_control_step = make_stepper(STEPPERS[0], base.robosuite_env)
    if task == SHIFTED_TASK:
        pictures |= {name: shifted_picture(env, name, actions) for name in visual_shifts()}
    played = Played(states, tuple(_state_names(base._model)), pictures, base.dynamics_sha256())
    env.close()
    return played


def visual_shifts() -> Sequence[str]:
    """Names of the built-in shifts of what cameras show."""
    from fdp_bench.plugins import shift_plugins

    return [
        name
        for name, plugin in shift_plugins().items()
        if plugin.distribution == "fdp-bench" and plugin.load().modality == "vision"  # type: ignore[attr-defined]
    ]


def shifted_picture(env: Any, shift: str, actions: Actions) -> npt.NDArray[np.uint8]:
    """What a camera shows under a shift after a few of the actions, shape (84, 84, 3)."""
    from fdp_bench.runner.rollout.environment import wrap
    from fdp_bench.specs import parse_shifts

    shifted = wrap(env, parse_shifts(f"{shift}@{SHIFTED_SEVERITY}"))
    env.unwrapped.draw_images = True
    observation, _ = shifted.reset(seed=SEED, options={"shift_seed": SHIFT_SEED})
    for action in actions[:SHIFTED_STEPS]:
        observation, *_ = shifted.step(action)
    picture: npt.NDArray[np.uint8] = observation[SHIFTED_CAMERA]
    return picture


def _play(env: Any, actions: Actions, *, draws: bool) -> tuple[States, dict[str, npt.NDArray[np.uint8]]]:
    from fdp_bench.api import image_keys

    base, pictures = env.unwrapped, {}
    base.draw_images = base.read_touch = False
    env.reset(seed=SEED)
    states = [base.state()]
    cameras = image_keys(base.observation_space.spaces)
    if draws:
        pictures |= {f"{key}, first": frame for key, frame in base.scene.frames(cameras).items()}
    for action in actions:
        env.step(action)
        states.append(base.state())
    if draws:
        pictures |= {f"{key}, last": frame for key, frame in base.scene.frames(cameras).items()}
    return np.array(states), pictures


def _state_names(model: Any) -> list[str]:
    """Names of the components of a state: of a joint with several numbers, ``"NAME[i]"``."""
    positions, velocities = [], []
    for index in range(model.njnt):
        joint = model.joint(index)
        for names, count, unit in (
            (positions, len(joint.qpos0), ""),
            (velocities, len(joint.damping), " velocity"),
        ):
            names += [f"{joint.name}{f'[{i}]' if count > 1 else ''}{unit}" for i in range(count)]
    return ["time", *positions, *velocities]
