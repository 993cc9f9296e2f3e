"""Files as robomimic, robosuite 1.4 and robosuite 1.5 write them, made here from a real episode's states."""

import json

import h5py
import numpy as np
import pytest

from fdp_bench.api import DatasetError
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.formats.importing import import_demonstrations
from fdp_bench.demos.layout import IMAGE_NAMES, PROP_PARTS
from fdp_bench.demos.model_file import recorded_model_file

STEPS = 4
CONTROLLER = {
    "type": "OSC_POSE",
    "input_max": 1,
    "input_min": -1,
    "output_max": [0.05, 0.05, 0.05, 0.5, 0.5, 0.5],
    "output_min": [-0.05, -0.05, -0.05, -0.5, -0.5, -0.5],
    "kp": 150,
    "impedance_mode": "fixed",
    "control_delta": True,
    "uncouple_pos_ori": True,
}


@pytest.fixture(scope="module")
def played():
    """A short episode of Lift: the model, the states, what was seen, what was done."""
    import gymnasium

    env = gymnasium.make("fdp_bench/Lift-v1").unwrapped
    rng = np.random.default_rng(0)
    observation, _ = env.reset(seed=3)
    states, seen, actions = [], [], []
    for _ in range(STEPS):
        states.append(env.state())
        seen.append(observation)
        actions.append(rng.uniform(-1, 1, 7))
        observation, *_ = env.step(actions[-1])
    model = recorded_model_file(env.robosuite_env)
    env.close()
    return {
        "model": model,
        "states": np.array(states),
        "actions": np.array(actions),
        "seen": {key: np.array([each[key] for each in seen]) for key in ("prop", *IMAGE_NAMES)},
    }


def env_args(**settings):
    settings = {"robots": ["Panda"], "control_freq": 20, "controller_configs": CONTROLLER, **settings}
    return {"env_name": "Lift", "type": 1, "env_version": "1.4.1", "env_kwargs": settings}


def write(path, played, *, args=None, num=1, **changes):
    """A low-dimensional robomimic file; an array that is None is left out."""
    arrays = {
        "states": played["states"],
        "actions": played["actions"],
        "rewards": np.zeros(STEPS),
        "obs/robot0_eef_pos": played["seen"]["prop"][:, 7:10].astype(float),
        **changes,
    }
    model = arrays.pop("model_file", played["model"])
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps(args or env_args())
        for index in range(num):
            group = data.create_group(f"demo_{index + 1}")
            if model is not None:
                group.attrs["model_file"] = model
            for name, values in arrays.items():
                if values is not None:
                    group[name] = values
    return path


def as_of_1_4(model):
    """The model as robosuite 1.4 named it; meshes that no longer exist are no hindrance."""
    return model.replace("gripper0_right_", "gripper0_").replace(
        'file="robosuite/', 'file="/gone/robosuite/old/'
    )


def test_observations_made_from_states_are_those_that_were_seen(played, tmp_path):
    out = tmp_path / "out.hdf5"
    summary = import_demonstrations(write(tmp_path / "in.hdf5", played), out)
    assert (summary.task_id, summary.num_demos, summary.num_steps) == ("fdp_bench/Lift-v1", 1, STEPS)
    demo = load_demonstrations(out, task_id="fdp_bench/Lift-v1").demos[0]
    np.testing.assert_array_equal(demo.prop, played["seen"]["prop"])
    np.testing.assert_array_equal(demo.actions, played["actions"].astype(np.float32))
    for key in IMAGE_NAMES:
        np.testing.assert_array_equal(demo.images[key], played["seen"][key])


def test_models_of_robosuite_1_4_are_read_by_their_joints(played, tmp_path):
    out = tmp_path / "out.hdf5"
    file = write(tmp_path / "in.hdf5", played, model_file=as_of_1_4(played["model"]))
    import_demonstrations(file, out)
    np.testing.assert_array_equal(load_demonstrations(out).demos[0].prop, played["seen"]["prop"])


