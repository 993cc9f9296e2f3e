"""Binary files: demonstrations as HDF5 and packed, checkpoints with their cards."""

import hashlib
import io
import json
import pickle
import random
import zipfile
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.demo_episode import RecordedEpisode
from fdp_bench.demos.pack import pack_demonstrations
from fdp_bench.demos.robomimic import write_hdf5

from .mutate import ODD, mutate_bytes, mutate_data
from .watch import PICKLE

CARD = {"task_id": "fdp_bench/Lift-v1", "profile": "fast", "seed": 0, "format": 1}


@lru_cache(maxsize=1)
def hdf5_sample() -> bytes:
    """Three short demonstrations with tiny frames."""
    path = Path("sample.hdf5")
    write_hdf5(
        path, [_episode(seed) for seed in range(3)], {"env_name": "Lift", "type": 1, "fdp_bench": CARD}
    )
    return path.read_bytes()


@lru_cache(maxsize=1)
def npz_sample() -> bytes:
    """The same, packed."""
    source, packed = Path("sample-of-packed.hdf5"), Path("sample.npz")
    source.write_bytes(hdf5_sample())
    packed.unlink(missing_ok=True)
    pack_demonstrations(source, packed)
    return packed.read_bytes()


def _episode(seed: int) -> RecordedEpisode:
    rng = np.random.default_rng(seed)
    facts = {} if "tactile" not in RecordedEpisode.__dataclass_fields__ else {"tactile": _numbers(rng, 12)}
    return RecordedEpisode(
        states=rng.standard_normal((5, 4)),
        actions=rng.uniform(-1, 1, (5, 7)).astype(np.float32),
        rewards=np.ones(5, np.float32),
        prop=_numbers(rng, 16),
        images={
            key: rng.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
            for key in ("image.agentview", "image.wrist")
        },
        lead_in_steps=1,
        model_file="<mujoco/>",
        **facts,
    )


def _numbers(rng: np.random.Generator, width: int) -> np.ndarray:
    return rng.standard_normal((5, width)).astype(np.float32)


def read_hdf5(seed: int) -> None:
    """Spoil the bytes of an HDF5 file, or what is in it, and read it."""
    rng = random.Random(seed)
    path = Path("spoiled.hdf5")
    path.write_bytes(hdf5_sample())
    if rng.random() < 0.6:
        path.write_bytes(mutate_bytes(hdf5_sample(), rng))
    else:
        spoil_inside(path, rng)
    load_demonstrations(path, num_demos=rng.choice((None, 1, 2, 3)))


def spoil_inside(path: Path, rng: random.Random) -> None:
    """Replace a group, dataset or attribute of `hdf5_sample` by something else of HDF5."""
    outside = Path("outside.hdf5")
    if not outside.exists():
        outside.write_bytes(hdf5_sample())
    with h5py.File(path, "r+") as file:
        for _ in range(rng.choice((1, 1, 2))):
            names: list[str] = []
            file.visit(names.append)
            place = rng.choice(names)
            way = rng.randrange(10)
            if way < 2:
                _spoil_attribute(file, place, rng)
                continue
            del file[place]
            if way == 2:
                file[place] = h5py.SoftLink(rng.choice(("/data/demo_0", "/", place, "/nowhere", "../..")))
            elif way == 3:
                file[place] = h5py.ExternalLink(rng.choice((str(outside), "/etc/passwd")), "/data/demo_0")
            elif way == 4:
                file.create_group(place)
            elif way == 5:
                dtype = rng.choice(
                    (h5py.ref_dtype, h5py.string_dtype(), np.dtype("V8"), h5py.vlen_dtype(np.float32))
                )
                file.create_dataset(place, (5, 7), dtype)
            elif way == 6:
                shape = rng.choice(((2**50, 7), (0, 7), (5, 2**40), (5,), (), (5, 7, 7), (5, 4, 4, 1)))
                chunks = True if shape and 0 not in shape else None
                file.create_dataset(place, shape, rng.choice((np.float32, np.uint8)), chunks=chunks)
            elif way == 7:
                file.create_dataset(place, data=h5py.Empty("f4"))
            elif way == 8:
                kind = rng.choice((np.float64, np.int8, np.complex64, np.bool_, np.float16))
                file.create_dataset(place, data=np.full((5, 7), rng.choice((0, 1)), kind))
            elif way == 9:
                value = rng.choice((np.nan, np.inf, 1e38))
                file.create_dataset(place, data=np.full((5, rng.choice((7, 3, 2))), value, np.float32))


def _spoil_attribute(file: h5py.File, place: str, rng: random.Random) -> None:
    holder, name = file[place], rng.choice(("lead_in_steps", "num_samples", "model_file"))
    if rng.random() < 0.6:
        # What was spoiled before may have cut it off.
        holder, name = file.get("data", file), "env_args"
        card = mutate_data({"fdp_bench": CARD}, rng)
        text = json.dumps(card).encode("utf-8", "replace")
        holder.attrs[name] = rng.choice((text, mutate_bytes(text, rng).replace(b"\x00", b"0")))
        return
    value = rng.choice((-1, 2**40, 2**63 - 1, 1.5, np.nan, "x", np.zeros(3), h5py.Empty("f4"), file.ref))
    holder.attrs[name] = value


