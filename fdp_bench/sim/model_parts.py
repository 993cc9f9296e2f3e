"""Parts of any MuJoCo model: named bodies with what hangs on them, made ready for painting."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fdp_bench.api.errors import SpecError, nearest
from fdp_bench.sim.parts import Part

#: Groups of geoms that MuJoCo draws by default; collision shapes lie in the others by custom.
DRAWN_GROUPS = (0, 1, 2)
#: Colour by which MuJoCo tells a geom without a colour of its own: then its material's counts.
_NO_COLOUR = np.array([0.5, 0.5, 0.5, 1.0], np.float32)


def bodies_below(model: Any, names: Iterable[str]) -> frozenset[int]:
    """Ids of bodies and of all that hangs on them.

    Args:
        model: `mujoco.MjModel`.
        names: Names of bodies.

    Raises:
        SpecError: If the model has no such body.
    """
    known = [model.body(body).name for body in range(model.nbody)]
    found: set[int] = set()
    for name in names:
        if name not in known:
            raise SpecError(f"the model has no body {name!r}{nearest(name, filter(None, known))}")
        found.add(known.index(name))
    # A body's parent has a lower id than the body.
    for body in range(1, model.nbody):
        if int(model.body_parentid[body]) in found:
            found.add(body)
    return frozenset(found)


def make_parts(model: Any, bodies: Mapping[str, tuple[str, ...]]) -> dict[str, Part]:
    """Find what each part is painted with; the planes of the world are the floor, unless bodies are named for it.

    Args:
        model: `mujoco.MjModel`.
        bodies: Part -> names of bodies.

    Raises:
        SpecError: If the model has no such body, or nothing of a part is drawn.
    """
    import mujoco

    drawn = np.isin(model.geom_group, DRAWN_GROUPS)
    parts = {}
    for name, named in bodies.items():
        geoms = np.flatnonzero(drawn & np.isin(model.geom_bodyid, list(bodies_below(model, named))))
        if not len(geoms):
            raise SpecError(
                f"nothing of the bodies {', '.join(named)} is drawn, so they are no part {name!r}"
            )
        parts[name] = _part(model, geoms)
    planes = drawn & (model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)) & (model.geom_bodyid == 0)
    if "floor" not in parts and planes.any():
        parts["floor"] = _part(model, np.flatnonzero(planes))
    return parts


def paint_by_geom(model: Any, parts: Mapping[str, Part]) -> None:
    """Give each geom of a part that wears no texture the colour it shows, as its own.

    Materials are shared between parts; a geom's own colour is not.

    Args:
        model: Drawn model, `mujoco.MjModel`; written to.
        parts: Its parts.
    """
    for part in parts.values():
        for geom in part.geoms:
            material = int(model.geom_matid[geom])
            if material >= 0 and (model.geom_rgba[geom] == _NO_COLOUR).all():
                colour = np.array(model.mat_rgba[material])
                # The mark of no colour is a colour itself: a hair beside it looks the same.
                colour[0] += 1e-4 if (colour == _NO_COLOUR).all() else 0.0
                model.geom_rgba[geom] = colour


def _part(model: Any, geoms: Any) -> Part:
    import mujoco

    role = int(mujoco.mjtTextureRole.mjTEXROLE_RGB)
    texture_of: dict[int, int] = {}
    plain: list[int] = []
    for geom in map(int, geoms):
        material = int(model.geom_matid[geom])
        texture = int(model.mat_texid[material][role]) if material >= 0 else -1
        if texture < 0:
            plain.append(geom)
        else:
            texture_of[material] = texture
    names = [model.material(material).name for material in texture_of]
    names += [model.geom(geom).name or f"geom {geom}" for geom in plain]
    return Part(tuple(names), tuple(texture_of), texture_of, tuple(plain))
