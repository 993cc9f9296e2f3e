"""What a map says of somebody else's environment: which of its numbers and pictures are which sense.

A map comes from a TOML file (`fdp_bench.tasks.external.map_file`) or from the environment's own metadata.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Side of drawn and rendered frames, pixels, unless a map says otherwise.
DEFAULT_SIDE = 84
#: Keys of a map that say nothing of the task itself.
_FOR_PEOPLE = ("summary", "install")
#: Kind of a component that nobody says anything of, see `fdp_shifts.readings`.
OTHER_KIND = "other"


@dataclass(frozen=True)
class Piece:
    """A run of numbers of one of the environment's arrays.

    Attributes:
        source: Key of the environment's Dict space; empty where its observation is one array.
        start: First component, counted in the flattened array.
        stop: The one past the last; None for the array's end.
        kind: What each of them is (``"joint"``, ``"position"``, ``"quaternion"``, ``"finger"``), in words that
            shifts of proprioception know.
    """

    source: str = ""
    start: int = 0
    stop: int | None = None
    kind: str = OTHER_KIND


@dataclass(frozen=True)
class Picture:
    """Where a camera's frames come from: exactly one of the three.

    Attributes:
        source: Key of the environment's Dict space that holds frames.
        camera: Name of a camera of the environment's MuJoCo model, drawn by this package: the scene can be shifted.
        render: Whether the environment's own `render` draws it.
        side: Side of a frame that is drawn or rendered, or that the observation's frames are cut and resized to,
            pixels; 0 for frames of the observation as they are.
    """

    source: str = ""
    camera: str = ""
    render: bool = False
    side: int = DEFAULT_SIDE


@dataclass(frozen=True)
class SceneMap:
    """Bodies of the environment's MuJoCo model, each with all that hangs on it.

    Attributes:
        target: What the task is about; occlusion covers it, and receipts say how much of it is hidden.
        gripper: What touches it.
        parts: Part (``"object"``, ``"partner"``, ``"table"``, ``"walls"``, ``"robot"``, ``"floor"``) -> bodies that
            colour and texture shifts take for that part.
    """

    target: tuple[str, ...] = ()
    gripper: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskMap:
    """How an environment becomes a task.

    Attributes:
        id: The task's id.
        environment: Gymnasium id of the environment, ``module:namespace/Env-v0``.
        modalities: Modality -> observation keys of the task.
        vectors: Observation key -> what it is put together from, for keys that hold numbers. A key that is neither
            here nor in `pictures` is the environment's own.
        pictures: Camera key -> where its frames come from.
        scene: Bodies of the model.
        default_modalities: Modalities that a policy reads which could read any and names none; () for all.
        success: Key of `info` that says whether the task is solved.
        horizon: Control steps after which an episode is truncated; None for the environment's own number.
        control_hz: Control steps a second of simulated time; None for what the environment's metadata say.
        arguments: Further arguments of `gymnasium.make`.
        summary: One line: what must be done.
        install: Command that installs the environment.
        data: The map as plain data, as it was read: what manifests keep and workers are sent.
    """

    id: str
    environment: str
    modalities: Mapping[str, tuple[str, ...]]
    vectors: Mapping[str, tuple[Piece, ...]] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    scene: SceneMap = field(default_factory=SceneMap)
    default_modalities: tuple[str, ...] = ()
    success: str = "success"
    horizon: int | None = None
    control_hz: float | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    install: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """Observation keys of all modalities."""
        return tuple(key for keys in self.modalities.values() for key in keys)

    @property
    def sha256(self) -> str:
        """Digest of all that decides what the task is, 64 hexadecimal digits: words for people left out."""
        decisive = {key: value for key, value in self.data.items() if key not in _FOR_PEOPLE}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    @property
    def renders(self) -> bool:
        """Whether the environment must be made with ``render_mode="rgb_array"``."""
        return any(picture.render for picture in self.pictures.values())
