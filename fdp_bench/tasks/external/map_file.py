"""From a TOML file, or plain data of the same form, to a map; every error names the file and the key."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import SpecError, nearest
from fdp_bench.api.validation import read_toml
from fdp_bench.tasks.external.task_map import DEFAULT_SIDE, Picture, Piece, SceneMap, TaskMap

#: The prefix of camera keys; `fdp_bench.api.modality` would bring NumPy to the command line.
_IMAGE_PREFIX = "image."
_KEYS = (
    *("id", "environment", "summary", "install", "success", "horizon", "control_hz"),
    *("arguments", "modalities", "default_modalities", "observation", "scene"),
)
_PIECE_KEYS = ("from", "slice", "kind")
_PICTURE_KEYS = ("from", "camera", "render", "side")
_SCENE_KEYS = ("target", "gripper", "parts")
#: Parts of a scene that shifts paint, see `fdp_bench.api.scene.Scene.material_groups`.
PARTS = ("object", "partner", "table", "floor", "walls", "robot")
#: Kinds that shifts of proprioception know.
KINDS = ("joint", "position", "quaternion", "finger", "other")
_SIDES = (16, 512)
_ID = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.-]+-v[0-9]+", re.ASCII)
_MODALITY = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def read_map(path: Path, *, packaged: bool = False) -> TaskMap:
    """Read a map's file. Arguments as `load_map`'s; `packaged` for one that comes with the package."""
    try:
        data = read_toml(path)
    except OSError as error:
        raise SpecError(f"task map {path} cannot be read ({error.strerror}); name a .toml file") from None
    except ValueError as error:
        raise SpecError(f"task map {path} is no TOML: {error}") from None
    return parse_map(data, str(path), packaged=packaged)


def parse_map(data: Mapping[str, Any], where: str, *, packaged: bool = False) -> TaskMap:
    """Check a map's plain data.

    Args:
        data: As a TOML file holds it.
        where: What messages call it.
        packaged: Whether it comes with the package, whose namespace is its own.

    Raises:
        SpecError: Whatever is wrong, in one line.
    """
    return _Reader(data, where).task_map(packaged)


class _Reader:
    """Checks one map's keys one after the other."""

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        self._data, self._where = data, where

    def task_map(self, packaged: bool) -> TaskMap:
        data = self._data
        self._known(data, _KEYS, "")
        task_id = self._text(data, "id", required='id = "my_name/Door-v1"')
        if not _ID.fullmatch(task_id):
            raise self._error("id", f'{task_id!r} is no id; write for instance id = "my_name/Door-v1"')
        if task_id.startswith("fdp_bench/") and not packaged:
            raise self._error("id", f"{task_id!r} lies in this package's namespace; choose one of your own")
        observed = self._table(data, "observation")
        pictures = {key: value for key, value in observed.items() if key.startswith(_IMAGE_PREFIX)}
        return TaskMap(
            id=task_id,
            environment=self._text(data, "environment", required='environment = "module:namespace/Env-v0"'),
            modalities=self._modalities(),
            vectors={key: self._pieces(key, observed[key]) for key in observed if key not in pictures},
            pictures={key: self._picture(key, value) for key, value in pictures.items()},
            scene=self._scene(self._table(data, "scene")),
            default_modalities=self._default_modalities(),
            success=self._text(data, "success") or "success",
            horizon=self._number(data, "horizon", int),
            control_hz=self._number(data, "control_hz", float),
            arguments=self._table(data, "arguments"),
            summary=self._text(data, "summary"),
            install=self._text(data, "install"),
            data=dict(data),
        )

    def _error(self, key: str, message: str) -> SpecError:
        return SpecError(f"task map {self._where}: {key + ': ' if key else ''}{message}")

    def _known(self, table: Mapping[str, Any], keys: Iterable[str], inside: str) -> None:
        for key in table:
            if key not in keys:
                raise self._error(inside, f"key {key!r} is not known{nearest(key, keys)}")

    def _text(self, table: Mapping[str, Any], key: str, required: str = "") -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            raise self._error(key, f"{value!r} is not a text")
        if required and not value:
            raise self._error("", f"key {key!r} is missing; write for instance {required}")
        return value

    def _table(self, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = table.get(key, {})
        if not isinstance(value, Mapping):
            raise self._error(key, f"{value!r} is no table; write [{key}] and its keys below it")
        return value

    def _number(self, table: Mapping[str, Any], key: str, kind: type) -> Any:
        value = table.get(key)
        allowed = int if kind is int else (int, float)
        if value is None:
            return None
        if not isinstance(value, allowed) or isinstance(value, bool) or not 0 < value < float("inf"):
            raise self._error(key, f"{value!r} is no {'whole ' if kind is int else ''}number above 0")
        return kind(value)

    def _texts(self, key: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)) or not value or not all(isinstance(v, str) for v in value):
            raise self._error(key, f"{value!r} is no list of texts with something in it")
        return tuple(value)

    def _modalities(self) -> dict[str, tuple[str, ...]]:
        table = self._table(self._data, "modalities")
        if not table:
            raise self._error("", 'there is no [modalities]; write for instance prop = ["prop"] below it')
        for name in table:
            if not _MODALITY.fullmatch(name):
                raise self._error("modalities", f"{name!r} is no modality's name; use lower-case letters")
        modalities = {name: self._texts(f"modalities.{name}", keys) for name, keys in table.items()}
        named = [key for keys in modalities.values() for key in keys]
        for key in named:
            if named.count(key) > 1:
                raise self._error("modalities", f"key {key!r} stands there twice; a key is of one modality")
        for key in self._table(self._data, "observation"):
            if key not in named:
                raise self._error("observation", f"no modality holds key {key!r}{nearest(key, named)}")
        return modalities

    def _default_modalities(self) -> tuple[str, ...]:
        if "default_modalities" not in self._data:
            return ()
        names = self._texts("default_modalities", self._data["default_modalities"])
        for name in names:
            if name not in self._data["modalities"]:
                raise self._error(
                    "default_modalities", f"{name!r} is no modality{nearest(name, self._data['modalities'])}"
                )
        return names

    def _pieces(self, key: str, value: Any) -> tuple[Piece, ...]:
        where = f"observation.{key}"
        rows = [value] if isinstance(value, Mapping) else value
        if not isinstance(rows, (list, tuple)) or not rows or not all(isinstance(r, Mapping) for r in rows):
            raise self._error(
                where, f'{value!r} is no list of pieces such as {{ slice = [0, 7], kind = "joint" }}'
            )
        return tuple(self._piece(where, row) for row in rows)

    def _piece(self, where: str, row: Mapping[str, Any]) -> Piece:
        self._known(row, _PIECE_KEYS, where)
        kind = self._text(row, "kind") or "other"
        if kind not in KINDS:
            raise self._error(where, f"kind {kind!r} is not known{nearest(kind, KINDS)}")
        start, stop = self._slice(where, row["slice"]) if "slice" in row else (0, None)
        if kind == "quaternion" and (stop is None or stop - start != 4):
            raise self._error(where, "a quaternion is four numbers, xyzw: slice = [start, start + 4]")
        return Piece(self._text(row, "from"), start, stop, kind)

    def _slice(self, where: str, value: Any) -> tuple[int, int]:
        is_pair = isinstance(value, (list, tuple)) and len(value) == 2
        if not is_pair or not all(type(v) is int for v in value) or not 0 <= value[0] < value[1]:
            raise self._error(
                where, f"slice {value!r} is not [first, one past the last], two rising whole numbers"
            )
        return value[0], value[1]

    def _picture(self, key: str, value: Any) -> Picture:
        where = f'observation."{key}"'
        if not isinstance(value, Mapping):
            raise self._error(where, f'{value!r} is no table such as {{ camera = "front" }}')
        self._known(value, _PICTURE_KEYS, where)
        given = [name for name in ("from", "camera", "render") if value.get(name)]
        if len(given) != 1:
            raise self._error(
                where, "frames come from one of: from = KEY, camera = NAME (MuJoCo's), render = true"
            )
        if value.get("render", True) is not True:
            raise self._error(where, f"render = {value['render']!r}; write true, or leave it out")
        side = self._number(value, "side", int) or (0 if given == ["from"] else DEFAULT_SIDE)
        if side and not _SIDES[0] <= side <= _SIDES[1]:
            raise self._error(where, f"side {side} is not in {_SIDES[0]}-{_SIDES[1]} pixels")
        return Picture(self._text(value, "from"), self._text(value, "camera"), given == ["render"], side)

    def _scene(self, table: Mapping[str, Any]) -> SceneMap:
        self._known(table, _SCENE_KEYS, "scene")
        parts = self._table(table, "parts")
        self._known(parts, PARTS, "scene.parts")
        return SceneMap(
            target=self._texts("scene.target", table["target"]) if "target" in table else (),
            gripper=self._texts("scene.gripper", table["gripper"]) if "gripper" in table else (),
            parts={part: self._texts(f"scene.parts.{part}", bodies) for part, bodies in parts.items()},
        )
