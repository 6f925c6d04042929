"""Statistics against the published formulas in float64."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import tolerances
from pixels import as_encoded, encode, natural

from fastdup_gpu.formats.names import PIXEL_STATS, PIXEL_STATS_ADVANCED
from fastdup_gpu.protocol import PixelPlan

PLAN = PixelPlan(32, 32)
SIZES = {
    "landscape": (375, 500),
    "portrait": (500, 333),
    "multiples of 64": (480, 640),
    "one row more than 224": (225, 100),
    "one side under 224": (100, 225),
    "both sides under 224": (150, 223),
    "exactly 224": (224, 224),
    "smallest": (10, 10),
    "strip": (11, 1500),
}
ROUNDED = {"mean_hue", "mean_saturation", "mean_val"}


def flat(*rgb: int) -> np.ndarray:
    return np.full((60, 80, 3), rgb, np.uint8)


PICTURES = {name: natural(h, w, seed) for seed, (name, (h, w)) in enumerate(SIZES.items())}
PICTURES |= {
    "noise": np.random.default_rng(9).integers(0, 256, (300, 400, 3), np.uint8),
    "black": flat(0, 0, 0),
    "white": flat(255, 255, 255),
    "grey": flat(128, 128, 128),
    "red": flat(255, 0, 0),
    "nearly black": flat(1, 0, 0),
    "bowl": (np.add.outer(np.arange(-6, 7) ** 2, np.arange(-6, 7) ** 2) * 3)[..., None]
    .repeat(3, -1)
    .astype(np.uint8),  # whose Laplacian has a mean other than 0
    "two levels": np.kron(np.indices((20, 30)).sum(0) % 2, np.full((9, 9), 200))[..., None]
    .repeat(3, -1)
    .astype(np.uint8),
}


def nearest(picture: np.ndarray) -> np.ndarray:
    """Source x = floor((2i+1) * w / 448), unless both sides are under 224."""
    height, width = picture.shape[:2]
    if height < 224 and width < 224:
        return picture
    i = np.arange(224)
    return picture[(2 * i + 1) * height // 448][:, (2 * i + 1) * width // 448]


def laplacian(plane: np.ndarray) -> np.ndarray:
    """Four neighbours less four times the pixel; the border is mirrored about the edge pixel."""
    p = np.pad(plane.astype(np.float64), 1, mode="reflect")
    return p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * p[1:-1, 1:-1]


def basic(rgb: np.ndarray) -> dict[str, float]:
    p = rgb.astype(np.float64)
    low, high = p.min(), p.max()
    return {
        "unique": len(set(rgb.ravel().tolist())),
        "blur": laplacian(rgb[..., 2]).var(),
        "mean": p.mean(),
        "min": low,
        "max": high,
        "stdv": p.std((0, 1)).mean(),
        "contrast": (high - low) / (high + low) if high else 0.0,
    }


def hsv(rgb: np.ndarray) -> tuple[float, float, float]:
    """Means of hue in units of 2 degrees, saturation and value of 255: the textbook's formula,
    each pixel rounded to a whole number (a hue of -0.3 to 0, not to 180)."""
    p = rgb.astype(np.float64)
    red, green, blue = np.moveaxis(p, -1, 0)
    value, chroma = p.max(-1), np.ptp(p, -1)
    safe = np.where(chroma == 0, 1, chroma)
    sector = np.select(
        [chroma == 0, value == red, value == green],
        [0 * red, (green - blue) / safe, (blue - red) / safe + 2],
        (red - green) / safe + 4,
    )
    hue = np.round(30 * sector)
    saturation = np.round(255 * chroma / np.where(value == 0, 1, value))
    return np.where(hue < 0, hue + 180, hue).mean(), saturation.mean(), value.mean()


def advanced(rgb: np.ndarray) -> dict[str, float]:
    p = rgb.astype(np.float64)
    means, deviations = p.mean((0, 1)), p.std((0, 1))
    ratio = np.divide(deviations, means, out=np.zeros(3), where=means > 0)
    red, green, blue = means
    overall = means.mean() or 1.0
    hue, saturation, value = hsv(rgb)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(grey, 50, 150, apertureSize=3, L2gradient=False)
    return basic(rgb) | {
        "rms_contrast": np.sqrt(np.mean(ratio**2)),
        "mean_rel_intensity_r": red / overall,
        "mean_rel_intensity_g": green / overall,
        "mean_rel_intensity_b": blue / overall,
        "mean_hue": hue,
        "mean_saturation": saturation,
        "mean_val": value,
        "edge_density": np.count_nonzero(edges) / edges.size,
        "mean_r": red,
        "mean_g": green,
        "mean_b": blue,
    }


def measured(backend, files: list[bytes], *, with_advanced: bool) -> list[dict[str, float]]:
    batch = backend.decode(as_encoded(files), PLAN)
    table = backend.pixel_stats(batch, advanced=with_advanced)
    columns = PIXEL_STATS_ADVANCED if with_advanced else PIXEL_STATS
    assert table.dtype == np.float64
    assert table.shape == (len(files), len(columns))
    return [dict(zip(columns, row, strict=True)) for row in table.tolist()]


def assert_like(got: dict[str, float], expected: dict[str, float]) -> None:
    assert got.keys() == expected.keys()
    for column, value in expected.items():
        if column in ROUNDED:
            wanted = pytest.approx(value, abs=tolerances.HSV_LEVEL)
        elif column == "edge_density":
            wanted = pytest.approx(value, abs=tolerances.EDGE_DENSITY)
        else:
            wanted = pytest.approx(
                value, rel=tolerances.STATS_RELATIVE, abs=tolerances.STATS_FLOAT32
            )
        assert got[column] == wanted, column


@pytest.mark.parametrize("name", PICTURES)
def test_advanced_columns(backend, name):
    (got,) = measured(backend, [encode(PICTURES[name])], with_advanced=True)
    assert_like(got, advanced(nearest(PICTURES[name])))


def test_basic_columns_of_a_batch(backend):
    files = [encode(picture) for picture in PICTURES.values()]
    for got, picture in zip(
        measured(backend, files, with_advanced=False), PICTURES.values(), strict=True
    ):
        assert_like(got, basic(nearest(picture)))


@pytest.mark.parametrize("size", [(150, 200), (375, 500)])
def test_one_channel_counts_as_three_equal_ones(backend, size):
    grey = natural(*size)[..., 1]
    (got,) = measured(backend, [encode(grey)], with_advanced=True)
    assert_like(got, advanced(nearest(grey[..., None].repeat(3, -1))))
    assert got["mean_r"] == got["mean_g"] == got["mean_b"]
    assert got["mean_saturation"] == 0


def test_bad_pictures_have_no_row(backend):
    files = [b"", encode(PICTURES["landscape"]), b"nonsense", encode(PICTURES["noise"])]
    batch = backend.decode(as_encoded(files), PLAN)
    table = backend.pixel_stats(batch, advanced=False)
    expected = [basic(nearest(PICTURES[name])) for name in ("landscape", "noise")]
    assert len(table) == 2
    for row, wanted in zip(table.tolist(), expected, strict=True):
        assert_like(dict(zip(PIXEL_STATS, row, strict=True)), wanted)


def test_an_empty_batch_has_no_rows_but_all_columns(backend):
    batch = backend.decode(as_encoded([b""]), PLAN)
    assert backend.pixel_stats(batch, advanced=False).shape == (0, len(PIXEL_STATS))
    assert backend.pixel_stats(batch, advanced=True).shape == (0, len(PIXEL_STATS_ADVANCED))
