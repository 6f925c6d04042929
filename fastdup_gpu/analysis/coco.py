"""Images, labels and boxes as COCO json, and back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fastdup_gpu._arguments import path_text
from fastdup_gpu._errors import FormatError, InvalidArgument
from fastdup_gpu.analysis.annotations import Corners
from fastdup_gpu.analysis.exports import Picture, class_names, entries, read_all
from fastdup_gpu.formats.files import parse_json, replacing
from fastdup_gpu.formats.names import BOX_COLUMNS

FILE_NAME = "fastdup_coco.json"


def export_to_coco(
    files: Iterable[object] | str,
    labels: object,
    save_path: str | os.PathLike[str],
    boxes: Iterable[object] | None = None,
) -> list[int]:
    """Write a COCO json; returns the positions in `files` of the images in it.

    See fastdup_gpu.export_to_coco.
    """
    asked = entries(files, labels, boxes)
    path = Path(path_text("save_path", save_path))
    classes = {label: i for i, label in enumerate(class_names(asked), 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    done = []
    for picture in read_all(asked):
        entry = picture.entry
        done.append(entry.position)
        images.append(_image(len(done), picture))
        whole = (0, 0, picture.width, picture.height)
        for label, box in entry.objects():
            numbers = len(annotations) + 1, len(done), classes[label]
            annotations.append(_annotation(*numbers, box or whole))
    categories = [{"id": i, "name": label, "supercategory": ""} for label, i in classes.items()]
    _write(path, images, annotations, categories)
    return done


def import_from_coco(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A COCO json as a table with one row per box, images without boxes included.

    See fastdup_gpu.import_from_coco.
    """
    given = Path(path_text("path", path))
    place = given / FILE_NAME if given.is_dir() else given
    try:
        content = parse_json(place.read_text(encoding="utf-8"))
        images = {image["id"]: image["file_name"] for image in content["images"]}
        labels = {c["id"]: c["name"] for c in content.get("categories", [])}
        found = [_row(a, images, labels) for a in content.get("annotations", [])]
    except FileNotFoundError as error:
        raise InvalidArgument(f"{str(place)!r} does not exist; give a COCO json") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"{str(place)!r} is not a COCO json with boxes ({type(error).__name__}: {error}); "
            "expected images, categories and annotations with bbox"
        ) from error
    bare = set(images) - {row[0] for row in found}
    rows = [row[1:] for row in found] + [(images[i], *[None] * 5) for i in images if i in bare]
    return pd.DataFrame(rows, columns=pd.Index((*BOX_COLUMNS, "label")), dtype=object)


def _image(number: int, picture: Picture) -> dict[str, Any]:
    name = picture.entry.name
    return {"id": number, "file_name": name, "width": picture.width, "height": picture.height}


def _annotation(number: int, image: int, category: int, box: Corners) -> dict[str, Any]:
    x, y, right, bottom = box
    width, height = right - x, bottom - y
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [x, y, width, height],
        "area": width * height,
        "iscrowd": 0,
        "segmentation": [],
    }


def _row(
    annotation: dict[str, Any], images: dict[int, str], labels: dict[int, str]
) -> tuple[Any, ...]:
    image, category = annotation["image_id"], annotation["category_id"]
    for key, value, known in (("image_id", image, images), ("category_id", category, labels)):
        if value not in known:
            raise ValueError(f"annotation {annotation.get('id')} has the unknown {key} {value!r}")
    if "bbox" not in annotation:
        raise ValueError(f"annotation {annotation.get('id')} has no bbox")
    x, y, width, height = annotation["bbox"]
    return image, images[image], x, y, width, height, labels[category]


def _write(
    path: Path,
    images: Sequence[dict[str, Any]],
    annotations: Sequence[dict[str, Any]],
    categories: Sequence[dict[str, Any]],
) -> None:
    place = path if path.suffix == ".json" else path / FILE_NAME
    place.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "info": {"description": "written by fastdup-gpu"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    with replacing(place) as stream:
        json.dump(content, stream)
