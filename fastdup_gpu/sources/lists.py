"""The names that an `input_dir` of any form stands for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fastdup_gpu._errors import InputError, InvalidArgument
from fastdup_gpu.sources import boxes, cloud, yolo
from fastdup_gpu.sources.base import (
    Found,
    extension,
    has_image_extension,
    is_archive,
    is_remote,
    is_video,
)
from fastdup_gpu.sources.endpoints import is_cloud, parse, without_credentials
from fastdup_gpu.sources.folder import walk
from fastdup_gpu.sources.tables import names_of, read_text, rows_of, table_of

EXPECTED = (
    "a folder, an archive (tar, tgz, tbz2, txz, zip), a text file of names, a csv with a column "
    "'filename', a yolov5 yaml, an s3:// or minio:// URL or a Python list"
)

_log = logging.getLogger(__name__)


def find(input_dir: object, work_dir: Path) -> Found:
    """List an input. Folders are listed recursively; lists keep their order, their missing files
    and their duplicates (with a warning), so that positions mean the same in every run.

    Raises InvalidArgument for a wrong type and InputError for an input that cannot be read.
    """
    if isinstance(input_dir, (str, bytes, os.PathLike)):
        return _from_path(os.fsdecode(input_dir), work_dir)
    names = _items(input_dir)
    if not names:
        raise InputError("input_dir is an empty list; give the paths of images")
    return _warn_of_doubles(_from_names("the list given as input_dir", names, work_dir))


def _items(input_dir: object) -> list[str]:
    """The names in a list, tuple, iterator, numpy array or pandas Series."""
    if hasattr(input_dir, "tolist"):
        input_dir = input_dir.tolist()
    if not isinstance(input_dir, (list, tuple, Iterator)):
        raise InvalidArgument(
            f"input_dir is of type {type(input_dir).__name__}; expected {EXPECTED} "
            "(for a DataFrame, give its column of names)"
        )
    return [_item(i, item) for i, item in enumerate(input_dir)]


def _item(i: int, item: object) -> str:
    if not isinstance(item, (str, bytes, os.PathLike)):
        raise InvalidArgument(
            f"input_dir[{i}]={item!r} is of type {type(item).__name__}; "
            "every item must be the path of a file or folder"
        )
    name = os.fsdecode(item)
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"input_dir[{i}]={name!r} is not a valid file name (it contains a lone surrogate); "
            "give names as the operating system returns them (str, bytes or os.PathLike)"
        ) from error
    return name


def _from_path(path: str, work_dir: Path) -> Found:
    _refuse_remote(path)
    if is_cloud(path):
        return _from_cloud(path)
    _require(path)
    if extension(path) in ("yaml", "yml") and not _is_folder(path):
        return _from_yaml(path, work_dir)
    return _from_folder_or_file(path, work_dir)


def _from_folder_or_file(path: str, work_dir: Path, *, with_boxes: bool = True) -> Found:
    if _is_folder(path):
        return walk(path, work_dir)
    if has_image_extension(path) or is_archive(path) or is_video(path):
        found = Found(path)
        found.add(path, any_extension=False)
        return found
    return _from_text(path, work_dir, with_boxes)


def _from_text(path: str, work_dir: Path, with_boxes: bool) -> Found:
    """Read a csv if the first row is a header, else one name per row."""
    text = read_text(path)
    table = table_of(path, text)
    if table is not None and with_boxes and boxes.has_boxes(table):
        found = boxes.read_table(table)
        _refuse_remote(*found.pictures)
        return found
    if table is not None:
        boxes.warn_of_other_forms(table)
    names = rows_of(path, text) if table is None else names_of(table)
    return _warn_of_doubles(_from_names(path, names, work_dir))


def _from_yaml(path: str, work_dir: Path) -> Found:
    """The folders or lists of train, val and test, one after the other."""
    found = Found(path)
    for part in yolo.parts(path, read_text(path)):
        _refuse_remote(part)
        found.extend(
            _from_cloud(part)
            if is_cloud(part)
            else _from_folder_or_file(part, work_dir, with_boxes=False)
        )
    return _warn_of_doubles(found)


def _from_names(shown: str, names: Iterable[str], work_dir: Path) -> Found:
    """Names as given, with any extension; folders among them are listed recursively."""
    found = Found(shown)
    for name in names:
        _refuse_remote(name)
        if is_cloud(name):
            found.extend(_from_cloud(name, any_extension=True))
            continue
        # Names of images are not looked up on disk: lists may be long and disks slow.
        if not has_image_extension(name) and _is_folder(name):
            found.extend(walk(name, work_dir))
        else:
            found.add(name, any_extension=True)
    return found


def _is_folder(path: str) -> bool:
    try:
        return path != "" and Path(path).is_dir()  # Path("") is the current directory
    except OSError:
        return False


def _require(path: str) -> None:
    if not path:
        raise InputError(f"input_dir is empty; give the path of {EXPECTED}")
    try:
        Path(path).stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        home = " (~ is not expanded)" if path.startswith("~") else ""
        raise InputError(
            f"input_dir={path!r} cannot be read ({reason}){home}; give the path of {EXPECTED}"
        ) from error


def _from_cloud(url: str, *, any_extension: bool = False) -> Found:
    """A URL named like a file is taken without a request; any other one is listed."""
    found = Found(url)
    found.add(url, any_extension=False)
    if found.pictures or found.archives or found.videos:
        return found
    return cloud.find(url, any_extension=any_extension)


def _refuse_remote(*names: str) -> None:
    for name in names:
        if is_cloud(name):
            parse(name)
        elif is_remote(name):
            raise InputError(
                f"input_dir names {without_credentials(name)!r}, but only local files and s3:// "
                "or minio:// URLs can be read; copy the files to a local folder first"
            )


def _warn_of_doubles(found: Found) -> Found:
    doubles = len(found.pictures) - len(set(found.pictures))
    if doubles:
        _log.warning(
            "%r lists %d image(s) more than once; each entry counts as an image",
            found.shown,
            doubles,
        )
    return found
