"""``sweep.json``: what a sweep was asked for, what it used and trained, and which runs hold its episodes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import RunError
from fdp_bench.api.files import write_whole
from fdp_bench.api.validation import check_fields, read_json

SWEEP_SCHEMA = 1
SWEEP_NAME = "sweep.json"
#: Folder of a sweep's runs, one a (task, size, seed, variant).
RUNS_NAME = "runs"


@dataclass(frozen=True)
class Journal:
    """One sweep.

    Attributes:
        name: Name of the suite.
        status: ``"running"``, ``"complete"``, ``"interrupted"`` or ``"failed"``, as of the last invocation.
        suite: The suite as last asked for, `Suite.to_json`, with filters and episodes applied.
        command: Command that makes the sweep again, caches aside.
        steps: What ``--steps`` scaled the suite's steps to; None where they are its own.
        versions: Distribution name -> version of what can move a number.
        data: Task -> file name of the demonstrations and, for each size, their hash.
        policies: One entry a trained policy: ``task``, ``policy``, ``train_demos``, ``train_seed``, ``variant`` (the
            suite's name for it), ``settings``, ``source``, ``checkpoint`` (policy string with the weights' path),
            ``sha256`` and ``run`` (folder of its episodes, relative to the sweep's).
        trainings: One entry a training that this sweep did: ``task``, ``policy``, ``label``, ``steps`` (at most),
            ``wall_time_s`` and ``machine``.
    """

    name: str
    status: str
    suite: Mapping[str, Any]
    command: str
    steps: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    policies: Sequence[Mapping[str, Any]] = ()
    trainings: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def read(cls, folder: Path) -> "Journal":
        """Read the journal of a sweep's folder.

        Raises:
            RunError: If there is none, or it is of another version.
        """
        path = folder / SWEEP_NAME
        try:
            data = read_json(path)
            schema = data.pop("schema", None)
            if schema != SWEEP_SCHEMA:
                raise RunError(f"{path} has schema {schema!r}; this version reads {SWEEP_SCHEMA}")
            known = {entry.name for entry in fields(cls)}
            facts = {key: value for key, value in data.items() if key in known}
            check_fields(cls, facts)
            return cls(**facts)
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is no sweep that can be read: {error}") from None

    def write(self, folder: Path) -> None:
        """Write it in one step: a reader sees the old file or the new one.

        Raises:
            RunError: If the folder cannot be written.
        """
        path = folder / SWEEP_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps({"schema": SWEEP_SCHEMA, **asdict(self)}, indent=1) + "\n")
        except OSError as error:
            raise RunError(
                f"sweep folder {folder} cannot be written ({error.strerror}); choose another --out"
            ) from error
