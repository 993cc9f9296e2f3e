"""Somebody else's environment in our form: the page's example, and what is refused with what to do."""

import gymnasium
import numpy as np
import pytest
from fdp_shifts.color import Color
from fdp_shifts.hues import AVOIDED_HUE_TURN, hue_of

from fdp_bench.api import SpecError
from fdp_bench.runner.rollout.environment import make_base, task_info
from fdp_bench.tasks.external.env import ExternalEnv
from fdp_bench.tasks.external.make import adapted, check_starts_alike
from fdp_bench.tasks.external.map_file import parse_map
from fdp_bench.testing import check_shift

HALF_SPEED = np.array([0.5, -0.5], np.float32)


class Pixels(gymnasium.Env):
    """Frames in the observation, success under another name; states its modalities itself."""

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": 5,
        "modalities": {"prop": ("place",), "vision": ("image.eye",)},
        "default_modalities": ["prop"],
        "components": {"place": ("position",)},
        "success": "won",
    }
    observation_space = gymnasium.spaces.Dict(
        {
            "place": gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float64),
            "image.eye": gymnasium.spaces.Box(0, 255, (20, 30, 3), np.uint8),
            "hidden": gymnasium.spaces.Discrete(3),
        }
    )
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    follows_its_seed = True

    def __init__(self, render_mode=None):
        self.render_mode = render_mode
        self.frame = np.zeros((20, 30, 3), np.uint8)

    def reset(self, *, seed=None, options=None):
        assert not options, "an environment may refuse options that it does not know"
        super().reset(seed=seed)
        self.x = self.np_random.uniform() if self.follows_its_seed else np.random.default_rng().uniform()
        return self.observe(), {}

    def step(self, action):
        self.x += float(action[0])
        return self.observe(), 0.0, False, False, {"won": np.bool_(self.x > 2.0)}

    def observe(self):
        self.frame[:] = int(50 * self.x) % 256
        return {"place": np.array([self.x]), "image.eye": self.frame, "hidden": 1}

    def render(self):
        return np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)


@pytest.fixture
def reach(example):
    env = make_base("reach.toml")
    yield env
    env.close()


def made(env, horizon=9, **changes):
    """`env` under its own metadata, with changes of class attributes, as Gymnasium would have made it."""
    for name, value in changes.items():
        setattr(env, name, value)
    env.spec = gymnasium.envs.registration.EnvSpec("tests/Pixels-v0", max_episode_steps=horizon)
    return adapted(env, "tests/Pixels-v0")


def test_a_map_makes_numbers_and_pictures_of_one_array(reach):
    info = reach.unwrapped.task_info
    observation, _ = reach.reset(seed=3)
    theirs = reach.unwrapped.inner.unwrapped.observe()

    assert info.modalities == {"prop": ("prop",), "vision": ("image.front",)}
    assert (info.task_id, info.horizon, info.control_hz, info.profile) == (
        "mine/ReachByEye-v0",
        60,
        20.0,
        "fast",
    )
    assert np.array_equal(observation["prop"], theirs[:2])
    assert (observation["image.front"].shape, observation["image.front"].dtype) == ((84, 84, 3), np.uint8)
    assert observation["image.front"].std() > 10.0
    assert reach.observation_space.contains(observation)
    assert reach.unwrapped.metadata["components"] == {"prop": ("position", "position")}


def test_actions_are_scaled_to_the_environments_bounds(reach):
    reach.reset(seed=0)
    reach.step(np.array([1.0, -3.0], np.float32))

    assert np.allclose(reach.unwrapped.inner.unwrapped.data.ctrl, HALF_SPEED)


def test_success_comes_from_the_key_that_the_map_names(reach):
    env, inner = reach, reach.unwrapped.inner.unwrapped
    _, info = env.reset(seed=0)
    assert info["success"] is False
    inner.data.qpos[:] = inner.model.body("ball").pos[:2]

    _, _, terminated, truncated, info = env.step(np.zeros(2, np.float32))

    assert info["success"] is True
    assert (terminated, truncated) == (False, False)


def test_an_episode_is_truncated_at_the_horizon(reach):
    reach.reset(seed=0)
    ends = [reach.step(np.zeros(2, np.float32))[3] for _ in range(60)]

    assert ends == [False] * 59 + [True]


