from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.kernels.threshold_edges import threshold_edges


@pytest.mark.parametrize(("n", "k"), [(1, 1), (256, 3), (1000, 7), (5, 32)])
def test_edges_are_the_scores_above_the_threshold_in_order(on_host, n, k):
    rng = np.random.default_rng(n)
    ids = rng.integers(-1, n, (n, k))
    scores = rng.choice(np.array([0.1, 0.5, 0.9, 0.95, np.nan], np.float32), (n, k))
    sources, targets, weights = threshold_edges(ids, scores, 0.9)
    kept = (scores >= np.float32(0.9)) & (ids >= 0)
    np.testing.assert_array_equal(sources, np.nonzero(kept)[0])
    np.testing.assert_array_equal(targets, ids[kept])
    np.testing.assert_array_equal(weights, scores[kept])
    assert (sources.dtype, targets.dtype, weights.dtype) == (np.int64, np.int64, np.float32)


@pytest.mark.parametrize("n", [0, 3])
def test_no_edges(on_host, n):
    found = threshold_edges(np.zeros((n, 2), np.int64), np.zeros((n, 2), np.float32), 0.5)
    assert [len(part) for part in found] == [0, 0, 0]


def test_wrong_dtypes_are_refused(on_host):
    with pytest.raises(InvalidArgument, match="scores is float64"):
        threshold_edges(np.zeros((2, 2), np.int64), np.zeros((2, 2)), 0.5)
