import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import install_distribution

from fdp_bench.cli import _drawing, _health, _tested, doctor
from fdp_bench.cli._finding import OK, PROBLEM, WARNING, Finding
from fdp_bench.records.provenance import DISTRIBUTIONS

Check = Callable[[], Iterator[Finding]]

DAMAGED = """
from fdp_bench.api import CheckpointError, Policy

class Damaged(Policy):
    modalities = ("prop",)

    def __init__(self, spec, task, *, device="cpu"):
        raise CheckpointError("my.safetensors is damaged")

    def act(self, observation, noise):
        raise NotImplementedError
"""


def run_doctor(monkeypatch: pytest.MonkeyPatch, **checks: Check) -> int:
    monkeypatch.setattr(_health, "_CHECKS", tuple(checks.items()))
    return doctor.run(argparse.Namespace())


def requiring(folder: Path, *requirements: str) -> str:
    """A distribution with these requirements, to be put on `sys.path`."""
    info = folder / "needy-1.0.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: needy", "Version: 1.0"]
    lines += [f"Requires-Dist: {text}" for text in requirements]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    return str(folder)


def test_warnings_alone_leave_exit_code_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Finding(OK, "cores", "2"), Finding(WARNING, "ffmpeg", "none", "install it")]
    assert run_doctor(monkeypatch, some=lambda: iter(found)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ok      cores       2"
    assert lines[1:3] == ["warning ffmpeg      none", "                    mend: install it"]
    assert lines[-1] == "problems: 0, warnings: 1"


def test_a_problem_gives_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_doctor(monkeypatch, some=lambda: iter([Finding(PROBLEM, "x", "broken", "mend it")])) == 1


def test_a_check_that_fails_itself_is_a_problem_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing() -> Iterator[Finding]:
        raise OSError("disk on fire")
        yield

    assert run_doctor(monkeypatch, disk=failing, cores=_health.check_cores) == 1
    printed = capsys.readouterr().out
    assert "problem disk        the check failed: OSError: disk on fire" in printed
    assert "ok      cores" in printed


def test_this_python_and_these_packages_are_as_required() -> None:
    found = [*_health.check_python(), *_health.check_packages()]
    assert [finding.status for finding in found] == [OK, OK]
    assert "mujoco" in found[1].text


def test_a_package_of_a_wrong_version_or_missing_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(
        requiring(tmp_path, "numpy<1", "no-such-package>=2", "pandas", 'gone; extra == "dev"')
    )
    wrong, missing, met = _health.check_packages("needy")
    assert (wrong.status, wrong.mend) == (PROBLEM, 'pip install "numpy<1"')
    assert (missing.status, missing.mend) == (PROBLEM, 'pip install "no-such-package>=2"')
    assert "not installed" in missing.text
    assert met.text.startswith("1 as required")


def installed(folder: Path, **versions: str) -> str:
    """Distributions of these versions, to be put on `sys.path`."""
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return str(folder)


def test_packages_as_tested_are_counted_whatever_their_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path, torch="9.1+cpu", click="1.0"))
    finding = _tested.differences({"torch": "9.1", "click": "1.0", "not-there": "1"})
    assert (finding.status, finding.text) == (
        OK,
        "2 packages, all in the versions that were tested together",
    )


def test_packages_other_than_tested_are_named_and_warned_of_where_they_move_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path, torch="9.1", click="1.0"))
    harmless = _tested.differences({"torch": "9.1", "click": "2.0"})
    assert harmless.status == OK
    assert "1 in other versions: click 1.0 (tested: 2.0)" in harmless.text
    finding = _tested.differences({"click": "2.0", "torch": "9.2"})
    assert (finding.status, finding.mend) == (WARNING, 'pip install "torch==9.2"')
    assert "torch 9.1 (tested: 9.2), click 1.0 (tested: 2.0)" in finding.text


