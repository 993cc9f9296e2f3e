"""The scene of any MuJoCo model: it follows the physics, shows what shifts change, and touches nothing else."""

import mujoco
import numpy as np
import pytest

from fdp_bench.api import ShiftConfigError, SpecError
from fdp_bench.api.receipt import GRIPPER, TARGET
from fdp_bench.sim.dynamics import DynamicsWatch
from fdp_bench.sim.model_scene import MODEL_PROFILES, ModelLayout, ModelScene

XML = """
<mujoco>
  <statistic center="0 0 .1"/>
  <asset>
    <texture name="squares" type="2d" builtin="checker" rgb1=".1 .1 .1" rgb2=".9 .9 .9" width="64" height="64"/>
    <material name="shared" rgba=".2 .6 .2 1"/>
    <material name="squares" texture="squares" texrepeat="4 4"/>
  </asset>
  <worldbody>
    <light name="lamp" pos="0 0 2"/>
    <camera name="front" pos="0 -1 1" xyaxes="1 0 0 0 .7 .7"/>
    <geom name="ground" type="plane" size="2 2 .1" material="squares"/>
    <body name="box" pos=".2 0 .1"><geom name="box" type="box" size=".1 .1 .1" material="shared"/></body>
    <body name="arm" pos="-.3 0 .1">
      <joint name="slide" type="slide" axis="0 1 0"/>
      <geom name="arm" type="box" size=".1 .1 .1" material="shared" contype="0" conaffinity="0"/>
      <geom name="shell" type="sphere" size=".2" group="3" mass="0" contype="0" conaffinity="0"/>
      <body name="tip" pos="0 0 .15">
        <camera name="hand" pos="0 0 .5"/>
        <geom name="tip" type="sphere" size=".05" mass="1" contype="0" conaffinity="0"/>
      </body>
    </body>
  </worldbody>
</mujoco>
"""
KEY = "image.front"
LAYOUT = ModelLayout(
    cameras={KEY: ("front", 64), "image.hand": ("hand", 32)},
    target=("box",),
    gripper=("arm",),
    parts={"object": ("box",), "robot": ("arm",)},
)


@pytest.fixture
def physics():
    model = mujoco.MjModel.from_xml_string(XML)
    return model, mujoco.MjData(model)


@pytest.fixture
def scene(physics):
    scene = ModelScene(*physics, MODEL_PROFILES["fast"], LAYOUT)
    yield scene
    scene.close()


def frame(scene, key=KEY):
    return scene.frames([key])[key]


def seen(scene, label):
    return scene.segmentation(KEY) == label


def test_the_frame_is_what_mujocos_own_renderer_draws(physics, scene):
    model, data = physics
    data.qpos[0] = 0.2
    mujoco.mj_forward(model, data)
    with mujoco.Renderer(model, 64, 64) as renderer:
        renderer.update_scene(data, "front")
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            renderer.scene.flags[flag] = False
        theirs = renderer.render()

    # Theirs is multisampled, ours is not: edges differ.
    assert np.median(np.abs(frame(scene).astype(int) - theirs)) <= 1
    assert np.abs(frame(scene).astype(int) - theirs).mean() < 4.0


def test_frames_follow_joints_and_bodies_that_the_task_moves(physics, scene):
    model, data = physics
    before = frame(scene)
    data.qpos[0] = 0.3
    with_joint = frame(scene)
    model.body("box").pos[1] = 0.3
    with_body = frame(scene)

    assert not np.array_equal(before, with_joint)
    assert not np.array_equal(with_joint, with_body)
    data.qpos[0], model.body("box").pos[1] = 0.0, 0.0
    assert np.array_equal(frame(scene), before)


def test_colours_that_the_task_changes_are_shown(physics, scene):
    before = frame(scene)
    physics[0].geom("tip").rgba[:] = [1.0, 0.0, 0.0, 1.0]

    assert not np.array_equal(frame(scene), before)


def test_each_change_is_seen_undone_by_restore_and_never_reaches_the_physics(physics, scene):
    watch = DynamicsWatch(physics[0])
    clean, digest = frame(scene), watch.sha256()
    looks = [
        np.array(getattr(physics[0], name)) for name in ("mat_rgba", "geom_rgba", "cam_pos", "light_diffuse")
    ]
    red = np.array([1.0, 0.0, 0.0])
    changes = (
        lambda: scene.tint_part("object", red, amount=1.0),
        lambda: scene.texture_part("floor", lambda x, y: np.stack([x % 1, y % 1, x % 1], -1), amount=1.0),
        lambda: scene.set_lights(diffuse_scale=np.full(3, 0.3), ambient_scale=np.full(3, 0.3)),
        lambda: scene.turn_lights(azimuth_rad=0.5, tilt_rad=1.0),
        lambda: scene.move_camera(KEY, offset_m=np.array([0.1, 0.0, 0.0]), rotation_rad=np.zeros(3)),
    )
    for change in changes:
        change()
        assert not np.array_equal(frame(scene), clean)
        scene.restore()
        assert np.array_equal(frame(scene), clean)
    assert watch.sha256() == digest
    for name, look in zip(("mat_rgba", "geom_rgba", "cam_pos", "light_diffuse"), looks, strict=True):
        assert np.array_equal(getattr(physics[0], name), look)


