"""Edited views of a picture, as near duplicates differ: what the default model is tuned on.

A view is one to three edits, drawn with the weights of EDITS, and in most cases a JPEG. Pictures
are u8[h, w, 3] in BGR; every edit draws all its settings from the generator that it is given.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Picture = np.ndarray
Draw = np.random.Generator
Edit = Callable[[Picture, Draw], Picture]

WORDS = "photo sale hello stock sample 2024 (c) 50% best new look free of the and www.example.com"
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
SMALLEST, LONGEST = 16, 400
LEVELS = np.arange(256) / 255


def view(picture: Picture, draw: Draw, other: Callable[[Draw], Picture]) -> Picture:
    """One edited view; `other` gives another picture, to be seen beside this one."""
    edits: dict[Edit, float] = {
        **EDITS,
        lambda here, draw: _collage(here, draw, other): 0.5,
        lambda here, draw: _pasted(here, draw, other): 0.5,
    }
    weights = np.array(list(edits.values()))
    number = int(draw.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
    for chosen in draw.choice(len(edits), number, p=weights / weights.sum()):
        picture = np.ascontiguousarray(list(edits)[chosen](picture, draw))
        if min(picture.shape[:2]) < SMALLEST:
            picture = cv2.resize(picture, (64, 64))
    return _jpeg(picture, draw.choice([95, 90, 85, 75, 60])) if draw.random() < 0.7 else picture


def bounded(picture: Picture) -> Picture:
    """The picture with its longer side at most LONGEST, so that edits cost alike."""
    factor = LONGEST / max(picture.shape[:2])
    return picture if factor >= 1 else _scaled(picture, factor, factor)


def _scaled(here: Picture, across: float, down: float) -> Picture:
    return cv2.resize(
        np.ascontiguousarray(here), None, fx=across, fy=down, interpolation=cv2.INTER_AREA
    )


def _either(draw: Draw, *ranges: tuple[float, float]) -> float:
    return float(draw.uniform(*ranges[draw.integers(len(ranges))]))


def _color(draw: Draw) -> tuple[int, ...]:
    kinds = ((0, 0, 0), (255, 255, 255), tuple(int(v) for v in draw.integers(0, 256, 3)))
    return kinds[draw.integers(3)]


def _jpeg(here: Picture, quality: float) -> Picture:
    encoded = cv2.imencode(".jpg", here, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


def _recompressed(here: Picture, draw: Draw) -> Picture:
    return _jpeg(here, draw.choice([90, 70, 50, 30, 20, 15, 10]))


def _smaller(here: Picture, draw: Draw) -> Picture:
    factor = draw.uniform(0.18, 0.8)
    return _scaled(here, factor, factor)


def _squeezed(here: Picture, draw: Draw) -> Picture:
    factor = draw.uniform(0.55, 0.85)
    return _scaled(here, factor, 1) if draw.random() < 0.5 else _scaled(here, 1, factor)


def _part(here: Picture, draw: Draw, least: float, most: float) -> Picture:
    height, width = here.shape[:2]
    down = draw.uniform(least, most)
    across = min(1.0, max(0.5, down * draw.uniform(0.85, 1.15)))
    h, w = int(height * down), int(width * across)
    top, left = draw.integers(0, height - h + 1), draw.integers(0, width - w + 1)
    return here[top : top + h, left : left + w]


def _cropped(here: Picture, draw: Draw) -> Picture:
    return _part(here, draw, 0.6, 0.97)


def _half(here: Picture, draw: Draw) -> Picture:
    return _part(here, draw, 0.5, 0.75)


def _mirrored(here: Picture, draw: Draw) -> Picture:
    return here[:, ::-1]


def _turned(here: Picture, draw: Draw) -> Picture:
    return np.rot90(here, draw.integers(1, 4)) if draw.random() < 0.7 else here[::-1]


def _tilted(here: Picture, draw: Draw) -> Picture:
    height, width = here.shape[:2]
    angle = draw.choice([-1, 1]) * _either(draw, (1, 6), (5, 18))
    sine, cosine = abs(np.sin(np.radians(angle))), np.cos(np.radians(angle))
    size = int(width * cosine + height * sine), int(height * cosine + width * sine)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return cv2.warpAffine(here, matrix, size, flags=cv2.INTER_CUBIC, borderValue=_color(draw))


def _in_perspective(here: Picture, draw: Draw) -> Picture:
    height, width = here.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [width, height] * 0.15
    moved = (corners + inward * draw.random((4, 2))).astype(np.float32)
    pair = (corners, moved) if draw.random() < 0.5 else (moved, corners)
    matrix = cv2.getPerspectiveTransform(*pair)
    return cv2.warpPerspective(here, matrix, (width, height), borderValue=_color(draw))


def _brighter(here: Picture, draw: Draw) -> Picture:
    return cv2.convertScaleAbs(here, alpha=_either(draw, (0.2, 0.8), (1.2, 1.6)))


def _contrast(here: Picture, draw: Draw) -> Picture:
    mean = float(here.mean())
    return _bytes((here - mean) * _either(draw, (0.4, 0.8), (1.2, 1.8)) + mean)


def _gamma(here: Picture, draw: Draw) -> Picture:
    return cv2.LUT(here, _bytes(255 * LEVELS ** _either(draw, (0.45, 0.8), (1.25, 2.2))))


def _grey(here: Picture) -> Picture:
    return cv2.cvtColor(cv2.cvtColor(here, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def _saturated(here: Picture, draw: Draw) -> Picture:
    grey = _grey(here).astype(np.float32)
    return _bytes(grey + (here - grey) * _either(draw, (0, 0), (0.1, 0.6), (1.4, 2.2)))


def _toned(here: Picture, draw: Draw) -> Picture:
    dark, light = draw.integers(0, 31, 3), draw.integers(190, 256, 3)
    return _bytes(dark + _grey(here) / 255 * (light - dark))


def _hue(here: Picture, draw: Draw) -> Picture:
    hsv = cv2.cvtColor(here, cv2.COLOR_BGR2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + draw.integers(8, 173)) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def _negative(here: Picture, draw: Draw) -> Picture:
    return 255 - here


def _blurred(here: Picture, draw: Draw) -> Picture:
    return cv2.GaussianBlur(here, (0, 0), draw.uniform(0.7, 4.2) * max(here.shape[:2]) / LONGEST)


def _sharpened(here: Picture, draw: Draw) -> Picture:
    return cv2.addWeighted(here, 2.5, cv2.GaussianBlur(here, (0, 0), 2), -1.5, 0)


def _noisy(here: Picture, draw: Draw) -> Picture:
    return _bytes(here + draw.normal(0, draw.uniform(5, 35), here.shape))


def _with_text(here: Picture, draw: Draw) -> Picture:
    out = here.copy()
    height, width = out.shape[:2]
    for _ in range(draw.integers(1, 4)):
        words = " ".join(draw.choice(WORDS.split(), draw.integers(1, 5)))
        place = int(draw.integers(-5, width // 2 + 1)), int(draw.integers(height // 12, height))
        font, size = FONTS[draw.integers(len(FONTS))], height / draw.uniform(120, 350)
        for color, thick in ((0, 5), (255, 2)):
            stroke = max(1, int(size * thick))
            cv2.putText(out, words, place, font, size, (color,) * 3, stroke, cv2.LINE_AA)
    return out


def _watermarked(here: Picture, draw: Draw) -> Picture:
    out = here.copy()
    height, width = out.shape[:2]
    words = " ".join(draw.choice(WORDS.split(), 2))
    down, across = height // draw.integers(4, 8), width // draw.integers(2, 5)
    for y in range(0, height, max(25, int(down))):
        for x in range(-40, width, max(60, int(across))):
            place = (x + y % 60, y + 12)
            cv2.putText(out, words, place, FONTS[0], height / 450, (255,) * 3, 1, cv2.LINE_AA)
    return cv2.addWeighted(out, 0.45, here, 0.55, 0)


def _covered(here: Picture, draw: Draw) -> Picture:
    out = here.copy()
    height, width = out.shape[:2]
    h, w = (int(side * draw.uniform(0.15, 0.38)) for side in (height, width))
    top, left = int(draw.integers(0, height - h + 1)), int(draw.integers(0, width - w + 1))
    if draw.random() < 0.5:
        out[top : top + h, left : left + w] = _color(draw)
    else:
        cv2.circle(out, (left + w // 2, top + h // 2), min(h, w) // 2, _color(draw), -1)
    return out


def _framed(here: Picture, draw: Draw) -> Picture:
    side = int(min(here.shape[:2]) * draw.uniform(0.03, 0.18))
    return _bordered(here, side, side, draw)


def _letterboxed(here: Picture, draw: Draw) -> Picture:
    height, width = here.shape[:2]
    if width > height:
        return _bordered(here, (width - height) // 2, 0, draw)
    return _bordered(here, 0, max((height - width) // 2, height // 10), draw)


def _bordered(here: Picture, rows: int, columns: int, draw: Draw) -> Picture:
    sides = (rows, rows, columns, columns)
    return cv2.copyMakeBorder(
        np.ascontiguousarray(here), *sides, cv2.BORDER_CONSTANT, value=_color(draw)
    )


def _screenshot(here: Picture, draw: Draw) -> Picture:
    height, width = here.shape[:2]
    h, w = int(height * draw.uniform(1.2, 1.6)), int(width * draw.uniform(1.05, 1.4))
    out = np.full((h, w, 3), draw.choice([245, 255, 30, 225]), np.uint8)
    out[: h // draw.integers(9, 15)] = _color(draw)
    top, left = draw.integers(0, h - height + 1), draw.integers(0, w - width + 1)
    out[top : top + height, left : left + width] = here
    for _ in range(draw.integers(0, 5)):
        line = int(draw.integers(int(h * 0.8), h - 2))
        end = int(w * draw.uniform(0.4, 0.9))
        out[line : line + max(2, h // 60), w // 10 : end] = draw.integers(150, 211)
    return out


def _collage(here: Picture, draw: Draw, other: Callable[[Draw], Picture]) -> Picture:
    half = here.shape[1] // 2, here.shape[0] // 2
    four = [other(draw) for _ in range(4)]
    four[draw.integers(4)] = here
    small = [cv2.resize(np.ascontiguousarray(p), half, interpolation=cv2.INTER_AREA) for p in four]
    return np.vstack([np.hstack(small[:2]), np.hstack(small[2:])])


def _pasted(here: Picture, draw: Draw, other: Callable[[Draw], Picture]) -> Picture:
    out = other(draw).copy()
    height, width = out.shape[:2]
    size = [max(8, int(side * draw.uniform(0.45, 0.7))) for side in (width, height)]
    small = cv2.resize(np.ascontiguousarray(here), size, interpolation=cv2.INTER_AREA)
    h, w = small.shape[:2]
    top, left = draw.integers(0, height - h + 1), draw.integers(0, width - w + 1)
    out[top : top + h, left : left + w] = small
    return out


def _bytes(values: np.ndarray) -> Picture:
    return np.clip(values, 0, 255).astype(np.uint8)


EDITS: dict[Edit, float] = {
    _recompressed: 2,
    _smaller: 2,
    _squeezed: 1.5,
    _cropped: 3,
    _half: 1.3,
    _mirrored: 1.2,
    _turned: 0.7,
    _tilted: 2,
    _in_perspective: 1.2,
    _brighter: 1.5,
    _contrast: 1.2,
    _gamma: 1,
    _saturated: 1.5,
    _toned: 0.7,
    _hue: 1,
    _negative: 0.25,
    _blurred: 1.6,
    _sharpened: 0.5,
    _noisy: 1.5,
    _with_text: 1.6,
    _watermarked: 0.8,
    _covered: 1.2,
    _framed: 1.5,
    _letterboxed: 0.8,
    _screenshot: 0.8,
}
