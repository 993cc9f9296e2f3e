"""Demonstrations by a policy of one's own: the page's example, the toy task, and what is refused."""

import json

import h5py
import numpy as np
import pytest
from external_page import example

from fdp_bench.api import DatasetError, RunError, SpecError
from fdp_bench.api.episode import HOLD_STEPS
from fdp_bench.demos import record as recording
from fdp_bench.demos.card import dataset_card
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.pack import pack_demonstrations
from fdp_bench.demos.record import record
from fdp_bench.tasks.make import make_task
from fdp_bench.toy import TOY_TASK

__all__ = ["example"]


def to_the_ball(observation, env):
    """Velocity towards the ball, m/s, read off the environment itself."""
    hand, ball = np.split(env.observe(), 2)
    return np.clip(5.0 * (ball - hand), -0.5, 0.5)


def nothing(observation, env):
    return np.zeros(2)


def recorded(example, **options):
    out = example / "reach.hdf5"
    return record("reach.toml", to_the_ball, episodes=3, out=out, own_units=True, **options), out


def test_what_was_seen_and_done_is_what_is_read_back(example):
    summary, out = recorded(example)
    data = load_demonstrations(out, task_id="mine/ReachByEye-v0")

    assert (summary.num_demos, summary.num_solved, summary.num_not_kept) == (3, 3, 0)
    assert summary.num_steps == sum(map(len, data.demos))
    env = make_task("reach.toml")
    for number, demo in enumerate(data.demos):
        observation, _ = env.reset(seed=recording.stream_int(0, number, recording.DEMO_STATE))
        for step, action in enumerate(demo.actions):
            np.testing.assert_array_equal(demo.prop[step], observation["prop"])
            np.testing.assert_array_equal(demo.images["image.front"][step], observation["image.front"])
            observation, _, _, _, info = env.step(action)
        assert info["success"]
    env.close()


def test_an_episode_ends_when_success_has_held(example):
    _, out = recorded(example)
    env = make_task("reach.toml")
    demo = load_demonstrations(out).demos[0]
    env.reset(seed=recording.stream_int(0, 0, recording.DEMO_STATE))
    successes = [env.step(action)[4]["success"] for action in demo.actions]
    env.close()

    assert successes == [False] * (len(demo) - HOLD_STEPS) + [True] * HOLD_STEPS


def test_actions_of_the_environments_own_units_are_scaled_to_ours(example):
    _, out = recorded(example)
    actions = load_demonstrations(out).demos[0].actions

    assert np.abs(actions).max() == 1.0
    env = make_task("reach.toml").unwrapped
    own = np.array([[0.25, -0.5], [0.1, 0.0]])
    np.testing.assert_allclose(env.unit_actions(own), 2.0 * own, atol=1e-7)
    env.close()


def test_the_card_says_who_did_it_on_which_map(example):
    _, out = recorded(example, made_by="proportional")
    card = dataset_card(out)
    env = make_task("reach.toml").unwrapped
    digest = env.map_sha256
    env.close()

    assert card["task_version"] == digest[:12]
    assert card["expert"] == {
        "kind": "policy",
        "policy": "proportional",
        "solved": 3,
        "only_successes": True,
    }
    assert card["steps"]["horizon"] == 60
    assert card["arrays"] == {"prop": [2], "image.front": [84, 84, 3], "actions": [2]}
    assert card["versions"]["fdp-bench"]
    assert card["command"] is None
    assert str(example) not in json.dumps(card)


def test_the_same_recording_gives_the_same_bytes(example):
    _, out = recorded(example)
    record("reach.toml", to_the_ball, episodes=3, out=example / "again.hdf5", own_units=True)

    assert out.read_bytes() == (example / "again.hdf5").read_bytes()


def test_keys_of_other_names_are_kept_packed_and_hashed(example):
    text = (example / "reach.toml").read_text()
    text = text.replace("ByEye", "ByTouch").replace(
        'prop = ["prop"]', 'where = ["robot0_eef_pos", "a/b_image"]'
    )
    text = text.replace(
        "prop = { slice = [0, 2]", '"a/b_image" = { slice = [2, 4] }\nrobot0_eef_pos = { slice = [0, 2]'
    )
    (example / "touch.toml").write_text(text)
    record("touch.toml", to_the_ball, episodes=2, out=example / "touch.hdf5", own_units=True)
    pack_demonstrations(example / "touch.hdf5", example / "touch.npz")

    stored, packed = (load_demonstrations(example / name) for name in ("touch.hdf5", "touch.npz"))
    demo = stored.demos[0]
    assert set(demo.observations) == {"robot0_eef_pos", "a/b_image", "image.front"}
    assert np.ptp(demo.vectors["robot0_eef_pos"]) > 0
    assert not np.array_equal(demo.vectors["robot0_eef_pos"], demo.vectors["a/b_image"])
    for key, values in demo.observations.items():
        np.testing.assert_array_equal(packed.demos[0].observations[key], values)
    assert stored.sha256 == packed.sha256


