"""The baseline file: a run in one small JSON file, fit for a repository, which later runs are held against."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import RunError
from fdp_bench.api.files import write_whole
from fdp_bench.api.validation import check_entries, parse_json, read_json
from fdp_bench.gate.compared_run import ArmOutcomes, ComparedRun, Outcome, read_compared_run
from fdp_bench.records.store import RunStore

#: Version of the file's layout.
BASELINE_SCHEMA = 1
BASELINE_KIND = "fdp-bench baseline"
#: Episodes of each arm whose shift's parameters are kept: enough to notice a shift that has changed.
PARAMETERS_KEPT = 5
#: What became of an episode, as one word: (success, held, error).
_WORDS = {
    (True, True, False): "held",
    (True, False, False): "once",
    (False, False, False): "failure",
    (False, False, True): "error",
}
_MEANINGS = {word: meaning for meaning, word in _WORDS.items()}
#: Types of what the file holds.
_PARTS: Mapping[str, Any] = {
    **dict.fromkeys(("task", "config", "machine", "renderer", "git"), Mapping[str, Any]),
    **dict.fromkeys(("protocol", "samplers", "versions"), Mapping[str, str]),
    **dict.fromkeys(("arms", "plugins"), Sequence[Mapping[str, Any]]),
}
_PLUGIN: Mapping[str, Any] = dict.fromkeys(("kind", "name", "distribution", "version"), str)
_CONFIG: Mapping[str, Any] = {
    **dict.fromkeys(("episodes", "seed", "noise_seed"), int),
    **dict.fromkeys(("policies", "shifts"), Sequence[str]),
    **dict.fromkeys(("task", "device", "profile"), str),
}
_TASK: Mapping[str, Any] = {"task_id": str, "profile": str, "horizon": int, "control_hz": float}
_ARM: Mapping[str, Any] = {
    **dict.fromkeys(("policy", "checkpoint", "shift"), str),
    "severity": float,
    "parameters": Mapping[str, str],
    "episodes": Sequence[str],
}


def write_baseline(run: Path, out: Path, *, command: str) -> ComparedRun:
    """Write a run as a baseline file, in one step.

    Args:
        run: Folder of a complete run.
        out: The file; its folder is made where it is missing.
        command: The command line that writes it, kept in the file beside the run's own.

    Raises:
        RunError: If the run is unfinished or stopped early, or the file cannot be written.
    """
    side = read_compared_run(run)
    if not side.complete or not side.arms:
        raise RunError(
            f"run {str(run)!r} is not complete, and a baseline must be; finish it with: "
            f"fdp-bench run --resume {run}"
        )
    if side.stopped_early:
        raise RunError(
            f"run {str(run)!r} was stopped as soon as it was decided, so its rates lean to one side; make the baseline "
            "of a run without --until-decided"
        )
    manifest = RunStore.open(run).manifest()
    data = {
        "kind": BASELINE_KIND,
        "schema": BASELINE_SCHEMA,
        "created": manifest.created,
        "made_by": [*(str(entry.get("command", "")) for entry in manifest.invocations), command],
        **_facts(side),
        "episode_columns": "id index outcome steps initial_state",
        "arms": [_arm_json(arm) for arm in side.arms],
    }
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(data, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise RunError(f"baseline {str(out)!r} cannot be written: {error}; choose another --out") from error
    return replace(side, path=out)


def read_baseline(path: Path) -> ComparedRun:
    """Read a baseline file.

    Raises:
        RunError: If it is unreadable, no baseline, of another version, or damaged.
    """
    try:
        data = read_json(path)
    except (OSError, ValueError) as error:
        raise RunError(f"baseline {str(path)!r} cannot be read: {error}") from error
    if data.get("kind") != BASELINE_KIND:
        raise RunError(
            f"{str(path)!r} is no baseline file; make one with: fdp-bench baseline RUN --out {path.name}"
        )
    if data.get("schema") != BASELINE_SCHEMA:
        raise RunError(
            f"baseline {str(path)!r} has schema {data.get('schema')!r}; this version reads {BASELINE_SCHEMA}; "
            f"make it anew with: fdp-bench baseline RUN --out {path}"
        )
    try:
        check_entries(data, _PARTS, "the file", needed=tuple(_PARTS))
        for plugin in data["plugins"]:
            check_entries(plugin, _PLUGIN, "plugins[]")
        check_entries(data["config"], _CONFIG, "config", needed=("episodes",))
        check_entries(data["task"], _TASK, "task")
        return ComparedRun(
            path=path,
            task=dict(data["task"]),
            protocol=dict(data["protocol"]),
            config=dict(data["config"]),
            samplers={str(key): str(value) for key, value in data["samplers"].items()},
            arms=tuple(_arm(arm) for arm in data["arms"]),
            planned=int(data["config"]["episodes"]),
            versions=dict(data["versions"]),
            plugins=tuple(dict(plugin) for plugin in data["plugins"]),
            machine=dict(data["machine"]),
            renderer=dict(data["renderer"]),
            git=dict(data["git"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"baseline {str(path)!r} is damaged ({type(error).__name__}: {error}); make it anew with: "
            f"fdp-bench baseline RUN --out {path}"
        ) from error


def _facts(side: ComparedRun) -> dict[str, Any]:
    return {
        "task": dict(side.task),
        "protocol": dict(side.protocol),
        "config": dict(side.config),
        "samplers": dict(side.samplers),
        "versions": dict(side.versions),
        "plugins": [dict(plugin) for plugin in side.plugins],
        "machine": dict(side.machine),
        "renderer": dict(side.renderer),
        "git": dict(side.git),
    }


def _arm_json(arm: ArmOutcomes) -> dict[str, Any]:
    kept = list(arm.outcomes.items())[:PARAMETERS_KEPT]
    return {
        "policy": arm.policy,
        "checkpoint": arm.checkpoint,
        "shift": arm.shift,
        "severity": arm.severity,
        "parameters": {
            # One line of text for each keeps the file short.
            str(index): json.dumps(outcome.parameters)
            for index, outcome in kept
            if outcome.parameters is not None
        },
        "episodes": [_row(index, outcome) for index, outcome in arm.outcomes.items()],
    }


def _row(index: int, outcome: Outcome) -> str:
    word = _WORDS[outcome.success, outcome.held, outcome.error]
    return f"{outcome.id} {index} {word} {outcome.steps} {outcome.initial_state or '-'}"


def _arm(data: Mapping[str, Any]) -> ArmOutcomes:
    check_entries(data, _ARM, "arms[]", needed=tuple(_ARM))
    parameters = {int(index): parse_json(text) for index, text in data["parameters"].items()}
    return ArmOutcomes(
        policy=str(data["policy"]),
        checkpoint=str(data["checkpoint"]),
        shift=str(data["shift"]),
        severity=float(data["severity"]),
        outcomes=dict(_outcome(row.split(" "), parameters) for row in data["episodes"]),
    )


def _outcome(cells: Sequence[str], parameters: Mapping[int, Any]) -> tuple[int, Outcome]:
    identifier, index_text, word, steps, initial_state = cells
    index = int(index_text)
    success, held, error = _MEANINGS[word]
    return index, Outcome(
        id=identifier,
        success=success,
        held=held,
        error=error,
        steps=int(steps),
        initial_state="" if initial_state == "-" else initial_state,
        parameters=parameters.get(index),
    )


def load_compared_run(path: Path) -> ComparedRun:
    """Read a run's folder or a baseline file.

    Raises:
        RunError: If it is neither, is unreadable, or holds no episode.
    """
    side = read_compared_run(path) if path.is_dir() or not path.exists() else read_baseline(path)
    if not side.arms:
        raise RunError(f"{path} holds no finished episode; finish it with: fdp-bench run --resume {path}")
    return side
