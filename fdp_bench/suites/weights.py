"""Which weights are there already: bundled, of this sweep, or in folders that somebody names."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fdp_bench.api.calibration import Calibrated, CalibrationRequest
from fdp_bench.api.files import write_whole
from fdp_bench.api.modality import TaskInfo
from fdp_bench.api.policy import Policy, PolicySpec, WeightsInfo
from fdp_bench.api.validation import read_json
from fdp_bench.calibration.calibrate import calibrate
from fdp_bench.plugins import POLICY_GROUP, require_plugin
from fdp_bench.runner.rollout.environment import DEFAULT_PROFILE
from fdp_bench.specs import find_policy
from fdp_bench.suites.cells import Cell, short_task

#: Where `fdp-bench train` puts weights unless told otherwise.
TRAIN_FOLDER = Path("runs", "train")
#: How `Weights.source` says it.
BUNDLED, CACHED, FOUND, NONE_NEEDED = "bundled", "cached", "found", "none needed"
_NOTE = "trained-{}.json"
#: Endings of what lies beside a checkpoint and belongs to it.
_COMPANIONS = (".json", ".csv", ".png")


@dataclass(frozen=True)
class Weights:
    """Weights that a cell can be evaluated with.

    Attributes:
        policy: Policy string with the weights' path where they have one.
        sha256: Hash over all that is loaded.
        source: ``"bundled"``, ``"cached"`` (this sweep's), ``"found"`` (elsewhere) or ``"none needed"``.
        needs_calibration: Whether they have to be calibrated first; the hash is known only then.
    """

    policy: str
    sha256: str
    source: str
    needs_calibration: bool = False


@dataclass(frozen=True)
class Places:
    """Where weights are looked for.

    Attributes:
        own: The sweep's own ``train`` folder.
        others: Further folders whose subfolders ``demosN-seedS...`` or ``TASK/demosN-seedS...`` hold weights.
    """

    own: Path
    others: tuple[Path, ...] = (TRAIN_FOLDER,)

    def folder(self, cell: Cell) -> Path:
        """Where this sweep trains a cell."""
        return self.own / short_task(cell.task) / cell.label

    def candidates(self, cell: Cell) -> list[Path]:
        """Folders that may hold a cell's weights, the sweep's own first."""
        size = f"demos{cell.demos}-seed{cell.train_seed}"
        tasks = (short_task(cell.task), cell.task.rpartition("/")[2])
        roots = [self.own / tasks[0]]
        for other in self.others:
            roots += [other, *(other / name for name in tasks)]
        siblings = [path for root in roots for path in sorted(root.glob(f"{size}*")) if _is_of(path, size)]
        return list(dict.fromkeys([self.folder(cell), *siblings]))


def find_weights(cell: Cell, task: TaskInfo, data_sha256: str, places: Places) -> Weights | None:
    """Weights that training a cell would only make again; None where it has to be trained.

    Args:
        cell: The cell.
        task: Its task.
        data_sha256: Hash of its demonstrations; empty while there are none at hand.
        places: Where to look.

    Raises:
        SpecError: If the policy does not know a training setting.
    """
    kind, spec = find_policy(cell.policy)
    if not cell.is_trainable:
        return Weights(cell.policy, kind.weights(spec, task).sha256, NONE_NEEDED)
    if _needs_notes(kind):
        found = _noted(spec, cell, data_sha256, places.folder(cell))
    else:
        found = kind.trained(spec, task, data_sha256, cell.settings, places.candidates(cell))
    if found is None:
        return None
    info = kind.weights(found, task)
    if not (info.available or info.needs_calibration):
        return None
    own = found.checkpoint and Path(found.checkpoint).is_relative_to(places.own)
    source = BUNDLED if not found.checkpoint else CACHED if own else FOUND
    return Weights(str(_relative(found)), info.sha256, source, info.needs_calibration)


def calibrated(
    weights: Weights, cell: Cell, task: TaskInfo, places: Places, device: str
) -> tuple[Weights, Calibrated]:
    """Calibrate weights that need it: bundled ones as a copy in the sweep's folder, others where they lie.

    Raises:
        FdpBenchError: If they cannot be calibrated.
    """
    out = places.folder(cell) if weights.source == BUNDLED else None
    request = CalibrationRequest(out=out, device=device)
    done = calibrate(weights.policy, cell.task, request, profile=task.profile or DEFAULT_PROFILE)
    kind, spec = find_policy(done.policy)
    info = kind.weights(spec, task)
    source = weights.source if out is None else CACHED
    return Weights(str(_relative(spec)), info.sha256, source), done


def adopt(weights: Weights, cell: Cell, task: TaskInfo, places: Places) -> Weights:
    """Copy found weights into the sweep's folder, so that its records lead to them; in place where that fails."""
    if weights.source != FOUND:
        return weights
    kind, spec = find_policy(weights.policy)
    info = kind.weights(spec, task)
    copied = _copy(info, places.folder(cell))
    if not copied:
        return weights
    own = _relative(replace(spec, checkpoint=str(places.folder(cell) / Path(spec.checkpoint).name)))
    return replace(weights, policy=str(own))


def note_trained(cell: Cell, data_sha256: str, folder: Path, checkpoint: Path) -> None:
    """Remember what a finished training was made from, for policies that cannot tell."""
    kind, spec = find_policy(cell.policy)
    if not _needs_notes(kind):
        return
    note = {**_determinants(spec, cell, data_sha256), "checkpoint": os.path.relpath(checkpoint, folder)}
    write_whole(_note_path(spec, folder), json.dumps(note, indent=1) + "\n")


def _needs_notes(kind: type[Policy]) -> bool:
    return kind.trained.__func__ is Policy.trained.__func__  # type: ignore[attr-defined]


def _noted(spec: PolicySpec, cell: Cell, data_sha256: str, folder: Path) -> PolicySpec | None:
    try:
        note = read_json(_note_path(spec, folder))
    except (OSError, ValueError):
        return None
    checkpoint = folder / str(note.pop("checkpoint", ""))
    wanted = _determinants(spec, cell, data_sha256 or note.get("data_sha256", ""))
    return replace(spec, checkpoint=str(checkpoint)) if note == wanted and checkpoint.exists() else None


def _determinants(spec: PolicySpec, cell: Cell, data_sha256: str) -> dict[str, object]:
    plugin = require_plugin(spec.name, POLICY_GROUP)
    made_by = f"{plugin.distribution} {plugin.version}"
    return {
        "policy": cell.policy,
        "task": cell.task,
        "settings": dict(cell.settings),
        "data_sha256": data_sha256,
        "made_by": made_by,
    }


def _note_path(spec: PolicySpec, folder: Path) -> Path:
    return folder / _NOTE.format(hashlib.sha256(str(spec).encode()).hexdigest()[:12])


def _copy(info: WeightsInfo, folder: Path) -> bool:
    wanted: Mapping[Path, Path] = {source: folder / source.name for source in _with_companions(info.files)}
    if not wanted or any(
        target.is_file() and target.read_bytes() != source.read_bytes()
        for source, target in wanted.items()
        if source in info.files
    ):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    for source, target in wanted.items():
        if not target.exists():
            part = target.with_name(target.name + ".part")
            shutil.copyfile(source, part)
            part.replace(target)
    return True


def _with_companions(files: Sequence[Path]) -> list[Path]:
    # The weights come last: a folder that has them has all that belongs to them.
    beside = [path.with_suffix(ending) for path in files for ending in _COMPANIONS]
    return [path for path in dict.fromkeys([*beside, *files]) if path.is_file()]


def _is_of(path: Path, size: str) -> bool:
    return path.is_dir() and (path.name == size or path.name.startswith(f"{size}-"))


def _relative(spec: PolicySpec) -> PolicySpec:
    """Name weights below the working folder by a relative path, so that records mean the same elsewhere."""
    if not spec.checkpoint:
        return spec
    path, here = Path(spec.checkpoint).absolute(), Path.cwd()
    return replace(spec, checkpoint=str(path.relative_to(here))) if path.is_relative_to(here) else spec
