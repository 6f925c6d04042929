"""Videos whose frames tell their own number, and damage to them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fastdup_gpu.sources.video import FrameSource, extract_frames

av = pytest.importorskip("av", reason="videos need PyAV: pip install 'fastdup-gpu[video]'")

RATE = 25
WIDTH, HEIGHT = 96, 64
BITS = 6
PIXELS = {"mjpeg": "yuvj420p"}
QUIET = {"libx264": {"x264-params": "scenecut=0:open-gop=0"}, "mpeg4": {"sc_threshold": "1000000"}}


def numbered(number: int, paint: float = 90) -> np.ndarray:
    """A picture u8[64, 96, 3] with `number` as a row of black and white bars above grey."""
    pixels = np.full((HEIGHT, WIDTH, 3), paint, np.uint8)
    for bit in range(BITS):
        pixels[: HEIGHT // 2, bit * 16 : bit * 16 + 16] = 255 * (number >> bit & 1)
    return pixels


def number_in(picture: Path | Image.Image) -> int:
    """The number that a frame shows."""
    image = Image.open(picture) if isinstance(picture, Path) else picture
    grey = np.asarray(image.convert("L").resize((WIDTH, HEIGHT)), float)
    bars = grey[4 : HEIGHT // 2 - 4].reshape(-1, BITS, 16)[:, :, 4:12].mean(axis=(0, 2))
    return int(((bars > 127) << np.arange(BITS)).sum())


def video(
    path: Path,
    codec: str = "mpeg4",
    *,
    pictures: Sequence[np.ndarray] | int = 30,
    times: Sequence[int] | None = None,
    gop: int = 10,
    **options: str,
) -> Path:
    """Write a video; `times` of the frames are in 1/25 s, `options` are the container's."""
    if isinstance(pictures, int):
        pictures = [numbered(i) for i in range(pictures)]
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {"mkv": "matroska", "m4v": "mp4"}
    suffix = path.name.rpartition(".")[2].lower()
    # Through an open file, because FFmpeg reads meaning into some names.
    with (
        path.open("wb") as file,
        av.open(file, "w", format=kinds.get(suffix, suffix), options=options) as container,
    ):
        stream = container.add_stream(codec, rate=RATE, options=QUIET.get(codec, {}))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = PIXELS.get(codec, "yuv420p")
        stream.codec_context.gop_size = gop
        for i, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = times[i] if times else i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sound(path: Path, *, cover: bool = False) -> Path:
    """A video file that holds nothing but sound, and perhaps the picture of a cover."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        picture = container.add_stream("mjpeg", rate=RATE) if cover else None
        if picture:
            picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
            try:
                picture.disposition = 0x400  # an attached picture
            except AttributeError:
                pytest.skip("this version of PyAV cannot write covers")
            container.mux(picture.encode(av.VideoFrame.from_ndarray(numbered(1), "rgb24")))
            container.mux(picture.encode())
        for i in range(4):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 8000, 1024 * i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def keyframes(path: Path) -> list[int]:
    """Numbers of the keyframes, told by decoding all."""
    with av.open(str(path)) as container:
        return [i for i, frame in enumerate(container.decode(video=0)) if frame.key_frame]


def turned(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Set the matrix of an MP4: what is at x, y is shown at ax + cy, bx + dy."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    fixed = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    data[at : at + 36] = struct.pack(">9i", *fixed)
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep the first `share` of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def extract(work_dir: Path, *paths: Any, keyframes_only: bool = False, **given: Any) -> FrameSource:
    """The frames of some videos, all of them unless told otherwise."""
    return extract_frames(
        [str(p) for p in paths], work_dir, keyframes_only=keyframes_only, threads=2, **given
    )


def written(work_dir: Path) -> list[str]:
    """The JPEGs in a folder and below."""
    return sorted(str(p.relative_to(work_dir)) for p in work_dir.rglob("*.jpg"))
