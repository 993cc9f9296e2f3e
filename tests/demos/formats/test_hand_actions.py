"""Recorded actions that mean something else than the package's tasks' own: refused with a figure, or converted."""

import json

import gymnasium
import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fdp_bench.api import DatasetError
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.experts.registry import EXPERTS
from fdp_bench.demos.formats.importing import import_demonstrations
from fdp_bench.demos.layout import IMAGE_NAMES, PROP_PARTS
from fdp_bench.demos.model_file import recorded_model_file

LIFT = "fdp_bench/Lift-v1"
STEPS = 24
_BASE_M = np.array([-0.56, 0.0, 0.912])


@pytest.fixture(scope="module")
def played():
    """The expert's way to the cube with some play of the wrist, and the goals of its controller."""
    env = gymnasium.make(LIFT, draw_images=False, read_touch=False, disable_env_checker=True).unwrapped
    rng, expert = np.random.default_rng(0), EXPERTS[LIFT].begin(np.random.default_rng(0))
    observation, _ = env.reset(seed=1)
    columns = {name: [] for name in ("states", "prop", "actions", "goals", "goal_rotations")}
    turn = np.zeros(3)
    for _ in range(STEPS):
        turn = 0.8 * turn + 0.2 * rng.uniform(-1, 1, 3)
        action = np.clip(expert.act(EXPERTS[LIFT].read(env.robosuite_env)), -1.0, 1.0).astype(np.float64)
        action[3:6] = turn
        columns["states"].append(env.state())
        columns["prop"].append(observation["prop"])
        columns["actions"].append(action)
        observation, *_ = env.step(action)
        controller = env.robosuite_env.robots[0].part_controllers["right"]
        columns["goals"].append(np.array(controller.goal_pos))
        columns["goal_rotations"].append(np.array(controller.goal_ori))
    made = {name: np.array(values) for name, values in columns.items()}
    made["model"] = recorded_model_file(env.robosuite_env)
    env.close()
    return made


def poses(played, *, place=(0.0, 0.0, 0.0)):
    """What robosuite's controller was asked for, as Diffusion Policy's converter writes it."""
    turned = Rotation.from_matrix(played["goal_rotations"]).as_rotvec()
    return np.concatenate([played["goals"] - place, turned, played["actions"][:, 6:]], axis=1)


def poses_of_the_hand(played):
    """The same made from observations: the hand's own rotation, a delta further."""
    prop, delta = played["prop"].astype(np.float64), played["actions"]
    turned = Rotation.from_rotvec(0.5 * delta[:, 3:6]) * Rotation.from_quat(prop[:, 10:14])
    return np.concatenate([prop[:, 7:10] + 0.05 * delta[:, :3], turned.as_rotvec(), delta[:, 6:]], axis=1)


def write(path, played, actions, *, controller=None, **arrays):
    """A robomimic file; without `arrays` it holds states."""
    settings = {"robots": ["Panda"], "control_freq": 20}
    settings |= {"controller_configs": {"type": "OSC_POSE", **controller}} if controller is not None else {}
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps({"env_name": "Lift", "type": 1, "env_kwargs": settings})
        group = data.create_group("demo_0")
        group["actions"] = actions
        if not arrays:
            group.attrs["model_file"] = played["model"]
            group["states"] = played["states"]
        for name, values in arrays.items():
            group[f"obs/{name}"] = values
    return path


def observed(played):
    """The arrays of a file without states: robosuite's own pictures and numbers."""
    ends = np.cumsum(list(PROP_PARTS.values()))[:-1]
    frames = np.zeros((STEPS, 84, 84, 3), np.uint8)
    return dict(zip(PROP_PARTS, np.split(played["prop"], ends, axis=1), strict=True)) | dict.fromkeys(
        IMAGE_NAMES.values(), frames
    )


OTHERS = {
    "half": lambda a: a * [*[0.5] * 6, 1],
    "twice": lambda a: a * [*[2] * 6, 1],
    "signs": lambda a: a * [*[-1] * 6, 1],
    "axes": lambda a: a[:, [1, 0, 2, 3, 4, 5, 6]],
    "a step late": lambda a: np.roll(a, 1, axis=0),
    "nothing": lambda a: a * [*[0] * 6, 1],
}


@pytest.mark.parametrize("how", OTHERS)
def test_actions_in_another_unit_frame_or_time_are_refused_with_how_far_they_lead_away(played, tmp_path, how):
    file = write(tmp_path / "in.hdf5", played, OTHERS[how](played["actions"]))

    with pytest.raises(
        DatasetError, match=r"demo_0: its actions do not lead .* mm away on average"
    ) as refused:
        import_demonstrations(file, tmp_path / "out.hdf5")
    assert "\n" not in str(refused.value)
    assert "--actions" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.hdf5"]


