"""What a robomimic or robosuite file says of the environment it was recorded in, and whether a task is the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fdp_bench.api import DatasetError
from fdp_bench.demos.formats.metadata import parse_metadata, word
from fdp_bench.demos.safe_readers import hdf5

#: The controller of the package's tasks, robosuite's default for the Panda: what an action means.
_CONTROLLER: Mapping[str, Any] = {
    "type": "OSC_POSE",
    "impedance_mode": "fixed",
    "kp": 150,
    "input_max": 1,
    "input_min": -1,
    "output_max": [0.05, 0.05, 0.05, 0.5, 0.5, 0.5],
    "output_min": [-0.05, -0.05, -0.05, -0.5, -0.5, -0.5],
    "uncouple_pos_ori": True,
}
_ROBOT = "Panda"


@dataclass(frozen=True)
class RecordedWith:
    """The environment of a file.

    Attributes:
        env_name: robosuite's name of the task; empty where the file does not say.
        version: robosuite's version; likewise.
        settings: robosuite's own settings.
        ours: What this package wrote into its own files (task, profile, seed ...); empty for others.
    """

    env_name: str
    version: str
    settings: Mapping[str, Any]
    ours: Mapping[str, Any] = field(default_factory=dict)


def read_recorded_with(data: Any) -> RecordedWith:
    """Read robomimic's ``env_args``, or the ``env`` and ``env_info`` of robosuite's own recordings.

    Args:
        data: The file's group ``data``.

    Raises:
        DatasetError: If what is there is no JSON object.
    """
    args = _json_object(data, "env_args")
    if args is not None:
        settings = args.get("env_kwargs")
        ours = args.get("fdp_bench")
        return RecordedWith(
            env_name=word(args.get("env_name")),
            version=word(args.get("env_version")),
            settings=settings if isinstance(settings, dict) else {},
            ours=ours if isinstance(ours, dict) else {},
        )
    info = _json_object(data, "env_info") or {}
    name = hdf5.text(data, "env") or word(info.get("env_name"))
    return RecordedWith(name, hdf5.text(data, "repository_version") or "", info)


def check_same_actions(recorded: RecordedWith, control_hz: float, *, is_absolute: bool = False) -> list[str]:
    """Check that an action of the file means what it means in this package's tasks.

    Args:
        recorded: What the file says.
        control_hz: Control steps a second of the task.
        is_absolute: Whether the user says that actions are absolute poses.

    Returns:
        Notes on what the file does not say, a sentence each.

    Raises:
        DatasetError: If it names another robot, rate or controller.
    """
    robots = recorded.settings.get("robots")
    if robots is not None and robots not in (_ROBOT, [_ROBOT]):
        raise DatasetError(f"the file was recorded with {robots!r}; the tasks have a single Panda")
    rate = recorded.settings.get("control_freq")
    if rate is not None and rate != control_hz:
        raise DatasetError(f"the file was recorded at {rate!r} Hz; the task runs at {control_hz:g} Hz")
    controller = _arm_controller(recorded.settings.get("controller_configs"))
    if controller is None:
        kind = "absolute poses" if is_absolute else "deltas"
        return [f"The file does not say which controller its actions are for; OSC_POSE {kind} are assumed."]
    says_absolute = (
        controller.get("control_delta", True) is False or controller.get("input_type", "delta") != "delta"
    )
    if says_absolute and not is_absolute:
        raise DatasetError(
            "the file says that its actions are absolute poses; convert them with: --actions absolute"
        )
    for key, wanted in _CONTROLLER.items():
        if is_absolute and key.startswith(("input_", "output_")):
            # Poses are not scaled.
            continue
        held = controller.get(key, wanted)
        if held != wanted and held != [wanted] * 6:
            raise DatasetError(
                f"the file's controller has {key}={_short(held)}, the tasks {key}={_short(wanted)}: "
                "its actions mean something else"
            )
    return []


def _arm_controller(configs: Any) -> dict[str, Any] | None:
    """The arm's controller: robosuite's since 1.5 has one a body part, before it was the whole."""
    if isinstance(configs, list) and configs:
        configs = configs[0]
    if not isinstance(configs, dict):
        return None
    parts = configs.get("body_parts")
    if isinstance(parts, dict):
        right = parts.get("right") or (parts.get("arms") or {}).get("right")
        return right if isinstance(right, dict) else None
    return configs


def _json_object(data: Any, attribute: str) -> dict[str, Any] | None:
    text = hdf5.text(data, attribute)
    return None if text is None else parse_metadata(text, attribute)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
