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
    assert card["command"] == "fdp-bench demos --task Lift --num 10 --seed 5 --out FILE"
    assert json.loads(json.dumps(card)) == card


def test_card_holds_the_hash_of_the_content_and_that_of_the_file(file, tmp_path):
    packed = tmp_path / "demos.npz"
    pack_demonstrations(file, packed)
    ours, theirs = dataset_card(file), dataset_card(packed)
    assert ours["sha256"] == theirs["sha256"] == load_demonstrations(file).sha256
    assert ours["file_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest() != theirs["file_sha256"]


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
