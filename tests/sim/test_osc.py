"""The compiled law's linear algebra against NumPy's."""

import numpy as np
import pytest

from fdp_bench.sim.osc import cholesky, solve, solve_singular


def positive_matrix(rng, size, rank):
    root = rng.standard_normal((size, rank))
    return root @ root.T


@pytest.mark.parametrize("size", [3, 6, 7])
def test_a_regular_system_is_solved(size):
    rng = np.random.default_rng(size)
    matrix, right, solution = positive_matrix(rng, size, size), rng.standard_normal(size), np.empty(size)
    solve(matrix, right, solution)
    np.testing.assert_allclose(solution, np.linalg.solve(matrix, right), rtol=1e-8)


@pytest.mark.parametrize("rank", [1, 4, 6])
def test_a_system_without_full_rank_is_solved_as_by_the_pseudo_inverse(rank):
    rng = np.random.default_rng(rank)
    # Whole numbers, so that what is singular is so exactly.
    root = rng.integers(-3, 4, (6, rank)).astype(float)
    matrix, right, solution = root @ root.T, rng.standard_normal(6), np.empty(6)
    solve_singular(matrix, right, solution)
    expected = np.linalg.pinv(matrix, rcond=1e-13, hermitian=True) @ right
    np.testing.assert_allclose(solution, expected, rtol=1e-8, atol=1e-10)


def test_directions_that_do_not_move_get_no_share():
    matrix = np.diag([2.0, 0.0, 4.0])
    solution = np.empty(3)
    solve(matrix, np.ones(3), solution)
    np.testing.assert_array_equal(solution, [0.5, 0.0, 0.25])


def test_a_factor_multiplies_to_its_matrix_and_singular_ones_have_none():
    matrix, factor = positive_matrix(np.random.default_rng(0), 7, 7), np.zeros((7, 7))
    assert cholesky(matrix, factor)
    np.testing.assert_allclose(factor @ factor.T, matrix, atol=1e-12)
    assert not cholesky(np.diag([1.0, 0.0, 1.0]), np.zeros((3, 3)))
    assert not cholesky(np.diag([1.0, -1.0, 1.0]), np.zeros((3, 3)))
