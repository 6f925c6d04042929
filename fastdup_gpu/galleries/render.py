"""Renders a page: views and images in one HTML file that loads nothing from the network."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from fastdup_gpu._errors import WorkDirError
from fastdup_gpu.formats.files import replacing
from fastdup_gpu.galleries import artifacts, notebook
from fastdup_gpu.galleries.album import Album, shown
from fastdup_gpu.galleries.thumbs import Thumb

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("core.js", "controls.js", "compare.js", "views.js", "plots.js", "start.js")
SHARD = 100  # thumbnails in one block of the page

_log = logging.getLogger(__name__)
View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """The content of a page besides its images. `stem` is the name of the file; `marks`: images
    can be marked for deletion; `page_width` and `thumb_width` are limits in CSS pixels."""

    stem: str
    title: str
    subtitle: str
    views: Sequence[View]
    marks: bool = True
    page_width: int | None = None
    thumb_width: int | None = None


def slider(
    label: str, sign: str, rows: Sequence[Sequence[float]], start: float, text: str, digits: int = 3
) -> View:
    """The slider of a view: `rows` are thresholds, ascending, with the counts that `text` tells;
    it begins at `start` and shows the entries whose value is `sign` the threshold."""
    return {
        "label": label,
        "sign": sign,
        "digits": digits,
        "value": start,
        "rows": rows,
        "text": text,
    }


def publish(page: Page, album: Album, table: Any = None) -> Path:
    """Write `<save_path>/<stem>.html` and the files that the options ask for beside it, and show
    it in a running notebook. save_artifacts stores `table` as csv. Returns the path."""
    options = album.options
    folder = options.save_path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkDirError(f"save_path={str(folder)!r} cannot be created: {error}") from error
    thumbs = album.thumbs()
    place = folder / f"{page.stem}_images" if options.lazy_load else None
    uris = [t.uri() for t in thumbs] if place is None else _beside(place, thumbs)
    html = render(page, album.pictures(thumbs), uris, _absolute(album.work_dir))
    path = folder / f"{page.stem}.html"
    with replacing(path) as stream:
        stream.write(html)
    if place is not None:  # not earlier, as the previous page shows them
        artifacts.drop_others(place, {Path(uri).name for uri in uris})
    if options.save_artifacts:
        artifacts.save(folder / f"{page.stem}_artifacts", album, table)
    missing = [name for name, thumb in zip(album.names, thumbs, strict=True) if thumb.why]
    _log.info("wrote %s: %d images, %d of them unreadable", path, len(thumbs), len(missing))
    if missing and len(missing) == len(thumbs):
        _log.warning(
            "none of the %d images of %s can be read, for example %r; if they are in another "
            "folder now, give it as input_dir",
            len(thumbs),
            path,
            missing[0],
        )
    notebook.display(html, path, whole=not options.lazy_load)
    return path


def render(
    page: Page, pictures: Sequence[dict[str, Any]], uris: Sequence[str], work_dir: str
) -> str:
    """The HTML text; `uris` are those of the thumbnails, in the order of `pictures`."""
    style, script = _style(), _script()
    content = {
        "views": page.views,
        "pictures": pictures,
        "shard": SHARD,
        "work_dir": shown(work_dir),
        "marks": page.marks,
        "page_width": page.page_width,
        "thumb_width": page.thumb_width,
    }
    blocks = [uris[i : i + SHARD] for i in range(0, len(uris), SHARD)]
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=shown(page.title),
            subtitle=shown(page.subtitle),
            many=len(page.views) > 1,
            footer="Made by fastdup-gpu. This page loads nothing from the network.",
            policy=_policy(style, script, beside=bool(uris) and not uris[0].startswith("data:")),
            style=Markup(style),
            script=Markup(script),
            data=_json(content),
            shards=[_json(block) for block in blocks],
        )
    )


def _absolute(path: Path | None) -> str:
    return "" if path is None else str(path.absolute())


def _json(content: object) -> Markup:
    """JSON inside a script element: ASCII, without anything that could end or open an element.
    Numbers that JSON lacks (nan, infinities) become null."""
    try:
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(content), separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _beside(place: Path, thumbs: Sequence[Thumb]) -> list[str]:
    """Write thumbnails to files; returns their addresses relative to the page. The names are hashes
    of the content, so that an earlier page, still open or left by a killed process, never shows
    the wrong image."""
    artifacts.make_place(place)
    files = [f"{hashlib.sha256(t.data).hexdigest()[:24]}.webp" for t in thumbs]
    for name, data in {name: t.data for name, t in zip(files, thumbs, strict=True)}.items():
        if data and not (place / name).exists():
            with replacing(place / name, "wb", durable=False) as stream:
                stream.write(data)
    return [f"{place.name}/{name}" for name in files]


def _policy(style: str, script: str, *, beside: bool) -> str:
    images = "data: 'self' file:" if beside else "data:"
    return (
        f"default-src 'none'; img-src {images}; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"


@cache
def _style() -> str:
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


@cache
def _script() -> str:
    parts = [(TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return "(() => {\n" + "\n".join(parts) + "})();"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
