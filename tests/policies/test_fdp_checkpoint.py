import hashlib
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from fdp_policies.acting.chunk_sampler import load_denoiser
from fdp_policies.checkpoints.checkpoint import Checkpoint, round_to_half, state_sha256
from fdp_policies.training.fit import fit

from fdp_bench.api import CheckpointError


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def fdp(make_job, stored, tmp_path):
    """A copy of an FDP's checkpoint that the test may spoil."""
    fit(make_job("fdp", "prop>vision", out=stored, steps=4, eval_every=2, plateau_min_steps=1))
    shutil.copytree(stored, tmp_path, dirs_exist_ok=True)
    return tmp_path / "fdp-prop-vision.safetensors"


def edit_card(path, **changes):
    card_path = path.with_suffix(".json")
    card_path.write_text(json.dumps({**json.loads(card_path.read_text()), **changes}))


def test_weights_survive_the_round_trip(fdp):
    checkpoint = Checkpoint.open(fdp)
    network = load_denoiser(checkpoint, "cpu")
    expected = checkpoint.tensors()
    assert expected
    for name, value in network.trainable_state().items():
        assert torch.equal(value, expected[name])


def test_weights_are_stored_in_half_precision_under_four_megabytes(fdp):
    header_length = int.from_bytes(fdp.read_bytes()[:8], "little")
    header = json.loads(fdp.read_bytes()[8 : 8 + header_length])
    assert {entry["dtype"] for name, entry in header.items() if name != "__metadata__"} == {"F16"}


@pytest.mark.parametrize("ending", [".pt", ".pth", ".pkl", ".ckpt", ".bin"])
def test_pickled_checkpoints_are_refused_unread(tmp_path, ending):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was read",))

    path = tmp_path / f"weights{ending}"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="pickled format"):
        Checkpoint.open(path)


def test_pickle_in_disguise_is_refused_unread(fdp):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was read",))

    fdp.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="damaged"):
        Checkpoint.open(fdp).tensors()


def test_missing_checkpoint_names_the_command(tmp_path):
    with pytest.raises(CheckpointError, match="fdp-bench train"):
        Checkpoint.open(tmp_path / "nothing.safetensors")


def test_missing_and_malformed_cards_are_named(fdp):
    card = fdp.with_suffix(".json")
    card.write_text("{")
    with pytest.raises(CheckpointError, match="malformed"):
        Checkpoint.open(fdp)
    card.unlink()
    with pytest.raises(CheckpointError, match="missing"):
        Checkpoint.open(fdp)


def test_unknown_field_in_a_card_is_malformed(fdp):
    network = Checkpoint.open(fdp).card["network"]
    edit_card(fdp, network={**network, "surprise": 1})
    with pytest.raises(CheckpointError, match="malformed"):
        Checkpoint.open(fdp)


def test_truncated_weights_are_damaged(fdp):
    fdp.write_bytes(fdp.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        Checkpoint.open(fdp).tensors()


def test_weights_that_do_not_fit_their_card_are_refused(fdp):
    network = Checkpoint.open(fdp).card["network"]
    edit_card(fdp, network={**network, "depth": network["depth"] + 1})
    with pytest.raises(CheckpointError, match="do not fit"):
        load_denoiser(Checkpoint.open(fdp), "cpu")


def test_another_base_than_the_one_trained_on_is_refused(fdp, make_job, tmp_path):
    other = fit(make_job("base", "prop", out=tmp_path / "other", steps=4, eval_every=2, seed=9))
    base = fdp.with_name("base-prop.safetensors")
    shutil.copy(other, base)
    shutil.copy(other.with_suffix(".json"), base.with_suffix(".json"))
    with pytest.raises(CheckpointError, match="not the base"):
        _ = Checkpoint.open(fdp).base


def test_base_outside_the_checkpoints_folder_cannot_be_named(fdp, tmp_path):
    entry = Checkpoint.open(fdp).card["base"]
    edit_card(fdp, base={**entry, "file": "../../elsewhere/base-prop.safetensors"})
    base = Checkpoint.open(fdp).base
    assert base.path.parent == fdp.parent


def test_combined_hash_changes_with_either_file(fdp):
    checkpoint = Checkpoint.open(fdp)
    assert checkpoint.combined_sha256() not in (checkpoint.sha256, checkpoint.base.sha256)
    assert checkpoint.base.combined_sha256() == checkpoint.base.sha256


def test_state_hash_sees_a_single_bit():
    state = {"a": torch.zeros(3), "b": torch.ones(2)}
    changed = {"a": torch.zeros(3), "b": torch.tensor([1.0, 1.0 + 1e-7])}
    assert state_sha256(state) == state_sha256(dict(reversed(state.items())))
    assert state_sha256(state) != state_sha256(changed)
    assert torch.equal(round_to_half(changed)["b"], state["b"])


def restamp(path):
    """Give a spoiled file the card of whoever spoiled it."""
    edit_card(path, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def rewrite_header(path, **changes):
    """Change entries of the header's first tensor."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    name = next(name for name in header if name != "__metadata__")
    header[name] = {**header[name], **changes}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    restamp(path)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shape": [2**40, 2**20]}, "needs"),
        ({"dtype": "I64"}, "dtype"),
        ({"data_offsets": [0, 2**50]}, "needs"),
        ({"shape": [-1]}, "shape"),
    ],
)
def test_headers_that_lie_are_refused_whatever_the_card_says(fdp, changes, why):
    rewrite_header(fdp, **changes)
    with pytest.raises(CheckpointError, match=why):
        Checkpoint.open(fdp).tensors()


def test_another_number_of_weights_than_the_cards_is_refused(fdp):
    edit_card(fdp, parameters=5)
    with pytest.raises(CheckpointError, match="its card says 5"):
        Checkpoint.open(fdp).tensors()


def test_a_network_larger_than_its_file_takes_no_memory(fdp, monkeypatch):
    network = Checkpoint.open(fdp).card["network"]
    edit_card(fdp, network={**network, "width": 8192, "depth": 256})
    real = []
    monkeypatch.setattr(
        "torch.nn.Linear.reset_parameters", lambda layer: real.append(layer.weight.device.type != "meta")
    )
    with pytest.raises(CheckpointError, match="do not fit"):
        load_denoiser(Checkpoint.open(fdp), "cpu")
    assert real
    assert not any(real)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": {"heads": 0}},
        {"network": {"width": 10**12}},
        {"network": {"depth": "4"}},
        {"action_dim": 10**9},
        {"composition": "__import__('os')"},
        {"shapes": {"prop": [-3]}},
        {"normalizer": {"keys": {}, "action": {"low": [0.0], "high": [1.0]}}},
        {"base": {"file": 3}},
    ],
)
def test_cards_of_no_network_are_malformed(fdp, changes):
    edit_card(fdp, **changes)
    with pytest.raises(CheckpointError, match="malformed"):
        Checkpoint.open(fdp)


def test_names_that_no_file_can_have_name_no_checkpoint():
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        Checkpoint.open(Path("a" * 5000 + ".safetensors"))
