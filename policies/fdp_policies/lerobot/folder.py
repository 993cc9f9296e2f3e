"""Folders as `lerobot-train` saves them, from strangers: what may be loaded of one, and how.

LeRobot builds a processor from any class that a folder's JSON names, which would let the folder run code, and fetches
an image encoder's first weights from the network. Here a folder names only processors of the list below, and all
weights come from its safetensors files.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from fdp_bench.api import CheckpointError, PluginError, nearest
from fdp_bench.api.validation import is_file, is_folder

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PREPROCESSOR, POSTPROCESSOR = "policy_preprocessor.json", "policy_postprocessor.json"
#: Processors, by their registered names, that only rename, move and normalize.
PLAIN_STEPS = (
    "rename_observations_processor",
    "to_batch_processor",
    "device_processor",
    "normalizer_processor",
    "unnormalizer_processor",
)
#: ``type`` in a folder's config.json -> what it is.
KINDS = ("act", "diffusion")
#: A config and the files beside it are kilobytes; what is larger is no config.
MAX_JSON_BYTES = 1_000_000


def checked_files(folder: Path) -> tuple[Path, ...]:
    """Files of a folder that are loaded, once they are found harmless; LeRobot need not be installed.

    Raises:
        CheckpointError: If the folder is no policy of LeRobot, or asks for what could run code.
    """
    if folder == Path() or not is_folder(folder):
        named = "no folder is named" if folder == Path() else f"{folder} is no folder"
        raise CheckpointError(
            f"{named}; write lerobot@FOLDER, the `pretrained_model` folder that lerobot-train saved "
            "(nothing is fetched from a hub: download it first)"
        )
    for name in (CONFIG, WEIGHTS, PREPROCESSOR, POSTPROCESSOR):
        if not is_file(folder / name):
            raise CheckpointError(
                f"{folder} holds no {name}; LeRobot 0.4 or newer saves {CONFIG}, {WEIGHTS} and both processors "
                "(pickled weights are refused; `lerobot.processor.migrate_policy_normalization` converts older folders)"
            )
    states = [state for name in (PREPROCESSOR, POSTPROCESSOR) for state in _check_processor(folder / name)]
    return tuple(
        folder / name for name in (CONFIG, WEIGHTS, PREPROCESSOR, POSTPROCESSOR, *dict.fromkeys(states))
    )


def folder_sha256(folder: Path) -> str:
    """SHA-256 over the names and contents of all files that are loaded, hexadecimal.

    Raises:
        CheckpointError: As `checked_files`.
    """
    digest = hashlib.sha256()
    for path in checked_files(folder):
        digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def load_folder(folder: Path, policy_class: Any = None) -> tuple[Any, Any, Any]:
    """Load a policy and its processors from a folder.

    Args:
        folder: The folder.
        policy_class: A ``PreTrainedPolicy`` of your own; None for one of LeRobot's `KINDS`.

    Returns:
        (policy, preprocessor, postprocessor), on the CPU.

    Raises:
        CheckpointError: If the folder is refused or its weights do not fit its config.
        PluginError: If LeRobot is not installed.
    """
    checked_files(folder)
    kind = str(_read_json(folder / CONFIG).get("type", ""))
    if policy_class is None and kind not in KINDS:
        raise CheckpointError(
            f"{folder} holds a policy of type {kind!r}{nearest(kind, KINDS)}; for others write a plugin of a few "
            "lines, see policies/README.md"
        )
    try:
        from lerobot.configs.policies import PreTrainedConfig

        model_class = policy_class or _model_class(kind)
    except ImportError as error:
        raise PluginError(
            f"LeRobot cannot be imported ({error}); it is no dependency of fdp-bench: "
            "`pip install --no-deps -r requirements/lerobot.txt` from its sources installs it"
        ) from error
    try:
        config = PreTrainedConfig.from_pretrained(folder)
        config.device = "cpu"
        for name, value in (("pretrained_backbone_weights", None), ("compile_model", False)):
            if hasattr(config, name):
                setattr(config, name, value)
        model = model_class.from_pretrained(folder, config=config, strict=True)
        return model, *_load_processors(folder)
    except Exception as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"LeRobot cannot load {folder}: {first_line}") from error


def _model_class(kind: str) -> Any:
    if kind == "act":
        from lerobot.policies.act.modeling_act import ACTPolicy

        return ACTPolicy
    from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy

    return DiffusionPolicy


def _load_processors(folder: Path) -> tuple[Any, Any]:
    from lerobot.processor import PolicyProcessorPipeline
    from lerobot.processor.converters import (
        batch_to_transition,
        policy_action_to_transition,
        transition_to_batch,
        transition_to_policy_action,
    )

    on_cpu = {"device_processor": {"device": "cpu"}}
    before = PolicyProcessorPipeline.from_pretrained(
        folder,
        config_filename=PREPROCESSOR,
        overrides=_present(folder / PREPROCESSOR, on_cpu),
        to_transition=batch_to_transition,
        to_output=transition_to_batch,
    )
    after = PolicyProcessorPipeline.from_pretrained(
        folder,
        config_filename=POSTPROCESSOR,
        overrides=_present(folder / POSTPROCESSOR, on_cpu),
        to_transition=policy_action_to_transition,
        to_output=transition_to_policy_action,
    )
    return before, after


def _present(path: Path, overrides: dict[str, Any]) -> dict[str, Any]:
    names = {step["registry_name"] for step in _read_json(path)["steps"]}
    return {name: value for name, value in overrides.items() if name in names}


def _check_processor(path: Path) -> list[str]:
    """Names of the state files of a processor's steps, each step being one of `PLAIN_STEPS`."""
    steps = _read_json(path).get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise CheckpointError(f"{path} is malformed: its 'steps' are no list of objects")
    states = []
    for step in steps:
        name = step.get("registry_name")
        if "class" in step or name not in PLAIN_STEPS:
            raise CheckpointError(
                f"{path} asks for the step {step.get('class', name)!r}, which could run code when loaded; "
                f"only {', '.join(PLAIN_STEPS)} are taken"
            )
        state = step.get("state_file")
        if state is None:
            continue
        if not isinstance(state, str) or Path(state).name != state or not state.endswith(".safetensors"):
            raise CheckpointError(
                f"{path} names the state file {state!r}; only .safetensors files beside it are read"
            )
        if not is_file(path.parent / state):
            raise CheckpointError(f"{path.parent} holds no {state}, which {path.name} names")
        states.append(state)
    return states


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise CheckpointError(f"{path} is larger than {MAX_JSON_BYTES:,} bytes; it is no such file")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is no JSON ({type(error).__name__})") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is malformed: it holds no object")
    return content
