import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_data import manifest, record

from fdp_bench.api import RunError
from fdp_bench.records import RunStore
from fdp_bench.records.store import check_new_folder, read_records


@pytest.fixture
def store(tmp_path):
    return RunStore.create(tmp_path / "run", manifest())


def test_what_is_appended_is_read_back(store):
    records = [record(0), record(1, shift="color@3", receipt={"shift": "color@3"}, error="a\nb")]
    with store.writer() as append:
        for entry in records:
            append(entry)

    assert store.records() == records


def test_each_record_is_on_disk_before_the_next_begins(store):
    with store.writer() as append:
        append(record(0))
        assert read_records(store.episodes_path) == [record(0)]


@given(cut=st.integers(1, 200))
@settings(max_examples=25)
def test_a_torn_last_line_is_passed_over_and_cut_off_by_the_next_writer(tmp_path_factory, cut):
    store = RunStore.create(tmp_path_factory.mktemp("runs") / "run", manifest())
    with store.writer() as append:
        append(record(0))
        append(record(1))
    whole = store.episodes_path.read_bytes()
    store.episodes_path.write_bytes(whole[:-cut])

    assert store.records() == [record(0)]
    with store.writer() as append:
        append(record(1))
    assert store.episodes_path.read_bytes() == whole


def test_a_damaged_line_inside_is_an_error_with_its_number(store):
    with store.writer() as append:
        append(record(0))
        append(record(1))
    lines = store.episodes_path.read_text().splitlines(keepends=True)
    store.episodes_path.write_text(lines[0][:30] + "\n" + lines[1])

    with pytest.raises(RunError, match="line 1 is no episode record"):
        store.records()


def test_a_record_whose_id_does_not_fit_is_an_error(store):
    data = record(0).to_json()
    data["spec"]["index"] = 7
    store.episodes_path.write_text(json.dumps(data) + "\n")

    with pytest.raises(RunError, match="does not match"):
        store.records()


def test_the_first_of_two_records_of_an_episode_counts(store):
    with store.writer() as append:
        append(record(0, success=True))
        append(record(0, success=False))

    assert [entry.success_once for entry in store.records()] == [True]


def test_only_one_process_writes_a_run(store):
    code = (
        "import sys; from pathlib import Path; from fdp_bench.records import RunStore\n"
        "with RunStore.open(Path(sys.argv[1])).writer(): pass"
    )
    with store.writer():
        done = subprocess.run(
            [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, check=False
        )

    assert "another process is writing" in done.stderr


def test_a_folder_with_something_in_it_is_refused_with_the_way_to_resume(store):
    with pytest.raises(RunError, match="fdp-bench run --resume"):
        RunStore.create(store.path, manifest())


def test_a_folder_whose_run_was_killed_before_it_had_a_manifest_is_taken(tmp_path):
    (tmp_path / "episodes.jsonl").touch()
    (tmp_path / "manifest.json.part").write_text('{"sch')

    assert RunStore.create(tmp_path, manifest()).manifest().name == "test"


def test_a_folder_with_records_and_no_manifest_is_not_taken(tmp_path):
    (tmp_path / "episodes.jsonl").write_text("{}")

    with pytest.raises(RunError, match="is not empty"):
        check_new_folder(tmp_path)


def test_a_folder_whose_records_are_a_pipe_is_not_taken_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "episodes.jsonl")

    with pytest.raises(RunError, match="is not empty"):
        check_new_folder(tmp_path)


def test_an_empty_folder_is_taken(tmp_path):
    assert RunStore.create(tmp_path, manifest()).records() == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(RunError, match="cannot be written"):
        check_new_folder(tmp_path / "file" / "run")
    with pytest.raises(RunError, match="is a file"):
        check_new_folder(tmp_path / "file")


def test_checking_a_folder_leaves_nothing_behind(tmp_path):
    check_new_folder(tmp_path / "a" / "b")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_manifest_is_no_run(tmp_path):
    with pytest.raises(RunError, match="is no run"):
        RunStore.open(tmp_path)


def test_a_run_that_may_not_be_looked_at_is_not_called_none(tmp_path):
    with pytest.raises(RunError, match="cannot be opened: File name too long"):
        RunStore.open(tmp_path / ("a" * 300))


def test_numbers_that_are_not_finite_never_reach_the_file(store):
    with store.writer() as append, pytest.raises(ValueError, match="JSON"):
        append(record(0, safety={"action_jerk": float("nan")}))

    assert store.records() == []


def test_records_without_their_training_get_it_from_the_manifest(tmp_path):
    card = {"determinants": {"train_demos": 50, "training": {"seed": 3}}}
    policies = [{"spec": "dp-dit", "sha256": "abc", "card": card}]
    store = RunStore.create(tmp_path / "run", manifest(policies=policies))
    with store.writer() as append:
        append(record(0))

    spec = store.records()[0].spec

    assert (spec.train_demos, spec.train_seed, spec.variant) == (50, 3, "")
