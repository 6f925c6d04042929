"""Pictures for the kernels' tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]


def natural(height: int, width: int, seed: int = 0) -> U8:
    """Shapes, gradients and a little noise: edges of all directions and strengths."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 90 * np.sin(x / 17 + c) * np.cos(y / (11 + 3 * c)) for c in range(3)]
    picture = np.stack(planes, -1)
    for _ in range(6):
        cy, cx, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(3, 60)
        picture[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = rng.uniform(0, 255, 3)
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


SIZES = [(1, 1), (1, 300), (300, 1), (10, 10), (223, 225), (225, 223), (224, 224)]
SIZES += [(500, 333), (60, 700), (700, 60), (448, 640)]


def sample() -> list[U8]:
    """Natural-looking, random and flat ones of odd sizes; one with padded rows."""
    rng = np.random.default_rng(1)
    made = [natural(h, w, i) for i, (h, w) in enumerate(SIZES)]
    made += [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in SIZES]
    made += [
        np.full((h, w, 3), v, np.uint8) for (h, w), v in zip(SIZES, (0, 255, 7) * 4, strict=False)
    ]
    padded = np.zeros((90, 140, 3), np.uint8)
    padded[:, :121] = natural(90, 121, 5)
    return [*made, padded[:, :121]]
