"""Shards of one run, found among others."""

from collections.abc import Sequence
from pathlib import Path

from fdp_bench.records.comparability import shard_differences
from fdp_bench.records.manifest import Manifest


def partial_shards(paths: Sequence[Path], manifests: Sequence[Manifest]) -> list[str]:
    """One sentence for each run of which only some shards are here; none for whole runs.

    Args:
        paths: Folders of runs.
        manifests: Their manifests.
    """
    groups: list[tuple[Manifest, dict[int, Path]]] = []
    for path, manifest in zip(paths, manifests, strict=True):
        if not manifest.shard:
            continue
        members = next((found for known, found in groups if not shard_differences(known, manifest)), None)
        if members is None:
            groups.append((manifest, members := {}))
        members[int(manifest.shard["number"])] = path
    sentences = []
    for known, members in groups:
        count = int(known.shard["count"])
        if len(members) == count:
            continue
        (number, path), *more = sorted(members.items())
        held = (
            f"{path} is shard {number} of {count}"
            if not more
            else f"{len(members)} of {count} shards are here"
        )
        sentences.append(
            f"{held}: the numbers are those of a part of a run, not of the run. Join all {count} shards: "
            "fdp-bench merge RUN... --out DIR"
        )
    return sentences
