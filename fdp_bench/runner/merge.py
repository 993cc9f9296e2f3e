"""Shards of a run joined into the run that one machine would have written."""

import shlex
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import RunError
from fdp_bench.records.comparability import place_facts, shard_differences
from fdp_bench.records.manifest import COMPLETE, Manifest
from fdp_bench.records.store import MANIFEST_NAME, STRIPS_NAME, VIDEOS_NAME, RunStore, check_new_folder
from fdp_bench.records.writer import refuse_link, unwritable
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import Arm, plan_episodes
from fdp_bench.runner.planning.shard import Shard, plan_part
from fdp_bench.runner.run_manifest import now, source_changes

#: Differences and missing shards that a message names.
_SHOWN = 4


@dataclass(frozen=True)
class Part:
    """One shard's run.

    Attributes:
        store: Its folder.
        manifest: Its manifest.
        shard: Which part it is.
        config: Its configuration.
        records: Its episodes.
        again: Its episodes run again.
    """

    store: RunStore
    manifest: Manifest
    shard: Shard
    config: RunConfig
    records: tuple[EpisodeRecord, ...]
    again: tuple[EpisodeRecord, ...]


@dataclass(frozen=True)
class Merged:
    """What came of a merge.

    Attributes:
        store: The whole run.
        warnings: What a user should know of it.
    """

    store: RunStore
    warnings: tuple[str, ...]


def merge_runs(paths: Sequence[Path], out: Path, command: Sequence[str] = ()) -> Merged:
    """Join all shards of a run; they stay as they are, and nothing is written before everything has been checked.

    The records equal those of the same run on one machine, in the order of the plan.

    Args:
        paths: Folders of the shards, in any order.
        out: Folder of the run, missing or empty; it appears complete or not at all.
        command: The command line, program first.

    Raises:
        RunError: If a folder is no shard, if they are not of one run (says in what they differ), if one is missing,
            given twice or incomplete (with the command that mends it), if one holds symbolic links in place of
            pictures, or if `out` lies in one or cannot be written.
        SpecError: If the shards' manifests name more episodes or shards than a run can have.
    """
    started = now()
    check_new_folder(out)
    if out.resolve() == Path.cwd():
        # It is put in place whole, and whoever stands in the folder that it replaces stands nowhere.
        raise RunError(f"--out {out} is the working folder; name a new one in it")
    for path in paths:
        if out.resolve().is_relative_to(path.resolve()) and (path / MANIFEST_NAME).is_file():
            raise RunError(
                f"--out {out} lies in the shard {path}, and shards stay as they are; choose another"
            )
    parts = sorted((_read(path) for path in dict.fromkeys(paths)), key=lambda part: part.shard.number)
    if not parts:
        raise RunError("no shard given; name all of a run: fdp-bench merge RUN... --out DIR")
    _check_one_run(parts)
    config = parts[0].config
    arms = tuple(Arm.from_json(arm) for arm in parts[0].manifest.arms)
    parts[0].shard.check_size(len(plan_episodes(config, arms)))
    _check_each_once(parts)
    problems = [problem for part in parts if (problem := _incomplete(part, config, arms))]
    if problems:
        more = f"; and {len(problems) - _SHOWN} shards more" if len(problems) > _SHOWN else ""
        raise RunError("; ".join(problems[:_SHOWN]) + more)
    pictures = [picture for part in parts for picture in _pictures(part.store.path)]
    episodes, again = plan_part(config, arms, None)
    invocation = {"command": shlex.join(command), "started": started, "ended": now(), "episodes": 0}
    manifest = _manifest(parts, len(episodes), invocation)
    _write(
        out,
        manifest,
        _in_order((record for part in parts for record in part.records), episodes),
        _in_order((record for part in parts for record in part.again), again),
        pictures,
    )
    return Merged(RunStore.open(out), _warnings(parts))


def _read(path: Path) -> Part:
    store = RunStore.open(path)
    manifest = store.manifest()
    shard = Shard.from_json(manifest.shard)
    if shard is None:
        what = "was merged already" if manifest.merged else "is a whole run"
        raise RunError(f"{path} is no shard: it {what}; shards come from fdp-bench run --shard K/N")
    config = RunConfig.from_json(manifest.config)
    return Part(
        store, manifest, shard, config, tuple(store.all_records(manifest)), tuple(store.retest_records())
    )


def _check_one_run(parts: Sequence[Part]) -> None:
    first = parts[0]
    for part in parts[1:]:
        unlike = shard_differences(first.manifest, part.manifest)
        if unlike:
            more = f" and {len(unlike) - _SHOWN} further differences" if len(unlike) > _SHOWN else ""
            raise RunError(
                f"{first.store.path} and {part.store.path} are not shards of one run: "
                f"{'; '.join(map(str, unlike[:_SHOWN]))}{more}"
            )
    for part in parts:
        for entry in part.manifest.invocations:
            began = {"versions": part.manifest.versions, "git": part.manifest.git}
            changes = source_changes(part.manifest, {**began, **entry})
            if changes:
                raise RunError(f"{part.store.path}: {changes[0]}; run shard {part.shard} anew")


