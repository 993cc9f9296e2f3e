from dataclasses import replace
from pathlib import Path

import pytest
from fake_records import arm, record, twin_arms
from fake_runs import VERSIONS, write_run

from fdp_bench.api import RunError
from fdp_bench.records import Manifest
from fdp_bench.report.runs import load_runs, newest_run, probed_latencies, runs_below


def test_the_newest_run_is_the_one_started_last_by_its_manifest(tmp_path: Path) -> None:
    write_run(tmp_path / "b", arm("+"), created="2026-01-31T12:00:00+00:00")
    # Later, though its clock reads earlier.
    write_run(tmp_path / "a", arm("+"), created="2026-01-31T11:30:00-01:00")
    write_run(tmp_path / "c", arm("+"), created="2026-01-30T23:00:00+00:00")
    assert newest_run(tmp_path) == tmp_path / "a"


def begun_by(path: Path, command: str) -> None:
    manifest = Manifest.read(path / "manifest.json")
    replace(manifest, invocations=[{"command": command}]).write(path / "manifest.json")


def test_runs_of_several_tasks_in_one_command_are_the_newest_together(tmp_path: Path) -> None:
    write_run(tmp_path / "old", arm("+"), created="2026-01-30T12:00:00+00:00")
    for task in ("Can-v1", "Lift-v1"):
        begun_by(
            write_run(tmp_path / "both" / task.lower(), arm("+", task=task)),
            "fdp-bench run --task Can --task Lift",
        )
    assert newest_run(tmp_path) == tmp_path / "both"
    # Somebody's own folder of unlike runs.
    begun_by(tmp_path / "both" / "can-v1", "fdp-bench run --task Can")
    assert newest_run(tmp_path).parent == tmp_path / "both"


def test_what_is_published_without_its_episodes_is_not_the_newest_run(tmp_path: Path) -> None:
    write_run(tmp_path / "mine", arm("+"), created="2026-01-30T12:00:00+00:00")
    published = write_run(tmp_path / "breadth" / "can", arm("+"))
    (published / "episodes.jsonl").unlink()
    assert newest_run(tmp_path) == tmp_path / "mine"


def test_folders_that_are_no_readable_run_do_not_hide_the_newest(tmp_path: Path) -> None:
    write_run(tmp_path / "a", arm("+"))
    (tmp_path / "notes").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "manifest.json").write_text("{")
    assert newest_run(tmp_path) == tmp_path / "a"


@pytest.mark.parametrize("folder", ["missing", "."])
def test_without_a_run_the_error_names_the_command_that_makes_one(tmp_path: Path, folder: str) -> None:
    with pytest.raises(RunError, match="fdp-bench run --policy"):
        newest_run(tmp_path / folder)


def test_a_missing_run_is_named_with_the_nearest_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("results/night"), arm("+"))
    with pytest.raises(RunError, match="did you mean 'results/night'"):
        load_runs([Path("results/nigth")])


def test_a_bare_name_means_a_run_in_the_results_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("results/night"), arm("+"))
    assert load_runs([Path("night")]).paths == (Path("results/night"),)


def test_a_folder_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no manifest\.json"):
        load_runs([tmp_path])


def test_a_folder_stands_for_the_runs_in_it_and_a_run_for_itself(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "sweep" / "runs" / name, arm("+", policy=name)) for name in ("b", "a")]
    (tmp_path / "sweep" / "train").mkdir()
    assert runs_below(tmp_path / "sweep") == sorted(runs)
    assert runs_below(runs[0]) == [runs[0]]
    assert len(load_runs([tmp_path / "sweep"]).records) == 2


def test_a_run_without_finished_episodes_says_how_to_finish_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [], planned=10)
    with pytest.raises(RunError, match="fdp-bench run --resume"):
        load_runs([run])


def test_a_record_of_another_schema_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", arm("+"))
    file = run / "episodes.jsonl"
    file.write_text(file.read_text().replace('"schema": 1', '"schema": 99'))
    with pytest.raises(RunError, match="schema 99"):
        load_runs([run])


def test_runs_are_joined_with_each_episode_once(tmp_path: Path) -> None:
    shared = arm("++-")
    first = write_run(tmp_path / "a", shared)
    second = write_run(tmp_path / "b", [*shared, *arm("+-", policy="other")])
    assert len(load_runs([first, second]).records) == 5


def test_the_same_run_twice_counts_once(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", arm("++"))
    assert load_runs([run, run]).paths == (run,)


def test_runs_that_tell_different_outcomes_of_an_episode_are_not_joined(tmp_path: Path) -> None:
    first, second = write_run(tmp_path / "a", arm("+")), write_run(tmp_path / "b", arm("-"))
    with pytest.raises(RunError, match="different outcomes of episode 0"):
        load_runs([first, second])


def test_different_versions_of_a_task_are_not_pooled(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", arm("+", task="fdp_bench/Lift-v1"))
    second = write_run(tmp_path / "b", arm("+", task="fdp_bench/Lift-v2"))
    with pytest.raises(RunError, match=r"cannot be pooled: task version is .*Lift-v1.*Lift-v2"):
        load_runs([first, second])


def test_different_tasks_make_one_report(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", arm("+", task="fdp_bench/Lift-v1"))
    second = write_run(tmp_path / "b", arm("+", task="fdp_bench/LiftWide-v1"))
    assert len(load_runs([first, second]).records) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"versions": {**VERSIONS, "mujoco": "3.8.0"}}, "mujoco"),
        ({"profile": "reference"}, "render profile"),
        ({"protocol": {"success_rule": "success at the end"}}, "success rule"),
    ],
)
def test_runs_of_another_simulation_picture_or_rule_are_not_pooled(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    first = write_run(tmp_path / "a", arm("+"))
    second = write_run(tmp_path / "b", arm("+", policy="other"), **change)  # type: ignore[arg-type]
    with pytest.raises(RunError, match=f"cannot be pooled: .*{reason}"):
        load_runs([first, second])


def test_what_can_move_single_episodes_of_pooled_runs_is_said_once(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", arm("+"), versions={**VERSIONS, "torch": "2.12"})
    others = [
        write_run(
            tmp_path / name, arm("+", policy=name), versions={**VERSIONS, "torch": "2.13"}, device="cuda"
        )
        for name in ("b", "c")
    ]
    assert load_runs([first]).unlike() == []
    (sentence,) = load_runs([first, *others]).unlike()
    assert "torch 2.12 or 2.13; device cpu or cuda; batch_rows 4 or 16" in sentence


def test_unfinished_runs_are_named_with_the_command_that_finishes_them(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", twin_arms("+", "-"), planned=8)
    (sentence,) = load_runs([run]).unfinished()
    assert "2 of 8 episodes" in sentence
    assert f"fdp-bench run --resume {run}" in sentence


def test_finished_runs_are_not_called_unfinished(tmp_path: Path) -> None:
    assert load_runs([write_run(tmp_path / "a", [record(0, success=True)])]).unfinished() == []


def test_probed_latencies_of_several_runs_are_pooled_by_policy() -> None:
    def manifest(*policies: dict[str, object]) -> Manifest:
        return Manifest("m", "complete", "", {}, 0, policies=policies)

    before_there_was_a_probe = manifest({"spec": "fdp:prop>vision"})
    first = manifest({"spec": "dp-dit", "latency_ms": [1.0, 2.0]}, {"spec": "picky", "latency_ms": []})
    second = manifest({"spec": "dp-dit", "latency_ms": [3.0]})
    assert probed_latencies([before_there_was_a_probe, first, second]) == {("", "dp-dit"): [1.0, 2.0, 3.0]}
