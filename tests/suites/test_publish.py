"""Publishing a sweep: what a report needs of it, and nothing of the machine."""

import json
import lzma
from dataclasses import replace
from pathlib import Path

import pytest
from sweep_folders import write_sweep

from fdp_bench.api import RunError
from fdp_bench.cli.main import main
from fdp_bench.records import RunStore
from fdp_bench.report.runs import load_runs
from fdp_bench.suites.publish import publish

pytestmark = pytest.mark.usefixtures("learning")

OUT = Path("runs/sweeps/my-suite")
PUBLISHED = Path("results/my-suite")
LOG = "phase,step,train_loss,heldout_loss\njoint,1,0.5,0.6\njoint,2,0.4,0.5\n"


@pytest.fixture
def suite(write_suite):
    """One policy, two seeds, one shift."""
    return write_suite('demos = [3]\ntrain_seeds = [0, 1]\nshifts = ["dim@2"]\nepisodes = 4')


def add_network(folder: Path) -> None:
    """A network as training leaves it, with a half-done one beside it."""
    (folder / "resume" / "knower").mkdir(parents=True)
    for place in (folder, folder / "resume" / "knower"):
        (place / "knower.safetensors").write_bytes(b"weights")
        (place / "knower.json").write_text(json.dumps({"steps": 2, "data": f"{Path.cwd()}/toy.hdf5"}))
        (place / "knower.csv").write_text(LOG)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_published_sweep_holds_runs_journal_cards_and_logs_and_no_weights(suite):
    write_sweep(OUT, suite)
    add_network(OUT / "train" / "Toy-v0" / "demos3-seed0")

    publish([OUT], PUBLISHED)

    assert set(files_of(PUBLISHED)) == {
        "sweep.json",
        "runs/Toy-v0-demos3-seed0/manifest.json",
        "runs/Toy-v0-demos3-seed0/episodes.jsonl.xz",
        "runs/Toy-v0-demos3-seed1/manifest.json",
        "runs/Toy-v0-demos3-seed1/episodes.jsonl.xz",
        "train/Toy-v0/demos3-seed0/knower.json",
        "train/Toy-v0/demos3-seed0/knower.csv",
    }


def test_published_records_are_the_lines_that_the_run_wrote(suite):
    run, _ = write_sweep(OUT, suite)
    publish([OUT], PUBLISHED)
    packed = PUBLISHED / "runs" / run.name / "episodes.jsonl.xz"
    assert lzma.decompress(packed.read_bytes()) == (run / "episodes.jsonl").read_bytes()


def test_what_is_published_is_reported_like_the_runs_themselves(suite, capfd):
    write_sweep(OUT, suite)
    add_network(OUT / "train" / "Toy-v0" / "demos3-seed0")
    assert main(["report", str(OUT), "--publish", str(PUBLISHED)]) == 0
    first = (PUBLISHED / "summary.csv").read_bytes()
    capfd.readouterr()

    assert main(["report", str(PUBLISHED)]) == 0

    shown = capfd.readouterr()
    assert (PUBLISHED / "report" / "summary.csv").read_bytes() == first
    assert "is complete: 4 cells of 4 episodes." in shown.out
    assert (PUBLISHED / "report" / "training-loss.csv").is_file()


def test_nothing_that_is_published_names_a_path_of_the_machine(suite, tmp_path):
    out = tmp_path / "big disk" / "sweep"
    write_sweep(out, suite, error=f'File "{tmp_path}/site/plugin.py", line 3: no {Path.home()}/.cache/x')
    add_network(out / "train" / "Toy-v0" / "demos3-seed0")

    assert main(["report", str(out), "--publish", str(tmp_path / "published")]) == 0

    found = files_of(tmp_path / "published")
    texts = {name: lzma.decompress(data) if name.endswith(".xz") else data for name, data in found.items()}
    for secret in (tmp_path, Path.cwd(), Path.home(), "big disk"):
        assert [name for name, data in texts.items() if f"{secret}".encode() in data] == []
    records = load_runs([tmp_path / "published"]).records
    assert {record.spec.policy.partition("@")[2] for record in records} == {
        f"runs/sweeps/my-suite/train/Toy-v0/demos3-seed{seed}/knower.safetensors" for seed in (0, 1)
    }
    assert records[0].error == 'File "plugin.py", line 3: no x'


def test_a_sweep_is_published_before_it_is_finished_and_again_later(suite, capfd):
    write_sweep(OUT, suite, left_out={"knower dim@2": 3})
    assert main(["report", str(OUT), "--publish", str(PUBLISHED)]) == 0
    shown = capfd.readouterr()
    for text in (shown.out, (PUBLISHED / "summary.md").read_text(), (PUBLISHED / "report.html").read_text()):
        assert "2 of 4 cells of 4 episodes are there, and 6 of 16 episodes are missing" in text
    assert "Toy-v0, demos3-seed1: knower has of 4 episodes: dim@2 1" in shown.out

    store = RunStore.open(OUT / "runs" / "Toy-v0-demos3-seed0")
    last = store.records()[-1]
    with store.writer() as append:
        for index in (1, 2, 3):
            append(replace(last, spec=replace(last.spec, index=index)))
    publish([OUT], PUBLISHED)
    assert len(load_runs([PUBLISHED]).records) == 13


def test_a_published_run_is_not_written_to(suite):
    write_sweep(OUT, suite)
    run, _ = publish([OUT], PUBLISHED)
    message = "is published and its records are compressed; to go on with it: xz -dk"
    with pytest.raises(RunError, match=message), RunStore.open(run).writer():
        pass
    assert not (run / "episodes.jsonl").exists()


def test_runs_of_one_name_and_a_folder_that_holds_them_are_refused(suite):
    run, _ = write_sweep(OUT, suite)
    write_sweep(Path("runs/sweeps/other"), suite)
    with pytest.raises(RunError, match="would both be published as 'Toy-v0-demos3-seed0'"):
        publish([OUT, Path("runs/sweeps/other")], PUBLISHED)
    with pytest.raises(RunError, match=r"holds the run .* itself; publish into another folder"):
        publish([run], OUT)


def test_a_run_outside_a_sweep_takes_along_the_log_of_its_own_card_and_no_other_file(suite):
    run, other = write_sweep(OUT, suite)
    Path("results").mkdir()
    run, other = (one.rename(Path("results") / one.name) for one in (run, other))
    folder = OUT / "train" / "Toy-v0"
    for seed, card in ((0, {"train_demos": 3}), (1, {"secret": 1})):
        add_network(folder / f"demos3-seed{seed}")
        (folder / f"demos3-seed{seed}" / "knower.json").write_text(json.dumps(card))

    publish([run, other], PUBLISHED)

    published = {name for name in files_of(PUBLISHED) if name.startswith("train")}
    assert published == {f"train/{folder}/demos3-seed0/knower{ending}" for ending in (".json", ".csv")}
