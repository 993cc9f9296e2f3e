"""Which runs a report is about, read and joined."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fdp_bench.api import EpisodeRecord, RunError, nearest
from fdp_bench.records import Manifest, RunStore
from fdp_bench.records.comparability import (
    SIMULATION,
    Difference,
    condition_differences,
    plugin_differences,
    rule_differences,
    version_differences,
)
from fdp_bench.records.compressed import compressed
from fdp_bench.records.store import EPISODES_NAME, MANIFEST_NAME
from fdp_bench.tasks.external.registry import remember_data

#: Where `fdp-bench run` puts runs unless told otherwise.
RESULTS = Path("results")
_FIRST_RUN = 'fdp-bench run --policy "fdp:prop>vision" --shift occlusion'


@dataclass(frozen=True)
class Runs:
    """One or more runs as one set of episodes.

    Attributes:
        paths: Their folders.
        manifests: Their manifests, in the same order.
        records: Their episodes, each once; at least one.
    """

    paths: tuple[Path, ...]
    manifests: tuple[Manifest, ...]
    records: tuple[EpisodeRecord, ...]

    @property
    def profile(self) -> str:
        """Render profile that all of them share; empty where a run names none."""
        return str(self.manifests[0].config.get("profile", ""))

    def unfinished(self, apart_from: Collection[Path] = ()) -> list[str]:
        """One sentence for each run that lacks planned episodes, with the command that finishes it.

        Args:
            apart_from: Folders whose runs are passed over, because their suite says what they lack.
        """
        sentences = []
        for path, manifest in zip(self.paths, self.manifests, strict=True):
            if any(path.is_relative_to(folder) for folder in apart_from):
                continue
            # A run that stopped when decided has all that it needs.
            store = RunStore.open(path)
            done = len({record.spec.id for record in store.all_records(manifest)})
            if done < manifest.episodes_planned and not manifest.comparisons:
                how = (
                    "was published so"
                    if store.is_published
                    else f"finish it with: fdp-bench run --resume {path}"
                )
                sentences.append(f"{path} holds {done} of {manifest.episodes_planned} episodes; {how}")
        return sentences

    def unlike(self) -> list[str]:
        """One sentence on what differs between the runs and can move single episodes; none where nothing does."""
        values: dict[str, dict[Any, None]] = {}
        first = self.manifests[0]
        for manifest in self.manifests[1:]:
            for each in (
                *version_differences(first.versions, manifest.versions),
                *plugin_differences(first.plugins, manifest.plugins),
                *condition_differences(first.config, manifest.config),
            ):
                values.setdefault(each.name, {each.first: None})[each.second] = None
        if not values:
            return []
        listed = "; ".join(f"{name} {' or '.join(map(str, found))}" for name, found in values.items())
        return [f"the runs differ in what can move single episodes: {listed}"]


def probed_latencies(manifests: Iterable[Manifest]) -> dict[tuple[str, str], list[float]]:
    """What single decisions of each policy took before these runs, for `fdp_bench.report.tables.summary.summarize`.

    Returns:
        (task, policy string) -> wall times in milliseconds, of all the runs that measured some.
    """
    times: dict[tuple[str, str], list[float]] = {}
    for manifest in manifests:
        for entry in manifest.policies:
            if entry.get("latency_ms"):
                key = (str(manifest.config.get("task", "")), entry["spec"])
                times.setdefault(key, []).extend(entry["latency_ms"])
    return times


def newest_run(results: Path = RESULTS) -> Path:
    """The run in a folder of runs that was started last, by its manifest.

    Returns:
        Its folder, or of one command's runs of several tasks the folder that holds all of them.

    Raises:
        RunError: If there is none.
    """
    started: list[tuple[datetime, Path]] = []
    commands: dict[Path, str] = {}
    # What is published without its episodes is no run that can be reported.
    deeper = (
        path for path in results.glob(f"*/*/{MANIFEST_NAME}") if path.with_name(EPISODES_NAME).is_file()
    )
    for manifest_path in (*results.glob(f"*/{MANIFEST_NAME}"), *deeper):
        try:
            manifest = Manifest.read(manifest_path)
            created = datetime.fromisoformat(manifest.created)
        except (RunError, ValueError):
            # A folder that is no readable run does not hide the others.
            continue
        zoned = created if created.tzinfo else created.replace(tzinfo=UTC)
        started.append((zoned, manifest_path.parent))
        commands[manifest_path.parent] = _first_command(manifest)
    if not started:
        raise RunError(f"no run found in {str(results)!r}; make one with: {_FIRST_RUN}")
    newest = max(started)[1]
    beside = [commands[run] for run in commands if run.parent == newest.parent and run != newest]
    one_command = newest.parent != results and set(beside) == {commands[newest]} != {""}
    return newest.parent if one_command else newest


def _first_command(manifest: Manifest) -> str:
    return str(manifest.invocations[0].get("command", "")) if manifest.invocations else ""


def runs_below(path: Path) -> list[Path]:
    """A run itself, or all runs in a folder that is none, a sweep's for instance, by name.

    Returns:
        Folders of runs; the folder alone where there is none, so that opening it says what is wrong.
    """
    folder = in_results(path)
    if (folder / MANIFEST_NAME).is_file():
        return [folder]
    plain = Path(EPISODES_NAME)
    found = {
        file.parent
        for name in (plain.name, compressed(plain).name)
        for file in folder.rglob(name)
        if (file.parent / MANIFEST_NAME).is_file()
    }
    return sorted(found) or [folder]


def in_results(path: Path) -> Path:
    """A path as typed; a name alone that is not here means one in the results folder."""
    inside = RESULTS / path
    return inside if not path.exists() and inside.exists() else path


def load_runs(paths: Sequence[Path]) -> Runs:
    """Read runs and join their episodes.

    Args:
        paths: Folders of runs, or folders that hold runs, at least one.

    Raises:
        RunError: If a run is missing, unreadable or empty, or if the runs cannot be pooled: other versions of a task,
            other rules of success or seeds, another simulation or picture, or different outcomes of one episode.
    """
    stores = [_open(run) for run in dict.fromkeys(run for path in paths for run in runs_below(path))]
    manifests = tuple(store.manifest() for store in stores)
    _check_poolable(stores, manifests)
    for store, manifest in zip(stores, manifests, strict=True):
        # So that what they ran on can be drawn.
        remember_data(manifest.task.get("map"), f"of the run {store.path}")
    records: dict[str, tuple[EpisodeRecord, Path]] = {}
    for store in stores:
        for record in store.records():
            known, where = records.setdefault(record.spec.id, (record, store.path))
            if known is not record and known.comparable() != record.comparable():
                raise RunError(
                    f"{where} and {store.path} tell different outcomes of episode {record.spec.index} of "
                    f"{record.spec.policy}, {record.spec.shift}; report them apart"
                )
    if not records:
        raise RunError(
            f"{stores[0].path} holds no finished episode yet; finish it with: "
            f"fdp-bench run --resume {stores[0].path}"
        )
    return Runs(
        tuple(store.path for store in stores), manifests, tuple(record for record, _ in records.values())
    )


def _open(path: Path) -> RunStore:
    if not path.exists():
        known = [str(manifest.parent) for manifest in RESULTS.glob(f"*/{MANIFEST_NAME}")]
        hint = nearest(str(path), known) if known else f"; make one with: {_FIRST_RUN}"
        raise RunError(f"there is no run {str(path)!r}{hint}")
    return RunStore.open(path)


def _check_poolable(stores: Sequence[RunStore], manifests: Sequence[Manifest]) -> None:
    firsts: dict[str, tuple[Path, Manifest]] = {}
    for store, manifest in zip(stores, manifests, strict=True):
        same_task = firsts.setdefault(_task_name(manifest), (store.path, manifest))
        for path, first, differences in (
            (stores[0].path, manifests[0], _simulation_differences),
            (*same_task, rule_differences),
        ):
            for difference in differences(first, manifest):
                raise RunError(f"{path} and {store.path} cannot be pooled: {difference}; report them apart")


def _simulation_differences(first: Manifest, second: Manifest) -> list[Difference]:
    """What all runs of a report share, whatever their tasks."""
    unlike = [
        Difference(f"version of {each.name}", each.first, each.second)
        for each in version_differences(first.versions, second.versions)
        if each.name in SIMULATION
    ]
    profiles = first.config.get("profile"), second.config.get("profile")
    return unlike + ([Difference("render profile", *profiles)] if profiles[0] != profiles[1] else [])


def _task_name(manifest: Manifest) -> str:
    """Name of a run's task without its version."""
    return re.sub(r"-v\d+$", "", str(manifest.config.get("task", "")))
