"""The map: the plane that a full decomposition finds."""

from __future__ import annotations

import numpy as np

from fastdup_gpu.galleries import embedding


def test_axes_are_the_principal_components():
    draw = np.random.default_rng(1)
    spread = np.array([9, 6, 3, *np.ones(37)])
    turn = np.linalg.qr(draw.normal(size=(40, 40)))[0]
    features = ((draw.normal(size=(500, 40)) * spread) @ turn + 7).astype(np.float32)
    points = embedding.project(features, np.arange(500))
    centred = features.astype(float) - features.mean(axis=0, dtype=float)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * lengths[:2]
    signs = np.sign((points * expected).sum(axis=0))
    assert np.allclose(points * signs, expected, atol=1e-6 * lengths[0])


def test_the_map_is_the_same_each_time():
    features = np.random.default_rng(2).normal(size=(50, 8)).astype(np.float32)
    rows = np.arange(0, 50, 5)
    assert (embedding.project(features, rows) == embedding.project(features, rows)).all()
