"""The drawn scene: what shifts may change of it, and what it tells about itself."""

import numpy as np
import pytest

from fdp_bench.api.errors import ShiftConfigError
from fdp_bench.sim.scene import CAMERAS
from fdp_bench.tasks.lift import LiftEnv

KEYS = tuple(CAMERAS)
AGENTVIEW, WRIST = KEYS
OTHER, TARGET, GRIPPER, DISTRACTOR = range(4)


@pytest.fixture(scope="module")
def env():
    made = LiftEnv(draw_images=False)
    yield made
    made.close()


@pytest.fixture
def scene(env):
    env.reset(seed=0)
    return env.scene


def mean_colour(scene, key, wanted):
    mask = scene.segmentation(key) == wanted
    return scene.frames([key])[key][mask].mean(axis=0)


def test_segmentation_finds_target_gripper_and_background(scene):
    for key in KEYS:
        segmentation = scene.segmentation(key)
        assert (segmentation.shape, segmentation.dtype) == ((84, 84), np.uint8)
        assert set(np.unique(segmentation)) == {OTHER, TARGET, GRIPPER}
    red, green, blue = mean_colour(scene, AGENTVIEW, TARGET)
    assert red > 2.0 * max(green, blue)


@pytest.mark.parametrize("key", KEYS)
def test_projecting_the_target_lands_on_its_pixels(scene, key):
    u, v = scene.project(key, scene.target_position)
    assert scene.segmentation(key)[int(v * 84), int(u * 84)] == TARGET


def test_a_point_behind_a_camera_has_no_pixel(scene):
    camera = scene.data.cam("agentview")
    behind = camera.xpos + camera.xmat.reshape(3, 3)[:, 2]
    assert scene.project(AGENTVIEW, behind) is None


def test_positions_follow_the_physics(env, scene):
    data = env.robosuite_env.sim.data
    np.testing.assert_allclose(scene.target_position, data.get_body_xpos("cube_main"))
    np.testing.assert_allclose(scene.gripper_position, data.get_site_xpos("gripper0_right_grip_site"))


def test_every_slot_is_hidden_until_placed(scene):
    clean = scene.frames(KEYS)
    for slot in scene.distractor_slots:
        scene.place_distractor(slot, xy=(0.1, 0.15), yaw=0.0)
        assert (scene.segmentation(AGENTVIEW) == DISTRACTOR).sum() > 20, slot
        scene.restore()
        assert not (scene.segmentation(AGENTVIEW) == DISTRACTOR).any()
    for key, frame in scene.frames(KEYS).items():
        np.testing.assert_array_equal(frame, clean[key])


@pytest.mark.parametrize("yaw", [0.0, 1.0])
def test_a_distractor_stands_on_the_table_at_its_place(scene, yaw):
    for slot in scene.distractor_slots:
        scene.place_distractor(slot, xy=(0.1, -0.2), yaw=yaw)
        scene.sync()
        geom = scene.model.geom(f"distractor_{slot}").id
        mesh = scene.model.mesh(scene.model.geom_dataid[geom])
        vertices = scene.model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]
        world = vertices @ scene.data.geom_xmat[geom].reshape(3, 3).T + scene.data.geom_xpos[geom]
        assert world[:, 2].min() == pytest.approx(scene.table_center[2], abs=1e-6)
        distances = np.linalg.norm(world[:, :2] - [0.1, -0.2], axis=1)
        assert distances.max() == pytest.approx(scene.slot_radius(slot), abs=1e-5)


def test_slots_are_objects_of_a_households_size(scene):
    assert len(scene.distractor_slots) >= 6
    for slot in scene.distractor_slots:
        assert 0.01 < scene.slot_radius(slot) < 0.08


@pytest.mark.parametrize("part", ["object", "table", "floor", "walls", "robot"])
def test_tinting_a_part_by_zero_changes_nothing(scene, part):
    clean, colours = scene.frames(KEYS), scene.part_rgba(part)
    scene.tint_part(part, np.array([0.1, 0.8, 0.3]), amount=0.0)
    np.testing.assert_array_equal(scene.part_rgba(part), colours)
    for key, frame in scene.frames(KEYS).items():
        np.testing.assert_array_equal(frame, clean[key])