def test_robosuites_own_recordings_are_read(played, tmp_path):
    file = write(tmp_path / "in.hdf5", played, rewards=None, **{"obs/robot0_eef_pos": None})
    with h5py.File(file, "r+") as opened:
        data = opened["data"]
        del data.attrs["env_args"]
        data.attrs["env"] = "Lift"
        data.attrs["repository_version"] = "1.4.0"
        data.attrs["env_info"] = json.dumps({"robots": "Panda", "controller_configs": CONTROLLER})
    out = tmp_path / "out.hdf5"
    import_demonstrations(file, out)
    assert load_demonstrations(out).card["source"]["robosuite"] == "1.4.0"


def test_files_of_either_width_of_lift_are_read_as_the_task_asked_for(played, tmp_path):
    summary = import_demonstrations(
        write(tmp_path / "in.hdf5", played), tmp_path / "out.hdf5", task="LiftWide"
    )
    assert summary.task_id == "fdp_bench/LiftWide-v1"


def stored_observations(played):
    ends = np.cumsum(list(PROP_PARTS.values()))[:-1]
    parts = np.split(played["seen"]["prop"].copy(), ends, axis=1)
    parts[2] *= -1.0  # the other sign of the same rotation, as robosuite may have it
    observed = {f"obs/{name}": part for name, part in zip(PROP_PARTS, parts, strict=True)}
    return observed | {f"obs/{name}": played["seen"][key] for key, name in IMAGE_NAMES.items()}


def test_frames_without_states_are_taken_as_robosuites_own(played, tmp_path):
    file = write(tmp_path / "in.hdf5", played, states=None, model_file=None, **stored_observations(played))
    out = tmp_path / "out.hdf5"
    import_demonstrations(file, out, profile="reference")
    data = load_demonstrations(out)
    assert data.profile == "reference"
    np.testing.assert_array_equal(data.demos[0].images["image.wrist"], played["seen"]["image.wrist"])
    np.testing.assert_array_equal(data.demos[0].prop, played["seen"]["prop"])


def test_frames_without_states_are_not_taken_for_those_of_another_profile(played, tmp_path):
    file = write(tmp_path / "in.hdf5", played, states=None, **stored_observations(played))
    with pytest.raises(DatasetError, match="--profile reference"):
        import_demonstrations(file, tmp_path / "out.hdf5")


def test_actions_beyond_the_range_that_lead_to_the_states_when_cut_are_cut_and_noted(played, tmp_path):
    beyond = played["actions"].copy()
    beyond[:, 6] *= 10.0  # the gripper goes by the sign alone
    out = tmp_path / "out.hdf5"
    summary = import_demonstrations(write(tmp_path / "in.hdf5", played, actions=beyond), out)
    assert np.abs(load_demonstrations(out).demos[0].actions).max() == 1.0
    assert any("cut" in note for note in summary.notes)


def test_actions_that_lead_elsewhere_when_cut_are_refused(played, tmp_path):
    file = write(tmp_path / "in.hdf5", played, actions=played["actions"] * 10)
    with pytest.raises(DatasetError, match="do not lead to what was recorded"):
        import_demonstrations(file, tmp_path / "out.hdf5")


def test_same_file_gives_the_same_bytes_and_the_card_names_its_source(played, tmp_path):
    file = write(tmp_path / "in.hdf5", played, num=2)
    outs = [tmp_path / "a.hdf5", tmp_path / "b.hdf5"]
    for out in outs:
        import_demonstrations(file, out)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    source = load_demonstrations(outs[0]).card["source"]
    assert (source["format"], source["env_name"], source["robosuite"]) == ("robomimic", "Lift", "1.4.1")
    assert source["largest_median_hand_error_m"] < 1e-6


