"""What the tests of all tasks share: the tasks, and which of robosuite's each one is."""

import gymnasium

import fdp_bench  # noqa: F401 (registers the tasks)

#: Task -> (robosuite's name, body of the target).
TASKS = {
    "Can": ("PickPlaceCan", "Can_main"),
    "Stack": ("Stack", "cubeA_main"),
    "Square": ("NutAssemblySquare", "SquareNut_main"),
    "Door": ("Door", "Door_latch"),
}


def make(name, **settings):
    return gymnasium.make(f"fdp_bench/{name}-v1", disable_env_checker=True, **settings).unwrapped


def make_robosuite(name, **settings):
    """robosuite's task as its documentation makes it."""
    from fdp_bench.sim.physics import MODEL_SEED, import_robosuite

    return import_robosuite().make(
        TASKS[name][0],
        robots="Panda",
        has_renderer=False,
        has_offscreen_renderer=settings.get("use_camera_obs", False),
        control_freq=20,
        ignore_done=True,
        hard_reset=False,
        seed=MODEL_SEED,
        **{"use_camera_obs": False, **settings},
    )


def reset_robosuite(robosuite_env, seed):
    """Start robosuite's episode that our environment starts with this seed."""
    import numpy as np

    inner = gymnasium.utils.seeding.np_random(seed)[0].integers(2**63)
    sampler = robosuite_env.placement_initializer
    generator = np.random.default_rng(inner)
    for each in (robosuite_env, sampler, *getattr(sampler, "samplers", {}).values()):
        each.rng = generator
    robosuite_env.reset()