def test_true_actions_are_kept_as_they_are(played, tmp_path):
    import_demonstrations(write(tmp_path / "in.hdf5", played, played["actions"]), tmp_path / "out.hdf5")

    actions = load_demonstrations(tmp_path / "out.hdf5").demos[0].actions
    np.testing.assert_array_equal(actions, played["actions"].astype(np.float32))


@pytest.mark.parametrize("controller", [None, {"control_delta": True}])
def test_poses_that_are_called_deltas_are_recognized(played, tmp_path, controller):
    file = write(tmp_path / "in.hdf5", played, poses(played), controller=controller)

    with pytest.raises(DatasetError, match=r"do not lead .* they are absolute poses; .*--actions absolute"):
        import_demonstrations(file, tmp_path / "out.hdf5")


def test_poses_that_are_called_poses_are_refused_with_the_same_words(played, tmp_path):
    file = write(tmp_path / "in.hdf5", played, poses(played), controller={"control_delta": False})

    with pytest.raises(DatasetError, match=r"says that its actions are absolute poses; .*--actions absolute"):
        import_demonstrations(file, tmp_path / "out.hdf5")


@pytest.mark.parametrize(
    ("made", "frame"),
    [
        (poses, "world, rotations of the grip site"),
        (lambda played: poses(played, place=_BASE_M), "robot's base, rotations of the grip site"),
        (poses_of_the_hand, "world, rotations of the hand"),
    ],
    ids=["world", "base", "hand"],
)
def test_poses_are_converted_on_request_whatever_their_frame(played, tmp_path, made, frame):
    file = write(tmp_path / "in.hdf5", played, made(played), controller={"control_delta": False})

    summary = import_demonstrations(file, tmp_path / "out.hdf5", actions="absolute")

    assert any(frame in note for note in summary.notes)
    actions = load_demonstrations(tmp_path / "out.hdf5").demos[0].actions
    np.testing.assert_allclose(actions, played["actions"], atol=0.02)


def test_deltas_are_not_taken_for_poses(played, tmp_path):
    file = write(tmp_path / "in.hdf5", played, played["actions"])

    with pytest.raises(
        DatasetError, match=r"are not absolute poses of the hand: .*leave --actions absolute out"
    ):
        import_demonstrations(file, tmp_path / "out.hdf5", actions="absolute")


def test_actions_of_our_own_files_are_looked_at_too(played, tmp_path):
    """A converter that overwrites actions leaves everything else as it was."""
    first = write(tmp_path / "in.hdf5", played, played["actions"])
    import_demonstrations(first, tmp_path / "ours.hdf5")
    with h5py.File(tmp_path / "ours.hdf5", "r+") as file:
        file["data/demo_0/actions"][...] = poses(played)

    with pytest.raises(DatasetError, match="absolute poses"):
        import_demonstrations(tmp_path / "ours.hdf5", tmp_path / "out.hdf5")


def test_files_without_states_are_held_to_what_the_arm_did(played, tmp_path):
    def imported(actions, **options):
        file = write(tmp_path / "in.hdf5", played, actions, **observed(played))
        (tmp_path / "out.hdf5").unlink(missing_ok=True)
        import_demonstrations(file, tmp_path / "out.hdf5", profile="reference", **options)
        return load_demonstrations(tmp_path / "out.hdf5").demos[0].actions

    np.testing.assert_array_equal(imported(played["actions"]), played["actions"].astype(np.float32))
    np.testing.assert_allclose(imported(poses(played), actions="absolute"), played["actions"], atol=0.02)
    with pytest.raises(DatasetError, match=r"demonstration 0.*absolute poses"):
        imported(poses(played))
    with pytest.raises(DatasetError, match="another unit, frame, sign or delay"):
        imported(OTHERS["half"](played["actions"]))


def test_what_no_step_shows_is_not_cut(played, tmp_path):
    """A single step leads nowhere that was recorded."""
    first = {name: values[:1] for name, values in played.items() if name != "model"} | {
        "model": played["model"]
    }
    file = write(tmp_path / "in.hdf5", first, first["actions"] + 3.0)

    with pytest.raises(DatasetError, match="--actions clipped"):
        import_demonstrations(file, tmp_path / "out.hdf5")
    import_demonstrations(file, tmp_path / "out.hdf5", actions="clipped")
    assert (load_demonstrations(tmp_path / "out.hdf5").demos[0].actions == 1.0).all()


def test_kinds_of_actions_that_nobody_knows_are_refused(played, tmp_path):
    file = write(tmp_path / "in.hdf5", played, played["actions"])

    with pytest.raises(DatasetError, match="'absolut'; did you mean 'absolute'"):
        import_demonstrations(file, tmp_path / "out.hdf5", actions="absolut")
