"""Publishing runs: what a report needs of them, compressed, without weights and without paths of the machine."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.api.errors import RunError
from fdp_bench.api.files import write_whole
from fdp_bench.api.validation import parse_json, read_json, read_limited
from fdp_bench.records.compressed import compress, compressed
from fdp_bench.records.store import EPISODES_NAME, MANIFEST_NAME, RETEST_NAME, TRAIN_NAME, RunStore
from fdp_bench.report.runs import runs_below
from fdp_bench.suites.journal import RUNS_NAME, SWEEP_NAME, Journal
from fdp_bench.suites.relocation import Relocation

#: Endings of a network's card and its log, which are published, as its weights are not.
_CARD, _LOG = ".json", ".csv"
#: Folder of half-done trainings, inside a training's.
_RESUME = "resume"


def publish(sources: Sequence[Path], folder: Path) -> list[Path]:
    """Copy runs into a folder from which `fdp-bench report` makes the same report.

    A run becomes ``runs/NAME`` with its manifest and its compressed records, a network ``train/...`` with its card and
    its log, and a sweep leaves its ``sweep.json``. What an earlier call has published is replaced. Sources may still be
    written to: what is finished is published.

    Args:
        sources: Folders of runs, or folders that hold runs.
        folder: Made where it is missing.

    Returns:
        The runs published.

    Raises:
        RunError: If a source cannot be read, two runs have one name, or the folder cannot be written.
    """
    runs = list(dict.fromkeys(run for source in sources for run in runs_below(source)))
    _check(runs, folder)
    try:
        published = [_publish_run(run, folder) for run in runs]
        for root in dict.fromkeys(map(sweep_of, runs)):
            if root is not None:
                _publish_sweep(root, folder)
    except OSError as error:
        raise RunError(
            f"folder {str(folder)!r} cannot be written: {error}; choose another --publish"
        ) from error
    return published


def sweep_of(run: Path) -> Path | None:
    """The sweep that a run belongs to; None for a run of its own."""
    root = run.parent.parent
    return root if run.parent.name == RUNS_NAME and (root / SWEEP_NAME).is_file() else None


def relocation_of(run: Path) -> Relocation:
    """How paths are written in what is published of a run: a sweep's as its command makes them anywhere."""
    root = sweep_of(run)
    if root is None:
        return Relocation.of(run, run.name)
    return Relocation.of(root, str(Path("runs", "sweeps", Journal.read(root).name)))


def _check(runs: Sequence[Path], folder: Path) -> None:
    names: dict[str, Path] = {}
    for run in runs:
        other = names.setdefault(run.name, run)
        if other != run:
            raise RunError(f"{other} and {run} would both be published as {run.name!r}; publish them apart")
        if run.absolute() == (folder / RUNS_NAME / run.name).absolute():
            raise RunError(f"{folder} holds the run {run} itself; publish into another folder")


def _publish_run(run: Path, folder: Path) -> Path:
    store, relocation = RunStore.open(run), relocation_of(run)
    manifest, target = store.manifest(), folder / RUNS_NAME / run.name
    target.mkdir(parents=True, exist_ok=True)
    write_whole(target / MANIFEST_NAME, _json_text(relocation.json(manifest.to_json())))
    _write_records(target / EPISODES_NAME, store.all_records(manifest), relocation)
    if again := store.retest_records():
        _write_records(target / RETEST_NAME, again, relocation)
    if sweep_of(run) is None:
        for policy in manifest.policies:
            _publish_network(policy, folder, relocation)
    return target


def _write_records(path: Path, records: Sequence[EpisodeRecord], relocation: Relocation) -> None:
    lines = [json.dumps(relocation.record(record).to_json(), sort_keys=True) + "\n" for record in records]
    write_whole(compressed(path), compress("".join(lines).encode()))


def _publish_network(policy: Mapping[str, Any], folder: Path, relocation: Relocation) -> None:
    """Copy card and log of a policy that was trained outside a sweep.

    A manifest may name any file; what lies beside a card that is not the manifest's own is left alone.
    """
    source = Path(str(policy.get("source", "")))
    try:
        card = read_json(source.with_suffix(_CARD))
    except (OSError, ValueError):
        return
    place = Path(TRAIN_NAME, relocation.text(str(source)))
    if card == policy.get("card") and ".." not in place.parts:
        for ending in (_CARD, _LOG):
            _copy(source.with_suffix(ending), folder / place.with_suffix(ending), relocation)


def _publish_sweep(root: Path, folder: Path) -> None:
    """Copy a sweep's journal, and card and log of each network that it has trained."""
    relocation = relocation_of(root / RUNS_NAME / "any")
    _copy(root / SWEEP_NAME, folder / SWEEP_NAME, relocation)
    for file in sorted((root / TRAIN_NAME).rglob("*")):
        place = file.relative_to(root)
        if file.suffix in (_CARD, _LOG) and _RESUME not in place.parts:
            _copy(file, folder / place, relocation)


def _copy(source: Path, target: Path, relocation: Relocation) -> None:
    """Copy a JSON or text file; none where there is none, nor what a link leads to."""
    if not source.is_file() or source.is_symlink():
        return
    try:
        text = read_limited(source).decode("utf-8")
        content = (
            _json_text(relocation.json(parse_json(text))) if source.suffix == _CARD else relocation.text(text)
        )
    except ValueError as error:
        raise RunError(f"{source} cannot be published: {error}") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, content)


def _json_text(value: Any) -> str:
    return json.dumps(value, indent=1, allow_nan=False) + "\n"
