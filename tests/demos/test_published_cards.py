"""The cards in results/demos: whoever has weights of this repository finds the data that they were trained on."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CARDS = sorted((ROOT / "results" / "demos" / "cards").glob("*.json"))
WEIGHTS = sorted((ROOT / "policies" / "fdp_policies" / "weights").rglob("*.json"))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def data_hashes(value):
    """Every ``data_sha256`` in a JSON value."""
    if isinstance(value, dict):
        found = [value["data_sha256"]] if "data_sha256" in value else []
        return found + [each for entry in value.values() for each in data_hashes(entry)]
    return [each for entry in value for each in data_hashes(entry)] if isinstance(value, list) else []


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_card_says_what_it_must(path):
    card = read(path)
    assert path.stem == card["task"].partition("/")[2]
    for name in (
        "task_version",
        "profile",
        "expert",
        "seed",
        "number",
        "steps",
        "sha256",
        "file_sha256",
        "command",
    ):
        assert card[name] is not None, name


def test_every_bundled_weight_names_data_that_a_card_describes():
    described = {card["sha256"] for card in map(read, CARDS)}
    described |= {each for card in map(read, CARDS) for each in card["sha256_of_first"].values()}
    noted = {each for path in WEIGHTS for each in data_hashes(read(path))}
    assert noted
    assert noted <= described
