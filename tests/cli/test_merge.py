"""`fdp-bench run --shard` and `fdp-bench merge` as a user meets them."""

import shlex

import pytest

from fdp_bench.cli.main import main
from fdp_bench.records import RunStore, compare_records
from fdp_bench.toy import TOY_TASK


@pytest.fixture(scope="module", autouse=True)
def one_commit():
    """Somebody may commit while a test runs, and shards of two commits are not merged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fdp_bench.runner.run_manifest.git_state", lambda: {"commit": "c0ffee", "dirty": False})
        yield


@pytest.fixture
def call(tmp_path, monkeypatch, fakes, capfd):
    monkeypatch.chdir(tmp_path)

    def run(arguments):
        code = main(shlex.split(arguments))
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return run


def test_shards_are_run_reported_and_merged(call, tmp_path):
    run = f"run --task {TOY_TASK} --policy watcher --shift dim@4 --episodes 3 --workers 1"
    assert call(f"{run} --out whole")[0] == 0
    code, out, _ = call(f"{run} --shard 1/2 --out parts/1")
    assert code == 0
    assert "parts/1 is shard 1 of 2: the numbers are those of a part of a run" in out
    assert "fdp-bench merge" in out

    code, out, err = call("report parts/1")
    assert code == 0
    assert "parts/1 is shard 1 of 2" in out
    assert "parts/1 is shard 1 of 2" in (tmp_path / "parts/1/report/report.html").read_text()
    assert "--resume" not in err

    code, _, err = call("merge parts/1 --out joined")
    assert code == 2
    assert err.startswith("error: shard of 2 missing: 2; run it with: fdp-bench run")
    assert call(f"{run} --shard 2/2 --out parts/2")[0] == 0
    assert call("report parts/1 parts/2 --out both")[1].count("shard 1 of 2") == 0

    code, out, _ = call("merge parts --out joined")
    assert code == 0
    assert "next: fdp-bench report joined" in out
    assert compare_records(tmp_path / "whole", tmp_path / "joined") == []
    assert RunStore.open(tmp_path / "joined").manifest().shard == {}
    assert call("merge parts --out joined")[0] == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--shard 3", "must be NUMBER/COUNT, for instance 3/16"),
        ("--shard 9/8", "must lie in 1-8"),
        ("--shard 1/8", "makes 8 parts of 4 episodes"),
    ],
)
def test_shards_that_cannot_be_are_refused_in_one_line(call, tmp_path, options, words):
    code, _, err = call(f"run --task {TOY_TASK} --policy watcher --shift dim --episodes 2 {options}")

    assert code == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_keeps_its_shard(call):
    code, _, err = call("run --resume x --shard 1/2")

    assert code == 2
    assert "--shard cannot be given with --resume" in err


def test_a_lone_shard_is_no_baseline(call):
    assert (
        call(f"run --task {TOY_TASK} --policy blind --shift dim --episodes 2 --shard 1/2 --out part")[0] == 0
    )

    code, _, err = call("baseline part --out baseline.json")

    assert code == 2
    assert "part is shard 1 of 2 of a run; join all of them first" in err
