import gymnasium
import numpy as np
import pytest
from fake_tasks import BARE_TASK

from fdp_bench.api import ShiftConfigError, ShiftSpec, SpecError
from fdp_bench.runner.rollout.environment import frame_lags, make_env, shifts_of, task_info, wrap
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")


def test_scene_shifts_lie_innermost_and_the_others_as_given():
    shifts = [ShiftSpec("lagging"), ShiftSpec("repaint"), ShiftSpec("dim"), ShiftSpec("color")]

    env = make_env(TOY_TASK, shifts)

    assert [shift.name for shift in shifts_of(env)] == ["repaint", "color", "lagging", "dim"]


def test_severity_and_options_reach_the_shift():
    (shift,) = shifts_of(make_env(TOY_TASK, [ShiftSpec("dim", 0.25, {"how": "raising"})]))

    assert (shift.severity, shift.options["how"]) == (0.25, "raising")


def test_a_base_can_be_wrapped_again():
    base = make_env(TOY_TASK)
    plain, _ = base.reset(seed=3)
    wrap(base, [ShiftSpec("repaint", 1.0)]).reset(seed=3)

    again, _ = base.reset(seed=3)

    assert np.array_equal(plain["image.front"], again["image.front"])


def test_an_unknown_option_is_refused():
    with pytest.raises(ShiftConfigError, match="did you mean 'how'"):
        make_env(TOY_TASK, [ShiftSpec("dim", 0.5, {"ho": "evenly"})])


def test_lags_of_composed_shifts_add_up():
    assert frame_lags(make_env(TOY_TASK)) == (0,)
    assert frame_lags(make_env(TOY_TASK, [ShiftSpec("lagging"), ShiftSpec("dim")])) == (0, 3)
    inner = make_env(TOY_TASK, [ShiftSpec("lagging")])
    assert frame_lags(wrap(inner, [ShiftSpec("lagging")])) == (0, 3, 6)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("Lfit", "did you mean 'Lift'"),
        ("fdp_bench.toy:nowhere/Env-v0", "cannot be built"),
        ("no_module:a/B-v0", "no_module"),
    ],
)
def test_an_unknown_task_is_refused(task, why):
    with pytest.raises(SpecError, match=why):
        make_env(task)


def test_a_tasks_own_info_is_taken():
    env = make_env(TOY_TASK, [ShiftSpec("dim")])

    assert task_info(env, TOY_TASK) is env.unwrapped.task_info


def test_anybodys_environment_is_read_off_its_spaces():
    info = task_info(make_env(BARE_TASK), BARE_TASK)

    assert (info.task_id, info.modalities, info.action_dim, info.horizon) == (
        BARE_TASK,
        {"prop": ("prop",)},
        1,
        30,
    )
    assert info.observation_shapes == {"prop": (1,)}


def test_what_somebody_made_otherwise_is_read_off_its_spaces_too():
    env = gymnasium.make(BARE_TASK, disable_env_checker=True)

    assert task_info(env, BARE_TASK) == task_info(make_env(BARE_TASK), BARE_TASK)


def test_an_environment_that_cannot_be_a_task_is_refused():
    env = gymnasium.make(BARE_TASK, disable_env_checker=True)
    env.action_space = gymnasium.spaces.Discrete(3)

    with pytest.raises(SpecError, match=r"a Box of shape \(A,\) is needed"):
        task_info(env, BARE_TASK)
