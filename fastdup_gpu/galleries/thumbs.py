"""Small versions of pictures, made in threads: WebP, upright, with boxes drawn on them."""

from __future__ import annotations

import base64
import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from fastdup_gpu._cpu import cores
from fastdup_gpu.analysis.annotations import Corners
from fastdup_gpu.formats.results import folder_of_run
from fastdup_gpu.sources import read_by_name
from fastdup_gpu.sources.base import is_remote
from fastdup_gpu.sources.pixels import relaxed_limits, upright

SMALL = 96
Reader = Callable[[str], bytes]
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_LIGHT, _STRONG = (255, 255, 255), (214, 40, 120)  # one of the two shows on any picture


@dataclass(frozen=True, slots=True)
class Thumb:
    """One small picture: WebP `data`, or b'' and `why` there is none. `width` and `height` are
    those of the whole upright picture, 0 where unknown."""

    data: bytes
    width: int = 0
    height: int = 0
    why: str = ""

    def uri(self) -> str:
        """The picture as a data: URI."""
        return "data:image/webp;base64," + base64.b64encode(self.data).decode("ascii")


def size_for(count: int) -> int:
    """Pixels of the longer side, so that a page of many pictures stays small."""
    return 512 if count <= 60 else 256 if count <= 1500 else 160


def make_thumbs(
    names: Sequence[str],
    sizes: Sequence[int],
    boxes: Callable[[str], list[Corners]] | None = None,
    reader: Reader = read_by_name,
) -> list[Thumb]:
    """One Thumb for each of `names`, in their order; `sizes` are pixels of the longer side. A
    picture that cannot be read gives one that says why; a failing `boxes` function raises."""
    listed = [boxes(name) if boxes else [] for name in names]
    workers = min(32, cores())
    by_name = sorted(range(len(names)), key=names.__getitem__)  # members of one archive together
    with relaxed_limits(), ThreadPoolExecutor(workers) as pool:
        made = {
            i: pool.submit(_make, names[i], listed[i], sizes[i], reader=reader) for i in by_name
        }
        return [made[i].result() for i in range(len(names))]


def reader_in(input_dir: str | os.PathLike[str] | None, work_dir: Path | None = None) -> Reader:
    """A reader that looks for a name as it is (a remote one first among the copies in `work_dir`),
    then inside `input_dir`: by its whole path, then by its last parts, so that
    `some/where/shard.tar/member.jpg` is found in a folder of tars; then where relative names began
    when the run in `work_dir` was made."""
    plain = partial(read_by_name, work_dir=work_dir)

    def read(name: str) -> bytes:
        try:
            return plain(name)
        except OSError as error:
            for other in _elsewhere(name, input_dir, work_dir):
                with contextlib.suppress(OSError):
                    return plain(other)
            raise error

    return read


def _elsewhere(
    name: str, input_dir: str | os.PathLike[str] | None, work_dir: Path | None
) -> Iterator[str]:
    if input_dir is not None:
        parts = name.replace(os.sep, "/").strip("/").split("/")
        for start in range(len(parts)):
            yield "/".join([os.fspath(input_dir), *parts[start:]])
    if work_dir is not None and not is_remote(name) and (began := folder_of_run(work_dir)):
        yield os.path.join(began, name)  # noqa: PTH118


def _make(name: str, boxes: list[Corners], size: int, *, reader: Reader) -> Thumb:
    try:
        data = reader(name)
    except (OSError, ValueError) as error:  # ValueError: a NUL in a name
        return Thumb(b"", why=f"cannot be read: {_reason(error)}")
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
    """A JPEG decoded at a fraction of its size, one that is cut off as far as it goes; None for
    anything else, damaged ones included."""
    if not data.startswith(_JPEG):
        return None
    if not data.endswith(_JPEG_END):
        data += _JPEG_END
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            width, height = image.size
            image.draft("RGB", (size, size))
            image.load()
            turned = image.getexif().get(0x0112, 1) >= 5
            seen = ImageOps.exif_transpose(image).convert("RGB")
            return _reduced(seen, size), (height, width) if turned else (width, height)
    except Exception:  # Pillow raises errors of every kind on bad input; the slow way says why
        return None


def _open_any(data: bytes, size: int) -> tuple[Image.Image, tuple[int, int]] | str:
    """Whatever the run can read; without its packages, whatever Pillow can."""
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
