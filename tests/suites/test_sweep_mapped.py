"""Sweeps on somebody else's environment: the page's example, trained on what a policy of one's own has shown."""

import numpy as np
import pytest
from external_page import example

from fdp_bench.api import DatasetError
from fdp_bench.cli.main import main
from fdp_bench.demos.record import record
from fdp_bench.suites.demonstrations import DemonstrationFile
from fdp_bench.tasks import resolve_task
from fdp_bench.tasks.external import registry

__all__ = ["example"]

TASK = "mine/ReachByEye-v0"
SUITE = """
policies = ["base:prop"]
tasks = ["reach.toml"]
shifts = ["prop_bias"]
severities = [3]
demos = [2]
episodes = 1

[training]
steps = 2
"""


@pytest.fixture
def shown(example):
    """The example's folder with three demonstrations in reach.hdf5."""

    def to_the_ball(observation, env):
        hand, ball = np.split(env.observe(), 2)
        return np.clip(5.0 * (ball - hand), -0.5, 0.5)

    record("reach.toml", to_the_ball, episodes=3, out=example / "reach.hdf5", own_units=True)
    registry._remembered.clear()
    return example


@pytest.mark.parametrize("name", ["reach.toml", "ReachByEye"])
def test_a_sweep_finds_the_data_by_the_maps_name(shown, name, capfd):
    (shown / "suite.toml").write_text(SUITE)

    assert main(["sweep", "suite.toml", "--data", f"{name}=reach.hdf5", "--dry-run"]) == 0
    assert "to train: 1 of 1 policies" in capfd.readouterr().out


def test_what_a_sweep_trained_it_finds_again_and_another_map_refuses(shown, capfd):
    (shown / "suite.toml").write_text(SUITE)
    command = ["sweep", "suite.toml", "--data", "reach.toml=reach.hdf5", "--workers", "1", "--out", "swept"]

    assert main(command) == 0, capfd.readouterr().err
    assert "trained base:prop" in capfd.readouterr().err
    registry._remembered.clear()
    assert main(command) == 0
    again = capfd.readouterr()
    assert "trained" not in again.err
    assert "nothing to do" in again.out

    text = (shown / "reach.toml").read_text()
    (shown / "reach.toml").write_text(text.replace("slice = [0, 2]", "slice = [2, 4]"))
    registry._remembered.clear()
    (weights,) = shown.glob("swept/train/*/*/base-prop.safetensors")
    run = [
        "run",
        "--task",
        "reach.toml",
        "--policy",
        f"base:prop@{weights}",
        "--shift",
        "prop_bias",
        "--episodes",
        "1",
    ]
    assert main(run) == 2
    assert "was trained on another map of mine/ReachByEye-v0 (digest" in capfd.readouterr().err


def test_its_data_must_fit_the_map(shown):
    text = (shown / "reach.toml").read_text()
    (shown / "reach.toml").write_text(text.replace("slice = [0, 2]", "slice = [2, 4]"))
    resolve_task("reach.toml")

    with pytest.raises(DatasetError, match="recorded on another map of mine/ReachByEye-v0"):
        DemonstrationFile(TASK, shown / "reach.hdf5", "fast").facts(2)


def test_a_damaged_file_of_ours_is_no_strangers_format(shown):
    whole = (shown / "reach.hdf5").read_bytes()
    (shown / "other.hdf5").write_bytes(b"somebody's own format")
    (shown / "reach.hdf5").write_bytes(whole.replace(b"demo_1", b"demo_7"))
    resolve_task("reach.toml")

    with pytest.raises(DatasetError, match="no demonstration file"):
        DemonstrationFile(TASK, shown / "reach.hdf5", "fast").facts(2)
    assert DemonstrationFile(TASK, shown / "other.hdf5", "fast").facts(2).sha256
