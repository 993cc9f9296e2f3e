"""robosuite's tasks as they are, made quiet and reset exactly.

The physics never draws and never computes robosuite's observables; its states equal those of an environment
made with `robosuite.make`, bit for bit.
"""

import logging
import warnings
from typing import Any

import numpy as np

from fdp_bench.sim.cache import prepare_numba
from fdp_bench.sim.gl import prepare_environment

#: robosuite draws the cube's size (half edges 20-22 mm) when it loads the model: one fixed draw for all.
MODEL_SEED = 0
#: Control steps a second.
CONTROL_HZ = 20


def import_robosuite() -> Any:
    """Import robosuite without its notices about macros, optional packages and escapes in its sources.

    What MuJoCo warns of (numbers that are none, no room for contacts) becomes a Python warning, unless somebody has
    set `mujoco.set_mju_user_warning` already; MuJoCo would append it to ``MUJOCO_LOG.TXT`` in the working folder.

    Raises:
        RenderingError: See `fdp_bench.sim.gl.prepare_environment`: importing mujoco settles the OpenGL in
            use.
    """
    prepare_environment()
    prepare_numba()
    logger = logging.getLogger("robosuite_logs")
    if _errors_only not in logger.filters:
        logger.addFilter(_errors_only)
    with warnings.catch_warnings():
        # Its sources hold escapes that Python warns of when they are compiled, 3.11 in another class than later ones.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.filterwarnings("ignore", "invalid escape sequence", DeprecationWarning)
        import mujoco
        import robosuite

    if mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(_warn)
    return robosuite


def _errors_only(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def _warn(text: str) -> None:
    # The caller stands wherever the simulation is stepped: it says nothing of the cause.
    warnings.warn(f"MuJoCo: {text}", RuntimeWarning, stacklevel=1)


def make_physics(name: str, **settings: Any) -> Any:
    """Make a robosuite task: Panda, its default composite controller (OSC_POSE deltas and gripper), 20 Hz.

    Args:
        name: robosuite's name of the task, for instance ``"PickPlaceCan"``.
        **settings: Further arguments of `robosuite.make`.

    Returns:
        The robosuite environment, without renderer, observables or horizon.
    """
    environment = import_robosuite().make(
        name,
        robots="Panda",
        has_renderer=False,
        has_offscreen_renderer=False,
        use_camera_obs=False,
        control_freq=CONTROL_HZ,
        ignore_done=True,
        hard_reset=False,
        renderer="mujoco",
        seed=MODEL_SEED,
        **settings,
    )
    # Their sensors take three quarters of a control step, and nobody reads them.
    environment._observables = {}
    return environment


def make_lift(placement_range_m: float) -> Any:
    """Make robosuite's Lift; see `make_physics`.

    Args:
        placement_range_m: The cube's centre is drawn uniformly within plus and minus this in x and y, in
            metres, about the table's centre; robosuite's own value is 0.03.
    """
    import_robosuite()
    from robosuite.utils.placement_samplers import UniformRandomSampler

    sampler = UniformRandomSampler(
        name="ObjectSampler",
        x_range=[-placement_range_m, placement_range_m],
        y_range=[-placement_range_m, placement_range_m],
        rotation=None,
        ensure_object_boundary_in_range=False,
        ensure_valid_placement=True,
        reference_pos=np.array((0.0, 0.0, 0.8)),
        z_offset=0.01,
    )
    return make_physics("Lift", placement_initializer=sampler)


def reset_exactly(environment: Any, seed: int) -> None:
    """Reset a robosuite environment to a state that depends on the seed alone, not on what came before.

    Args:
        environment: From `make_physics`.
        seed: Seed of the arm's initial joint noise and of the objects' placement, >= 0.
    """
    generator = np.random.default_rng(seed)
    environment.rng = generator
    sampler = environment.placement_initializer
    for each in (sampler, *getattr(sampler, "samplers", {}).values()):
        each.rng = generator
    environment.reset()


def model_xml(environment: Any) -> str:
    """The XML that robosuite compiled its model from."""
    xml: str = environment.model.get_xml()
    for processor in environment._xml_processors:
        xml = processor(xml)
    return xml
