import hashlib
import json

import pytest
from demo_data import made_up_episode, write_made_up

from fdp_bench.api import DatasetError
from fdp_bench.demos.card import dataset_card, write_card
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.pack import pack_demonstrations


@pytest.fixture
def file(tmp_path):
    episodes = [made_up_episode(i, steps=6 + i, lead_in_steps=2) for i in range(10)]
    return write_made_up(tmp_path / "demos.hdf5", episodes, expert_version=3, attempts=12, seed=5)


def test_card_tells_what_the_file_holds_and_how_it_was_made(file):
    card = dataset_card(file)
    assert (card["task"], card["task_version"], card["profile"]) == ("fdp_bench/Lift-v1", 1, "fast")
    assert (card["number"], card["train"], card["held_out"]) == (10, 9, 1)
    assert (card["expert"], card["seed"], card["attempts"]) == ({"kind": "scripted", "version": 3}, 5, 12)
    assert card["steps"] == {
        "total": sum(range(4, 14)),
        "mean": 8.5,
        "median": 8.5,
        "shortest": 4,
        "longest": 13,
        "horizon": 200,
    }
    assert card["command"] == "fdp-bench demos collect --task Lift --num-demos 10 --seed 5 --out FILE"
    assert json.loads(json.dumps(card)) == card


def test_card_holds_the_hash_of_the_content_and_that_of_the_file(file, tmp_path):
    packed = tmp_path / "demos.npz"
    pack_demonstrations(file, packed)
    ours, theirs = dataset_card(file), dataset_card(packed)
    assert ours["sha256"] == theirs["sha256"] == load_demonstrations(file).sha256
    assert ours["file_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest() != theirs["file_sha256"]


def test_card_holds_the_hashes_that_weights_trained_on_the_first_ones_note(tmp_path):
    file = write_made_up(tmp_path / "demos.hdf5", [made_up_episode(i, steps=3) for i in range(30)])
    hashes = dataset_card(file)["sha256_of_first"]
    assert hashes == {str(number): load_demonstrations(file, num_demos=number).sha256 for number in (10, 25)}


def test_card_of_the_first_demonstrations_counts_those_alone(file):
    card = dataset_card(file, num_demos=3)
    assert (card["number"], card["train"], card["held_out"]) == (3, 3, 0)
    assert card["steps"]["total"] == 4 + 5 + 6
    assert card["sha256"] == load_demonstrations(file).sha256


@pytest.mark.parametrize(
    ("said", "expert"),
    [
        ({"source": {"format": "minari", "algorithm_name": "SAC"}}, {"kind": "policy", "policy": "SAC"}),
        (
            {"source": {"format": "lerobot", "expert": {"kind": "scripted", "version": 2}}},
            {"kind": "scripted", "version": 2},
        ),
        (
            {"source": {"format": "fdp-bench", "expert_version": 4}},
            {"kind": "scripted", "version": 4},
        ),
        ({"source": {"format": "robomimic"}}, None),
        (
            {"recorded": {"policy": "reach", "solved": 2, "only_successes": True}},
            {"kind": "policy", "policy": "reach", "solved": 2, "only_successes": True},
        ),
    ],
)
def test_card_names_the_expert_that_the_source_names(tmp_path, said, expert):
    card = dataset_card(
        write_made_up(tmp_path / "demos.hdf5", [made_up_episode(0), made_up_episode(1)], **said)
    )
    assert card["expert"] == expert
    assert card["command"] is None


def test_written_card_is_the_card(file, tmp_path):
    out = tmp_path / "cards" / "Lift-v1.json"
    card = dataset_card(file)
    write_card(card, out)
    assert json.loads(out.read_text()) == card
    assert [path.name for path in out.parent.iterdir()] == ["Lift-v1.json"]


def test_card_that_cannot_be_written_is_one_line(file, tmp_path):
    (tmp_path / "blocked").write_text("a file")
    with pytest.raises(DatasetError, match="cannot write") as error:
        write_card({}, tmp_path / "blocked" / "card.json")
    assert "\n" not in str(error.value)
