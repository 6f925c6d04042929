"""Images and labels as a task backup of CVAT, which its 'Create from backup' opens.

The layout is the published one: task.json, annotations.json, and in data/ the images with
manifest.jsonl (one line each, in the order of the frames) and index.json (where in the manifest
each frame's line starts). A label becomes a tag of the frame, a box a rectangle. CVAT sorts the
images by name, so their names start with the number of the frame; fastdup_label.csv beside the zip
gives the original file of each frame.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fastdup_gpu._arguments import path_text
from fastdup_gpu._words import plain_stem
from fastdup_gpu.analysis.exports import (
    Picture,
    class_names,
    color_of,
    entries,
    read_all,
)
from fastdup_gpu.formats.files import prepare_folder, replacing, write_csv

ZIP_NAME = "fastdup_label.zip"
NAMES_CSV = "fastdup_label.csv"
IMAGE_QUALITY = 70
CHUNK_SIZE = 36
_RECTANGLE: dict[str, Any] = {
    "type": "rectangle",
    "occluded": False,
    "outside": False,
    "z_order": 0,
    "rotation": 0.0,
    "attributes": [],
    "elements": [],
}


def export_to_cvat(
    files: Iterable[object] | str,
    labels: object,
    save_path: str | os.PathLike[str],
    boxes: Iterable[object] | None = None,
) -> list[int]:
    """Write save_path/fastdup_label.zip; returns the positions in `files` of the images in it.

    See fastdup_gpu.export_to_cvat.
    """
    asked = entries(files, labels, boxes)
    folder = Path(path_text("save_path", save_path))
    prepare_folder(folder, "save_path")
    frames: list[_Frame] = []
    with (
        replacing(folder / ZIP_NAME, "wb") as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive,
    ):
        for picture in read_all(asked):
            frame = _Frame(len(frames), picture)
            archive.writestr(_member(f"data/{frame.file}"), picture.data)
            frames.append(frame)
        manifest, index = _manifest(frames)
        archive.writestr(_member("data/manifest.jsonl"), manifest)
        archive.writestr(_member("data/index.json"), _json(index))
        archive.writestr(_member("task.json"), _json(_task(frames, class_names(asked))))
        archive.writestr(_member("annotations.json"), _json([_annotations(frames)]))
    rows = ((f.number, f.file, f.name, ";".join(f.labels)) for f in frames)
    write_csv(folder / NAMES_CSV, ("frame", "cvat_name", "filename", "label"), rows)
    return [frame.position for frame in frames]


def _member(name: str) -> zipfile.ZipInfo:
    """A file of the zip without a time stamp, so that the same images give the same bytes."""
    member = zipfile.ZipInfo(name)
    member.external_attr = 0o644 << 16
    return member


class _Frame:
    """What is kept of an image after its bytes were written to the zip."""

    def __init__(self, number: int, picture: Picture) -> None:
        self.number = number
        self.position = picture.entry.position
        self.name = picture.entry.name
        self.labels = picture.entry.labels
        self.objects = picture.entry.objects()
        self.stem = f"{number:07d}_{plain_stem(self.name)}"
        self.extension = picture.extension
        self.size = {"width": picture.width, "height": picture.height}

    @property
    def file(self) -> str:
        return self.stem + self.extension


def _manifest(frames: Sequence[_Frame]) -> tuple[str, dict[str, int]]:
    """The manifest, and the offset in bytes (it is all ASCII) of each frame's line."""
    text = "".join(_line(head) for head in ({"version": "1.1"}, {"type": "images"}))
    parts, index, offset = [text], {}, len(text)
    for frame in frames:
        meta = {"related_images": list[str]()}
        about = {"name": frame.stem, "extension": frame.extension, **frame.size, "meta": meta}
        index[str(frame.number)] = offset
        parts.append(_line(about))
        offset += len(parts[-1])
    return "".join(parts), index


def _task(frames: Sequence[_Frame], labels: Sequence[str]) -> dict[str, Any]:
    last = len(frames) - 1
    return {
        "name": "fastdup_label",
        "bug_tracker": "",
        "status": "annotation",
        "subset": "",
        "labels": [
            {"name": n, "color": color_of(n), "attributes": [], "type": "any", "sublabels": []}
            for n in labels
        ],
        "version": "1.0",
        "data": {
            "chunk_size": CHUNK_SIZE,
            "image_quality": IMAGE_QUALITY,
            "start_frame": 0,
            "stop_frame": last,
            "storage_method": "cache",
            "storage": "local",
            "sorting_method": "lexicographical",
            "chunk_type": "imageset",
            "deleted_frames": [],
        },
        "jobs": [{"start_frame": 0, "stop_frame": last, "frames": [], "status": "annotation"}],
    }


def _annotations(frames: Sequence[_Frame]) -> dict[str, Any]:
    tags: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    for frame in frames:
        for label, box in frame.objects:
            about = {"frame": frame.number, "label": label, "group": 0, "source": "manual"}
            if box is None:
                tags.append({**about, "attributes": []})
            else:
                shapes.append({**about, **_RECTANGLE, "points": list(box)})
    return {"version": 0, "tags": tags, "shapes": shapes, "tracks": []}


def _json(content: object) -> str:
    return json.dumps(content, indent=1)


def _line(content: object) -> str:
    return json.dumps(content, separators=(",", ":")) + "\n"
