import json

import numpy as np
import pytest
from inspectors import Arrow

from fdp_bench.api import HeldOutLosses, TheoryCheck, TheoryLevel, WeightFacts
from fdp_bench.cli.main import main
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")

QUICK = ["--task", TOY_TASK, "--episodes", "4"]


class Full(Arrow):
    """An arrow with weights and losses to tell of; its base may have changed."""

    frozen = "a" * 64

    def weight_facts(self):
        return WeightFacts({"embedding": 0.5}, self.frozen, "a" * 64)

    def recorded_losses(self):
        return HeldOutLosses(
            "card", 0.3, 0.4, None, ((10, 0.5), (20, 0.4)), {"vision": 0.6}, {"vision": (0.5, 1.0, 1.5)}
        )


class ChangedBase(Full):
    frozen = "b" * 64


@pytest.fixture
def inspected(monkeypatch):
    """Make the fakes' seeker show an inside."""
    import fake_policies

    def show(inspector):
        monkeypatch.setattr(
            fake_policies.Seeker, "diagnose", classmethod(lambda cls, spec, task, *, device="cpu": inspector)
        )

    return show


def diagnose(*arguments):
    return main(["diagnose", *arguments])


def test_a_black_box_is_diagnosed_by_what_it_is_shown(capsys):
    assert diagnose("--policy", "seeker", *QUICK) == 0

    out = capsys.readouterr().out
    for words in (
        "vision swapped",
        "vision black",
        "other noise draw",
        "4 episodes of its own",
        "no documented",
    ):
        assert words in out
    assert "masked  " not in out
    assert "base alone" not in out


def test_everything_is_written_where_asked(inspected, tmp_path, capsys):
    inspected(Full())

    assert diagnose("--policy", "seeker", *QUICK, "--out", str(tmp_path / "found")) == 0

    out = capsys.readouterr().out
    assert (tmp_path / "found" / "diagnosis.txt").read_text() in out
    assert (tmp_path / "found" / "contribution.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((tmp_path / "found" / "diagnosis.json").read_text())
    assert found["policy"] == "seeker"
    assert [each["condition"] for each in found["success"]][:2] == ["as it is", "base alone"]
    assert {each["state"] for each in found["verdicts"] if each["name"] == "changed base"} == {"not found"}
    assert np.shape(found["residual"]["vision black"]["streams"]) == (2, 1)
    assert found["against_base"][0]["against"] == "base alone"


def test_the_same_request_finds_the_same(inspected, tmp_path, monkeypatch):
    # Somebody may commit meanwhile.
    monkeypatch.setattr(
        "fdp_bench.diagnose.diagnosis.git_state", lambda: {"commit": "c0ffee", "dirty": False}
    )
    inspected(Full())
    for name in ("one.json", "two.json"):
        assert diagnose("--policy", "seeker", *QUICK, "--json", str(tmp_path / name)) == 0

    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()


@pytest.mark.parametrize(("strict", "code"), [([], 0), (["--strict"], 1)])
def test_a_failure_changes_the_exit_code_only_if_strict(inspected, capsys, strict, code):
    inspected(ChangedBase())

    assert diagnose("--policy", "seeker", *QUICK, *strict) == code

    assert "FOUND: changed base" in capsys.readouterr().out


def test_strict_passes_a_policy_without_failures(inspected):
    inspected(Full())

    assert diagnose("--policy", "seeker", *QUICK, "--strict") == 0


def test_a_residual_that_does_harm_without_its_sense_is_noted(inspected, capsys):
    class Harmful(Full):
        """Its base goes where the hand's camera sees red; its residual, without `prop`, drives it off the table."""

        modalities = ("vision", "prop")
        secondary = ("prop",)

        def act(self, observation, noise, *, masked=(), base_only=False):
            frames = observation["image.hand"][:, -1].astype(float)
            red = np.clip(frames[..., 0] - frames[..., 1] - 60, 0, None)
            line = (np.arange(red.shape[1]) + 0.5) / red.shape[1] * 2 - 1
            weight = red.sum(axis=(1, 2)) + 1e-9
            x, y = (red * line[None, None]).sum(axis=(1, 2)), -(red * line[None, :, None]).sum(axis=(1, 2))
            actions = np.stack([x / weight, y / weight], 1)
            if "prop" in masked and not base_only:
                actions = np.ones_like(actions)
            return np.repeat(np.clip(actions, -1, 1)[:, None], 4, axis=1).astype(np.float32)

    inspected(Harmful())

    assert diagnose("--policy", "seeker", "--task", TOY_TASK, "--episodes", "12") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "note: residual does not step aside. Prop masked" in out
    assert out.count("does not step aside") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no policy given"),
        (["--policy", "seeker", "--episodes", "0"], "--data FILE"),
        (["--policy", "seeker", "--episodes", "1"], "use at least 2"),
        (["--policy", "sekeer", *QUICK], "did you mean 'seeker'"),
        (["--policy", "untrained", *QUICK], "train them first"),
        (["--policy", "misbuilt", *QUICK], "bad build"),
        (["--policy", "faulty?how=raise", *QUICK], "nothing altered"),
        (["--policy", "fdp:prop>vision", "--data", "none.npz", "--episodes", "0"], "no demonstration file"),
        (["--theory", "--policy", "seeker"], "rests on no identity"),
    ],
)
def test_errors_are_one_line_with_the_way_out(arguments, words, capsys):
    assert diagnose(*arguments) == 2

    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("error: ")
    assert words in message


