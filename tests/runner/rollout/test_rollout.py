import numpy as np
import pytest
from fake_policies import Seeker, Watcher
from fake_tasks import BARE_TASK, FRAGILE_TASK
from rollout_helper import comparable, roll_out, specs

from fdp_bench.api import (
    INITIAL_STATE,
    POLICY_NOISE,
    SHIFT,
    PolicySpec,
    UnsupportedShiftError,
    stream,
    stream_int,
)
from fdp_bench.runner.rollout.environment import make_env
from fdp_bench.runner.rollout.episode import PicturePaths
from fdp_bench.runner.rollout.record_fields import action_jerk
from fdp_bench.specs import parse_shifts
from fdp_bench.toy import TOY_TASK, ToyEnv

pytestmark = pytest.mark.usefixtures("fakes")


def replay(spec, policy):
    """The textbook loop: one environment, every frame drawn, one episode, a batch of four equal rows."""
    env = make_env(spec.task, parse_shifts(spec.shift))
    observation, _ = env.reset(
        seed=stream_int(spec.run_seed, spec.index, INITIAL_STATE),
        options={"shift_seed": stream_int(spec.run_seed, spec.index, SHIFT)},
    )
    history, step, once, ended = [observation] * 2, 0, False, False
    while not ended:
        noise = stream(spec.run_seed, spec.index, POLICY_NOISE, step).standard_normal(
            policy.noise_shape, dtype=np.float32
        )
        batch = {key: np.stack([history[-2][key], history[-1][key]])[None] for key in observation}
        for action in policy.act(
            {key: np.repeat(value, 4, axis=0) for key, value in batch.items()}, noise[None]
        )[0]:
            observation, _, terminated, truncated, info = env.step(action)
            history.append(observation)
            step, once, ended = step + 1, once or info["success"], terminated or truncated
            if ended:
                break
    return step, once, env.unwrapped.state_sha256()


@pytest.mark.parametrize("shift", ["clean", "dim@4", "repaint@5+lagging", "occlusion?kind=intermittent"])
def test_an_episode_is_what_the_textbook_loop_gives(shift):
    records, lanes = roll_out(specs(1, policy="seeker", shift=shift), lanes=1)
    (record,) = records.values()

    steps, once, state = replay(record.spec, Seeker(PolicySpec("seeker"), lanes[0].task))

    assert (record.status, record.steps, record.success_once) == ("ok", steps, once)
    assert lanes[0].base.unwrapped.state_sha256() == state


@pytest.mark.parametrize("lanes", [1, 3])
def test_results_do_not_depend_on_the_lanes(lanes):
    episodes = specs(5) + specs(5, shift="repaint+lagging") + specs(5, policy="seeker")

    assert comparable(roll_out(episodes, lanes=lanes)[0]) == comparable(roll_out(episodes, lanes=4)[0])


def test_results_do_not_depend_on_the_order():
    episodes = specs(4) + specs(4, shift="dim@4")

    assert comparable(roll_out(episodes)[0]) == comparable(roll_out(episodes[::-1])[0])


def test_frames_drawn_extra_change_nothing(tmp_path):
    episodes = specs(2, shift="repaint+lagging")

    def pictures():
        return PicturePaths(strip=tmp_path / "strip.png", video=tmp_path / "video.mp4")

    assert comparable(roll_out(episodes, pictures=pictures)[0]) == comparable(roll_out(episodes)[0])
    assert {path.name for path in tmp_path.iterdir()} == {"strip.png", "video.mp4"}


def test_only_the_frames_that_the_policy_reads_are_drawn(monkeypatch):
    drawn = []
    observe = ToyEnv._observe
    monkeypatch.setattr(ToyEnv, "_observe", lambda env: drawn.append(env.draw_images) or observe(env))

    (record,) = roll_out(specs(1), lanes=1)[0].values()

    reads = [step == 0 or step % 8 in (0, 7) for step in range(record.steps + 1)]
    assert drawn == reads


@pytest.fixture
def noises(monkeypatch):
    """Noise of every decision, as the policy got it."""
    given = []
    act = Watcher.act
    monkeypatch.setattr(
        Watcher,
        "act",
        lambda policy, observation, noise: given.append(noise[0]) or act(policy, observation, noise),
    )
    return given


def test_equal_indices_share_initial_state_and_noise_over_arms(noises):
    records, _ = roll_out(specs(1) + specs(1, shift="dim@5"), lanes=1)
    clean, dimmed = records["watcher", "clean", 0], records["watcher", "dim@5", 0]

    assert clean.initial_state_sha256 == dimmed.initial_state_sha256
    assert np.array_equal(noises[0], noises[len(clean.latency_ms)])


def test_noise_is_new_for_each_decision_index_and_seed(noises):
    records, _ = roll_out(specs(2), lanes=1)
    roll_out(specs(1, seed=1), lanes=1)
    decisions = [len(record.latency_ms) for record in records.values()]

    some = [noises[0], noises[1], noises[decisions[0]], noises[sum(decisions)]]

    assert len({noise.tobytes() for noise in some}) == 4


