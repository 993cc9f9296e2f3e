import pytest
from record_data import manifest, record

from fdp_bench.api import RunError
from fdp_bench.records import RunStore, compare_records
from fdp_bench.records.compare import main


def write(path, records):
    with RunStore.create(path, manifest()).writer() as append:
        for entry in records:
            append(entry)
    return path


def test_order_and_wall_times_do_not_count(tmp_path):
    a = write(tmp_path / "a", [record(0, wall_time_s=1.0), record(1)])
    b = write(tmp_path / "b", [record(1), record(0, wall_time_s=2.0)])

    assert compare_records(a, b) == []
    assert main([str(a), str(b)]) == 0


def test_each_difference_is_named(tmp_path, capsys):
    a = write(tmp_path / "a", [record(0, success=True, safety={"action_jerk": 1.0}), record(1)])
    b = write(tmp_path / "b", [record(0, success=False, safety={"action_jerk": 1.5}), record(2)])

    differences = compare_records(a, b)

    assert len(differences) == 5
    assert any("safety.action_jerk: 1.0 != 1.5" in line for line in differences)
    assert sum(line.startswith("only in") for line in differences) == 2
    assert main([str(a), str(b)]) == 1
    assert "5 differences" in capsys.readouterr().out


def test_something_that_is_no_run_is_an_error(tmp_path, capsys):
    with pytest.raises(RunError):
        compare_records(tmp_path, tmp_path)

    assert main([str(tmp_path), str(tmp_path)]) == 2
    assert "is no run" in capsys.readouterr().err


def test_a_field_that_one_runs_version_did_not_have_is_left_out(tmp_path):
    before = write(tmp_path / "before", [record(0), record(1)])
    after = write(tmp_path / "after", [record(0, fallback_share=0.5), record(1, fallback_share=0.0)])
    other = write(tmp_path / "other", [record(0, fallback_share=0.25), record(1, fallback_share=0.0)])

    assert compare_records(before, after) == compare_records(after, before) == []
    assert [line.partition(": ")[2] for line in compare_records(after, other)] == [
        "fallback_share: 0.5 != 0.25"
    ]


def test_a_field_that_some_records_of_a_run_have_is_compared(tmp_path):
    some = write(tmp_path / "some", [record(0, fallback_share=0.5), record(1)])
    every = write(tmp_path / "every", [record(0, fallback_share=0.5), record(1, fallback_share=0.0)])

    (difference,) = compare_records(some, every)
    assert difference.endswith("episode 1: fallback_share is only in the second")
