"""The way back after a kill: weights, averages and the optimizer's moments of a phase, and what they belong to."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fdp_bench.api import CheckpointError
from fdp_bench.api.files import write_whole
from fdp_bench.api.validation import read_json
from fdp_policies.training.phase_log import PhaseLog
from fdp_policies.training.step import GradientStep


def save_state(
    folder: Path, step: GradientStep, name: str, log: PhaseLog, identity: Mapping[str, Any]
) -> None:
    """Keep a phase as it is, in place of what was kept of it before.

    Args:
        folder: Folder of the network's states.
        step: The network with its optimizer and moving average.
        name: Name of the phase.
        log: What it measured so far.
        identity: What determines its weights, JSON-ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for (key, parameter), average in zip(step.trained.items(), step.averages, strict=True):
        state = step.optimizer.state[parameter]
        tensors |= {f"weights/{key}": parameter.detach(), f"average/{key}": average}
        tensors |= {f"{moment}/{key}": state[moment] for moment in ("exp_avg", "exp_avg_sq")}
    # Two files cannot be replaced at once, so the log names the weights that it belongs to.
    path = folder / f"{name}-{log.steps}.safetensors"
    save_file({key: value.contiguous().cpu() for key, value in tensors.items()}, path)
    write_whole(folder / f"{name}.json", json.dumps({"identity": identity, "log": asdict(log)}))
    for old in folder.glob(f"{name}-*.safetensors"):
        if old != path:
            old.unlink()


def load_state(folder: Path, step: GradientStep, name: str, identity: Mapping[str, Any]) -> PhaseLog | None:
    """Put a killed phase back where `save_state` kept it.

    Returns:
        What it measured; None where nothing is kept.

    Raises:
        CheckpointError: If what is kept is damaged, or was begun with other data or settings.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    try:
        state = read_json(path)
        _check_identity(folder, state.get("identity"), identity)
        log = PhaseLog.checked(state["log"], str(path))
        tensors = load_file(folder / f"{name}-{log.steps}.safetensors")
        _take(step, tensors, log.steps)
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"training cannot go on from {folder}: it is damaged or of another network ({error}); "
            "delete it to train from the start"
        ) from error
    return log


def _check_identity(folder: Path, kept: Any, identity: Mapping[str, Any]) -> None:
    """Hold what a phase was begun with against what it is to go on with."""
    # Tuples are lists once they are stored.
    wanted = json.loads(json.dumps(identity))
    if kept == wanted:
        return
    if not isinstance(kept, Mapping):
        changed = "an older version kept no settings with it"
    else:
        before, now = _flat(kept), _flat(wanted)
        names = [key for key in {**now, **before} if before.get(key) != now.get(key)]
        changed = ", ".join(f"{key} was {before.get(key)}, now {now.get(key)}" for key in names[:3])
    raise CheckpointError(
        f"a training in {folder} was begun with other data or settings ({changed}); give the command that it was begun "
        "with to finish it, choose another --out, or delete that folder to train from the start"
    )


def _flat(entries: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Entries of nested objects under dotted names."""
    found: dict[str, Any] = {}
    for key, value in entries.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _take(step: GradientStep, tensors: Mapping[str, Tensor], steps: int) -> None:
    """Put weights, averages and the optimizer's moments back where `save_state` took them from."""
    for (name, parameter), average in zip(step.trained.items(), step.averages, strict=True):
        with torch.no_grad():
            parameter.copy_(tensors[f"weights/{name}"])
            average.copy_(tensors[f"average/{name}"])
        step.optimizer.state[parameter] = {
            "step": torch.tensor(float(steps), device=parameter.device),
            **{
                moment: tensors[f"{moment}/{name}"].to(parameter.device)
                for moment in ("exp_avg", "exp_avg_sq")
            },
        }
