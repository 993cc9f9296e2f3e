import pytest
from gate_data import records, side, write_run

from fdp_bench.api import RunError
from fdp_bench.gate.baseline import load_compared_run
from fdp_bench.gate.compared_run import read_compared_run
from fdp_bench.gate.pairing import match_policies, pair_arms
from fdp_bench.records import RunStore


def test_episodes_of_two_policies_meet_by_index_though_their_ids_differ(tmp_path):
    baseline = side(tmp_path / "a", {("dp-dit", "clean"): "++-", ("dp-dit", "color@3"): "+--"})
    candidate = side(tmp_path / "b", {("base:prop", "clean"): "-+-", ("base:prop", "color@3"): "+++"})

    clean, color = pair_arms(baseline, candidate)

    assert not {was.id for was, _ in clean.pairs} & {now.id for _, now in clean.pairs}
    assert (clean.counts.both, clean.counts.only_first, clean.counts.only_second) == (1, 0, 1)
    assert color.counts.difference == pytest.approx(2 / 3)


def test_only_common_episodes_count(tmp_path):
    baseline = side(tmp_path / "a", {("dp-dit", "clean"): "++++"})
    candidate = side(tmp_path / "b", {("dp-dit", "clean"): "+-"})

    (arm,) = pair_arms(baseline, candidate)

    assert arm.indices == (0, 1)
    assert arm.counts.pairs == 2


def test_an_error_is_a_failure(tmp_path):
    (arm,) = pair_arms(
        side(tmp_path / "a", {("dp-dit", "clean"): "+"}), side(tmp_path / "b", {("dp-dit", "clean"): "!"})
    )

    assert arm.counts.only_second == 1


def test_flipped_episodes_are_named_lost_ones_first(tmp_path):
    baseline = side(tmp_path / "a", {("dp-dit", "clean"): "+-+-+"})
    candidate = side(tmp_path / "b", {("dp-dit", "clean"): "++---"})

    (arm,) = pair_arms(baseline, candidate)

    assert [(flip.index, flip.gained) for flip in arm.flips()] == [(2, False), (4, False), (1, True)]
    assert arm.flips()[0].id == candidate.arms[0].outcomes[2].id


@pytest.mark.parametrize(
    ("baseline", "candidate", "partners"),
    [
        (("dp-dit",), ("base:prop",), {"dp-dit": "base:prop"}),
        (("a", "b"), ("b", "a"), {"a": "a", "b": "b"}),
        (("a", "b"), ("a", "c"), {"a": "a", "b": "c"}),
        (("a@x", "b"), ("b", "a@y"), {"a@x": "a@y", "b": "b"}),
        (("a@x?k=1", "a@x?k=2"), ("a@y?k=2", "a@y?k=1"), {"a@x?k=1": "a@y?k=1", "a@x?k=2": "a@y?k=2"}),
        (("a", "b"), ("a",), {"a": "a"}),
    ],
)
def test_a_policy_meets_itself_first(baseline, candidate, partners):
    assert match_policies(baseline, candidate) == partners


def test_who_meets_whom_must_be_clear():
    with pytest.raises(RunError, match="--baseline-policy SPEC --candidate-policy SPEC"):
        match_policies(("a", "b"), ("c", "d"))


def test_what_was_run_again_is_no_episode_of_the_side(tmp_path):
    path = write_run(tmp_path / "a", {("dp-dit", "clean"): "++"})
    with RunStore.open(path).writer(retest=True) as append:
        for record in records("dp-dit", "clean", "--"):
            append(record)

    assert [outcome.success for outcome in read_compared_run(path).arms[0].outcomes.values()] == [True, True]


def test_what_is_neither_run_nor_baseline_is_said_in_one_line(tmp_path):
    with pytest.raises(RunError, match="there is no run or baseline"):
        load_compared_run(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="is no run"):
        load_compared_run(tmp_path / "empty")
    with pytest.raises(RunError, match="holds no finished episode"):
        load_compared_run(write_run_without_episodes(tmp_path / "begun"))


def write_run_without_episodes(path):
    write_run(path, {("dp-dit", "clean"): "+"})
    (path / "episodes.jsonl").write_text("")
    return path
