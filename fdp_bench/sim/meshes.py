"""Fewer triangles and draw calls: a body's visual meshes of one look are joined, then reduced.

At 84x84 pixels a frame has 7,056 pixels, and robosuite's Panda 167,252 visual faces in 54 draw calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Vertices in one cube of this side, in metres, are one: robosuite's files repeat a vertex for each face.
_WELD_M = 1e-6
#: Where a mesh cannot be reduced for its loose parts, the welding is coarsened: from here, doubled each time.
_COARSE_WELD_M = 1e-3
#: A reduced mesh may have this many times the faces asked for.
_TOLERATED = 1.25


@dataclass(frozen=True)
class Reduction:
    """How meshes are reduced; part of the picture, so a change makes another picture.

    Attributes:
        kept_fraction: Faces kept of a joined mesh, in (0, 1].
        kept_at_least: Faces below which a joined mesh is left whole.
        aggressiveness: fast-simplification's `agg`; lower keeps the shape better and takes longer.
        texture_side: Longest side of a texture in pixels.
    """

    kept_fraction: float = 0.05
    kept_at_least: int = 640
    aggressiveness: float = 4.0
    texture_side: int = 256


@dataclass(frozen=True)
class Mesh:
    """Triangles in one frame.

    Attributes:
        vertices: Shape (V, 3), metres.
        faces: Indices into `vertices`, shape (F, 3).
    """

    vertices: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int32]


def join(meshes: Sequence[Mesh], *, weld_m: float = _WELD_M) -> Mesh:
    """Join meshes of one frame, with close vertices welded and faces without area left out."""
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    faces = np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)])
    _, first, inverse = np.unique(np.round(vertices / weld_m), axis=0, return_index=True, return_inverse=True)
    faces = inverse.reshape(-1)[faces].astype(np.int32)
    a, b, c = faces.T
    return Mesh(vertices[first], np.ascontiguousarray(faces[(a != b) & (b != c) & (a != c)]))


def reduce(mesh: Mesh, reduction: Reduction) -> Mesh:
    """Reduce a mesh by quadric edge collapse (Garland and Heckbert 1997).

    Args:
        mesh: Welded mesh; see `join`.
        reduction: What to keep.

    Returns:
        A mesh with at most about ``max(kept_at_least, kept_fraction * faces)`` faces.
    """
    import fast_simplification

    target = max(reduction.kept_at_least, round(len(mesh.faces) * reduction.kept_fraction))
    weld_m = _COARSE_WELD_M
    while len(mesh.faces) > target:
        vertices, faces = fast_simplification.simplify(
            mesh.vertices.astype(np.float32), mesh.faces, target_count=target, agg=reduction.aggressiveness
        )
        mesh = Mesh(np.asarray(vertices, np.float64), np.asarray(faces, np.int32))
        if len(mesh.faces) <= _TOLERATED * target:
            break
        mesh = join([mesh], weld_m=weld_m)
        weld_m *= 2.0
    return mesh


def shrink_texture(pixels: npt.NDArray[np.uint8], longest_side: int) -> npt.NDArray[np.uint8]:
    """Shrink a texture by averaging square blocks.

    Args:
        pixels: Shape (H, W, C).
        longest_side: Longest side allowed.

    Returns:
        Pixels of shape (H // k, W // k, C) for the smallest whole k that fits; rows and columns that do not
        fill a block are left out.
    """
    height, width, channels = pixels.shape
    block = -(-max(height, width) // longest_side)
    if block == 1:
        return pixels
    rows, columns = height // block, width // block
    blocks = pixels[: rows * block, : columns * block].reshape(rows, block, columns, block, channels)
    shrunk: npt.NDArray[np.uint8] = np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return shrunk
