"""Running episodes again: which ones, what the records show, and that they count in no rate."""

from dataclasses import replace

import pytest

from fdp_bench.api import SpecError
from fdp_bench.records import RunStore, compare_records
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import plan_arms, plan_retest, with_fresh_noise
from fdp_bench.runner.retest import read_retest
from fdp_bench.runner.run import begin_run, resume_run
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")


def config(**changes):
    facts = {"task": TOY_TASK, "policies": ("watcher",), "shifts": ("dim@4",), "episodes": 10}
    return RunConfig(**{**facts, **changes})


def silent(run_info):
    del run_info
    return lambda record: None


def begin(out, *, workers=1, **changes):
    return begin_run(config(**changes), out, name="test", command=[], progress=silent, workers=workers)


@pytest.fixture(scope="module")
def retested(tmp_path_factory, fakes_folder):
    """A run of ten episodes a cell, of which a fifth were run again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(fakes_folder)
        return begin(tmp_path_factory.mktemp("runs") / "retested", retest=0.2)


@pytest.mark.parametrize(
    ("share", "episodes", "indices"),
    [
        (0.2, 10, [0, 5]),
        (0.2, 50, list(range(0, 50, 5))),
        (0.2, 3, [0]),
        (0.3, 10, [0, 3, 6]),
        (1.0, 3, [0, 1, 2]),
        (0.0, 9, []),
    ],
)
def test_the_share_is_spread_evenly_and_every_arm_gets_the_same_indices(share, episodes, indices):
    planned = config(retest=share, episodes=episodes)
    again = plan_retest(planned, plan_arms(planned, {"watcher": ""}))

    for shift in ("clean", "dim@4"):
        for noise_seed in (0, 1):
            chosen = [spec.index for spec in again if (spec.shift, spec.noise_seed) == (shift, noise_seed)]
            assert chosen == indices
    assert len(again) == 4 * len(indices)


def test_a_run_that_repeats_says_so_and_measures_the_noise(retested):
    retest = read_retest(retested)

    assert retest.repeat.agrees
    assert retest.repeat.episodes == 4
    assert retest.floor.episodes == 4
    assert [(arm.policy, arm.shift, arm.floor.episodes) for arm in retest.arms] == [
        ("watcher", "clean", 2),
        ("watcher", "dim@4", 2),
    ]


def test_fresh_noise_meets_the_same_state_and_shift_and_moves_the_policy(retested):
    ordinary = {record.spec: record for record in retested.records()}
    fresh = [record for record in retested.retest_records() if record.spec.noise_seed]

    assert len(fresh) == 4
    for record in fresh:
        twin = ordinary[replace(record.spec, noise_seed=0)]
        assert record.spec == with_fresh_noise(twin.spec)
        assert record.initial_state_sha256 == twin.initial_state_sha256
        assert record.receipt == twin.receipt
        assert record.safety != twin.safety


def test_what_was_run_again_counts_in_no_rate(retested, tmp_path):
    plain = begin(tmp_path / "plain")

    assert compare_records(retested.path, plain.path) == []
    assert len(retested.records()) == retested.manifest().episodes_planned == 20


def test_running_again_leaves_the_pictures_of_the_first_time(retested, tmp_path):
    plain = begin(tmp_path / "plain", episodes=1)
    name = "watcher_dim-4.png"

    assert (retested.path / "strips" / name).read_bytes() == (plain.path / "strips" / name).read_bytes()


def test_a_policy_that_does_not_repeat_is_found(tmp_path):
    retest = read_retest(begin(tmp_path / "run", policies=("moody",), retest=0.2))

    assert not retest.repeat.agrees
    assert len(retest.differing) == 4


def test_a_run_without_a_retest_has_nothing_to_show(tmp_path):
    assert read_retest(begin(tmp_path / "run", episodes=1)) is None


def test_a_cut_retest_is_finished_by_resuming(retested, tmp_path):
    cut = begin(tmp_path / "cut", retest=0.2)
    lines = cut.retest_path.read_bytes().splitlines(keepends=True)
    cut.retest_path.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    cut.update_manifest(replace(cut.manifest(), status="interrupted"))

    resume_run(cut.path, command=[], progress=silent, workers=1, lanes=None)

    def again(store):
        return {record.spec: record.comparable() for record in store.retest_records()}

    assert again(RunStore.open(cut.path)) == again(retested)
    assert cut.manifest().status == "complete"


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(SpecError, match="retest is"):
        config(retest=share)
