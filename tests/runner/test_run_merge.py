"""Shards joined into a run: equal to a local one, or refused with what is wrong and how to mend it."""

import json
import shutil
from dataclasses import replace

import pytest

from fdp_bench.api import RunError, SpecError
from fdp_bench.records import RunStore, compare_records
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.merge import merge_runs
from fdp_bench.runner.planning.plan import Arm, plan_episodes
from fdp_bench.runner.planning.shard import Shard
from fdp_bench.runner.run import begin_run, resume_run
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")
COUNT = 3


@pytest.fixture(scope="module", autouse=True)
def one_commit():
    """Somebody may commit while a test runs, and shards of two commits are not merged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fdp_bench.runner.run_manifest.git_state", lambda: {"commit": "c0ffee", "dirty": False})
        yield


def begin(out, shard=None, **changes):
    facts = {
        "policies": ("watcher", "blind"),
        "shifts": ("dim@4",),
        "episodes": 4,
        "videos": 2,
        "retest": 0.5,
    }
    command = ["fdp-bench", "run", "--policy", "watcher", "--shard", str(shard), "--out", str(out)]
    return begin_run(
        RunConfig(task=TOY_TASK, **(facts | changes)),
        out,
        name="test",
        command=command,
        progress=lambda run_info: lambda record: None,
        workers=1,
        shard=shard,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory, fakes_folder):
    """A whole run and its shards."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(fakes_folder)
        begin(folder / "whole")
        for number in range(1, COUNT + 1):
            begin(folder / f"part-{number}", Shard(number, COUNT))
    return folder


@pytest.fixture
def parts(made, tmp_path):
    """A copy of the shards to spoil."""
    return [shutil.copytree(made / f"part-{number}", tmp_path / f"part-{number}") for number in (1, 2, 3)]


def spoil(path, **changes):
    store = RunStore.open(path)
    store.update_manifest(replace(store.manifest(), **changes))


def pictures(run):
    return {
        str(file.relative_to(run)) for name in ("strips", "videos") for file in sorted((run / name).iterdir())
    }


def test_a_shard_is_a_run_that_says_so(made):
    store = RunStore.open(made / "part-2")
    manifest = store.manifest()

    assert manifest.shard == {"number": 2, "count": 3}
    assert manifest.status == "complete"
    assert manifest.episodes_planned == len(store.records()) in (5, 6)


def test_merged_shards_equal_a_local_run(made, parts, tmp_path):
    merged = merge_runs([parts[2], parts[0], parts[1]], tmp_path / "out", ["fdp-bench", "merge"])

    whole, store = RunStore.open(made / "whole"), merged.store
    assert merged.warnings == ()
    assert compare_records(made / "whole", store.path) == []
    again = {(record.spec.id): record.comparable() for record in store.retest_records()}
    assert again == {record.spec.id: record.comparable() for record in whole.retest_records()}
    ours, theirs = store.manifest(), whole.manifest()
    for name in (
        "name",
        "status",
        "episodes_planned",
        "task",
        "arms",
        "protocol",
        "versions",
        "plugins",
        "shard",
    ):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert {**ours.config, "workers": 0} == {**theirs.config, "workers": 0}
    assert [policy["sha256"] for policy in ours.policies] == [policy["sha256"] for policy in theirs.policies]
    assert pictures(store.path) == pictures(made / "whole")
    assert [entry["shard"] for entry in ours.merged] == ["1/3", "2/3", "3/3"]
    assert sum(entry["episodes"] for entry in ours.invocations) == 16


def test_merged_records_lie_in_the_order_of_the_plan(parts, tmp_path):
    store = merge_runs(parts, tmp_path / "out").store

    manifest = store.manifest()
    config, arms = RunConfig.from_json(manifest.config), tuple(Arm(**arm) for arm in manifest.arms)
    planned = [spec.id for spec in plan_episodes(config, arms)]
    lines = [json.loads(line)["id"] for line in store.episodes_path.read_text().splitlines()]
    assert lines == planned


