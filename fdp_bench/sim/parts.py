"""The parts of a scene that can be recoloured, and what they are painted with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fdp_bench.sim.layout import SceneLayout
from fdp_bench.sim.slots import VISIBLE_GROUP


@dataclass(frozen=True)
class Part:
    """What a part is painted with.

    Attributes:
        names: Names of its materials and of its geoms that have none.
        materials: Material ids.
        texture_of: Material id -> texture id; -1 where the material has none.
        geoms: Ids of the geoms without a material.
    """

    names: tuple[str, ...]
    materials: tuple[int, ...]
    texture_of: Mapping[int, int]
    geoms: tuple[int, ...]


#: Part -> prefixes of the names of the geoms that belong to it, for the parts that all tasks share.
_GEOM_PREFIXES = {
    "floor": ("floor",),
    "walls": ("wall_",),
    "robot": ("robot0_", "gripper0_", "fixed_mount0_"),
}


def find_parts(model: Any, layout: SceneLayout) -> dict[str, Part]:
    """Find the parts of a drawn model by the names of its geoms and, as robosuite's bins have none, its bodies.

    Args:
        model: Drawn model, `mujoco.MjModel`.
        layout: The task's own bodies.
    """
    parts = {
        "object": _find(model, layout.object_prefixes),
        "table": _find(model, (), layout.table_bodies),
        **{part: _find(model, prefixes) for part, prefixes in _GEOM_PREFIXES.items()},
    }
    if layout.partner_bodies:
        parts["partner"] = _find(model, (), layout.partner_bodies)
    return parts


def _find(model: Any, prefixes: tuple[str, ...], bodies: tuple[str, ...] = ()) -> Part:
    import mujoco

    materials: list[int] = []
    geoms: list[int] = []
    for geom in range(model.ngeom):
        drawn = (
            model.geom_group[geom] == VISIBLE_GROUP or model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE
        )
        in_body = model.body(model.geom_bodyid[geom]).name in bodies
        if not drawn or not (in_body or model.geom(geom).name.startswith(prefixes)):
            continue
        material = int(model.geom_matid[geom])
        if material < 0:
            geoms.append(geom)
        elif material not in materials:
            materials.append(material)
    names = [model.material(material).name for material in materials] + [
        model.geom(geom).name for geom in geoms
    ]
    role = int(mujoco.mjtTextureRole.mjTEXROLE_RGB)
    textures = {material: int(model.mat_texid[material][role]) for material in materials}
    return Part(tuple(names), tuple(materials), textures, tuple(geoms))
