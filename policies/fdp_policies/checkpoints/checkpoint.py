"""Checkpoints: safetensors weights beside a JSON card. Pickled files are refused."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from fdp_bench.api import CheckpointError, SpecError
from fdp_bench.api.files import write_whole
from fdp_bench.api.validation import is_file, read_json
from fdp_policies.checkpoints.header import TensorInfo, check_card, read_header
from fdp_policies.config import DiffusionConfig, NetworkConfig
from fdp_policies.networks.normalizer import Normalizer

CARD_SCHEMA = 1
SUFFIX = ".safetensors"
#: Largest card (bytes); those with a training log have some 100 kB.
MAX_CARD_BYTES = 64 * 2**20
#: Endings of formats that can run code when read.
PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy")


@dataclass(frozen=True)
class Checkpoint:
    """One network's weights and card.

    Attributes:
        path: Path of the ``.safetensors`` file; the card lies beside it as ``.json``.
        card: The card.
    """

    path: Path
    card: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint's card.

        Raises:
            CheckpointError: If a file is missing, pickled, or its card malformed: of other types, or sizes that no
                network has.
        """
        if path.suffix.lower() in PICKLED:
            raise CheckpointError(
                f"{path} is of a pickled format, which can run code when read; "
                f"only {SUFFIX} files with a .json card are loaded (make one with `fdp-bench train`)"
            )
        if path.suffix != SUFFIX:
            raise CheckpointError(f"{path} is not a {SUFFIX} file; name the one that `fdp-bench train` wrote")
        if not is_file(path):
            raise CheckpointError(f"no checkpoint at {path}; make one with `fdp-bench train`")
        card_path = path.with_suffix(".json")
        try:
            card = read_json(card_path, MAX_CARD_BYTES)
            if card["schema"] != CARD_SCHEMA:
                raise CheckpointError(
                    f"{card_path} has schema {card['schema']!r}; this version reads {CARD_SCHEMA}"
                )
            check_card(card)
            checkpoint = cls(path, card)
            _ = checkpoint.network, checkpoint.diffusion, checkpoint.normalizer, checkpoint.shapes
        except FileNotFoundError:
            raise CheckpointError(f"the card {card_path} that belongs to {path.name} is missing") from None
        except OSError as error:
            raise CheckpointError(f"the card {card_path} cannot be read: {error.strerror or error}") from None
        except (ValueError, KeyError, SpecError) as error:
            raise CheckpointError(f"the card {card_path} is malformed ({error}); train again") from None
        return checkpoint

    @cached_property
    def network(self) -> NetworkConfig:
        """The network's shape."""
        return NetworkConfig(**self.card["network"])

    @cached_property
    def diffusion(self) -> DiffusionConfig:
        """The forward process that it was trained on."""
        return DiffusionConfig(**self.card["diffusion"])

    @cached_property
    def normalizer(self) -> Normalizer:
        """The normalizer of its observations and actions."""
        return Normalizer.from_json(self.card["normalizer"])

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Observation key -> shape, of the keys that the network reads."""
        return {key: tuple(int(n) for n in shape) for key, shape in self.card["shapes"].items()}

    @property
    def base(self) -> "Checkpoint | None":
        """The checkpoint of the base that a residual was trained on; None for any other network.

        Raises:
            CheckpointError: If the base is missing or is not the very one, by its hash.
        """
        entry = self.card.get("base")
        return None if entry is None else self._beside(entry, "base")

    @property
    def parts(self) -> "dict[str, Checkpoint]":
        """Frozen parts that lie beside it: how their weights' names begin in the network -> a base, or each expert.

        Raises:
            CheckpointError: If one is missing or is not the very one, by its hash.
        """
        base = self.base
        if base is not None:
            return {"base.": base}
        entries = self.card.get("experts", ())
        return {f"experts.{index}.": self._beside(entry, "expert") for index, entry in enumerate(entries)}

    def _beside(self, entry: Mapping[str, str], kind: str) -> "Checkpoint":
        found = Checkpoint.open(self.path.parent / Path(entry["file"]).name)
        if found.sha256 != entry["sha256"]:
            raise CheckpointError(
                f"{found.path} is not the {kind} that {self.path.name} was trained on "
                f"(SHA-256 {found.sha256[:12]}, expected {entry['sha256'][:12]}); put the right one beside it"
            )
        return found

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights file, hexadecimal."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise CheckpointError(f"{self.path} cannot be read: {error.strerror or error}") from None

    def combined_sha256(self) -> str:
        """SHA-256 over all weights that are loaded: the file's own, joined with its parts' where there are any."""
        hashes = [part.sha256 for part in self.parts.values()]
        return hashlib.sha256("".join([*hashes, self.sha256]).encode()).hexdigest() if hashes else self.sha256

    def header(self) -> dict[str, TensorInfo]:
        """What the weights file declares, held against the card; none of its numbers is read.

        Raises:
            CheckpointError: If it is damaged, too large, or has other than the card's number of weights.
        """
        found = read_header(self.path)
        count = sum(math.prod(tensor.shape) for tensor in found.values())
        if count != self.card["parameters"]:
            raise CheckpointError(
                f"{self.path} is damaged: it declares {count:,} weights, and its card says "
                f"{self.card['parameters']:,}; fetch or train it again"
            )
        return found

    def tensors(self) -> dict[str, Tensor]:
        """Read the weights as float32.

        Raises:
            CheckpointError: If the file is damaged, declares what it does not hold or its card does not say, or its
                hash is not the card's.
        """
        self.header()
        payload = self.path.read_bytes()
        # What is loaded is what was hashed, whoever writes the file meanwhile.
        if hashlib.sha256(payload).hexdigest() != self.card["weights_sha256"]:
            raise CheckpointError(
                f"{self.path} is damaged: its SHA-256 is not the one in its card; fetch or train it again"
            )
        try:
            return {name: value.float() for name, value in load_safetensors(payload).items()}
        except SafetensorError as error:
            raise CheckpointError(f"{self.path} cannot be read ({error}); fetch or train it again") from None


def save_checkpoint(path: Path, state: Mapping[str, Tensor], card: Mapping[str, Any]) -> Checkpoint:
    """Write float16 weights and their card, the card last, each replaced atomically.

    Args:
        path: Path of the ``.safetensors`` file.
        state: Name -> weights.
        card: The card without its hash and parameter count, which are added.

    Returns:
        The checkpoint as it stands on disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    payload = save_safetensors(
        {name: value.detach().to("cpu", torch.float16).contiguous() for name, value in sorted(state.items())}
    )
    full_card = {
        "schema": CARD_SCHEMA,
        **card,
        "parameters": sum(value.numel() for value in state.values()),
        "weights_sha256": hashlib.sha256(payload).hexdigest(),
    }
    write_whole(path, payload)
    write_whole(path.with_suffix(".json"), json.dumps(full_card, indent=1) + "\n")
    return Checkpoint(path, full_card)


def round_to_half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round weights to float16 and back, so that what is trained against is what is stored."""
    return {name: value.half().float() for name, value in state.items()}


def state_sha256(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names and float32 bytes of weights: proves that a frozen base never moved."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()
