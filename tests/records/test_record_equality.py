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


def test_a_field_that_only_one_sides_version_writes_does_not_count(tmp_path):
    old = write(tmp_path / "old", [record(0)])
    new = write(tmp_path / "new", [record(0, actions_cut=0.25)])
    other = write(tmp_path / "other", [record(0, actions_cut=0.5)])

    assert compare_records(old, new) == compare_records(new, old) == []
    assert [line.partition(": ")[2] for line in compare_records(new, other)] == ["actions_cut: 0.25 != 0.5"]


def test_something_that_is_no_run_is_an_error(tmp_path, capsys):
    with pytest.raises(RunError):
        compare_records(tmp_path, tmp_path)

    assert main([str(tmp_path), str(tmp_path)]) == 2
    assert "is no run" in capsys.readouterr().err
