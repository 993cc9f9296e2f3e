"""Somebody else's environment, run from the command line to its table: the example of docs/tutorials/environment.md."""

import json
import shlex

import pytest

from fdp_bench.api import FdpBenchError
from fdp_bench.cli.main import main
from fdp_bench.records import RunStore
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.preflight import PreflightRequest, check
from fdp_bench.tasks import resolve_task
from fdp_bench.tasks.external import registry


@pytest.fixture
def fdp_bench(example, fakes, capfd):
    """`fdp-bench` in the example's folder, in this process: exit code, standard output, standard error."""

    def call(arguments):
        registry._remembered.clear()
        code = main(shlex.split(arguments))
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return call


def test_the_example_runs_under_shifts_of_every_kind(fdp_bench, example):
    shifts = ["occlusion", "camera_pose@2", "lighting", "color", "prop_bias@5", "frame_delay+noise"]
    options = " ".join(f'--shift "{shift}"' for shift in shifts)
    code, out, err = fdp_bench(
        f"run --task reach.toml --policy watcher {options} --episodes 2 --workers 1 --out run"
    )

    assert code == 0, err
    assert "camera_pose" in out
    store = RunStore.open(example / "run")
    manifest, records = store.manifest(), store.records()
    assert manifest.task["task_id"] == "mine/ReachByEye-v0"
    assert manifest.task["map"]["environment"] == "reach:mine/Reach-v0"
    assert manifest.renderer["profile"] == "fast"
    assert all(record.status == "ok" for record in records), [record.error for record in records]
    assert {record.steps for record in records} <= set(range(1, 61))
    starts = {record.spec.index: record.initial_state_sha256 for record in records}
    assert len(set(starts.values())) == 2
    assert all(record.initial_state_sha256 == starts[record.spec.index] for record in records)
    moved = [record.receipt for record in records if record.spec.shift == "camera_pose@2"]
    assert all(receipt["pixel_change"]["image.front"] > 1.0 for receipt in moved)
    covered = [record.receipt for record in records if record.spec.shift == "occlusion@3"]
    assert all("image.front" in receipt["target_hidden"] for receipt in covered)


def test_a_run_goes_on_without_the_map_that_began_it(fdp_bench, example):
    code, _, err = fdp_bench(
        "run --task reach.toml --policy watcher --shift noise --episodes 2 --workers 1 --out run"
    )
    assert code == 0, err
    records = (example / "run" / "episodes.jsonl").read_text().splitlines(keepends=True)
    (example / "run" / "episodes.jsonl").write_text("".join(records[:-1]))
    (example / "reach.toml").unlink()

    code, _, err = fdp_bench("run --resume run --workers 1")

    assert code == 0, err
    again = [json.loads(line) for line in (example / "run" / "episodes.jsonl").read_text().splitlines()]
    last = json.loads(records[-1])
    (same,) = [record for record in again if record["spec"] == last["spec"]]
    assert (same["steps"], same["initial_state_sha256"]) == (last["steps"], last["initial_state_sha256"])


@pytest.mark.parametrize(
    ("shift", "why"),
    [
        ("distractors", "has no table that they could stand on"),
        ("texture?part=walls", "only has object, table"),
        ("tactile_noise", "alters the modality 'tactile'"),
        ("camera_pose?cameras=hand", "unknown camera 'hand'"),
    ],
)
def test_a_shift_that_cannot_apply_is_refused_before_the_run(example, fakes, shift, why):
    lane = Lane(resolve_task("reach.toml"), "fast")

    with pytest.raises(FdpBenchError, match=why) as refused:
        check(lane, PreflightRequest(("watcher",), (shift,), "cpu"))
    assert "\n" not in str(refused.value)
    lane.close()


def test_a_wrong_key_of_success_is_named_with_those_that_there_are(fdp_bench, example):
    text = (example / "reach.toml").read_text().replace('"reached"', '"solved"').replace("ByEye", "Solved")
    (example / "wrong.toml").write_text(text)

    code, _, err = fdp_bench("run --task wrong.toml --policy watcher --shift noise --episodes 1 --out run")

    assert code == 2
    (line,) = [line for line in err.splitlines() if line.strip()]
    assert "success = KEY (info holds 'reached')" in line
    assert not (example / "run").exists()
