"""The manifest: what was asked of a run, what it was resolved to, and everything that can move a number."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import RunError
from fdp_bench.api.training import Training

#: Version of the manifest's layout.
MANIFEST_SCHEMA = 1
RUNNING = "running"
COMPLETE = "complete"
INTERRUPTED = "interrupted"
FAILED = "failed"


@dataclass(frozen=True)
class Manifest:
    """One run.

    Attributes:
        name: Short name of the run.
        status: ``"running"``, ``"complete"``, ``"interrupted"`` or ``"failed"``.
        created: Local time of the start, ISO 8601 with offset.
        config: The resolved configuration, `RunConfig.to_json`.
        episodes_planned: Number of episodes of the whole run.
        task: The task as `TaskInfo` fields.
        arms: One entry an arm: ``policy``, ``checkpoint`` (SHA-256 of its weights), ``shift``, ``severity`` and
            ``slug``, which names the arm's files; ``train_demos``, ``train_seed`` and ``variant``, what the policy was
            trained on.
        policies: One entry a policy: its spec, distribution, source of weights, their hash and card, its sampler,
            and ``latency_ms``, what single decisions took before the run; see `fdp_bench.runner.latency`.
        comparisons: Of a run that stops when decided, one entry a shift: the two policies, how many pairs of
            episodes were counted, and what they decided; see `fdp_bench.runner.sequential`.
        protocol: ``success_rule`` and ``seed_protocol``; empty for runs from before there was a second one.
        plugins: Distribution and version of every plugin used.
        versions: Distribution name -> version of what can move a number.
        git: ``commit`` and ``dirty`` of the source checkout; empty for an installed package.
        machine: Processor, cores, platform, Python.
        renderer: Render profile, OpenGL vendor and renderer, as a worker saw them.
        invocations: One entry for the start and each resumption: ``command``, ``started``, ``ended``,
            ``episodes`` (written by it), ``workers``, ``lanes``, ``inference`` (where policies were asked),
            ``worker_time_s`` (of all its workers) and ``time_share`` (phase -> share of it, see
            `fdp_bench.runner.timing`).
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
            data = json.loads(path.read_text())
            schema = data.pop("schema", None)
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise RunError(f"manifest {str(path)!r} cannot be read: {error}") from error
        if schema != MANIFEST_SCHEMA:
            raise RunError(
                f"manifest {str(path)!r} has schema {schema!r}; this version reads {MANIFEST_SCHEMA}"
            )
        known = {entry.name for entry in fields(cls)}
        try:
            return cls(**{key: value for key, value in data.items() if key in known})
        except TypeError as error:
            raise RunError(f"manifest {str(path)!r} is incomplete: {error}") from error

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
        part = path.with_name(path.name + ".part")
        try:
            with part.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            raise
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