def test_frames_that_nobody_reads_are_not_drawn(reach):
    reach.unwrapped.draw_images = False
    reach.reset(seed=0)
    drawn = reach.unwrapped.scene.drawing_s

    assert set(reach.step(np.zeros(2, np.float32))[0]) == {"prop"}
    assert reach.unwrapped.scene.drawing_s == drawn


def test_a_bare_action_or_one_that_is_not_finite_is_an_error(reach):
    reach.reset(seed=0)
    for action in (np.zeros(3), np.array([0.0, np.nan])):
        with pytest.raises(ValueError, match="2 finite numbers"):
            reach.step(action)


def test_metadata_say_what_a_map_says():
    env = made(Pixels())
    observation, _ = env.reset(seed=1, options={"shift_seed": 4})

    info = env.task_info
    assert info.observation_shapes == {"place": (1,), "image.eye": (20, 30, 3)}
    assert (info.horizon, info.control_hz, info.profile, info.default_modalities) == (9, 5.0, "", ("prop",))
    assert observation["place"].dtype == np.float32
    assert env.metadata["components"] == {"place": ("position",)}
    assert env.scene is None
    env.step(np.ones(1, np.float32))
    assert env.step(np.ones(1, np.float32))[4]["success"] is True
    before = observation["image.eye"].copy()
    env.step(np.ones(1, np.float32))
    assert np.array_equal(observation["image.eye"], before), "the environment's buffer was handed out"


def test_what_render_draws_is_cut_to_its_middle_square_and_resized():
    data = {
        "id": "tests/Rendered-v0",
        "environment": "tests/Pixels-v0",
        "success": "won",
        "modalities": {"vision": ["image.eye"]},
        "observation": {"image.eye": {"render": True, "side": 20}},
    }
    task_map = parse_map(data, "here")
    inner = Pixels(render_mode="rgb_array")
    inner.spec = gymnasium.envs.registration.EnvSpec("tests/Pixels-v0", max_episode_steps=9)
    env = adapted(inner, "tests/Rendered-v0", task_map)

    observation, _ = env.reset(seed=1)

    assert np.array_equal(observation["image.eye"], inner.render()[:, 5:25])
    inner.render_mode = None
    with pytest.raises(SpecError, match="render_mode='rgb_array'"):
        adapted(inner, "tests/Rendered-v0", task_map)


def test_frames_of_the_observation_are_resized_where_a_map_says_so():
    data = {
        "id": "tests/Resized-v0",
        "environment": "tests/Pixels-v0",
        "success": "won",
        "modalities": {"vision": ["image.large", "image.own"]},
        "observation": {
            "image.large": {"from": "image.eye", "side": 40},
            "image.own": {"from": "hidden.eye"},
        },
    }
    inner = Pixels()
    own = inner.observation_space.spaces["image.eye"]
    inner.observation_space = gymnasium.spaces.Dict({"image.eye": own, "hidden.eye": own})
    frame = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)
    inner.observe = lambda: {"image.eye": frame, "hidden.eye": frame}
    inner.spec = gymnasium.envs.registration.EnvSpec("tests/Pixels-v0", max_episode_steps=9)
    env = adapted(inner, "tests/Resized-v0", parse_map(data, "here"))

    observation, _ = env.reset(seed=1)

    assert env.observation_space.contains(observation)
    assert observation["image.large"].shape == env.task_info.observation_shapes["image.large"] == (40, 40, 3)
    assert np.array_equal(observation["image.own"], frame)
    assert abs(observation["image.large"].mean() - frame[:, 5:25].mean()) < 2.0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"action_space": gymnasium.spaces.Discrete(3)}, "a Box of shape"),
        ({"action_space": gymnasium.spaces.Box(-np.inf, np.inf, (1,))}, "without finite bounds"),
        ({"action_space": gymnasium.spaces.Box(-1.0, 1.0, (2, 2))}, "a Box of shape"),
        ({"horizon": None}, "has no horizon; register it"),
        ({"observation_space": gymnasium.spaces.Box(0, 1, (2,))}, "a Dict is needed: say in a map"),
        ({"metadata": {}}, r'states no metadata\["modalities"\]'),
        ({"metadata": {"modalities": {"prop": ("plaec",)}}}, "did you mean 'place'"),
        ({"metadata": {"modalities": {"prop": ("hidden",)}}}, "only a Box holds numbers"),
        (
            {"observation_space": gymnasium.spaces.Dict({"place": gymnasium.spaces.Box(0, 1, (0,))})}
            | {"metadata": {"modalities": {"prop": ("place",)}}},
            "'place' holds no numbers; leave it out",
        ),
        ({"metadata": {"modalities": {"vision": ("image.e",)}}}, "did you mean 'image.eye'"),
        (
            {"metadata": {"modalities": {"vision": ("image.eye",)}, "cameras": {"image.eye": "front"}}},
            "has no MuJoCo model",
        ),
    ],
)
def test_what_is_no_task_is_refused_in_one_line_with_what_to_do(changes, why):
    with pytest.raises(SpecError, match=why) as refused:
        made(Pixels(), **changes)
    assert "\n" not in str(refused.value)
    assert "tests/Pixels-v0" in str(refused.value)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_frames_of_another_form_are_refused(dtype):
    spaces = {
        **Pixels.observation_space.spaces,
        "image.eye": gymnasium.spaces.Box(0, 255, (3, 20, 30), dtype),
    }
    with pytest.raises(SpecError, match="frames are uint8"):
        made(Pixels(), observation_space=gymnasium.spaces.Dict(spaces))


