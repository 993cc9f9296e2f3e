"""Calibrations as they are stored: thresholds and feature statistics in safetensors, facts in a JSON card.

Both lie beside the weights and are named after them, after the guard, and after the sampler that they hold for:
``fdp-prop-vision.guard-ddim10.safetensors``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from fdp_bench.api import CheckpointError, PolicySpec, TaskInfo
from fdp_bench.api.files import write_whole
from fdp_bench.api.validation import check_entries, is_file, read_json, read_limited
from fdp_policies.checkpoints.header import read_header
from fdp_policies.checkpoints.policy_spec import sampler_of
from fdp_policies.config import SamplerConfig
from fdp_policies.guard.option import GuardOption, without_guard
from fdp_policies.guard.sampling import Guard

GUARD_SCHEMA = 1
#: Largest card and tensors (bytes): 4,096 features have 64 MB of whitening.
MAX_CARD_BYTES, MAX_TENSOR_BYTES = 2**20, 128 * 2**20
#: What a calibration holds for; a difference in any of these is refused.
IDENTITY = ("task_id", "profile", "weights_sha256", "sampler", "denoising_steps", "signals", "keys")
_CARD: Mapping[str, Any] = {
    **dict.fromkeys(("policy", "task_id", "profile", "weights_sha256", "sampler", "tensors_sha256"), str),
    **dict.fromkeys(("denoising_steps", "episodes", "reference_episodes", "order"), int),
    **dict.fromkeys(("signals", "keys", "warnings"), Sequence[str]),
    "data_sha256": str,
    "clean_success": Mapping[str, Any],
}
#: How often the unguarded policy and its base alone succeeded, on the scored episodes.
_SUCCESSES: Mapping[str, Any] = {"successes": int, "episodes": int}


@dataclass(frozen=True)
class Calibration:
    """A guard's calibration.

    Attributes:
        path: Path of its ``.safetensors`` file; the card lies beside it.
        card: The card.
        tensors: ``mean``, ``whitening`` and ``thresholds``; see `Guard`.
    """

    path: Path
    card: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that belongs to it."""
        return (self.path, self.path.with_suffix(".json"))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of what can move a number, hexadecimal: thresholds and feature statistics."""
        return str(self.card["tensors_sha256"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know before trusting it."""
        return tuple(self.card["warnings"])

    def guard(self, device: str) -> Guard:
        """The guard, ready to act on a device."""
        placed = {name: value.to(device) for name, value in self.tensors.items()}
        return Guard(keys=tuple(self.card["keys"]), **placed)


