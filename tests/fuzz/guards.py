"""Calibrations of guards as strangers may hand them on: a card and a file of tensors beside somebody's weights."""

import hashlib
import json
import pickle
import random
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from .binaries import _with_header
from .mutate import ODD, mutate_bytes, mutate_data
from .watch import PICKLE

if TYPE_CHECKING:
    from fdp_policies.guard.stored import CalibrationPlace


@lru_cache(maxsize=1)
def calibration_sample() -> "CalibrationPlace":
    """A whole calibration of weights that need not be there."""
    import torch
    from fdp_policies.guard.option import guard_option
    from fdp_policies.guard.stored import CalibrationPlace

    from fdp_bench.api import PolicySpec
    from fdp_bench.tasks import describe

    weights = Path("calibrations").resolve() / "fdp-prop-vision.safetensors"
    weights.parent.mkdir(exist_ok=True)
    task, spec = (
        describe("fdp_bench/Lift-v1"),
        PolicySpec("fdp", "prop>vision", str(weights), {"guard": "on"}),
    )
    option = guard_option(spec, task)
    assert option is not None
    place = CalibrationPlace(spec, task, option, weights, "0" * 64)
    place.save(
        {"mean": torch.zeros(4), "whitening": torch.eye(4), "thresholds": torch.ones(2)},
        {
            "episodes": 40,
            "reference_episodes": 40,
            "order": 39,
            "data_sha256": "",
            "warnings": ["a weak base"],
            "clean_success": {name: {"successes": 1, "episodes": 40} for name in ("policy", "base")},
        },
    )
    return place


def read_calibration(seed: int) -> None:
    """Spoil a calibration's card, header or numbers, or put a pickle in its place, and open it."""
    from fdp_policies.guard.calibrating import described

    rng = random.Random(seed)
    place = calibration_sample()
    path = place.path
    before = {file: file.read_bytes() for file in (path, path.with_suffix(".json"))}
    card = json.loads(before[path.with_suffix(".json")])
    try:
        way = rng.random()
        if way < 0.5:
            card = mutate_data(card, rng)
        elif way < 0.7:
            path.write_bytes(_with_header(path.read_bytes(), rng))
        elif way < 0.9:
            path.write_bytes(mutate_bytes(path.read_bytes(), rng))
        else:
            path.write_bytes(rng.choice((PICKLE, pickle.dumps(ODD), b"", b"\x00" * 8)))
        if isinstance(card, dict) and rng.random() < 0.8:
            # Whoever made the file made its card: the hash proves nothing about a stranger.
            card["tensors_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        text = json.dumps(card).encode("utf-8", "replace")
        path.with_suffix(".json").write_bytes(mutate_bytes(text, rng) if rng.random() < 0.1 else text)
        found = place.open()
        found.guard("cpu")
        "".join((*described(found), *found.warnings)).encode()
    finally:
        for file, content in before.items():
            file.write_bytes(content)
