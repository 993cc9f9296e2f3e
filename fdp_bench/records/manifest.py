"""The manifest: what was asked of a run, what it was resolved to, and everything that can move a number."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import RunError
from fdp_bench.api.files import write_whole
from fdp_bench.api.training import Training
from fdp_bench.api.validation import check_entries, check_fields, is_file_name, read_json

#: Version of the manifest's layout.
MANIFEST_SCHEMA = 1
RUNNING = "running"
COMPLETE = "complete"
INTERRUPTED = "interrupted"
FAILED = "failed"
#: Types of what the entries of a manifest's lists and tables hold, and which of them must be there.
_TEXTS = Mapping[str, str]
_ENTRIES: Mapping[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
    "arms": (
        {
            **dict.fromkeys(("policy", "checkpoint", "shift", "slug", "variant"), str),
            "severity": float,
            "train_demos": int | None,
            "train_seed": int | None,
        },
        ("policy", "checkpoint", "shift", "severity", "slug"),
    ),
    "policies": (
        {
            **dict.fromkeys(("spec", "sha256", "source", "sampler"), str),
            "card": Mapping[str, Any],
            "latency_ms": Sequence[float],
        },
        ("spec",),
    ),
    "plugins": (dict.fromkeys(("kind", "name", "distribution", "version"), str), ()),
    "invocations": (
        {
            **dict.fromkeys(("command", "started", "ended", "inference", "error"), str),
            **dict.fromkeys(("workers", "lanes", "episodes"), int),
            "versions": _TEXTS,
            "git": Mapping[str, Any],
            "worker_time_s": float,
            "time_share": Mapping[str, float],
            "incidents": Sequence[Mapping[str, Any]],
        },
        (),
    ),
    "comparisons": (
        {
            **dict.fromkeys(("first", "second", "shift"), str),
            **dict.fromkeys(("pairs", "only_first", "only_second"), int),
            **dict.fromkeys(("alpha", "e_value", "p_value", "difference_low", "difference_high"), float),
            "decided_at": int | None,
            "winner": str | None,
        },
        (
            *("first", "second", "shift", "pairs", "only_first", "only_second"),
            *("alpha", "e_value", "p_value", "difference_low", "difference_high", "winner"),
        ),
    ),
}
_TABLES: Mapping[str, Mapping[str, Any]] = {
    "config": {
        **dict.fromkeys(("task", "device", "profile"), str),
        **dict.fromkeys(("policies", "shifts"), Sequence[str]),
        **dict.fromkeys(("episodes", "seed", "videos", "workers", "lanes", "batch_rows", "noise_seed"), int),
        **dict.fromkeys(("retest", "until_decided", "act_timeout"), float),
    },
    "task": {"task_id": str, "profile": str, "horizon": int, "control_hz": float},
}


@dataclass(frozen=True)
class Manifest:
    """One run.

    Attributes:
        name: Short name of the run.
        status: ``"running"``, ``"complete"``, ``"interrupted"`` or ``"failed"``.
        created: Local time of the start, ISO 8601 with offset.
        config: The resolved configuration, `RunConfig.to_json`.
        episodes_planned: Number of episodes of the whole run.
        task: The task as `TaskInfo` fields; ``map`` where a map made it a task.
        arms: One entry an arm: ``policy``, ``checkpoint`` (SHA-256 of its weights), ``shift``, ``severity`` and
            ``slug``, which names the arm's files; ``train_demos``, ``train_seed`` and ``variant``, what the policy was
            trained on.
        policies: One entry a policy: its spec, distribution, source of weights, their hash and card, its sampler,
            and ``latency_ms``, what single decisions took before the run; see `fdp_bench.runner.rollout.latency`.
        comparisons: Of a run that stops when decided, one entry a shift: the two policies, how many pairs of
            episodes were counted, and what they decided; see `fdp_bench.runner.planning.feeds`.
        protocol: ``success_rule`` and ``seed_protocol``; empty for runs from before there was a second one.
        plugins: Distribution and version of every plugin used.
        versions: Distribution name -> version of what can move a number.
        git: ``commit`` and ``dirty`` of the source checkout; empty for an installed package.
        machine: Processor, cores, platform, Python.
        renderer: Render profile, OpenGL vendor and renderer, as a worker saw them.
        invocations: One entry for the start and each resumption: ``command``, ``started``, ``ended``,
            ``episodes`` (written by it), ``workers``, ``lanes``, ``inference`` (where policies were asked),
            ``versions`` and ``git`` as above, ``worker_time_s`` (of all its workers) and ``time_share`` (phase -> share
            of it, see `fdp_bench.runner.rollout.timing`).
        shard: ``number`` and ``count`` of a run that is one of several parts of another; empty for a whole run.
        merged: Of a run that was put together from shards, one entry a shard: ``shard``, ``run`` (its folder),
            ``created``, ``machine`` and ``renderer``; see `fdp_bench.runner.merge`.
    """

    name: str
    status: str
    created: str
    config: Mapping[str, Any]
    episodes_planned: int
    task: Mapping[str, Any] = field(default_factory=dict)
    arms: Sequence[Mapping[str, Any]] = ()
    policies: Sequence[Mapping[str, Any]] = ()
    protocol: Mapping[str, str] = field(default_factory=dict)
    comparisons: Sequence[Mapping[str, Any]] = ()
    plugins: Sequence[Mapping[str, Any]] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    git: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    renderer: Mapping[str, Any] = field(default_factory=dict)
    invocations: Sequence[Mapping[str, Any]] = ()
    shard: Mapping[str, int] = field(default_factory=dict)
    merged: Sequence[Mapping[str, Any]] = ()

    def trainings(self) -> dict[str, Training]:
        """Checkpoint's SHA-256 -> what it was trained on, by the cards of the run's policies."""
        return {
            str(policy["sha256"]): Training.from_card(policy.get("card") or {})
            for policy in self.policies
            if policy.get("sha256")
        }

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest.

        Raises:
            RunError: If it is unreadable or of another version.
        """
        try:
            data = read_json(path)
            schema = data.pop("schema", None)
        except (OSError, ValueError) as error:
            raise RunError(f"manifest {str(path)!r} cannot be read: {error}") from error
        if schema != MANIFEST_SCHEMA:
            raise RunError(
                f"manifest {str(path)!r} has schema {schema!r}; this version reads {MANIFEST_SCHEMA}"
            )
        known = {entry.name for entry in fields(cls)}
        facts = {key: value for key, value in data.items() if key in known}
        try:
            check_fields(cls, facts)
            manifest = cls(**facts)
            manifest._check()
        except ValueError as error:
            raise RunError(f"manifest {str(path)!r} is incomplete or damaged: {error}") from error
        return manifest

    def _check(self) -> None:
        """Hold what lists and tables contain against its types; a file's name must not lead out of the run."""
        for name, (kinds, needed) in _ENTRIES.items():
            for entry in getattr(self, name):
                check_entries(entry, kinds, f"{name}[]", needed=needed)
        for name, kinds in _TABLES.items():
            check_entries(getattr(self, name), kinds, name)
        if self.shard:
            check_entries(self.shard, {}, "shard", needed=("number", "count"))
        for arm in self.arms:
            if not is_file_name(arm["slug"]):
                raise ValueError(f"arms[].slug {arm['slug'][:60]!r} is no plain name of a file")

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dictionary with the layout's version."""
        data: dict[str, Any] = json.loads(
            json.dumps({"schema": MANIFEST_SCHEMA, **asdict(self)}, allow_nan=False)
        )
        return data

    def write(self, path: Path) -> None:
        """Write the manifest in one step: a reader sees the old file or the new one, after a power cut too.

        Raises:
            OSError: If it cannot be written; the old file stays as it was.
        """
        text = json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n"
        write_whole(path, text)
        _sync_folder(path.parent)

    def started(self, invocation: Mapping[str, Any]) -> "Manifest":
        """The manifest with a new invocation under way."""
        return replace(self, status=RUNNING, invocations=(*self.invocations, dict(invocation)))

    def ended(self, status: str, **facts: Any) -> "Manifest":
        """The manifest with its last invocation ended."""
        last = {**self.invocations[-1], **facts}
        return replace(self, status=status, invocations=(*self.invocations[:-1], last))


def _sync_folder(folder: Path) -> None:
    """Make a folder's new names outlive the machine, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
