"""A golden record: the file of a task that says what came of its episode where it was recorded."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.records.provenance import cpu_model, versions
from fdp_bench.sim.gl import gl_strings

from .episodes import SEED, Actions, Pictures, Played, States

FOLDER = Path(__file__).parent
#: Of a manifest's versions, those that no state and no picture passes through.
_UNUSED = ("fdp-bench", "torch")
#: What decides how a processor rounds: fused multiply-add, and how much it sums at once.
_FLAGS = ("fma", "fma4", "avx", "avx2", "avx512f")


@dataclass(frozen=True)
class Golden:
    """One task's file.

    Attributes:
        actions: Shape (T, 7).
        states: Of the compiled stepper; see `Played`.
        state_names: See `Played`.
        pictures: See `Played`.
        facts: ``dynamics_sha256``, ``versions`` and ``processor`` of where it was recorded.
    """

    actions: Actions
    states: States
    state_names: tuple[str, ...]
    pictures: Pictures
    facts: Mapping[str, Any]


def path_of(task: str) -> Path:
    """File of a task."""
    return FOLDER / f"{task}.npz"


def write(task: str, actions: Actions, played: Played) -> Path:
    """Write a task's file; the same content gives the same bytes."""
    facts = {
        "task": task,
        "seed": SEED,
        "dynamics_sha256": played.dynamics_sha256,
        "versions": versions_here(),
        "processor": processor_here(),
    }
    np.savez_compressed(
        path_of(task),
        facts=np.array(json.dumps(facts, indent=1)),
        actions=actions,
        states=played.states["compiled"],
        state_names=np.array(played.state_names),
        picture_names=np.array(list(played.pictures)),
        pictures=np.array(list(played.pictures.values())),
    )
    return path_of(task)


def read(task: str) -> Golden:
    """Read a task's file."""
    with np.load(path_of(task), allow_pickle=False) as file:
        return Golden(
            actions=file["actions"],
            states=file["states"],
            state_names=tuple(file["state_names"].tolist()),
            pictures=dict(zip(file["picture_names"].tolist(), file["pictures"], strict=True)),
            facts=json.loads(str(file["facts"])),
        )


def versions_here() -> dict[str, str]:
    """Versions of all that a state or a picture passes through, the OpenGL in use among them."""
    found = {name: version for name, version in versions().items() if name not in _UNUSED}
    strings = gl_strings()
    return {
        **found,
        "python": platform.python_version(),
        "OpenGL": f"{strings['renderer']}, {strings['version']}",
    }


def processor_here() -> dict[str, str]:
    """Processor and C library, whose sine and square root are the last digits of a state."""
    found = {"name": cpu_model(), "libc": " ".join(platform.libc_ver())}
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return found
    entries = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    for key in ("cpu family", "model", "stepping"):
        found[key] = entries.get(key, "")
    flags = entries.get("flags", "").split()
    return {**found, "flags": " ".join(flag for flag in _FLAGS if flag in flags)}
