"""The drawn model: what the cameras see, compiled from the physics model's own XML and never stepped.

Profiles:

- ``reference``: robosuite's meshes and textures, multisampling, shadows and reflections; its frames equal
  robosuite's own camera observations of the same state, upright.
- ``fast``: meshes joined and reduced, textures shrunk, no multisampling, shadows or reflections. It is part
  of the task's version: demonstrations and evaluation use the same one.
"""

import copy
import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.api.errors import SpecError, nearest
from fdp_bench.sim.cache import cached_bytes
from fdp_bench.sim.meshes import Mesh, Reduction, join, reduce, shrink_texture
from fdp_bench.sim.slots import ALL_SLOTS, SLOT_PREFIX, STAND, VISIBLE_GROUP, add_slots, slot_files

#: Raised by one when the way a model is drawn changes; part of the cache's key. Tasks keep the picture that they were
#: published with: in 1 the reduced textures lose their colour space, and what files mark as sRGB, the floor's tiles
#: for instance, is drawn too light; in 2 and before the robot's mount is reduced beyond recognition, which shows only
#: where a camera looks at it.
PICTURE_VERSION = 3
#: From picture 3 on it is left whole, 33,000 faces: its column is the first that a reduction drops.
_MOUNT_PREFIX = "fixed_mount0_"


@dataclass(frozen=True)
class Profile:
    """How frames are drawn.

    Attributes:
        name: What users call it.
        samples: Multisampling samples a pixel; 0 for none.
        shadows: Whether lights cast shadows.
        reflections: Whether planes and boxes mirror.
        sites: Whether robosuite's sites and mocap targets are drawn.
        reduction: How meshes and textures are reduced; None leaves them.
    """

    name: str
    samples: int
    shadows: bool
    reflections: bool
    sites: bool
    reduction: Reduction | None


PROFILES = {
    "fast": Profile("fast", samples=0, shadows=False, reflections=False, sites=False, reduction=Reduction()),
    "reference": Profile("reference", samples=4, shadows=True, reflections=True, sites=True, reduction=None),
}


def profile_named(name: str) -> Profile:
    """Look up a render profile.

    Raises:
        SpecError: If there is none of that name.
    """
    if name not in PROFILES:
        raise SpecError(f"render profile {name!r} is not known{nearest(name, PROFILES)}")
    return PROFILES[name]


_compiled: dict[tuple[str, str, int], Any] = {}


def drawn_model(xml: str, physics: Any, profile: Profile, picture: int = PICTURE_VERSION) -> Any:
    """Compile the drawn model of a scene, or take it from the cache.

    Args:
        xml: The physics model's XML as robosuite compiles it, asset paths absolute.
        physics: The physics model, `mujoco.MjModel`; only read.
        profile: How it is drawn.
        picture: Version of the picture, at most `PICTURE_VERSION`.

    Returns:
        A `mujoco.MjModel` of the caller's own: shifts may write to it.
    """
    import mujoco

    model = _compiled.get((xml, profile.name, picture))
    if model is None:
        if profile.reduction is None:
            model = _compile_reference(xml, physics, profile)
        else:
            name = f"drawn-{_key(xml, profile, picture)}.mjb"
            binary = cached_bytes(name, lambda: _binary(_compile_reduced(xml, physics, profile, picture)))
            model = mujoco.MjModel.from_binary_path(name, {name: binary})
        _compiled[xml, profile.name, picture] = model
    return copy.copy(model)


def _compile_reference(xml: str, physics: Any, profile: Profile) -> Any:
    import mujoco

    spec = mujoco.MjSpec.from_string(xml)
    add_slots(spec, _assets())
    spec.visual.quality.offsamples = profile.samples
    return _compile(spec, physics)


def _compile(spec: Any, physics: Any) -> Any:
    """Compile, with the physics model's extent and centre, which set the clipping planes and the haze."""
    model = spec.compile()
    model.stat.extent = physics.stat.extent
    model.stat.center[:] = physics.stat.center
    model.stat.meansize = physics.stat.meansize
    return model


def _compile_reduced(xml: str, physics: Any, profile: Profile, picture: int) -> Any:
    import mujoco

    assert profile.reduction is not None
    full = _compile_reference(xml, physics, profile)
    spec = mujoco.MjSpec.from_string(xml)
    add_slots(spec, _assets())
    spec.visual.quality.offsamples = profile.samples
    _reduce_meshes(spec, full, profile.reduction, picture)
    _shrink_textures(spec, full, profile.reduction, picture)
    for element in [*spec.actuators, *spec.sensors]:
        spec.delete(element)
    for body in spec.bodies[1:]:
        # Only kinematics are computed, but a body that moves must have a mass to compile.
        body.explicitinertial, body.mass, body.inertia = True, 1.0, [1.0, 1.0, 1.0]
    return _compile(spec, physics)


