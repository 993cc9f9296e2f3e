"""Every rule of the conformance checks catches a shift that breaks it."""

import random

import gymnasium
import numpy as np
import pytest

from fdp_bench.api import ObservationShift, SceneShift, ShiftConfigError, image_keys
from fdp_bench.testing import ConformanceError, check_shift
from fdp_bench.toy import TOY_TASK


@pytest.fixture
def toy():
    return gymnasium.make(TOY_TASK, disable_env_checker=True)


class Salt(ObservationShift):
    """A shift that keeps every rule: white pixels, at the same places all through an episode."""

    name = "salt"
    summary = "white pixels"

    def begin(self, observation):
        self.order = self.rng.random((32, 32))

    def alter(self, observation):
        altered = dict(observation)
        for key in image_keys(observation):
            altered[key] = observation[key].copy()
            altered[key][self.order < 0.5 * self.severity] = 255
        return altered


class Echo(Salt):
    """Shows the frame of two control steps ago, and says so."""

    frame_lags = (0, 2)

    def begin(self, observation):
        self.shown = {0: observation}

    def alter(self, observation):
        self.shown[self.step_count] = observation
        past = self.shown.get(self.step_count - 2, self.shown[0])
        return {**observation, **{key: past.get(key, observation[key]) for key in image_keys(observation)}}


@pytest.mark.parametrize("kind", [Salt, Echo])
def test_a_shift_that_keeps_the_rules_passes(toy, kind):
    check_shift(kind, toy)


def test_installed_shifts_are_checked_by_name(toy):
    check_shift("occlusion", toy, options={"kind": "card"})


def test_a_task_is_built_by_its_id_and_any_environment_with_cameras_will_do():
    check_shift(Salt, TOY_TASK)


class Nameless(Salt):
    name = ""


class Mute(Salt):
    summary = ""


class Prophet(Salt):
    frame_lags = (0, -1)


class Careless(Salt):
    def __init__(self, env, *, severity=0.6, **options):
        gymnasium.Wrapper.__init__(self, env)
        self.severity, self.options, self.step_count = severity, {}, 0
        self._receipt = None


class Verbose(Salt):
    def __init__(self, env, *, severity=0.6, **options):
        try:
            super().__init__(env, severity=severity, **options)
        except ShiftConfigError as error:
            raise ShiftConfigError(f"{error}\nand much more") from error


class NeverClean(Salt):
    def _altered(self, observation):
        return {key: 255 - value if key != "prop" else value for key, value in observation.items()}


class InPlace(Salt):
    def alter(self, observation):
        for key in image_keys(observation):
            observation[key][:3] = 0
        return dict(observation)


class Wide(Salt):
    def alter(self, observation):
        return {key: value.astype(np.float32) for key, value in observation.items()}


class Forgetful(Salt):
    def alter(self, observation):
        return {"prop": observation["prop"]}


class Pusher(SceneShift):
    name = "pusher"
    summary = "moves the target too"

    def dress(self, scene):
        self.unwrapped.target = self.unwrapped.target + 0.02 * self.severity
        return {}


class Nudge(Salt):
    def step(self, action):
        return super().step((1.0 - 0.5 * self.severity) * action)


class Greedy(Salt):
    def alter(self, observation):
        return {key: value + np.ones(1, value.dtype) for key, value in observation.items()}


class Global(Salt):
    def begin(self, observation):
        self.order = np.random.random((32, 32))  # noqa: NPY002


class Python(Salt):
    def begin(self, observation):
        self.order = np.array([random.random() for _ in range(1024)]).reshape(32, 32)


class Entropy(Salt):
    def begin(self, observation):
        self.order = np.random.default_rng().random((32, 32))


class Remembering(Salt):
    count = 0

    def begin(self, observation):
        self.order = np.roll(self.rng.random((32, 32)), self.count)
        self.count += 1


class PerFrame(Salt):
    """Draws for each frame that is shown, so it matters which are."""

    def alter(self, observation):
        if image_keys(observation):
            self.order = self.rng.random((32, 32))
        return super().alter(observation)


class UndeclaredEcho(Echo):
    frame_lags = (0,)


class Harmless(Salt):
    def alter(self, observation):
        return dict(observation)


class Backwards(Salt):
    def alter(self, observation):
        shown = self.severity
        self.severity = 1.1 - shown
        altered = super().alter(observation)
        self.severity = shown
        return altered


class Unwritten(Salt):
    def receipt(self):
        return {"shift": "salt"}


class Forged(Salt):
    name = "forged"

    @property
    def shift_spec(self):
        return "another" if self.step_count == 0 else super().shift_spec


class Unreadable(Salt):
    def parameters(self):
        return {"order": self.order}


class Unmeasured(Salt):
    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed, options=options)
        self._write_receipt({}, {}, {}, {}, {})
        return observation, info


@pytest.mark.parametrize(
    ("kind", "violation"),
    [
        (Nameless, "has no name"),
        (Mute, "has no summary"),
        (Prophet, r"declares frame_lags \(0, -1\)"),
        (Careless, r"accepts \{'severity': -0.1\}"),
        (Verbose, "in several lines"),
        (NeverClean, "is not the identity at severity 0"),
        (InPlace, "edits an observation in place"),
        (Wide, "turns 'image.front' from uint8"),
        (Forgetful, "turns keys"),
        (Pusher, "changes the dynamics"),
        (Nudge, "changes the dynamics"),
        (Greedy, "changes 'prop', which is none of its modality 'vision'"),
        (Global, "is not determined by its stream"),
        (Python, "is not determined by its stream"),
        (Entropy, "is not determined by its stream"),
        (Remembering, "is not determined by its stream"),
        (PerFrame, "when frames that nobody reads are not drawn"),
        (UndeclaredEcho, "when frames that nobody reads are not drawn"),
        (Harmless, "changes nothing at severity 1"),
        (Backwards, "changes less at severity 1"),
        (Unwritten, "for a receipt"),
        (Forged, "is signed 'another'"),
        (Unreadable, "puts on its receipt what JSON does not know"),
        (Unmeasured, "measured the pixel change of"),
        (int, "is no subclass of fdp_bench.api.Shift"),
    ],
)
def test_a_shift_that_breaks_a_rule_is_caught(toy, kind, violation):
    with pytest.raises(ConformanceError, match=violation) as caught:
        check_shift(kind, toy)

    assert "\n" not in str(caught.value)


def test_the_check_leaves_the_global_generators_as_they_were(toy):
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    check_shift(Salt, toy)

    assert np.array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert random.getstate() == before[1]