def test_the_first_observation_stands_for_those_before_it(monkeypatch):
    seen = []
    act = Watcher.act
    monkeypatch.setattr(
        Watcher,
        "act",
        lambda policy, observation, noise: seen.append(observation) or act(policy, observation, noise),
    )

    roll_out(specs(1), lanes=1)

    assert all(np.array_equal(value[0, 0], value[0, 1]) for value in seen[0].values())
    assert not np.array_equal(seen[1]["prop"][0, 0], seen[1]["prop"][0, 1])


def test_new_episodes_are_announced_before_their_first_decision(monkeypatch):
    told = []
    monkeypatch.setattr(Watcher, "reset", lambda policy, rows: told.extend(rows.tolist()), raising=False)

    roll_out(specs(5), lanes=2)

    assert told[:2] == [0, 1]
    assert len(told) == 5


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("faulty?how=nan", "not finite"),
        ("faulty?how=raise", "ValueError: no idea what to do on the right"),
    ],
)
def test_a_policys_error_ends_its_episode_and_no_other(policy, why):
    records, _ = roll_out(specs(8, policy=policy))

    errors = [record for record in records.values() if record.status == "error"]

    assert 0 < len(errors) < 8
    assert all(record.error.startswith(f"policy {policy!r}: ") and why in record.error for record in errors)
    assert not any(record.success_once for record in errors)
    assert comparable(roll_out(specs(8, policy=policy), lanes=1)[0]) == comparable(records)


def test_a_wrong_shape_is_every_episodes_error():
    records, _ = roll_out(specs(3, policy="faulty?how=shape"))

    why = "policy 'faulty?how=shape': act returned shape (4, 1, 2); (4, 4, 2) is needed"
    assert {record.error for record in records.values()} == {why}


def test_an_environments_error_ends_its_episode_and_the_next_gets_a_new_environment():
    episodes = specs(8, task=FRAGILE_TASK, policy="blind")

    records, _ = roll_out(episodes, lanes=2)

    errors = [record for record in records.values() if record.status == "error"]
    assert 0 < len(errors) < 8
    assert {record.error for record in errors} == {
        f"task {FRAGILE_TASK!r}: ArithmeticError: the arm came off"
    }
    assert {record.steps for record in errors} == {2}
    healthy = comparable(roll_out(specs(8, task=TOY_TASK, policy="blind"))[0])
    for record in records.values():
        if record.status == "ok":
            assert record.steps == healthy["blind", "clean", record.spec.index]["steps"]


def test_a_shifts_error_names_the_shift():
    records, _ = roll_out(specs(2, policy="blind", shift="dim@3?how=raising"))

    assert {record.error for record in records.values()} == {"shift 'dim': OverflowError: too dark"}


def test_an_unsupported_shift_is_no_episode_error_but_stops():
    with pytest.raises(UnsupportedShiftError, match="darken the night"):
        roll_out(specs(1, shift="dim@3?how=unsupported"))


def test_a_shifts_receipt_is_kept():
    records, _ = roll_out(specs(1) + specs(1, shift="dim@5") + specs(1, shift="repaint@3+dim@5"))

    assert records["watcher", "clean", 0].receipt == {}
    assert records["watcher", "dim@5", 0].receipt["pixel_change"]["image.front"] > 10
    both = records["watcher", "repaint@3+dim@5", 0].receipt
    assert [part["shift"] for part in both["parts"]] == ["repaint@3", "dim@5"]


def test_anybodys_environment_runs_and_ends_when_success_has_held():
    records, _ = roll_out(specs(3, task=BARE_TASK, policy="pusher"))

    for record in records.values():
        assert (record.status, record.success_once, record.success_held) == ("ok", True, True)
        assert record.steps < 30
        assert {*record.safety} == {"action_jerk"}


def test_safety_figures_come_from_the_environment_and_the_actions():
    (record,) = roll_out(specs(1), lanes=1)[0].values()

    assert {*record.safety} == {"action_jerk", "peak_contact_force_n", "peak_joint_speed_rad_s"}
    assert record.safety["action_jerk"] > 0


def test_jerk_is_the_second_difference_of_the_actions():
    assert action_jerk([np.array([x], np.float32) for x in (0, 1, 2, 3)]) == 0.0
    assert action_jerk([np.array([x], np.float32) for x in (0, 1, 0)]) == 2.0
    assert action_jerk([np.zeros(2, np.float32)] * 2) == 0.0


def test_figures_that_are_no_json_are_an_error_of_the_episode(monkeypatch):
    monkeypatch.setattr(ToyEnv, "safety", lambda env: {"peak_contact_force_n": float("inf")})

    (record,) = roll_out(specs(1))[0].values()

    assert record.status == "error"
    assert "its safety figures cannot be recorded" in record.error


def test_every_decisions_latency_is_kept():
    (record,) = roll_out(specs(1), lanes=1)[0].values()

    assert len(record.latency_ms) == -(-record.steps // 8)