def _reduce_meshes(spec: Any, full: Any, reduction: Reduction, picture: int) -> None:
    import mujoco

    joined: dict[tuple[Any, ...], list[int]] = {}
    whole: set[str] = set()
    whole_meshes: set[str] = set()
    for geom in range(full.ngeom):
        if full.geom_type[geom] != mujoco.mjtGeom.mjGEOM_MESH or full.geom_group[geom] != VISIBLE_GROUP:
            continue
        if _is_textured(full, geom):
            whole.add(full.geom(geom).name)
            whole_meshes.add(full.mesh(full.geom_dataid[geom]).name)
        else:
            joined.setdefault(_look(full, geom), []).append(geom)
    for geom in list(spec.geoms):
        is_primitive = geom.type != mujoco.mjtGeom.mjGEOM_MESH
        kept = geom.name in whole or (is_primitive and geom.group == VISIBLE_GROUP)
        if not geom.name.startswith(SLOT_PREFIX) and not kept:
            spec.delete(geom)
    for mesh in list(spec.meshes):
        if not mesh.name.startswith(SLOT_PREFIX) and mesh.name not in whole_meshes:
            spec.delete(mesh)
    for number, geoms in enumerate(joined.values()):
        body = full.body(full.geom_bodyid[geoms[0]]).name
        is_mount = picture >= 3 and body.startswith(_MOUNT_PREFIX)
        whole_mesh = join([_mesh_in_body(full, geom) for geom in geoms])
        reduced = whole_mesh if is_mount else reduce(whole_mesh, reduction)
        name = f"reduced_{number}"
        spec.add_mesh(
            name=name,
            uservert=reduced.vertices.ravel(),
            userface=reduced.faces.ravel(),
            inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
        )
        first = geoms[0]
        material = full.geom_matid[first]
        spec.body(body).add_geom(
            name=full.geom(first).name,
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            material=full.material(material).name if material >= 0 else "",
            rgba=full.geom_rgba[first],
            group=VISIBLE_GROUP,
            contype=0,
            conaffinity=0,
        )


def _is_textured(full: Any, geom: int) -> bool:
    """Whether a mesh wears a picture by coordinates of its own, which a reduction would lose."""
    import mujoco

    material = full.geom_matid[geom]
    role = int(mujoco.mjtTextureRole.mjTEXROLE_RGB)
    return (
        material >= 0
        and full.mat_texid[material][role] >= 0
        and full.mesh_texcoordadr[full.geom_dataid[geom]] >= 0
        and not full.geom(geom).name.startswith(SLOT_PREFIX)
    )


def _look(full: Any, geom: int) -> tuple[Any, ...]:
    """What geoms must share to be drawn as one: body, colour to a tenth, shine."""
    material = full.geom_matid[geom]
    if material < 0:
        return (int(full.geom_bodyid[geom]), *np.round(full.geom_rgba[geom], 1).tolist(), -1.0, -1.0)
    return (
        int(full.geom_bodyid[geom]),
        *np.round(full.mat_rgba[material], 1).tolist(),
        float(full.mat_specular[material]),
        float(full.mat_shininess[material]),
    )


def _mesh_in_body(full: Any, geom: int) -> Mesh:
    import mujoco

    mesh = full.mesh(full.geom_dataid[geom])
    start, count = mesh.vertadr[0], mesh.vertnum[0]
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, full.geom_quat[geom])
    vertices = full.mesh_vert[start : start + count].astype(np.float64)
    faces = full.mesh_face[mesh.faceadr[0] : mesh.faceadr[0] + mesh.facenum[0]]
    return Mesh(vertices @ rotation.reshape(3, 3).T + full.geom_pos[geom], faces.astype(np.int32))


def _shrink_textures(spec: Any, full: Any, reduction: Reduction, picture: int) -> None:
    import mujoco

    for texture in spec.textures:
        index = mujoco.mj_name2id(full, mujoco.mjtObj.mjOBJ_TEXTURE, texture.name)
        if not texture.file or index < 0:
            continue
        pixels = texture_pixels(full, index)
        height, width, channels = pixels.shape
        faces = pixels.reshape(-1, width, width, channels) if height == 6 * width else pixels[None]
        shrunk = np.concatenate([shrink_texture(face, reduction.texture_side) for face in faces])
        texture.file = ""
        texture.height, texture.width, texture.nchannel = shrunk.shape
        texture.data = shrunk.tobytes()
        if picture >= 2:
            texture.colorspace = mujoco.mjtColorSpace(int(full.tex_colorspace[index]))


def texture_pixels(model: Any, texture: int) -> Any:
    """A texture's pixels in the model, shape (H, W, C), uint8, a view; a cube's six faces lie stacked."""
    height, width = model.tex_height[texture], model.tex_width[texture]
    channels = model.tex_nchannel[texture]
    start = model.tex_adr[texture]
    return model.tex_data[start : start + height * width * channels].reshape(height, width, channels)


def _binary(model: Any) -> bytes:
    import mujoco

    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


def _assets() -> Path:
    import robosuite

    return Path(robosuite.__path__[0]) / "models" / "assets"


def _key(xml: str, profile: Profile, picture: int) -> str:
    """Hash of all that a reduced model depends on: the XML, its files' content, parameters and versions."""
    from importlib.metadata import version

    assets = _assets()
    digest = hashlib.sha256(xml.replace(str(assets), "").encode())
    for file in [*_referenced_files(xml), *slot_files(assets)]:
        digest.update(file.read_bytes())
    versions = [version(name) for name in ("fdp-bench", "mujoco", "fast-simplification", "numpy")]
    digest.update(repr((picture, asdict(profile), versions, ALL_SLOTS, STAND)).encode())
    return digest.hexdigest()[:24]


def _referenced_files(xml: str) -> Iterable[Path]:
    return [Path(name) for name in sorted(set(re.findall(r'file="([^"]+)"', xml)))]