def test_the_lock_is_found_and_names_what_moves_numbers() -> None:
    (finding,) = _tested.check_tested()
    assert int(finding.text.split()[0]) > 20
    lock = next(folder / _tested.LOCK_NAME for folder in _tested._FOLDERS if folder.exists()).read_text()
    assert {*DISTRIBUTIONS} - {*_tested.locked_versions(lock)} == {"fdp-bench"}


def test_a_broken_plugin_of_others_is_a_warning_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_distribution(tmp_path, "broken-things", policies={"gone": "no_such_module:Policy"}, shifts={})
    monkeypatch.syspath_prepend(tmp_path)
    warning, others = _health.check_plugins()
    assert warning.status == WARNING
    assert "no_such_module" in warning.text
    assert "broken-things" in warning.mend
    assert "occlusion" in others.text


@pytest.mark.usefixtures("fakes")
def test_policies_without_weights_are_named_and_those_that_need_none_count_as_whole() -> None:
    found = list(_health.check_weights())
    (untrained,) = (finding for finding in found if finding.text.startswith("untrained on Lift"))
    assert untrained.status == WARNING
    assert "untrained on LiftWide" in untrained.text
    assert "train them first" in untrained.text
    assert found[-1].status == OK


def test_policies_that_bring_no_weights_or_for_some_tasks_alone_are_no_problem() -> None:
    found = list(_health.check_weights())

    assert [finding.status for finding in found] == [OK]
    assert int(found[0].text.split()[0]) >= 17


def test_weights_that_are_there_but_do_not_load_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "damaged_policies.py").write_text(DAMAGED)
    install_distribution(
        tmp_path, "damaged-things", policies={"damaged": "damaged_policies:Damaged"}, shifts={}
    )
    monkeypatch.syspath_prepend(tmp_path)
    (finding,) = (
        finding for finding in _health.check_weights() if finding.text.startswith("damaged on Lift")
    )
    assert finding.status == WARNING
    assert "my.safetensors is damaged" in finding.text


def test_lift_is_drawn_on_this_machine() -> None:
    (finding,) = _drawing.check_rendering()
    assert finding.status == OK, finding
    assert "2 cameras of Lift drawn" in finding.text
    assert os.environ["MUJOCO_GL"] in finding.text


def test_black_and_flat_frames_are_a_problem() -> None:
    gl = {"backend": "egl", "vendor": "Nobody", "renderer": "Nothing"}
    black, flat, fine = (
        {"mean": mean, "std": std} for mean, std in ((0.0, 0.0), (200.0, 0.1), (200.0, 30.0))
    )
    probe = {"gl": gl, "ms": 1.0, "frames": {"image.a": black, "image.b": flat, "image.c": fine}}
    (finding,) = _drawing.judge_probe(probe, "install Mesa")
    assert (finding.status, finding.mend) == (PROBLEM, "install Mesa")
    assert "image.a" in finding.text
    assert "image.b" in finding.text
    assert "image.c" not in finding.text


def test_a_drawing_process_that_crashes_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_drawing.sys, "executable", "false")
    (finding,) = _drawing.check_rendering()
    assert finding.status == PROBLEM
    assert "exit code 1" in finding.text
    assert "apt-get install" in finding.mend


def test_an_unknown_renderer_is_a_problem_that_names_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "elg")
    (finding,) = _drawing.check_rendering()
    assert finding.status == PROBLEM
    assert "'elg'" in finding.text
    assert "'egl'" in finding.mend


def test_a_results_folder_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    finding = next(_health.check_folders(tmp_path / "results"))
    assert finding.status == PROBLEM
    assert "--out DIR" in finding.mend


def test_checking_the_results_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    assert next(_health.check_folders(tmp_path / "results")).status == OK
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FDP_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    _, finding = _health.check_folders(tmp_path / "results")
    assert finding.status == WARNING
    assert "FDP_BENCH_CACHE" in finding.mend


def test_an_ffmpeg_that_does_not_run_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: "false")
    (finding,) = _health.check_ffmpeg()
    assert finding.status == WARNING
    assert "--video" in finding.mend
