import importlib

import pytest

import fdp_bench
from fdp_bench.cli.main import SUBCOMMANDS, main


def test_alone_it_prints_help_with_every_subcommand(capsys):
    assert main([]) == 0

    shown = capsys.readouterr().out
    for name, summary in SUBCOMMANDS.items():
        assert f"{name} " in shown
        assert summary in shown


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])

    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"fdp-bench {fdp_bench.__version__}\n"


def test_an_unknown_subcommand_gets_the_nearest_and_exit_code_2(capsys):
    assert main(["reprot"]) == 2
    assert capsys.readouterr().err == "error: unknown subcommand 'reprot'; did you mean 'report'?\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["run", "--polcy", "x"], "unknown argument '--polcy'; did you mean '--policy'?"),
        (["run", "--pol", "x"], "unknown argument '--pol'"),
        (["run", "--workers", "0"], "invalid whole number from 1 on value: '0'"),
        (["run", "--episodes", "few"], "invalid whole number value: 'few'"),
        (["run", "--tier", "huge"], "invalid choice: 'huge'"),
        (["run", "--tier", "smoke", "--episodes", "3"], "not allowed with"),
        (["--hlep"], "unknown argument '--hlep'; did you mean '--help'?"),
    ],
)
def test_a_malformed_command_line_is_one_line_and_exit_code_2(capsys, arguments, why):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    shown = capsys.readouterr().err
    assert why in shown
    assert shown.startswith("error: ")
    assert shown.count("\n") == 1


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_offers_its_three_names(name):
    module = importlib.import_module(f"fdp_bench.cli.{name}")

    assert module.SUMMARY
    assert callable(module.configure)
    assert callable(module.run)


@pytest.mark.parametrize("command", [["run"], ["shifts", "preview", "--task", "Nope"]])
def test_debug_shows_the_traceback(command, capsys):
    from fdp_bench.api import SpecError

    assert main(command) == 2
    with pytest.raises(SpecError):
        main([*command, "--debug"])
    assert capsys.readouterr().err.count("\n") == 1


def test_the_nearest_option_of_an_action_is_named(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["shifts", "preview", "--taks", "Lift"])
    assert "did you mean '--task'?" in capsys.readouterr().err
