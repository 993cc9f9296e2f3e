import pytest

from fdp_bench.api import DatasetError
from fdp_bench.demos.joints import read_joint_layout

MODEL = """<mujoco><worldbody>
<body name="table" pos="0 0 0.775"/>
<body name="robot0_base" pos="-0.56 0 0.912"><body name="link">
  <joint name="robot0_joint1"/>
  <body name="hand"><joint name="gripper0_finger_joint1" type="slide"/></body>
  <body name="elbow"><joint name="shoulder" type="ball"/></body>
</body></body>
<body name="cube_main"><freejoint name="cube_joint0"/><joint name="never"/></body>
</worldbody></mujoco>"""


def test_joints_lie_depth_first_with_the_sizes_of_their_types():
    layout = read_joint_layout(MODEL)
    assert dict(layout.positions) == {
        "robot0_joint1": slice(0, 1),
        "gripper0_right_finger_joint1": slice(1, 2),
        "shoulder": slice(2, 6),
        "cube_joint0": slice(6, 13),
        "never": slice(13, 14),
    }
    assert layout.state_size == 1 + 14 + (1 + 1 + 3 + 6 + 1)


def test_layout_is_the_one_that_mujoco_compiles():
    import mujoco

    xml = """<mujoco><worldbody>
    <body><joint name="a"/><geom size="1"/><body><joint name="b" type="ball"/><geom size="1"/></body></body>
    <body><freejoint name="c"/><geom size="1"/></body></worldbody></mujoco>"""
    model = mujoco.MjModel.from_xml_string(xml)
    layout = read_joint_layout(xml)
    assert {name: part.start for name, part in layout.positions.items()} == {
        name: int(model.joint(name).qposadr[0]) for name in "abc"
    }
    assert layout.state_size == 1 + model.nq + model.nv


def test_bodies_without_joints_in_the_world_are_fixtures():
    fixed = read_joint_layout(MODEL).fixed_bodies
    assert set(fixed) == {"table", "robot0_base"}
    assert fixed["robot0_base"][0].tolist() == [-0.56, 0.0, 0.912]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("", "no XML"),
        ("<a/>", "no worldbody"),
        ("<mujoco/>", "no worldbody"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><mujoco/>', "entities"),
        ("<mujoco><worldbody><include file='/etc/passwd'/></worldbody></mujoco>", "'include'"),
        ("<mujoco><worldbody><body><joint type='screw'/></body></worldbody></mujoco>", "'screw'"),
        ("<mujoco><worldbody><body pos='1 2 here'/></worldbody></mujoco>", "1 2 here"),
        ("<mujoco><worldbody><body pos='1 2'/></worldbody></mujoco>", "pos"),
        ("<mujoco><worldbody><body quat='1 0 0 nan'/></worldbody></mujoco>", "quat"),
    ],
)
def test_other_models_are_refused_in_one_line(model, said):
    with pytest.raises(DatasetError, match=said) as error:
        read_joint_layout(model)
    assert "\n" not in str(error.value)
