"""Images and labels as Pascal VOC xml, one file per image, as labelImg reads and writes it."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

from fastdup_gpu._arguments import path_text
from fastdup_gpu.analysis.annotations import Corners
from fastdup_gpu.analysis.exports import Picture, class_names, entries, read_all
from fastdup_gpu.analysis.xml_names import xml_names
from fastdup_gpu.formats.files import TEXT, prepare_folder, replacing

CLASSES = "classes.txt"
# What XML 1.0 cannot hold, lone surrogates included.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def export_to_labelImg(
    files: Iterable[object] | str,
    labels: object,
    save_path: str | os.PathLike[str],
    boxes: Iterable[object] | None = None,
) -> list[int]:
    """Write one xml per image, beside those of other images, and add to classes.txt; returns the
    positions in `files` of those written.

    See fastdup_gpu.export_to_labelImg.
    """
    asked = entries(files, labels, boxes)
    folder = Path(path_text("save_path", save_path))
    prepare_folder(folder, "save_path")
    names = xml_names([entry.name for entry in asked], folder)
    done = []
    for picture in read_all(asked):
        target = folder / names[picture.entry.position]
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, "wb", durable=False) as stream:
            ET.ElementTree(_annotation(picture)).write(stream, "utf-8", xml_declaration=False)
        done.append(picture.entry.position)
    _add_classes(folder / CLASSES, class_names(asked))
    return done


def _add_classes(path: Path, labels: Iterable[str]) -> None:
    """Add labels to a list of classes; existing ones keep their line numbers, which may be used."""
    known = []
    if path.is_file():
        with path.open(**TEXT) as stream:  # type: ignore[call-overload]
            known = [line.rstrip("\r\n") for line in stream.read().split("\n")]
        known = known[:-1] if known[-1] == "" else known
    listed = dict.fromkeys(" ".join(label.split()) for label in labels)
    there = set(known)
    added = [label for label in listed if label not in there]
    if added or not path.is_file():
        with replacing(path) as stream:
            stream.writelines(line + "\n" for line in known + added)


def _annotation(picture: Picture) -> ET.Element:
    place = Path(picture.entry.name).absolute()
    root = ET.Element("annotation")
    _add(root, "folder", place.parent.name)
    _add(root, "filename", place.name)
    _add(root, "path", place)
    _add(ET.SubElement(root, "source"), "database", "Unknown")
    size = ET.SubElement(root, "size")
    _add(size, "width", picture.width)
    _add(size, "height", picture.height)
    _add(size, "depth", 3)
    _add(root, "segmented", 0)
    whole = (0, 0, picture.width, picture.height)
    for label, box in picture.entry.objects():
        _add_object(root, label, box or whole)
    ET.indent(root, "\t")
    return root


def _add_object(root: ET.Element, label: str, box: Corners) -> None:
    """Pascal VOC counts pixels from 1, the last one of a box included."""
    left, top, right, bottom = (round(side) for side in box)
    shape = ET.SubElement(root, "object")
    _add(shape, "name", label)
    _add(shape, "pose", "Unspecified")
    _add(shape, "truncated", 0)
    _add(shape, "difficult", 0)
    edges = ET.SubElement(shape, "bndbox")
    _add(edges, "xmin", left + 1)
    _add(edges, "ymin", top + 1)
    _add(edges, "xmax", max(right, left + 1))
    _add(edges, "ymax", max(bottom, top + 1))


def _add(parent: ET.Element, tag: str, value: object) -> None:
    ET.SubElement(parent, tag).text = _FORBIDDEN.sub("\ufffd", str(value))