def _check_each_once(parts: Sequence[Part]) -> None:
    count = parts[0].shard.count
    times = Counter(part.shard.number for part in parts)
    for number in (number for number, seen in times.items() if seen > 1):
        where = " and ".join(str(part.store.path) for part in parts if part.shard.number == number)
        raise RunError(f"shard {number}/{count} is given {times[number]} times, as {where}; name one of them")
    missing = [number for number in range(1, count + 1) if number not in times]
    if missing:
        shown = ", ".join(map(str, missing[:_SHOWN])) + (", ..." if len(missing) > _SHOWN else "")
        word = "shard" if len(missing) == 1 else f"{len(missing)} shards"
        raise RunError(
            f"{word} of {count} missing: {shown}; run {'it' if len(missing) == 1 else 'the first'} with: "
            f"{_command_of(parts[0], missing[0])}"
        )


def _command_of(part: Part, number: int) -> str:
    """The command that runs another shard of a shard's run, as far as its own command tells."""
    shard = Shard(number, part.shard.count)
    typed = (
        shlex.split(str(part.manifest.invocations[0].get("command", ""))) if part.manifest.invocations else []
    )
    words, skip = [], False
    for word in typed:
        if skip or word.startswith(("--out=", "--shard=")):
            skip = False
        elif word in ("--out", "--shard"):
            skip = True
        else:
            words.append(word)
    folder = part.store.path.with_name(f"shard-{number}-of-{shard.count}")
    return shlex.join([*(words or ["fdp-bench", "run", "..."]), "--shard", str(shard), "--out", str(folder)])


def _incomplete(part: Part, config: RunConfig, arms: Sequence[Arm]) -> str:
    """What a shard lacks, or holds that is not its own; empty where it is as planned."""
    path = part.store.path
    planned, again = plan_part(config, arms, part.shard)
    for name, specs, records in (("", planned, part.records), ("repeated ", again, part.again)):
        ours, held = {spec.id for spec in specs}, {record.spec.id for record in records}
        if held - ours:
            return (
                f"{path} holds {len(held - ours)} {name}episodes that are not of shard {part.shard}; its files were "
                "mixed up, run it anew"
            )
        if ours - held:
            return (
                f"{path} (shard {part.shard}) holds {len(held)} of {len(ours)} {name}episodes; complete it with: "
                f"{shlex.join(['fdp-bench', 'run', '--resume', str(path)])}"
            )
    if part.manifest.status != COMPLETE:
        # All its records are there; the run was cut off before it could say so, or is still being written.
        return (
            f"{path} (shard {part.shard}) is {part.manifest.status}; complete it with: "
            f"{shlex.join(['fdp-bench', 'run', '--resume', str(path)])}"
        )
    return ""


def _in_order(records: Iterable[EpisodeRecord], episodes: Sequence[EpisodeSpec]) -> list[EpisodeRecord]:
    found = {record.spec.id: record for record in records}
    return [found[spec.id] for spec in episodes]


def _manifest(parts: Sequence[Part], planned: int, invocation: Mapping[str, Any]) -> Manifest:
    first = parts[0].manifest
    latencies: dict[str, list[float]] = {}
    for policy in (policy for part in parts for policy in part.manifest.policies):
        latencies.setdefault(str(policy["spec"]), []).extend(policy.get("latency_ms") or ())
    invocations = [
        {**entry, "shard": str(part.shard)} for part in parts for entry in part.manifest.invocations
    ]
    return replace(
        first,
        status=COMPLETE,
        created=min(part.manifest.created for part in parts),
        config={**first.config, "workers": max(part.config.workers for part in parts)},
        episodes_planned=planned,
        policies=[{**policy, "latency_ms": latencies[str(policy["spec"])]} for policy in first.policies],
        invocations=[*invocations, dict(invocation)],
        shard={},
        merged=[
            {
                "shard": str(part.shard),
                "run": str(part.store.path),
                "created": part.manifest.created,
                "machine": dict(part.manifest.machine),
                "renderer": dict(part.manifest.renderer),
            }
            for part in parts
        ],
    )


def _write(
    out: Path,
    manifest: Manifest,
    records: Sequence[EpisodeRecord],
    again: Sequence[EpisodeRecord],
    pictures: Sequence[Path],
) -> None:
    """Write the run into a folder beside its place, then move it there in one step."""
    place = out.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".merge-", dir=place.parent) as beside:
            part = Path(beside) / "run"
            part.mkdir()
            store = RunStore(part)
            for retest, lines in ((False, records), (True, again)):
                if lines or not retest:
                    with store.writer(retest=retest) as append:
                        for record in lines:
                            append(record)
            for picture in pictures:
                (part / picture.parent.name).mkdir(exist_ok=True)
                shutil.copyfile(picture, part / picture.parent.name / picture.name)
            manifest.write(part / MANIFEST_NAME)
            part.rename(place)
    except OSError as error:
        raise RunError(unwritable(out / MANIFEST_NAME, error)) from error


def _pictures(run: Path) -> list[Path]:
    """Strips and videos of a shard; a link may lead to any file, which would be copied and shown."""
    found = []
    for folder in (run / STRIPS_NAME, run / VIDEOS_NAME):
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        for entry in (folder, *files):
            refuse_link(entry)
        # Whoever draws writes to NAME.part.EXTENSION first.
        found += [file for file in files if file.is_file() and ".part." not in file.name]
    return found


def _warnings(parts: Sequence[Part]) -> tuple[str, ...]:
    places = {str(place_facts(part.manifest)): place_facts(part.manifest) for part in parts}
    if len(places) == 1:
        return ()
    kinds = "; ".join(", ".join(map(str, place.values())) for place in places.values())
    return (
        f"the shards ran on {len(places)} kinds of machines ({kinds}), which may round differently: a run on one of "
        "them may differ in single episodes",
    )