def test_an_environment_that_ignores_its_seed_is_refused(reach):
    check_starts_alike(reach.unwrapped)
    check_starts_alike(made(Pixels()))
    with pytest.raises(SpecError, match=r"starts differently.*np_random"):
        check_starts_alike(made(Pixels(), follows_its_seed=False))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('camera = "front"', 'camera = "frnot"', "no camera 'frnot'; did you mean 'front'"),
        ('target = ["ball"]', 'target = ["bal"]', "no body 'bal'; did you mean 'ball'"),
        ("slice = [0, 2]", "slice = [2, 9]", "components 2-8, and the observation has 4"),
        ("{ slice", '{ from = "state", slice', "leave 'from' out"),
        ('"reach:mine', '"raech:mine', "ModuleNotFoundError"),
    ],
)
def test_a_map_that_does_not_fit_its_environment_is_refused(example, old, new, why):
    text = (example / "reach.toml").read_text()
    assert old in text
    (example / "wrong.toml").write_text(text.replace(old, new).replace("ByEye-v0", "Wrong-v0"))

    with pytest.raises(SpecError, match=why) as refused:
        make_base("wrong.toml")
    assert "\n" not in str(refused.value)


def test_an_environment_that_is_not_installed_is_named_with_the_command_that_installs_it(example):
    text = (example / "reach.toml").read_text().replace('"reach:', '"not_there:').replace("ByEye", "Absent")
    (example / "absent.toml").write_text('install = "pip install not-there"\n' + text)

    with pytest.raises(SpecError, match="install it: pip install not-there"):
        make_base("absent.toml")


def test_an_id_that_only_a_map_gives_asks_for_the_map():
    with pytest.raises(SpecError, match=r"if a map makes it a task, name the map's \.toml file") as refused:
        make_base("mine/NobodyMappedMe-v0")
    assert "\n" not in str(refused.value)


def test_an_environment_that_states_all_itself_is_left_as_it_is():
    from fdp_bench.toy import TOY_TASK, ToyEnv

    assert isinstance(make_base(TOY_TASK).unwrapped, ToyEnv)
    env = ToyEnv()
    assert task_info(env, TOY_TASK) is env.task_info
    assert isinstance(made(Pixels()), ExternalEnv)


@pytest.mark.parametrize(
    "shift", ["occlusion", "noise", "frame_delay", "prop_bias", "color", "lighting", "camera_pose"]
)
def test_shifts_keep_their_rules_on_the_example(reach, shift):
    check_shift(shift, reach)


def test_a_painted_target_keeps_away_from_the_hue_of_the_partner_that_a_map_names(example):
    text = (example / "reach.toml").read_text().replace("ReachByEye", "ReachWithPartner")
    (example / "partner.toml").write_text(text.replace("[scene.parts]", '[scene.parts]\npartner = ["hand"]'))
    nearest = {}
    for name in ("reach.toml", "partner.toml"):
        env = make_base(name)
        shifted = Color(env, part="object")
        distances = []
        for seed in range(20):
            shifted.reset(seed=seed)
            hue = hue_of(shifted.receipt().parameters["object"]["rgb"])
            hand = hue_of(np.array([0.1, 0.1, 0.4]))
            distances.append(abs((hue - hand + 0.5) % 1.0 - 0.5))
        nearest[name] = min(distances)
        env.close()

    # Without a partner the red ball may turn as blue as the hand.
    assert nearest["partner.toml"] >= AVOIDED_HUE_TURN > nearest["reach.toml"]
