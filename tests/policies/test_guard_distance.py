"""Mahalanobis distance with a shrunk covariance, against its definition."""

import numpy as np
import pytest
from fdp_policies.guard.distance import fit_statistics, ledoit_wolf


def draw(rows, size=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, size)) @ rng.normal(size=(size, size)) + rng.normal(size=size)


@pytest.mark.parametrize("rows", [5, 12, 200])
def test_shrinkage_is_that_of_the_definition_row_by_row(rows):
    values = draw(rows)
    centered = values - values.mean(0)
    sample = sum(np.outer(row, row) for row in centered) / rows
    target = np.trace(sample) / 6 * np.eye(6)
    # Ledoit and Wolf 2004, lemmas 3.2 to 3.4: d squared, and the b squared that it bounds.
    spread = np.linalg.norm(sample - target) ** 2
    error = sum(np.linalg.norm(np.outer(row, row) - sample) ** 2 for row in centered) / rows**2
    weight = min(error, spread) / spread

    covariance, shrinkage = ledoit_wolf(values)

    assert 0.0 < shrinkage == pytest.approx(weight)
    np.testing.assert_allclose(covariance, (1 - weight) * sample + weight * target)


def test_shrinkage_vanishes_as_rows_grow():
    few, many = (ledoit_wolf(draw(rows))[1] for rows in (8, 20_000))

    assert many < 0.01 < few


def test_whitened_features_have_the_distance_of_the_shrunk_covariance():
    values = draw(300)
    statistics = fit_statistics(values.astype(np.float32))
    inverse = np.linalg.inv(ledoit_wolf(values)[0])
    away = draw(4, seed=1) - values.mean(0)

    distances = np.linalg.norm(away @ statistics.whitening.T, axis=1)

    np.testing.assert_allclose(distances, np.sqrt(np.einsum("ni,ij,nj->n", away, inverse, away)), rtol=1e-3)
    assert statistics.rows == 300


def test_features_that_never_move_leave_the_distance_finite():
    values = draw(50).astype(np.float32)
    values[:, 2] = 0.5
    for features in (values, np.full((50, 4), 0.25, np.float32)):
        statistics = fit_statistics(features)
        assert np.isfinite((features + 1 - statistics.mean) @ statistics.whitening.T).all()
