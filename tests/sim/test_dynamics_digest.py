"""The digest of a model's dynamics sees what moves differently, and nothing that only looks differently."""

import mujoco
import pytest

from fdp_bench.sim.dynamics import model_sha256

XML = """
<mujoco>
  <asset><material name="paint" rgba="1 0 0 1"/></asset>
  <worldbody>
    <light name="lamp" pos="0 0 3"/>
    <camera name="eye" pos="0 -1 1"/>
    <geom name="floor" type="plane" size="1 1 .1"/>
    <body name="arm"><joint name="hinge" damping="1"/><geom name="link" size=".1" material="paint"/></body>
  </worldbody>
  <actuator><motor name="motor" joint="hinge"/></actuator>
</mujoco>
"""


@pytest.fixture
def model():
    return mujoco.MjModel.from_xml_string(XML)


def test_equal_models_have_equal_digests(model):
    assert model_sha256(model) == model_sha256(mujoco.MjModel.from_xml_string(XML))


def test_simulating_changes_nothing(model):
    before, data = model_sha256(model), mujoco.MjData(model)
    data.ctrl[:] = 1.0
    mujoco.mj_step(model, data, 50)

    assert model_sha256(model) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.body_mass.__setitem__(1, 2.0),
        lambda model: model.geom_friction.__setitem__((0, 0), 0.1),
        lambda model: model.geom_size.__setitem__((1, 0), 0.2),
        lambda model: model.dof_damping.__setitem__(0, 2.0),
        lambda model: model.actuator_gear.__setitem__((0, 0), 2.0),
        lambda model: model.opt.gravity.__setitem__(2, -5.0),
        lambda model: setattr(model.opt, "timestep", 0.004),
    ],
    ids=["mass", "friction", "size", "damping", "gear", "gravity", "timestep"],
)
def test_what_moves_differently_is_seen(model, change):
    before = model_sha256(model)
    change(model)

    assert model_sha256(model) != before


@pytest.mark.parametrize("name", ["geom_rgba", "mat_rgba", "light_pos", "cam_pos", "vis"])
def test_what_only_looks_different_is_not(model, name):
    before = model_sha256(model)
    if name == "vis":
        model.vis.headlight.diffuse[:] = 0.1
    else:
        getattr(model, name)[...] += 0.1

    assert model_sha256(model) == before