def test_a_cut_shard_names_the_command_that_completes_it(parts, tmp_path):
    file = parts[1] / "episodes.jsonl"
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2]) + lines[2][:40])

    with pytest.raises(RunError, match=rf"{parts[1]} \(shard 2/3\) holds 2 of 5 episodes") as caught:
        merge_runs(parts, tmp_path / "out")
    assert f"fdp-bench run --resume {parts[1]}" in str(caught.value)
    assert not (tmp_path / "out").exists()

    resume_run(parts[1], command=[], progress=lambda run_info: lambda record: None, workers=1, lanes=None)
    assert len(merge_runs(parts, tmp_path / "out").store.records()) == 16


def test_a_missing_shard_is_named_with_the_command_that_runs_it(parts, tmp_path):
    with pytest.raises(
        RunError, match="shard of 3 missing: 2; run it with: fdp-bench run --policy watcher"
    ) as error:
        merge_runs([parts[0], parts[2]], tmp_path / "out")

    assert str(error.value).endswith(f"--shard 2/3 --out {parts[0].with_name('shard-2-of-3')}")


def test_a_shard_given_twice_is_named(parts, tmp_path):
    twin = shutil.copytree(parts[0], tmp_path / "twin")

    with pytest.raises(RunError, match=f"shard 1/3 is given 2 times, as .*part-1 and {twin}"):
        merge_runs([*parts, twin], tmp_path / "out")
    assert len(merge_runs([*parts, parts[0]], tmp_path / "out").store.records()) == 16


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (lambda manifest: {"config": {**manifest.config, "seed": 5}}, "seed is 0 and 5"),
        (
            lambda manifest: {"versions": {**manifest.versions, "mujoco": "1.2"}},
            "version of mujoco is .* and '1.2'",
        ),
        (
            lambda manifest: {"policies": [{**policy, "sha256": "f00"} for policy in manifest.policies]},
            "policy watcher sha256 is '' and 'f00'",
        ),
        (lambda manifest: {"git": {"commit": "abc", "dirty": False}}, "git commit is 'c0ffee' and 'abc'"),
        (lambda manifest: {"shard": {"number": 2, "count": 4}}, "number of shards is 3 and 4"),
        (
            lambda manifest: {"protocol": {**manifest.protocol, "seed_protocol": "other"}},
            "protocol seed_protocol is",
        ),
        (
            lambda manifest: {"invocations": [{**manifest.invocations[0], "versions": {"numpy": "0.1"}}]},
            "goes on with 0.1: its episodes may not be comparable; run shard 2/3 anew",
        ),
    ],
    ids=["seed", "version", "weights", "commit", "count", "protocol", "resumed"],
)
def test_shards_of_unlike_runs_are_refused_with_the_difference(parts, tmp_path, changes, words):
    spoil(parts[1], **changes(RunStore.open(parts[1]).manifest()))

    with pytest.raises(RunError, match=words):
        merge_runs(parts, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_episodes_of_another_shard_are_refused(parts, tmp_path):
    with (parts[1] / "episodes.jsonl").open("a") as file:
        file.write((parts[0] / "episodes.jsonl").read_text().splitlines()[0] + "\n")

    with pytest.raises(RunError, match="holds 1 episodes that are not of shard 2/3"):
        merge_runs(parts, tmp_path / "out")


def test_a_whole_run_is_no_shard(made, tmp_path):
    with pytest.raises(RunError, match="is no shard: it is a whole run"):
        merge_runs([made / "whole"], tmp_path / "out")


def test_unlike_machines_are_told(parts, tmp_path):
    manifest = RunStore.open(parts[1]).manifest()
    spoil(parts[1], machine={**manifest.machine, "cpu": "Abacus"})

    (warning,) = merge_runs(parts, tmp_path / "out").warnings

    assert "2 kinds of machines" in warning
    assert "Abacus" in warning


def test_a_folder_in_use_is_left_alone(made, parts, tmp_path):
    with pytest.raises(RunError, match="is not empty"):
        merge_runs(parts, made / "whole")


def test_a_merge_that_fails_leaves_nothing(parts, tmp_path, monkeypatch):
    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fdp_bench.records.manifest.Manifest.write", full)

    with pytest.raises(RunError, match="no space is left"):
        merge_runs(parts, tmp_path / "deep" / "out")
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_run_that_ends_when_decided_is_not_cut(tmp_path):
    with pytest.raises(SpecError, match="exclude each other"):
        begin(tmp_path / "run", Shard(1, 2), until_decided=0.05, retest=0.0)
    assert list(tmp_path.iterdir()) == []