def test_what_cannot_be_written_is_refused_before_anything_runs(tmp_path, capsys):
    (tmp_path / "file").write_text("")

    assert diagnose("--policy", "seeker", *QUICK, "--out", str(tmp_path / "file")) == 2
    assert diagnose("--policy", "seeker", *QUICK, "--json", str(tmp_path)) == 2
    assert "episode" not in capsys.readouterr().out


@pytest.mark.parametrize(("error", "strict", "code"), [(0.05, True, 0), (0.5, True, 1), (0.5, False, 0)])
def test_the_theory_is_checked_and_its_errors_printed(monkeypatch, capsys, tmp_path, error, strict, code):
    import fake_policies

    level = TheoryLevel(5, 0.12, error, 0.04, 0.8)
    check = TheoryCheck("The sum holds.", (level,), error, 0.04, 1.0, 0.1, 800)
    monkeypatch.setattr(fake_policies.Seeker, "check_theory", classmethod(lambda cls: check))
    target = tmp_path / "theory.json"

    arguments = ["--theory", "--policy", "seeker", "--json", str(target), *(["--strict"] if strict else [])]
    assert diagnose(*arguments) == code

    out = capsys.readouterr().out
    assert f"{error:.3f}" in out
    assert ("does NOT hold" in out) == (error > 0.1)
    assert json.loads(target.read_text())["passed"] == (error <= 0.1)


def test_how_often_a_fallback_acts_is_shown_condition_by_condition(inspected, tmp_path, capsys):
    class Guarded(Full):
        aside = None

        def act(self, observation, noise, *, masked=(), base_only=False):
            self.aside = None if base_only else np.full(len(noise), "vision" in masked)
            return super().act(observation, noise, masked=masked, base_only=base_only)

        def fallbacks(self):
            return self.aside

    inspected(Guarded())
    path = tmp_path / "found.json"
    assert diagnose("--policy", "seeker", *QUICK, "--json", str(path)) == 0

    out = capsys.readouterr().out
    rows = {
        line.rpartition("  ")[0].partition("   ")[0].strip(): line.split()[-1]
        for line in out.splitlines()[4:13]
    }
    assert (rows["as it is"], rows["vision masked"], rows["base alone"]) == ("0%", "100%", "-")
    assert "share of an episode's decisions that the policy left to its base" in " ".join(out.split())
    shares = {each["condition"]: each["fallback_share"] for each in json.loads(path.read_text())["success"]}
    assert (shares["as it is"], shares["vision masked"], shares["base alone"]) == (0.0, 1.0, None)


def test_a_policy_without_a_fallback_has_no_such_column(inspected, capsys):
    inspected(Full())
    assert diagnose("--policy", "seeker", *QUICK) == 0
    assert "allback" not in capsys.readouterr().out
