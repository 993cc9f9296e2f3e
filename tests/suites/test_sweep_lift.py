"""The packaged suite `smoke` for real: bundled weights, Lift, and a page that finds all of its runs."""

from pathlib import Path

import pytest

from fdp_bench.cli.main import main
from fdp_bench.records import RunStore

pytestmark = pytest.mark.slow


def test_the_smoke_suite_runs_with_bundled_weights_and_is_resumed(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)

    assert main(["sweep", "smoke", "--episodes", "1", "--workers", "1"]) == 0
    shown = capfd.readouterr()
    assert "to train" not in shown.out.partition("clean and")[2]
    assert main(["sweep", "smoke", "--episodes", "1", "--workers", "1"]) == 0
    assert "nothing to do: all 4 episodes are there" in capfd.readouterr().out

    store = RunStore.open(Path("runs/sweeps/smoke/runs/Lift-demos100-seed0"))
    specs = [record.spec for record in store.records()]
    assert len(specs) == 4
    assert {(spec.policy, spec.train_demos, spec.train_seed) for spec in specs} == {
        ("fdp:prop>vision", 100, 0),
        ("dp-dit", 100, 0),
    }
    assert not (Path("runs") / "demos").exists()