FOREIGN = {
    "another task": ({"args": {**env_args(), "env_name": "Stack"}}, "--task Stack"),
    "another robot": ({"args": env_args(robots=["Sawyer"])}, "single Panda"),
    "another rate": ({"args": env_args(control_freq=10)}, "10 Hz"),
    "another controller": (
        {"args": env_args(controller_configs={**CONTROLLER, "type": "JOINT_POSITION"})},
        "JOINT_POSITION",
    ),
    "absolute actions": (
        {"args": env_args(controller_configs={**CONTROLLER, "control_delta": False})},
        "absolute",
    ),
    "two arms": ({"actions": np.zeros((STEPS, 14))}, r"\(4, 14\)"),
    "no number": ({"actions": np.full((STEPS, 7), np.nan)}, "finite"),
    "states of another model": ({"states": np.zeros((STEPS, 31))}, "31 numbers"),
    "fewer states than actions": ({"states": np.zeros((STEPS - 1, 32))}, r"\(3, 32\)"),
    "a hand elsewhere": ({"obs/robot0_eef_pos": np.zeros((STEPS, 3))}, "mm away"),
    "a model that is none": ({"model_file": "<mujoco"}, "no XML"),
    "no actions": ({"actions": None}, "no array"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_does_not_fit_is_refused_in_one_line_and_nothing_is_written(played, tmp_path, case):
    changes, said = FOREIGN[case]
    file = write(tmp_path / "in.hdf5", played, **changes)
    with pytest.raises(DatasetError, match=said) as error:
        import_demonstrations(file, tmp_path / "out.hdf5", task="Lift")
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.hdf5"]


def test_model_of_another_robot_is_refused(played, tmp_path):
    file = write(
        tmp_path / "in.hdf5", played, model_file=played["model"].replace('"robot0_joint1"', '"robot0_j0"')
    )
    with pytest.raises(DatasetError, match="robot0_joint1"):
        import_demonstrations(file, tmp_path / "out.hdf5")


def test_table_that_stands_elsewhere_is_refused(played, tmp_path):
    model = played["model"].replace('<body name="table" pos="0.0 0.0', '<body name="table" pos="0.5 0.0')
    assert model != played["model"]
    file = write(tmp_path / "in.hdf5", played, model_file=model)
    with pytest.raises(DatasetError, match="table stands at"):
        import_demonstrations(file, tmp_path / "out.hdf5")


@pytest.mark.parametrize("asked", [0, 2, -1])
def test_number_that_the_file_does_not_hold_is_refused(played, tmp_path, asked):
    with pytest.raises(DatasetError, match="use 1-1"):
        import_demonstrations(write(tmp_path / "in.hdf5", played), tmp_path / "out.hdf5", num_demos=asked)


def linked(kind, elsewhere):
    if kind == "external":
        return h5py.ExternalLink(str(elsewhere), "/data/demo_1/actions")
    return h5py.SoftLink("/data/demo_1/states")


@pytest.mark.parametrize("kind", ["external", "soft"])
def test_links_are_refused_before_they_are_followed(played, tmp_path, kind):
    elsewhere = write(tmp_path / "elsewhere.hdf5", played)
    file = write(tmp_path / "in.hdf5", played, actions=None)
    with h5py.File(file, "r+") as opened:
        opened["data/demo_1/actions"] = linked(kind, elsewhere)
    with pytest.raises(DatasetError, match="link to elsewhere"):
        import_demonstrations(file, tmp_path / "out.hdf5")


def test_huge_shapes_objects_and_foreign_storage_are_refused(played, tmp_path):
    file = write(tmp_path / "in.hdf5", played, actions=None)

    def refused(make, said):
        with h5py.File(file, "r+") as opened:
            group = opened["data/demo_1"]
            if "actions" in group:
                del group["actions"]
            make(group)
        with pytest.raises(DatasetError, match=said):
            import_demonstrations(file, tmp_path / "out.hdf5")

    refused(lambda g: g.create_dataset("actions", (10**10, 7), "f4", chunks=(1000, 7)), "declares")
    refused(lambda g: g.create_dataset("actions", (STEPS, 7), h5py.ref_dtype), "not numbers")
    refused(lambda g: g.create_dataset("actions", (STEPS, 7), h5py.string_dtype()), "not numbers")
    refused(
        lambda g: g.create_dataset("actions", (STEPS, 7), "f4", external=[("raw.bin", 0, 112)]),
        "other files",
    )


def test_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "in.hdf5").write_bytes(b"no HDF5 at all")
    with pytest.raises(DatasetError, match="no HDF5 file"):
        import_demonstrations(tmp_path / "in.hdf5", tmp_path / "out.hdf5", task="Lift")
    with pytest.raises(DatasetError, match="no file or folder"):
        import_demonstrations(tmp_path / "none.hdf5", tmp_path / "out.hdf5", task="Lift")
