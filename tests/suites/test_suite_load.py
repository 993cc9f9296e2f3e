import pytest

from fdp_bench.api import SpecError
from fdp_bench.suites.load import load_suite, packaged_suites
from fdp_bench.suites.suite import Variant

ISSUED = (
    "ablations",
    "base-duration",
    "base-sanity",
    "capacity",
    "data-efficiency",
    "guard-clean",
    "guard",
    "paper-hard",
    "paper",
    "priority-order",
    "robustness",
    "smoke",
)
LIFT = '["Lift"]'


@pytest.fixture
def lift(write_suite):
    """Load a suite file on Lift for FDP."""

    def load(text="", **parts):
        parts = {"policies": '["fdp:prop>vision"]', "tasks": LIFT, **parts}
        return load_suite(str(write_suite(text, **parts)))

    return load


def test_the_packaged_suites_are_all_there_and_read():
    suites = {name: load_suite(name) for name in packaged_suites()}

    assert tuple(suites) == ISSUED
    assert all(suite.summary for suite in suites.values())
    assert all(suite.training["steps"] == "7000" for suite in suites.values())


def test_robustness_crosses_every_shift_with_five_severities():
    suite = load_suite("robustness")

    assert len(suite.shifts) == 15
    assert suite.shifts[:2] == ("occlusion@1", "occlusion@2")
    assert suite.episodes == 100


FACTORS = """
[factors]
zero_init = [true, false]
freeze_base = [true, false]
loss_weight = ["min-snr", "plain"]
learning_rate = [5e-4, 1e-4]
"""


def test_factors_are_crossed_and_the_first_variant_is_the_recipe(lift):
    variants = lift(FACTORS).variants

    assert len(variants) == len({variant.name for variant in variants}) == 16
    assert variants[0].name == ""
    assert variants[-1].name == "zero_init-false-freeze_base-false-loss_weight-plain-learning_rate-0.0001"
    assert variants[-1].settings["zero_init"] == "false"


def test_what_is_left_out_has_a_default(lift):
    suite = lift()

    assert (suite.name, suite.summary, suite.shifts) == ("my-suite", "", ())
    assert (suite.demos, suite.train_seeds, suite.episodes, suite.seed) == ((100,), (0,), 50, 0)
    assert (suite.profile, suite.training, suite.variants) == ("fast", {}, (Variant(),))
    assert suite.tasks == ("fdp_bench/Lift-v1",)


def test_shifts_without_a_severity_get_each(lift):
    suite = lift('shifts = ["color?part=table", "color+distractors", "occlusion@2"]\nseverities = [1, 0.5]')

    assert suite.shifts == (
        "color@1?part=table",
        "color@0.5?part=table",
        "color@1+distractors@1",
        "color@0.5+distractors@0.5",
        "occlusion@2",
    )


def test_variants_hold_settings_as_text_and_their_policies(lift):
    suite = lift(
        "[training]\nsteps = 9\n[variants.paper]\nrecipe = 'paper'\n"
        "[variants.loose]\nfreeze_base = false\npolicies = ['fdp:prop>vision']"
    )

    assert suite.training == {"steps": "9"}
    assert suite.variants == (
        Variant("paper", {"recipe": "paper"}),
        Variant("loose", {"freeze_base": "false"}, ("fdp:prop>vision",)),
    )


def test_a_tier_stands_for_its_episodes(lift):
    assert lift('tier = "smoke"').episodes == 10


@pytest.mark.parametrize(
    ("text", "parts", "message"),
    [
        ("polices = 3", {}, "key 'polices' is not known; did you mean 'policies'"),
        ("demo = [3]", {}, "key 'demo' is not known; did you mean 'demos'"),
        ("", {"policies": '["fpd:prop"]'}, "key 'policies': unknown policy 'fpd'; did you mean 'fdp'"),
        ("", {"policies": "[]"}, "key 'policies': [] is no list with something in it"),
        ("", {"policies": "[3]"}, "key 'policies': 3 is not a text"),
        ("", {"policies": '["dp-dit@x"]'}, "names weights"),
        ("", {"policies": '["dp-dit", "dp-dit"]'}, "'dp-dit' stands there twice"),
        ("", {"tasks": '["Lifft"]'}, "key 'tasks': task 'Lifft' is not known; did you mean 'Lift'"),
        ('shifts = ["oclusion"]', {}, "key 'shifts': unknown shift 'oclusion'; did you mean 'occlusion'"),
        ('shifts = ["color?part=cup"]', {}, "key 'shifts': option part=cup"),
        ('shifts = ["clean"]', {}, "'clean' always runs"),
        ('shifts = ["color", "color@3"]', {}, "'color@3' stands there twice"),
        ("severities = [3]", {}, "key 'severities': there are no shifts"),
        ('[factors]\nx = ["a", "../../b"]', {}, "key 'factors': x = '../../b' names a folder"),
        ("[factors]\n" + "\n".join(f"x{n} = [1, 2]" for n in range(60)), {}, "more than 1000 variants"),
        ("x = " + "[" * 5000, {}, "nested too deeply"),
        ('shifts = ["color"]\nseverities = [6]', {}, "key 'severities': 6 is neither a level 1-5"),
        ('shifts = ["color"]\nseverities = ["high"]', {}, "key 'severities': 'high' is not a number"),
        ("demos = [0]", {}, "key 'demos': 0 must be at least 1"),
        ("demos = [true]", {}, "key 'demos': True is not a whole number"),
        ("train_seeds = [-1]", {}, "key 'train_seeds': -1 must be at least 0"),
        ("episodes = 0", {}, "key 'episodes': 0 must be at least 1"),
        ("episodes = 3\ntier = 'full'", {}, "key 'tier': it says what 'episodes' says"),
        ("tier = 'ful'", {}, "key 'tier': 'ful' is not known; did you mean 'full'"),
        ("profile = 'quick'", {}, "key 'profile': 'quick' is not known"),
        ("training = 3", {}, "key 'training': 3 is no table"),
        ("[training]\nnum_demos = 3", {}, "setting 'num_demos' is not given here; use demos = [...]"),
        ("[training]\nsteps = [3]", {}, "setting steps = [3] is neither"),
        ("[variants.Plain]", {}, "key 'variants.Plain': use lower-case letters"),
        ("[variants.a]\npolicies = ['dp-dit']", {}, "policy 'dp-dit' is none of the suite's"),
        ("[factors]\nzero_init = [true]", {}, "key 'factors': zero_init = [True] is no list of two or more"),
        ("", {"name": "My Suite"}, "a suite's file name is its name"),
        ("= 3", {}, "is no TOML"),
    ],
)
def test_an_error_is_one_line_with_the_file_and_the_key(lift, text, parts, message):
    with pytest.raises(SpecError) as caught:
        lift(text, **parts)

    assert message in str(caught.value)
    assert f"{parts.get('name', 'my-suite')}.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_shown_how_to_write(tmp_path):
    path = tmp_path / "empty.toml"
    path.write_text("")

    with pytest.raises(
        SpecError, match=r"empty\.toml: key 'policies' is missing; write for instance policies = "
    ):
        load_suite(str(path))


def test_an_unknown_suite_is_answered_with_the_nearest():
    with pytest.raises(SpecError, match="suite 'robustnes' is not known; did you mean 'robustness'"):
        load_suite("robustnes")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(SpecError, match="cannot be read"):
        load_suite(str(tmp_path / "gone.toml"))
