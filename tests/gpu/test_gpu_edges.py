from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu.gpu import graph


@pytest.mark.parametrize("threshold", [-1.0, 0.5, 2.0])
def test_edges_are_the_neighbours_at_or_above_the_threshold(standins, threshold):
    rng = np.random.default_rng(0)
    ids = rng.integers(-1, 40, (40, 3))
    scores = rng.random((40, 3)).astype(np.float32)
    scores[4, 1] = threshold
    scores[5] = np.nan
    sources, targets, weights = graph.edges_above(ids, scores, threshold)
    rows, columns = np.nonzero((scores >= np.float32(threshold)) & (ids >= 0))
    np.testing.assert_array_equal(sources, rows)
    np.testing.assert_array_equal(targets, ids[rows, columns])
    np.testing.assert_array_equal(weights, scores[rows, columns])