def read_npz(seed: int) -> None:
    """Spoil the bytes of a packed file, of its members, or its card, and read it."""
    rng = random.Random(seed)
    path = Path("spoiled.npz")
    if rng.random() < 0.5:
        path.write_bytes(mutate_bytes(npz_sample(), rng))
    else:
        with zipfile.ZipFile(io.BytesIO(npz_sample())) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(list(members))
        if rng.random() < 0.3:
            text = json.dumps(
                mutate_data({**CARD, "cameras": ["image.agentview", "image.wrist"]}, rng)
            ).encode()
            name, content = "card.npy", _npy(np.frombuffer(text, np.uint8))
        elif rng.random() < 0.3:
            content = _npy(np.array([rng.choice(ODD), None], dtype=object))
        else:
            content = mutate_bytes(members[name], rng)
        with zipfile.ZipFile(
            path, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
        ) as out:
            for member, held in {**members, name: content}.items():
                out.writestr(member if rng.random() < 0.97 else f"../../{member}", held)
    load_demonstrations(path, num_demos=rng.choice((None, 1, 2, 3)))


def _npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


@lru_cache(maxsize=1)
def checkpoint_sample() -> Path:
    """A whole FDP of two tiny networks, in a folder of its own."""
    import torch
    from fdp_policies.checkpoints.checkpoint import save_checkpoint
    from fdp_policies.config import DiffusionConfig, NetworkConfig, as_json
    from fdp_policies.networks.denoisers import DiffusionTransformer, FactorizedDenoiser

    torch.manual_seed(0)
    network = NetworkConfig(
        horizon=4, n_action_steps=4, width=16, depth=1, heads=2, feature_dim=8, crop_size=16
    )
    low, high = [-1.0] * 3, [1.0] * 3
    card = {
        "policy": "base:prop",
        "task_id": "fdp_bench/Lift-v1",
        "shapes": {"prop": [3]},
        "action_dim": 2,
        "network": as_json(network),
        "diffusion": as_json(DiffusionConfig()),
        "normalizer": {
            "keys": {"prop": {"low": low, "high": high}},
            "action": {"low": low[:2], "high": high[:2]},
        },
    }
    folder = Path("checkpoints").resolve()
    base_network = DiffusionTransformer({"prop": (3,)}, 2, network)
    base = save_checkpoint(folder / "base-prop.safetensors", base_network.state_dict(), card)
    shapes = {"prop": (3,), "image.wrist": (20, 20, 3)}
    whole = FactorizedDenoiser(base_network, shapes, 2, network, composition="block")
    save_checkpoint(
        folder / "fdp-prop-vision.safetensors",
        whole.trainable_state(),
        {
            **card,
            "policy": "fdp:prop>vision",
            "composition": "block",
            "shapes": {key: list(shape) for key, shape in shapes.items()},
            "base": {"file": "base-prop.safetensors", "sha256": base.sha256, "frozen_state_sha256": ""},
        },
    )
    return folder


def read_checkpoint(seed: int) -> None:
    """Spoil a checkpoint's card, header or numbers, or put a pickle in its place, and load the network."""
    from fdp_policies.acting.chunk_sampler import load_denoiser
    from fdp_policies.checkpoints.checkpoint import Checkpoint

    rng = random.Random(seed)
    source, folder = checkpoint_sample(), Path("spoiled")
    folder.mkdir(exist_ok=True)
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    path = folder / rng.choice(("base-prop.safetensors", "fdp-prop-vision.safetensors"))
    card = json.loads(path.with_suffix(".json").read_text())
    way = rng.random()
    if way < 0.45:
        card = mutate_data(card, rng)
    elif way < 0.7:
        path.write_bytes(_with_header(path.read_bytes(), rng))
    elif way < 0.9:
        path.write_bytes(mutate_bytes(path.read_bytes(), rng))
    else:
        path.write_bytes(
            rng.choice((PICKLE, pickle.dumps(ODD), _torch_archive(), b"", b"\x00" * 8, npz_sample()))
        )
    if isinstance(card, dict) and rng.random() < 0.8:
        # Whoever made the file made its card: the hash proves nothing about a stranger.
        card["weights_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    text = json.dumps(card).encode("utf-8", "replace")
    path.with_suffix(".json").write_bytes(mutate_bytes(text, rng) if rng.random() < 0.1 else text)
    if rng.random() < 0.05:
        path = path.rename(
            path.with_suffix(rng.choice((".pt", ".ckpt", ".bin", ".SAFETENSORS", ".pkl", ".npy")))
        )
    try:
        checkpoint = Checkpoint.open(path)
        checkpoint.header()
        load_denoiser(checkpoint, "cpu")
        checkpoint.combined_sha256()
    finally:
        if path.suffix != ".safetensors":
            path.unlink()


def _with_header(data: bytes, rng: random.Random) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header = mutate_data(json.loads(data[8 : 8 + length]), rng)
    text = json.dumps(header).encode("utf-8", "replace")
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _torch_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", PICKLE)
    return buffer.getvalue()


__all__ = ["read_checkpoint", "read_hdf5", "read_npz", "spoil_inside"]
