"""Two policies until they are decided: the decision, and that nothing but the episodes moves it."""

from dataclasses import replace

import pytest

from fdp_bench.api import EpisodeRecord, SpecError
from fdp_bench.records import compare_records
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.interrupts import RunInterruptedError
from fdp_bench.runner.planning.feeds import BLOCK, SequentialFeed
from fdp_bench.runner.planning.plan import plan_arms, plan_episodes
from fdp_bench.runner.run import begin_run, resume_run
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")


def config(**changes):
    facts = {"task": TOY_TASK, "policies": ("seeker", "blind"), "shifts": ("dim@4",), "episodes": 40}
    return RunConfig(**{**facts, "until_decided": 0.1, **changes})


def planned(request):
    arms = plan_arms(request, dict.fromkeys(request.policies, ""))
    return arms, plan_episodes(request, arms)


def record(spec, *, success):
    return EpisodeRecord(spec, "ok", success, success, 9)


def play(request, outcome, *, order=lambda batch: batch, in_flight=1):
    """Feed a plan's episodes back with so many under way at once; returns the feed and what was handed out."""
    arms, _ = planned(request)
    feed = SequentialFeed(request, arms, ())
    handed, under_way = [], []
    for chunk in feed.chunks():
        handed += chunk
        under_way += chunk
        if len(under_way) >= in_flight:
            for spec in order(under_way):
                feed.take(record(spec, success=outcome(spec)))
            under_way = []
    for spec in order(under_way):
        feed.take(record(spec, success=outcome(spec)))
    return feed, handed


def silent(run_info):
    del run_info
    return lambda record: None


def begin(out, *, workers=1, progress=silent, **changes):
    return begin_run(config(**changes), out, name="test", command=[], progress=progress, workers=workers)


@pytest.fixture(scope="module")
def decided(tmp_path_factory, fakes_folder):
    """A run by one worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(fakes_folder)
        return begin(tmp_path_factory.mktemp("runs") / "decided")


def first_always_wins(spec):
    return spec.policy == "seeker"


def test_a_clear_winner_is_found_long_before_the_most_episodes():
    feed, handed = play(config(), first_always_wins)

    for entry in feed.comparisons():
        assert entry["winner"] == "first"
        # Without a lost pair the e-value is 2^n / (n + 1); alpha 0.1 over two shifts asks for 20.
        assert entry["decided_at"] == entry["pairs"] == 8
        assert entry["e_value"] == pytest.approx(2**8 / 9)
        assert entry["alpha"] == 0.05
    assert len(handed) <= 2 * 2 * (8 + BLOCK)


def test_equal_policies_run_to_the_end_undecided():
    feed, handed = play(config(), lambda spec: spec.index % 3 == 0)

    assert [entry["winner"] for entry in feed.comparisons()] == [None, None]
    assert [entry["pairs"] for entry in feed.comparisons()] == [40, 40]
    assert len(handed) == len({spec.id for spec in handed}) == 160


def test_one_shift_ends_while_the_other_goes_on():
    feed, handed = play(config(), lambda spec: spec.shift == "dim@4" or spec.policy == "blind")
    clean, dim = feed.comparisons()

    assert (clean["winner"], dim["winner"]) == ("second", None)
    assert max(spec.index for spec in handed if spec.shift == "clean") < clean["decided_at"] + BLOCK
    assert max(spec.index for spec in handed if spec.shift == "dim@4") == 39


@pytest.mark.parametrize("in_flight", [1, 5, 23, 200])
@pytest.mark.parametrize("order", [list, lambda batch: batch[::-1]], ids=["in-order", "reversed"])
def test_the_decision_depends_neither_on_arrival_nor_on_what_is_under_way(in_flight, order):
    def outcome(spec):
        return spec.index % 4 != 1 if spec.policy == "seeker" else spec.index % 4 == 2

    reference, _ = play(config(), outcome)
    feed, _ = play(config(), outcome, order=order, in_flight=in_flight)

    assert feed.comparisons() == reference.comparisons()


def test_a_gap_holds_the_decision_back():
    request = config(shifts=())
    arms, episodes = planned(request)
    feed = SequentialFeed(request, arms, ())
    for spec in episodes:
        if (spec.policy, spec.index) != ("blind", 3):
            feed.take(record(spec, success=first_always_wins(spec)))

    assert feed.comparisons()[0]["pairs"] == 3
    assert [spec.index for chunk in feed.chunks() for spec in chunk] == [3]


def test_an_error_counts_as_a_failure():
    request = config(shifts=())
    arms, episodes = planned(request)
    feed = SequentialFeed(request, arms, ())
    for spec in episodes:
        won = record(spec, success=True)
        feed.take(won if first_always_wins(spec) else replace(won, status="error"))

    assert feed.comparisons()[0]["winner"] == "first"


def test_a_real_run_is_decided_and_counts_only_what_decided(decided):
    clean, dim = decided.manifest().comparisons

    assert clean["winner"] == dim["winner"] == "first"
    for entry in (clean, dim):
        counted = [record.spec for record in decided.records() if record.spec.shift == entry["shift"]]
        assert len(counted) == 2 * entry["decided_at"]
        assert {spec.index for spec in counted} == set(range(entry["decided_at"]))
    assert len(decided.all_records()) < 160
    assert decided.manifest().episodes_planned == len(decided.records())


def test_the_number_of_workers_changes_nothing(decided, tmp_path):
    other = begin(tmp_path / "other", workers=3)

    assert compare_records(decided.path, other.path) == []
    assert other.manifest().comparisons == decided.manifest().comparisons


def test_an_interrupted_run_comes_to_the_same_decision(decided, tmp_path):
    seen = []

    def stop_after_nine(run_info):
        del run_info

        def take(record):
            seen.append(record)
            if len(seen) == 9:
                raise KeyboardInterrupt

        return take

    with pytest.raises(RunInterruptedError):
        begin(tmp_path / "cut", workers=2, progress=stop_after_nine)
    store = resume_run(tmp_path / "cut", command=[], progress=silent, workers=1, lanes=None)

    assert compare_records(decided.path, store.path) == []
    assert store.manifest().comparisons == decided.manifest().comparisons
    assert store.manifest().status == "complete"


@pytest.mark.parametrize("policies", [("seeker",), ("seeker", "blind", "watcher")])
def test_other_than_two_policies_are_refused_before_any_work(tmp_path, policies):
    with pytest.raises(SpecError, match="compares two policies"):
        begin(tmp_path / "run", policies=policies)

    assert list(tmp_path.iterdir()) == []


def test_two_spellings_of_one_policy_are_one(tmp_path):
    with pytest.raises(SpecError, match=r"got 1 \(seeker:prop>vision\)"):
        begin(tmp_path / "run", policies=("seeker:prop", "seeker:prop>vision"))

    assert list(tmp_path.iterdir()) == []


def test_it_excludes_a_retest():
    with pytest.raises(SpecError, match="exclude each other"):
        config(retest=0.2)


@pytest.mark.slow
def test_lost_workers_move_no_decision(tmp_path):
    policies = ("seeker", "faulty?how=segfault")
    one = begin(tmp_path / "one", policies=policies, shifts=())
    two = begin(tmp_path / "two", policies=policies, shifts=(), workers=2)

    assert one.manifest().invocations[-1]["incidents"]
    assert two.manifest().comparisons == one.manifest().comparisons
    assert compare_records(one.path, two.path) == []
