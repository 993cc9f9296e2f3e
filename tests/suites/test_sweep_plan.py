"""What a sweep on Lift needs and finds, without training or running anything."""

from dataclasses import replace
from pathlib import Path

import pytest

from fdp_bench.suites import demonstrations
from fdp_bench.suites.demonstrations import DataFacts, DemonstrationFile, collection_path, find_file
from fdp_bench.suites.load import load_suite
from fdp_bench.suites.planning import plan_sweep
from fdp_bench.suites.request import SweepRequest

LIFT = "fdp_bench/Lift-v1"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def request_for(monkeypatch):
    """A request for a packaged suite; with `data`, on demonstrations of another expert."""

    def make(name, *, data=None, **facts):
        if data:
            data.write_text("demonstrations")
            monkeypatch.setattr(
                DemonstrationFile, "_read", lambda _, path, size: DataFacts(f"{size}-of-another", 50 * size)
            )
            facts["data"] = {LIFT: data}
        return SweepRequest(suite=load_suite(name), out=Path("out"), command="fdp-bench sweep", **facts)

    return make


def sources(plan):
    return [item.weights.source if item.weights else "missing" for item in plan.items]


@pytest.mark.parametrize("name", ["robustness", "base-sanity", "priority-order", "smoke"])
def test_bundled_weights_are_all_that_these_suites_need(request_for, name):
    plan = plan_sweep(request_for(name))

    assert set(sources(plan)) == {"bundled"}
    assert plan.uncollected == []


def test_small_training_sizes_are_missing_and_so_are_their_demonstrations(request_for):
    plan = plan_sweep(request_for("data-efficiency"))

    assert set(sources(plan)) == {"missing"}
    assert plan.uncollected == [LIFT]


def test_policies_of_one_curve_come_from_one_file(request_for, tmp_path):
    plan = plan_sweep(request_for("data-efficiency", data=tmp_path / "mine.npz"))

    assert sources(plan) == ["missing"] * 45
    assert plan.uncollected == []


@pytest.mark.parametrize(("name", "found"), [("robustness", {"bundled"}), ("data-efficiency", {"missing"})])
def test_collected_demonstrations_count_where_something_is_trained_on_them(
    request_for, monkeypatch, name, found
):
    collected = collection_path(LIFT, "fast", 100)
    collected.parent.mkdir(parents=True)
    collected.write_text("demonstrations")
    monkeypatch.setattr(DemonstrationFile, "_read", lambda *_: DataFacts("of-another", 50))

    assert set(sources(plan_sweep(request_for(name)))) == found


def test_cells_of_one_size_seed_and_variant_share_a_run(request_for):
    groups = plan_sweep(request_for("data-efficiency")).groups()

    assert [group.folder.name for group in groups] == [
        f"Lift-demos{size}-seed{seed}" for size in (10, 25, 50) for seed in (0, 1, 2)
    ]
    assert all(len(group.cells) == 5 for group in groups)


def test_a_budget_is_other_weights(request_for):
    assert set(sources(plan_sweep(request_for("robustness", steps=70)))) == {"missing"}


def test_epochs_are_counted_in_the_windows_of_the_file(request_for, tmp_path):
    plan = plan_sweep(request_for("base-duration", data=tmp_path / "mine.npz"))

    long = next(cell for cell in plan.missing if cell.variant == "epochs700")
    assert long.settings["base_steps"] == str(-(-700 * 5000 // 64))


def test_collected_demonstrations_serve_every_later_sweep(monkeypatch):
    def record(task, out, *, num_demos, seed, profile, progress):
        assert (task, num_demos, seed, profile) == (LIFT, 200, 0, "fast")
        out.write_text("demonstrations")

    monkeypatch.setattr(demonstrations, "collect_demonstrations", record)
    assert find_file(LIFT, None, "fast", 100).path is None

    made = demonstrations.collect(LIFT, "fast", 100)

    assert made.path == Path("runs/demos/Lift-200-seed0.hdf5")
    assert find_file(LIFT, None, "fast", 10).path == made.path
    assert find_file(LIFT, None, "reference", 10).path is None


def test_more_demonstrations_than_usual_are_collected_where_a_size_needs_them():
    assert collection_path(LIFT, "fast", 300).name == "Lift-360-seed0.hdf5"


def test_a_filtered_request_needs_less(request_for):
    request = request_for("data-efficiency")
    suite = replace(request.suite, demos=(100,), train_seeds=(0,), policies=("dp-dit", "dp-unet"))

    assert set(sources(plan_sweep(replace(request, suite=suite)))) == {"bundled"}
