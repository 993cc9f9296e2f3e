import argparse
from pathlib import Path

import pytest
from fakes import install_distribution

from fdp_bench.cli import list as list_command


def lines_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    parser = argparse.ArgumentParser()
    list_command.configure(parser)
    assert list_command.run(parser.parse_args(arguments)) == 0
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution whose plugins cannot be used."""
    folder = tmp_path
    module = "from fdp_bench.api import Policy\nclass Confused(Policy):\n    orders = None\n"
    (folder / "confused_policies.py").write_text(module)
    install_distribution(
        folder,
        "broken-things",
        policies={"gone": "no_such_module:Policy", "confused": "confused_policies:Confused"},
        shifts={"nothing": "fakes:Nothing"},
    )
    monkeypatch.syspath_prepend(folder)


def test_all_sections_are_shown_without_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys)
    assert [line for line in lines if line.isupper()] == ["TASKS", "POLICIES", "SHIFTS", "SUITES"]


@pytest.mark.parametrize("section", ["tasks", "policies", "shifts", "suites"])
def test_a_section_can_be_shown_alone(capsys: pytest.CaptureFixture[str], section: str) -> None:
    assert [line for line in lines_of(capsys, f"--{section}") if line.isupper()] == [section.upper()]


def test_tasks_are_shown_with_id_and_summary(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = (line for line in lines_of(capsys, "--tasks") if line.startswith("  LiftWide"))
    assert "fdp_bench/LiftWide-v1" in line
    assert "12 cm" in line


def test_built_in_policies_are_shown_in_each_order(capsys: pytest.CaptureFixture[str]) -> None:
    shown = [line.split()[0] for line in lines_of(capsys, "--policies") if " Lift: " in line]
    assert {"dp-dit", "fdp:prop>vision", "fdp:vision>prop", "base:prop", "base:vision"} <= set(shown)


def test_policies_that_check_their_options_themselves_are_shown_with_those_worth_knowing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = lines_of(capsys, "--policies")
    for name, shown in (("fdp", "?guard=off|on"), ("dp-dit", "?guard=off|base:prop")):
        start = next(number for number, line in enumerate(lines) if line.startswith(f"  {name}  "))
        rest = (number for number, line in enumerate(lines) if number > start and not line.startswith("   "))
        assert shown in [line.strip() for line in lines[start : next(rest)]]


def test_built_in_shifts_are_shown_with_their_option_values(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, "--shifts")
    start = next(number for number, line in enumerate(lines) if line.startswith("  occlusion  "))
    assert "?kind=card|intermittent|camera" in lines[start + 1]


@pytest.mark.usefixtures("fakes")
def test_policies_are_shown_with_the_state_of_their_weights(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, "--policies")
    assert any(
        line.split()[:6] == ["untrained", "Lift:", "no", "weights,", "LiftWide:", "no"] for line in lines
    )
    assert any(line.split()[:4] == ["blind", "Lift:", "ready,", "LiftWide:"] for line in lines)


@pytest.mark.usefixtures("fakes")
def test_plugins_of_others_are_shown_with_their_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert "  dim  darkens  [fdp-bench-fakes 1.0]" in lines_of(capsys, "--shifts")


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("section", "name", "reason"),
    [("policies", "gone", "No module named 'no_such_module'"), ("shifts", "nothing", "no subclass")],
)
def test_a_plugin_that_cannot_be_loaded_is_shown_as_broken_beside_the_others(
    capsys: pytest.CaptureFixture[str], section: str, name: str, reason: str
) -> None:
    lines = lines_of(capsys, f"--{section}")
    (line,) = (line for line in lines if line.startswith(f"  {name}  "))
    assert line.startswith(f"  {name}  BROKEN: ")
    assert reason in line
    assert any(line.startswith(("  fdp  ", "  occlusion  ")) for line in lines)


@pytest.mark.usefixtures("broken")
def test_a_policy_that_fails_when_asked_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, "--policies")
    start = next(number for number, line in enumerate(lines) if line.startswith("  confused  "))
    assert lines[start + 1].startswith("      BROKEN: TypeError")
    assert any(line.startswith("  fdp  ") for line in lines)


def test_verbose_says_for_every_task_what_it_needs_and_how_its_expert_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from fdp_bench.tasks import TASKS
    from fdp_bench.tasks.expert_results import expert_results

    text = "\n".join(lines_of(capsys, "--tasks", "--verbose"))
    for task in TASKS.values():
        results = expert_results(task.short_name)
        if results is not None:
            assert results["task"] == task.id
            assert f"{results['successes']} of {results['episodes']} seeds" in text
        for shown in (
            task.summary,
            task.success,
            task.senses,
            task.painted,
            f"at most {task.horizon} control steps",
        ):
            assert shown in text


def test_an_expert_that_was_not_measured_is_said_to_be_so() -> None:
    assert "not measured" in list_command._expert_line(None)
