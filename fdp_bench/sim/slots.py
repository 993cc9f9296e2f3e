"""Distractor slots: household objects compiled into the drawn model, hidden until a shift places them.

They are mocap bodies without joints, so the drawn model's joint positions are laid out as the physics
model's, and the physics model does not know them at all.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Geom group of hidden slots, never drawn; group 1 is robosuite's group of visual geoms.
HIDDEN_GROUP = 5
VISIBLE_GROUP = 1

SLOT_PREFIX = "distractor_"
#: A plain shelf for distractors to stand on where a task's table has no room, and how thick it is, metres.
STAND = SLOT_PREFIX + "stand"
STAND_THICKNESS_M = 0.02
#: The colour that robosuite's wooden floor shows: what stands on the shelf is to strike the eye, not the shelf.
STAND_RGBA = (0.5, 0.44, 0.4, 1.0)


@dataclass(frozen=True)
class _Kind:
    """A household object of robosuite's: its XML holds one mesh, one texture and one material."""

    xml: str
    #: robosuite's bottle wears its texture as a sky box, and a model has room for one sky only.
    texture_type: str = ""


#: Slot name -> object. Shapes and textures are robosuite's own (its PickPlace objects, the lemon and the
#: bottle).
_KINDS = {
    "milk_0": _Kind("milk.xml"),
    "bread_0": _Kind("bread.xml"),
    "cereal_0": _Kind("cereal.xml"),
    "can_0": _Kind("can.xml"),
    "bottle_0": _Kind("bottle.xml", texture_type="cube"),
    "lemon_0": _Kind("lemon.xml"),
    "lemon_1": _Kind("lemon.xml"),
}

#: All slots that a model has; and those that a task shows unless its layout says otherwise.
ALL_SLOTS = tuple(_KINDS)
SLOTS = ALL_SLOTS[:6]
#: The same without the can, for tasks that are about it: a second one like it would be a target, not a distraction.
SLOTS_WITHOUT_CAN = tuple(slot for slot in ALL_SLOTS if slot != "can_0")


def slot_files(assets: Path) -> tuple[Path, ...]:
    """All files that the slots are made of, for cache keys.

    Args:
        assets: robosuite's folder ``models/assets``.
    """
    import mujoco

    files: list[Path] = []
    for kind in _KINDS.values():
        xml = assets / "objects" / kind.xml
        source = mujoco.MjSpec.from_file(str(xml))
        files += [xml, _resolve(xml, source.meshes[0].file), _resolve(xml, source.textures[0].file)]
    return tuple(files)


def add_slots(spec: Any, assets: Path) -> None:
    """Add all slots, hidden, to a model's `mujoco.MjSpec`.

    Args:
        spec: The drawn model's spec.
        assets: robosuite's folder ``models/assets``.
    """
    import mujoco

    for slot, kind in _KINDS.items():
        xml = assets / "objects" / kind.xml
        source = mujoco.MjSpec.from_file(str(xml))
        name = SLOT_PREFIX + slot
        mesh, texture, material = source.meshes[0], source.textures[0], source.materials[0]
        spec.add_mesh(
            name=name,
            file=str(_resolve(xml, mesh.file)),
            scale=mesh.scale,
            inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
        )
        cube = mujoco.mjtTexture.mjTEXTURE_CUBE
        spec.add_texture(
            name=name,
            file=str(_resolve(xml, texture.file)),
            type=cube if kind.texture_type == "cube" else texture.type,
        )
        copied = spec.add_material(
            name=name,
            texrepeat=material.texrepeat,
            texuniform=material.texuniform,
            specular=material.specular,
            shininess=material.shininess,
            rgba=material.rgba,
        )
        copied.textures[int(mujoco.mjtTextureRole.mjTEXROLE_RGB)] = name
        body = spec.worldbody.add_body(name=name, mocap=True)
        body.add_geom(
            name=name,
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            material=name,
            group=HIDDEN_GROUP,
            contype=0,
            conaffinity=0,
        )
    stand = spec.worldbody.add_body(name=STAND, mocap=True)
    stand.add_geom(
        name=STAND,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=(0.2, 0.2, 0.4),
        group=HIDDEN_GROUP,
        contype=0,
        conaffinity=0,
    )


def _resolve(xml: Path, file: str) -> Path:
    return (xml.parent / file).resolve()