@dataclass(frozen=True)
class CalibrationPlace:
    """Where a policy's calibration lies, and what it has to hold for.

    Attributes:
        spec: The policy string.
        task: The task.
        option: The guard that it asks for.
        weights: Its own weights.
        weights_sha256: Hash over all weights that act, the base's included.
    """

    spec: PolicySpec
    task: TaskInfo
    option: GuardOption
    weights: Path
    weights_sha256: str

    @property
    def path(self) -> Path:
        """Path of the ``.safetensors`` file."""
        return self.weights.with_name(f"{self._stem}{_suffix(self._sampler)}.safetensors")

    @property
    def command(self) -> str:
        """The command that makes it."""
        return self._command(self.spec)

    @property
    def command_by_name(self) -> str:
        """The same with the weights' file name only: where they lie on one machine says nothing on another."""
        return self._command(replace(self.spec, checkpoint=self.weights.name))

    def identity(self) -> dict[str, Any]:
        """What it has to hold for, JSON-ready; see `IDENTITY`."""
        return {
            "task_id": self.task.task_id,
            "profile": self.task.profile,
            "weights_sha256": self.weights_sha256,
            "sampler": self._sampler.sampler,
            "denoising_steps": self._sampler.denoising_steps,
            "signals": list(self.option.signals),
            "keys": list(self.option.keys(self.task)),
        }

    def open(self) -> Calibration:
        """Read the calibration.

        Raises:
            CheckpointError: If there is none, it is damaged, or it holds for something else; the message names the
                command that mends it.
        """
        path = self.path
        if not is_file(path):
            raise CheckpointError(f"{self.spec} {self._lacking()}; make it with `{self.command}`")
        try:
            card = read_json(path.with_suffix(".json"), MAX_CARD_BYTES)
            if card.get("schema") != GUARD_SCHEMA:
                raise ValueError(f"schema {card.get('schema')!r}; this version reads {GUARD_SCHEMA}")
            _check_card(card)
            tensors = _read_tensors(path, card)
        except (OSError, ValueError, CheckpointError) as error:
            raise CheckpointError(
                f"the calibration {path} cannot be read ({error}); make it again with `{self.command}`"
            ) from None
        for name, wanted in self.identity().items():
            if card[name] != wanted:
                raise CheckpointError(
                    f"the calibration {path} was made for {name} {_short(card[name])}, not {_short(wanted)}; "
                    f"make it again with `{self.command}`"
                )
        return Calibration(path, card, tensors)

    def save(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Calibration:
        """Write a calibration, the card last.

        Args:
            tensors: ``mean``, ``whitening`` and ``thresholds``, float32.
            facts: Entries of its card beside `identity`.
        """
        payload = save_safetensors({name: value.contiguous() for name, value in tensors.items()})
        card = {
            "schema": GUARD_SCHEMA,
            "policy": str(replace(self.spec, checkpoint="")),
            **self.identity(),
            **facts,
            "tensors_sha256": hashlib.sha256(payload).hexdigest(),
        }
        write_whole(self.path, payload)
        write_whole(self.path.with_suffix(".json"), json.dumps(card, indent=1) + "\n")
        return Calibration(self.path, card, tensors)

    @property
    def _sampler(self) -> SamplerConfig:
        return sampler_of(self.spec)

    @property
    def _stem(self) -> str:
        return f"{self.weights.stem}.{self.option.tag}-"

    def _command(self, spec: PolicySpec) -> str:
        policy = spec if self.option.names_base else without_guard(spec)
        return f'fdp-bench calibrate --policy "{policy}" --task {self.task.task_id}'

    def _lacking(self) -> str:
        sampler = self._sampler
        wanted = f"{sampler.sampler}, {sampler.denoising_steps} steps"
        found = sorted(
            path.stem.removeprefix(self._stem) for path in self.weights.parent.glob(f"{self._stem}*.json")
        )
        if found:
            return f"is calibrated for {', '.join(found)} and not for {wanted}"
        return f"has no calibration beside {self.weights}"


def _suffix(sampler: SamplerConfig) -> str:
    return f"{sampler.sampler}{sampler.denoising_steps}"


def _check_card(card: Mapping[str, Any]) -> None:
    """Hold a card against the types of its entries.

    Raises:
        ValueError: If something is missing, of another type, or would steer the terminal that it is shown on.
    """
    check_entries(card, _CARD, "card", needed=tuple(_CARD))
    for name in ("policy", "base"):
        found = card["clean_success"].get(name)
        check_entries(found, _SUCCESSES, f"card.clean_success.{name}", needed=tuple(_SUCCESSES))
        if not 0 <= found["successes"] <= found["episodes"] != 0:
            raise ValueError(f"card.clean_success.{name} is {found}")
    if not all(text.isprintable() for text in card["warnings"]):
        raise ValueError("card.warnings holds characters that cannot be shown")


def _read_tensors(path: Path, card: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a calibration, held against its card.

    Raises:
        ValueError: If they are not those that the card was written with, or of other shapes.
        CheckpointError: If it is no safetensors file.
    """
    shapes = {name: info.shape for name, info in read_header(path).items()}
    payload = read_limited(path, MAX_TENSOR_BYTES)
    if hashlib.sha256(payload).hexdigest() != card["tensors_sha256"]:
        raise ValueError("its SHA-256 is not the one in its card")
    size = shapes.get("mean", (0,))[0]
    if shapes != {"mean": (size,), "whitening": (size, size), "thresholds": (len(card["signals"]),)}:
        raise ValueError(f"it holds {shapes}")
    return {name: value.to(torch.float32) for name, value in load_safetensors(payload).items()}


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{text[:12]}..." if len(text) > 40 else text
