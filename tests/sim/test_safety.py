"""Safety figures against hand-made scenes whose forces are known."""

import mujoco
import numpy as np
import pytest

from fdp_bench.sim.safety import SafetyMonitor

# A 2 kg block of the robot rests on the ground; another body of the scene rests beside it.
RESTING = """
<mujoco>
  <worldbody>
    <geom name="ground" type="plane" size="1 1 .1"/>
    <body name="gripper0_block" pos="0 0 .05"><freejoint/><geom type="box" size=".05 .05 .05" mass="2"/></body>
    <body name="crate" pos=".5 0 .05"><freejoint/><geom type="box" size=".05 .05 .05" mass="50"/></body>
    <body name="robot0_arm" pos="0 .5 .5">
      <joint name="robot0_joint1" type="hinge" axis="0 0 1"/><geom type="sphere" size=".01" mass="1"/>
    </body>
  </worldbody>
</mujoco>
"""

# Two fingers squeeze a crate from both sides with 8 N each, without gravity.
SQUEEZING = """
<mujoco>
  <option gravity="0 0 0"/>
  <worldbody>
    <body name="gripper0_left" pos="-.1 0 0"><joint name="l" type="slide" axis="1 0 0"/>
      <geom type="box" size=".05 .05 .05"/></body>
    <body name="gripper0_right" pos=".1 0 0"><joint name="r" type="slide" axis="-1 0 0"/>
      <geom type="box" size=".05 .05 .05"/></body>
    <body name="crate"><freejoint/><geom type="box" size=".05 .04 .04"/></body>
    <body name="robot0_arm" pos="0 1 0"><joint name="robot0_joint1" type="hinge"/><geom size=".01"/></body>
  </worldbody>
  <actuator><motor joint="l"/><motor joint="r"/></actuator>
</mujoco>
"""


def settled(xml, control=(), steps=2000):
    model = mujoco.MjModel.from_xml_string(xml)
    data = mujoco.MjData(model)
    data.ctrl[:] = control
    mujoco.mj_step(model, data, steps)
    return model, data


def test_the_contact_force_of_a_resting_block_is_its_weight():
    model, data = settled(RESTING)
    monitor = SafetyMonitor(model, data)
    monitor.update()
    assert monitor.figures()["peak_contact_force_n"] == pytest.approx(2.0 * 9.81, rel=0.01)


def test_opposing_fingers_do_not_cancel_out():
    model, data = settled(SQUEEZING, control=(8.0, 8.0))
    monitor = SafetyMonitor(model, data)
    monitor.update()
    assert monitor.figures()["peak_contact_force_n"] == pytest.approx(8.0, rel=0.02)


def test_contacts_within_the_robot_do_not_count():
    touching = SQUEEZING.replace('name="crate"', 'name="gripper0_pad"')
    model, data = settled(touching, control=(8.0, 8.0))
    assert data.ncon > 0
    monitor = SafetyMonitor(model, data)
    monitor.update()
    assert monitor.figures()["peak_contact_force_n"] == 0.0


def test_peaks_stay_until_reset():
    model, data = settled(RESTING)
    monitor = SafetyMonitor(model, data)
    data.qvel[-1] = -3.0
    monitor.update()
    data.qvel[-1] = 1.0
    monitor.update()
    assert monitor.figures()["peak_joint_speed_rad_s"] == 3.0
    monitor.reset()
    assert monitor.figures() == {"peak_contact_force_n": 0.0, "peak_joint_speed_rad_s": 0.0}


def test_velocities_of_other_bodies_do_not_count():
    model, data = settled(RESTING)
    data.qvel[:] = 0.0
    data.qvel[0] = 9.0
    monitor = SafetyMonitor(model, data)
    monitor.update()
    assert np.isclose(monitor.figures()["peak_joint_speed_rad_s"], 0.0)


# MuJoCo orders a contact's geoms by type, so one pair of bodies can touch in both orders.
BOTH_ORDERS = """
<mujoco>
  <worldbody>
    <body name="rails" pos="0 0 .1">
      <geom type="capsule" size=".02 .2" euler="0 90 0" pos="0 0 0"/>
      <geom type="capsule" size=".02 .2" euler="0 90 0" pos="0 .2 0"/>
    </body>
    <body name="gripper0_block" pos="0 0 .17"><joint type="slide" axis="0 0 1"/>
      <geom type="box" size=".05 .05 .05" mass="1"/><geom type="sphere" size=".05" pos="0 .2 0" mass="1"/></body>
    <body name="robot0_arm" pos="0 1 1"><joint name="robot0_joint1" type="hinge"/><geom size=".01"/></body>
  </worldbody>
</mujoco>
"""


def test_contacts_of_one_pair_of_bodies_add_up_in_either_order():
    model, data = settled(BOTH_ORDERS)
    firsts = set(model.geom_bodyid[data.contact.geom[:, 0]])
    assert len(firsts) == 2
    monitor = SafetyMonitor(model, data)
    monitor.update()
    assert monitor.figures()["peak_contact_force_n"] == pytest.approx(2.0 * 9.81, rel=0.01)