def test_parts_that_share_a_material_are_painted_apart(scene):
    others = ~(seen(scene, TARGET))
    clean = frame(scene)
    scene.tint_part("object", np.array([1.0, 0.0, 0.0]), amount=1.0)

    changed = (frame(scene) != clean).any(axis=-1)
    assert changed[seen(scene, TARGET)].mean() > 0.95
    assert not changed[others].any()
    assert scene.part_rgba("robot")[0].tolist() == pytest.approx([0.2, 0.6, 0.2, 1.0])


def test_segmentation_knows_bodies_with_what_hangs_on_them_and_no_collision_shapes(scene):
    # The shell, in a group that is not drawn, would hide the arm and reach far beyond it.
    shares = [seen(scene, label).mean() for label in (TARGET, GRIPPER)]

    assert all(0.01 < share < 0.2 for share in shares)
    u, v = scene.project(KEY, scene.gripper_position)
    assert seen(scene, GRIPPER)[int(v * 64), int(u * 64)]
    u, v = scene.project(KEY, scene.target_position)
    assert seen(scene, TARGET)[int(v * 64), int(u * 64)]


def test_without_names_the_models_centre_stands_for_target_and_gripper(physics):
    scene = ModelScene(*physics, MODEL_PROFILES["fast"], ModelLayout({KEY: ("front", 64)}))

    assert scene.target_position.tolist() == scene.gripper_position.tolist() == [0.0, 0.0, 0.1]
    assert not scene.segmentation(KEY).any()
    assert set(scene.material_groups) == {"floor"}


def test_only_cameras_that_stand_in_the_room_are_fixed(scene):
    assert scene.fixed_cameras == (KEY,)
    assert frame(scene, "image.hand").shape == (32, 32, 3)
    assert scene.picture(KEY, 128).shape == (128, 128, 3)


def test_there_is_no_room_for_distractors(scene):
    assert scene.distractor_slots == ()
    with pytest.raises(ShiftConfigError, match="not known"):
        scene.place_distractor("milk_0", xy=(0.0, 0.0), yaw=0.0)


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        (ModelLayout({KEY: ("frnot", 64)}), "no camera 'frnot'; did you mean 'front'"),
        (ModelLayout({KEY: ("front", 64)}, target=("bxo",)), "no body 'bxo'; did you mean 'box'"),
        (ModelLayout({KEY: ("front", 64)}, parts={"table": ("world",)}), ""),
    ],
)
def test_names_that_the_model_lacks_are_refused(physics, layout, why):
    if why:
        with pytest.raises(SpecError, match=why):
            ModelScene(*physics, MODEL_PROFILES["fast"], layout)
    else:
        assert len(ModelScene(*physics, MODEL_PROFILES["fast"], layout).part_rgba("table")) > 1


def test_a_model_made_anew_is_followed(physics, scene):
    scene.tint_part("object", np.array([1.0, 0.0, 0.0]), amount=1.0)
    model = mujoco.MjModel.from_xml_string(XML.replace('pos=".2 0 .1"', 'pos=".2 .2 .1"'))
    before = frame(scene)

    scene.follow(model, mujoco.MjData(model))

    assert not np.array_equal(frame(scene), before)
    assert scene.part_rgba("object")[0].tolist() == pytest.approx([0.2, 0.6, 0.2, 1.0])


def test_the_watch_tells_the_tasks_own_changes_from_others(physics):
    model, _ = physics
    watch = DynamicsWatch(model)
    built = watch.sha256()
    with watch.task_at_work():
        model.body("box").pos[0] = 0.4
    assert watch.sha256() == built

    model.opt.gravity[2] = -1.0
    assert watch.sha256() != built

    model.opt.gravity[2] = -9.81
    assert watch.sha256() == built


def test_a_change_between_two_steps_is_not_forgotten_after_them(physics):
    model, _ = physics
    watch = DynamicsWatch(model)
    built = watch.sha256()
    model.geom_friction[0] = 3.0
    with watch.task_at_work():
        pass

    assert watch.sha256() != built
