"""Joining and reducing meshes and textures."""

import numpy as np
import pytest

from fdp_bench.sim.meshes import Mesh, Reduction, join, reduce, shrink_texture


def sphere(rings: int) -> Mesh:
    """Unit sphere of about 2 * rings**2 triangles that share no vertex, as in an STL file."""
    polar = np.linspace(0.0, np.pi, rings + 1)
    azimuth = np.linspace(0.0, 2.0 * np.pi, rings + 1)
    grid = np.stack(
        [
            np.sin(polar)[:, None] * np.cos(azimuth),
            np.sin(polar)[:, None] * np.sin(azimuth),
            np.cos(polar)[:, None] * np.ones_like(azimuth),
        ],
        axis=-1,
    )
    corners = [grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]]
    quads = np.stack(corners, axis=2).reshape(-1, 4, 3)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Mesh(triangles.reshape(-1, 3), np.arange(len(triangles) * 3, dtype=np.int32).reshape(-1, 3))


def test_join_welds_shared_vertices_and_drops_faces_without_area():
    loose = sphere(16)
    joined = join([loose])
    assert len(joined.vertices) == 15 * 16 + 2
    assert len(joined.faces) == len(loose.faces) - 2 * 16
    np.testing.assert_allclose(np.linalg.norm(joined.vertices, axis=1), 1.0)


def test_join_keeps_every_mesh_in_place():
    moved = Mesh(sphere(8).vertices + np.array([5.0, 0.0, 0.0]), sphere(8).faces)
    joined = join([sphere(8), moved])
    assert joined.vertices[:, 0].min() == pytest.approx(-1.0)
    assert joined.vertices[:, 0].max() == pytest.approx(6.0)
    assert len(joined.faces) == 2 * len(join([sphere(8)]).faces)
    assert joined.faces.max() == len(joined.vertices) - 1


def test_a_large_mesh_is_reduced_to_the_fraction_asked_for_and_keeps_its_shape():
    mesh = join([sphere(64)])
    reduced = reduce(mesh, Reduction(kept_fraction=0.1, kept_at_least=50))
    assert len(reduced.faces) <= 0.125 * len(mesh.faces)
    radii = np.linalg.norm(reduced.vertices, axis=1)
    assert radii.min() > 0.95
    assert radii.max() < 1.05


def test_a_small_mesh_is_left_as_it_is():
    mesh = join([sphere(8)])
    assert reduce(mesh, Reduction(kept_fraction=0.1, kept_at_least=1000)) is mesh


def test_loose_parts_do_not_stop_the_reduction():
    # Triangles without neighbours have no edge to collapse, however few faces are asked for.
    rng = np.random.default_rng(0)
    corners = rng.uniform(-0.05, 0.05, (3000, 1, 3)) + rng.uniform(-0.002, 0.002, (3000, 3, 3))
    confetti = Mesh(corners.reshape(-1, 3), np.arange(9000, dtype=np.int32).reshape(-1, 3))
    reduced = reduce(confetti, Reduction(kept_fraction=0.05, kept_at_least=100))
    assert 0 < len(reduced.faces) <= 1.25 * 150


def test_reduction_is_repeatable():
    mesh = join([sphere(40)])
    first, second = (reduce(mesh, Reduction(kept_at_least=100)) for _ in range(2))
    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.faces, second.faces)


def test_textures_are_shrunk_by_block_averages():
    pixels = np.zeros((8, 6, 3), np.uint8)
    pixels[:2, :2] = [[[10, 0, 0], [20, 0, 0]], [[30, 0, 0], [40, 0, 0]]]
    shrunk = shrink_texture(pixels, 4)
    assert shrunk.shape == (4, 3, 3)
    assert shrunk[0, 0].tolist() == [25, 0, 0]
    assert shrunk[1:].max() == 0


def test_a_small_texture_is_left_as_it_is():
    pixels = np.zeros((4, 4, 3), np.uint8)
    assert shrink_texture(pixels, 4) is pixels
