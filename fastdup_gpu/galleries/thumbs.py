"""Thumbnails, made in threads: WebP, upright, with boxes drawn on them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial

from PIL import Image, ImageDraw, ImageOps

from fastdup_gpu._cpu import cores
from fastdup_gpu._ordered import in_order
from fastdup_gpu._process_wide import pillow_unwarned
from fastdup_gpu.analysis.annotations import Corners
from fastdup_gpu.galleries.readers import Reader
from fastdup_gpu.sources.by_name import stored_order
from fastdup_gpu.sources.pixels import is_turned, reserved, upright

SMALL = 96
_AHEAD = 2  # images that wait for each thread
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_LIGHT, _STRONG = (255, 255, 255), (214, 40, 120)  # one of the two is visible on any image


@dataclass(frozen=True, slots=True)
class Thumb:
    """One thumbnail: WebP `data`, or b'' and the reason in `why`. `width` and `height` are those of
    the whole upright image, 0 if unknown."""

    data: bytes
    width: int = 0
    height: int = 0
    why: str = ""

    def uri(self) -> str:
        """The thumbnail as a data: URI."""
        return "data:image/webp;base64," + base64.b64encode(self.data).decode("ascii")


def size_for(count: int) -> int:
    """Pixels of the longer side, fewer for more images, so that pages stay small."""
    return 512 if count <= 60 else 256 if count <= 1500 else 160


def make_thumbs(
    names: Sequence[str],
    sizes: Sequence[int],
    boxes: Callable[[str], list[Corners]] | None = None,
    reader: Reader | None = None,
) -> list[Thumb]:
    """One Thumb for each of `names`, in their order; `sizes` are pixels of the longer side. For an
    image that cannot be read it contains the reason; a failing `boxes` function raises."""
    listed = [boxes(name) if boxes else [] for name in names]
    reader = reader or Reader()
    read = partial(_read, reader)
    read_once = lru_cache(maxsize=1)(read)  # for a name that occurs twice
    workers = min(32, cores())

    def make(i: int, data: bytes | str | None) -> tuple[int, Thumb]:
        return i, _make(read(names[i]) if data is None else data, listed[i], sizes[i])

    with pillow_unwarned, ThreadPoolExecutor(workers) as pool:

        def submit(turn: tuple[int, bool]) -> Future[tuple[int, Thumb]]:
            i, alone = turn
            return pool.submit(make, i, read_once(names[i]) if alone else None)

        turns = stored_order([reader.locate(name) for name in names])
        made = dict(in_order(submit, turns, _AHEAD * workers))
    return [made[i] for i in range(len(names))]


def _read(reader: Reader, name: str) -> bytes | str:
    """The bytes of an image, or the reason why it cannot be read."""
    try:
        return reader(name)
    except (OSError, ValueError) as error:  # ValueError: a NUL in a name
        return f"cannot be read: {_reason(error)}"


def _make(data: bytes | str, boxes: list[Corners], size: int) -> Thumb:
    if isinstance(data, str):
        return Thumb(b"", why=data)
    found = _open_jpeg(data, size) or _open_any(data, size)
    if isinstance(found, str):
        return Thumb(b"", why=f"cannot be decoded: {found}")
    image, (width, height) = found
    if boxes:
        _draw(image, boxes, width, height)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=78, method=2)
    return Thumb(stream.getvalue(), width, height)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _open_jpeg(data: bytes, size: int) -> tuple[Image.Image, tuple[int, int]] | None:
    """A JPEG decoded at a fraction of its size, a truncated one as far as possible; None for
    anything else, including damaged ones."""
    if not data.startswith(_JPEG):
        return None
    if not data.endswith(_JPEG_END):
        data += _JPEG_END
    try:
        stream = io.BytesIO(data)
        with Image.open(stream, formats=["JPEG"]) as image:
            width, height = image.size
            whole = _is_held_whole(image, data, stream.tell())
            image.draft("RGB", (size, size))
            with reserved(width * height if whole else image.width * image.height):
                image.load()
                turned = is_turned(image)
                seen = ImageOps.exif_transpose(image).convert("RGB")
                return _reduced(seen, size), (height, width) if turned else (width, height)
    except (
        Exception
    ):  # Pillow raises errors of many kinds on bad input; the slow way gives the reason
        return None


def _is_held_whole(image: Image.Image, data: bytes, first_scan: int) -> bool:
    """Whether libjpeg has to hold all coefficients of a JPEG, however small it is decoded: if it is
    progressive, or if not all of its colours are in the first scan, whose header ends at
    `first_scan` and begins with their number."""
    colors = len(image.getbands())
    begin = first_scan - 2 * colors - 4
    return "progressive" in image.info or data[begin : begin + 1] != bytes([colors])


def _open_any(data: bytes, size: int) -> tuple[Image.Image, tuple[int, int]] | str:
    """Any format that the run can read; without its packages, any that Pillow can."""
    with upright(data) as found:
        if isinstance(found, str):
            return found
        whole = found.size
        return _reduced(found, size), whole


def _reduced(image: Image.Image, size: int) -> Image.Image:
    image.thumbnail((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return image


def _draw(image: Image.Image, boxes: list[Corners], width: int, height: int) -> None:
    across, down = image.width / max(width, 1), image.height / max(height, 1)
    draw = ImageDraw.Draw(image)
    colors = (_LIGHT, *[_STRONG] * max(1, max(image.size) // 160), _LIGHT)
    for x1, y1, x2, y2 in boxes:
        left, right = sorted((round(x1 * across), round(x2 * across)))
        top, bottom = sorted((round(y1 * down), round(y2 * down)))
        for inset, color in enumerate(colors):
            if right - left > 2 * inset and bottom - top > 2 * inset:
                corners = (left + inset, top + inset, right - inset, bottom - inset)
                draw.rectangle(corners, outline=color)
