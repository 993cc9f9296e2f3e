"""The card of a demonstration file: what it holds, how it was made, and the hash that tells it from any other."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.api import DatasetError
from fdp_bench.api.files import write_whole
from fdp_bench.demos.dataset import Demonstrations, content_sha256, load_demonstrations, split_names
from fdp_bench.tasks import TASKS

_BLOCK_BYTES = 2**20
#: Numbers of demonstrations that this package's own policies are trained on (`fdp-bench train`, suite data-efficiency).
_USUAL_SIZES = (10, 25, 50, 100)


def dataset_card(path: Path, *, num_demos: int | None = None) -> dict[str, Any]:
    """Describe a demonstration file.

    Args:
        path: File written by ``fdp-bench demos`` or `fdp_bench.demos.record`, HDF5 or packed.
        num_demos: Count and measure the first ones only; the hashes stay those of the file.

    Returns:
        JSON-ready; what the file does not say is None. ``steps`` counts what is there to follow, lead-ins left out.
        ``sha256`` is that of `fdp_bench.demos.dataset.Demonstrations` with all demonstrations read: equal for an HDF5
        file and its packed form, and noted in weights trained on all of them; ``sha256_of_first`` has, by number of
        demonstrations trained on, what weights trained on the first ones note; ``file_sha256`` is that of the file's
        bytes.

    Raises:
        DatasetError: If the file cannot be read.
    """
    data = load_demonstrations(path)
    demos = data.demos[:num_demos]
    lengths = [len(demo) for demo in demos]
    names = {demo.name for demo in demos}
    task = TASKS.get(data.task_id)
    return {
        "task": data.task_id,
        "task_version": data.card.get("task_map_sha256", "")[:12] or _version(data.task_id),
        "profile": data.profile,
        "expert": _expert(data.card),
        "source": data.card.get("source"),
        "seed": data.card.get("seed"),
        "attempts": data.card.get("attempts"),
        "number": len(lengths),
        "train": len(names.intersection(data.train)),
        "held_out": len(names.intersection(data.valid)),
        "steps": {
            "total": sum(lengths),
            "mean": round(float(np.mean(lengths)), 2),
            "median": float(np.median(lengths)),
            "shortest": min(lengths),
            "longest": max(lengths),
            "horizon": task.horizon if task else data.card.get("horizon"),
        },
        "arrays": _arrays(data),
        "touch_version": data.card.get("touch_version"),
        "sha256": data.sha256,
        "sha256_of_first": _hashes_of_first(data),
        "file": path.name,
        "file_bytes": path.stat().st_size,
        "file_sha256": _file_sha256(path),
        "format": data.card["format"],
        "versions": data.card.get("versions"),
        "command": _command(data),
    }


def write_card(card: Mapping[str, Any], out: Path) -> None:
    """Write a card as JSON, whole or not at all.

    Raises:
        DatasetError: If it cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(card, indent=1) + "\n")
    except OSError as error:
        raise DatasetError(f"cannot write {out}: {error.strerror}; choose another --out") from error


def _version(task_id: str) -> int | None:
    number = task_id.rpartition("-v")[2]
    return int(number) if number.isdigit() else None


def _expert(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """Who showed the task, as far as the file or the one that it was imported from says."""
    source = card.get("source")
    source = source if isinstance(source, Mapping) else {}
    for said in (card, source):
        if "expert_version" in said:
            return {"kind": "scripted", "version": said["expert_version"]}
    if isinstance(card.get("recorded"), Mapping):
        return {"kind": "policy", **card["recorded"]}
    if isinstance(source.get("expert"), Mapping):
        return dict(source["expert"])
    if source.get("algorithm_name"):
        return {"kind": "policy", "policy": source["algorithm_name"]}
    return None


def _hashes_of_first(data: Demonstrations) -> dict[str, str]:
    hashes = {}
    for size in _USUAL_SIZES:
        if size < len(data.demos):
            train, valid = split_names(len(data.demos), size)
            hashes[str(size)] = content_sha256(
                data.task_id, data.profile, data.demos[: len(train) + len(valid)], size
            )
    return hashes


def _arrays(data: Demonstrations) -> dict[str, list[int]]:
    """Name -> shape of one step."""
    first = data.demos[0]
    arrays = {**first.observations, "actions": first.actions}
    return {name: list(values.shape[1:]) for name, values in arrays.items()}


def _command(data: Demonstrations) -> str | None:
    """How the file is made again; None where it was imported."""
    task = TASKS.get(data.task_id)
    if task is None or "expert_version" not in data.card or "source" in data.card:
        return None
    words = ["fdp-bench demos collect", f"--task {task.short_name}", f"--num-demos {len(data.demos)}"]
    words += [f"--seed {data.card['seed']}"] if data.card["seed"] else []
    words += [f"--profile {data.profile}"] if data.profile != "fast" else []
    return " ".join([*words, "--out FILE"])


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