@pytest.mark.parametrize("part", ["object", "table", "floor", "walls", "robot"])
def test_a_part_painted_fully_has_the_colour_asked_for(scene, part):
    clean = scene.frames([AGENTVIEW])[AGENTVIEW]
    scene.tint_part(part, np.array([0.1, 0.8, 0.3]), amount=1.0)
    np.testing.assert_allclose(
        scene.part_rgba(part)[:, :3], [[0.1, 0.8, 0.3]] * len(scene.part_rgba(part)), atol=3e-3
    )
    painted = scene.frames([AGENTVIEW])[AGENTVIEW]
    changed = (painted != clean).any(axis=-1)
    red, green, blue = painted[changed].astype(float).mean(axis=0)
    assert changed.sum() > 40
    assert green > 1.3 * blue > 1.3 * red


def test_a_stronger_tint_changes_more(scene):
    clean = scene.frames([AGENTVIEW])[AGENTVIEW].astype(int)
    changes = []
    for amount in (0.2, 0.5, 1.0):
        scene.restore()
        scene.tint_part("object", np.array([0.0, 0.0, 1.0]), amount=amount)
        changes.append(np.abs(scene.frames([AGENTVIEW])[AGENTVIEW] - clean).sum())
    assert 0 < changes[0] < changes[1] < changes[2]


def test_dimming_the_lights_darkens_the_frame(scene):
    clean = scene.frames([AGENTVIEW])[AGENTVIEW].astype(float)
    scene.set_lights(diffuse_scale=np.full(3, 0.3), ambient_scale=np.full(3, 0.3))
    dark = scene.frames([AGENTVIEW])[AGENTVIEW].astype(float)
    assert dark.mean() < 0.8 * clean.mean()
    scene.restore()
    np.testing.assert_array_equal(scene.frames([AGENTVIEW])[AGENTVIEW], clean)


def test_a_reset_restores_everything(env, scene):
    clean = scene.frames(KEYS)
    scene.set_lights(diffuse_scale=np.array([2.0, 0.5, 0.1]), ambient_scale=np.zeros(3))
    for part in scene.material_groups:
        scene.tint_part(part, np.array([0.9, 0.1, 0.7]), amount=0.6)
    for slot in scene.distractor_slots:
        scene.place_distractor(slot, xy=(0.0, 0.2), yaw=0.5)
    changed = scene.frames(KEYS)
    env.reset(seed=0)
    for key, frame in scene.frames(KEYS).items():
        assert (changed[key] != clean[key]).mean() > 0.5
        np.testing.assert_array_equal(frame, clean[key])


def test_footprints_describe_the_table_and_what_must_stay_free(scene):
    assert scene.table_center == pytest.approx((0.0, 0.0, 0.8))
    assert scene.table_half_extent == pytest.approx((0.4, 0.4))
    target, gripper, base = scene.keep_clear
    assert target.center_xy == pytest.approx(tuple(scene.target_position[:2]))
    assert gripper.center_xy == pytest.approx(tuple(scene.gripper_position[:2]))
    assert base.center_xy == pytest.approx((-0.56, 0.0))
    assert np.hypot(*np.subtract(target.center_xy, scene.workspace.center_xy)) < scene.workspace.radius
    assert scene.workspace.radius < scene.table_half_extent[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda scene: scene.tint_part("tabel", np.ones(3), amount=0.5), "did you mean 'table'"),
        (lambda scene: scene.tint_part("table", np.ones(3), amount=1.5), r"outside \[0, 1\]"),
        (lambda scene: scene.place_distractor("milk", xy=(0.0, 0.0), yaw=0.0), "did you mean 'milk_0'"),
        (lambda scene: scene.frames(["image.wirst"]), "did you mean 'image.wrist'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(scene, call, message):
    with pytest.raises(ShiftConfigError, match=message):
        call(scene)
