import math
from pathlib import Path
from typing import Any

import pytest

from fdp_bench.records import Manifest
from fdp_bench.report.figures.loss_plots import loss_plot, rise_plot
from fdp_bench.report.figures.plots import compose
from fdp_bench.report.figures.style import COLORS, Palette
from fdp_bench.report.runs import Runs
from fdp_bench.report.tables.losses import loss_table, rise_table

LOG = """phase,step,train_loss,heldout_loss,rise_vision,rise_vision_low,rise_vision_high
base,100,0.3,0.2,,,
base,200,0.1,0.15,,,
residual,100,0.09,0.14,0.02,-0.01,0.05
residual,200,0.08,0.13,0.5,0.4,0.6
"""


def runs(*manifests: Manifest, path: Path = Path("runs/night")) -> Runs:
    return Runs((path,) * len(manifests), manifests, ())


def manifest(*, source: str = "bundled", rows: list[dict[str, Any]] | None = None) -> Manifest:
    card = {"log": {"rows": rows}} if rows else {}
    policy = {"spec": "fdp:prop>vision", "sha256": "aa", "source": source, "card": card}
    return Manifest("run", "complete", "", {}, 0, policies=[policy])


NAMES = {("fdp:prop>vision", "aa"): "fdp:prop>vision"}


@pytest.fixture
def logged(tmp_path: Path) -> Manifest:
    (tmp_path / "fdp.csv").write_text(LOG)
    return manifest(source=str(tmp_path / "fdp.safetensors"))


def test_the_log_beside_the_checkpoint_gives_both_phases(logged: Manifest):
    table = loss_table(runs(logged, logged), NAMES)
    assert table["phase"].tolist() == ["base", "base", "residual", "residual"]
    assert table["heldout_loss"].tolist() == [0.2, 0.15, 0.14, 0.13]


def test_the_log_of_a_sweep_is_found_where_the_sweep_was_moved_or_published(tmp_path: Path):
    place = tmp_path / "paper" / "train" / "Lift" / "seed0"
    place.mkdir(parents=True)
    (place / "fdp.csv").write_text(LOG)
    gone = manifest(source="runs/sweeps/paper/train/Lift/seed0/fdp.safetensors")
    assert len(loss_table(runs(gone, path=tmp_path / "paper" / "runs" / "night"), NAMES)) == 4
    assert loss_table(runs(gone, path=tmp_path / "other" / "runs" / "night"), NAMES).empty


def test_what_a_sense_is_worth_is_read_where_it_was_measured(logged: Manifest):
    table = rise_table(runs(logged), NAMES)
    assert table["step"].tolist() == [100, 200]
    assert table[["low", "rise", "high"]].to_numpy().tolist() == [[-0.01, 0.02, 0.05], [0.4, 0.5, 0.6]]
    assert table["sense"].tolist() == ["vision", "vision"]


def test_without_its_log_a_cards_own_rows_are_taken(tmp_path: Path):
    rows = [{"phase": "joint", "step": 5, "train_loss": 1.0, "heldout_loss": None}]
    for source in ("bundled", str(tmp_path / "gone.safetensors")):
        table = loss_table(runs(manifest(source=source, rows=rows)), NAMES)
        assert table["step"].tolist() == [5]
        assert math.isnan(table["heldout_loss"][0])


def test_policies_without_a_log_or_without_episodes_are_left_out(logged: Manifest):
    assert loss_table(runs(manifest()), NAMES).empty
    assert loss_table(runs(logged), {}).empty


def test_losses_get_a_panel_a_phase_and_senses_a_panel_each(logged: Manifest):
    losses, rises = loss_plot(loss_table(runs(logged), NAMES)), rise_plot(rise_table(runs(logged), NAMES))
    assert [panel.title for panel in losses.panels] == ["base phase", "residual phase"]
    assert [panel.title for panel in rises.panels] == ["residual phase, vision shuffled"]
    for plot in (losses, rises):
        assert all(axes.get_xlabel() and axes.get_ylabel() for axes in compose(plot).axes)
        assert "n = 1 training run a line" in plot.caption


def test_tasks_get_panels_of_their_own_in_which_a_policy_looks_alike():
    names, manifests = {}, []
    for task, policies in (("fdp_bench/Lift-v1", ("fdp", "dp-dit")), ("fdp_bench/Can-v1", ("dp-dit",))):
        entries = []
        for policy in policies:
            row = {"phase": "joint", "step": 5, "train_loss": 1.0, "heldout_loss": 0.5}
            entries.append(
                {"spec": policy, "sha256": task, "source": "bundled", "card": {"log": {"rows": [row]}}}
            )
            names[policy, task] = policy
        manifests.append(Manifest("run", "complete", "", {"task": task}, 0, policies=entries))
    plot = loss_plot(loss_table(runs(*manifests), names), Palette(("dp-dit", "fdp")))
    assert [panel.title for panel in plot.panels] == ["Can-v1: joint phase", "Lift-v1: joint phase"]
    figure = compose(plot)
    colors = [
        {line.get_label(): line.get_color() for line in axes.lines if not line.get_label().startswith("_")}
        for axes in figure.axes
    ]
    assert colors == [{"dp-dit": COLORS[0]}, {"dp-dit": COLORS[0], "fdp": COLORS[1]}]
    assert len(plot.layout.rows) == 3