def test_the_hash_covers_keys_of_other_names(example):
    text = (example / "reach.toml").read_text().replace("ByEye", "Where")
    text = text.replace('prop = ["prop"]', 'where = ["place"]').replace("prop = {", "place = {")
    (example / "where.toml").write_text(text)
    record("where.toml", to_the_ball, episodes=2, out=example / "where.hdf5", own_units=True)
    before = load_demonstrations(example / "where.hdf5").sha256

    with h5py.File(example / "where.hdf5", "r+") as file:
        file["data/demo_0/obs/place"][0] += 1.0

    assert load_demonstrations(example / "where.hdf5").sha256 != before


def test_an_actor_with_a_reset_is_given_a_generator_of_its_own_each_episode(example):
    class Wanderer:
        def __init__(self):
            self.firsts = []

        def reset(self, generator):
            self.generator = generator
            self.firsts.append(generator.uniform())

        def __call__(self, observation, env):
            return self.generator.uniform(-1, 1, 2)

    two, again = Wanderer(), Wanderer()
    for number, actor in enumerate((two, again)):
        record("reach.toml", actor, episodes=2, out=example / f"{number}.hdf5", only_successes=False)

    assert two.firsts == again.firsts
    assert two.firsts[0] != two.firsts[1]
    assert (example / "0.hdf5").read_bytes() == (example / "1.hdf5").read_bytes()


def test_a_policy_that_never_succeeds_is_said_and_leaves_nothing(example):
    with pytest.raises(
        RunError, match=r"solved 0 of 12 episodes of mine/ReachByEye-v0.*only_successes=False"
    ):
        record("reach.toml", nothing, episodes=1, out=example / "no.hdf5")
    assert sorted(path.suffix for path in example.iterdir() if path.is_file()) == [".py", ".toml"]


def test_failures_are_kept_where_they_are_asked_for(example):
    summary = record("reach.toml", nothing, episodes=1, out=example / "no.hdf5", only_successes=False)

    assert (summary.num_demos, summary.num_solved, summary.num_steps) == (1, 0, 60)
    assert dataset_card(example / "no.hdf5")["expert"]["solved"] == 0


def test_environments_that_state_all_themselves_are_recorded_too(tmp_path):
    def act(observation, env):
        return np.clip((env.target - env.gripper) / 0.03, -1, 1)

    record(TOY_TASK, act, episodes=2, out=tmp_path / "toy.hdf5")
    demo = load_demonstrations(tmp_path / "toy.hdf5", task_id=TOY_TASK).demos[0]

    assert {"prop", "image.front", "image.hand"} <= set(demo.observations)


@pytest.mark.parametrize("given", [np.zeros(3), [0.0, np.nan], "left", None])
def test_what_is_no_action_is_named_and_leaves_nothing(example, given):
    with pytest.raises(DatasetError, match="give 2 finite numbers") as refused:
        record("reach.toml", lambda observation, env: given, episodes=1, out=example / "no.hdf5")
    assert "\n" not in str(refused.value)
    assert not list(example.glob("no.hdf5*"))


def test_errors_of_the_policy_pass_and_leave_nothing(example):
    with pytest.raises(ZeroDivisionError):
        record("reach.toml", lambda observation, env: 1 / 0, episodes=1, out=example / "no.hdf5")
    assert not list(example.glob("no.hdf5*"))


def test_a_file_that_is_there_is_not_overwritten(example):
    (example / "reach.hdf5").write_text("mine")

    with pytest.raises(DatasetError, match="exists already"):
        recorded(example)
    assert (example / "reach.hdf5").read_text() == "mine"


def test_a_task_that_says_nothing_of_success_is_refused(example):
    text = (example / "reach.toml").read_text().replace('"reached"', '"solved"').replace("ByEye", "Solved")
    (example / "solved.toml").write_text(text)

    with pytest.raises(SpecError, match=r"success = KEY \(info holds 'reached'\)"):
        record("solved.toml", nothing, episodes=1, out=example / "no.hdf5")


def test_numbers_out_of_range_are_refused(example):
    with pytest.raises(DatasetError, match="0 episodes"):
        record("reach.toml", nothing, episodes=0, out=example / "no.hdf5")
