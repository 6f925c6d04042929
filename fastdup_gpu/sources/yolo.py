"""The dataset yaml of yolov5: `path`, and `train`, `val`, `test` below it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import yaml

from fastdup_gpu._errors import InputError
from fastdup_gpu.sources.base import is_remote, join
from fastdup_gpu.sources.tables import exists

PARTS = ("train", "val", "test")
_NOTHING = ("", "~", "null", "Null", "NULL")

_log = logging.getLogger(__name__)


def parts(path: str, text: str) -> list[str]:
    """The folders and list files of a yaml, in the order train, val, test.

    Each is looked up below `path` beside the yaml, below `path` in the current directory, and
    without `path` beside the yaml; then, as yolov5 does, without a leading `../`. With a URL as
    `path`, they are below it. Local parts that do not exist cause a warning; raises InputError if
    none exists.
    """
    content = _load(path, text)
    root = "".join(_texts(path, content, "path"))
    named = [name for part in PARTS for name in _texts(path, content, part)]
    here = [place for name in named if (place := _locate(path, root, name))]
    if not here:
        raise InputError(
            f"{path!r}: no folder or list named by its keys train, val and test exists "
            f"(path: {root!r}, names: {named}); check these keys"
        )
    if len(here) < len(named):
        _log.warning("%r: %d of %s do not exist", path, len(named) - len(here), named)
    return here


def _load(path: str, text: str) -> dict[str, Any]:
    try:
        # Scalars stay text, as names should, and keys are not merged, which could grow endlessly.
        content = yaml.load(text, yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path!r} is not a readable yaml: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path!r} is not a yolov5 yaml; expected keys path, train, val, test")
    return content


def _texts(path: str, content: dict[str, Any], key: str) -> list[str]:
    value = content.get(key, [])
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(v, str) for v in values):
        raise InputError(f"{path!r}: {key} is not a path; expected a path, or a list of paths")
    return [v for v in values if v not in _NOTHING]


def _locate(path: str, root: str, name: str) -> str | None:
    if is_remote(name) or Path(name).is_absolute():
        return name if is_remote(name) or exists(name) else None
    if is_remote(root):
        return root if name in (".", "./") else join(root, name.removeprefix("./"))
    places = _places(str(Path(path).parent), root, name)
    if name.startswith("../"):
        places += _places(str(Path(path).parent), root, name.removeprefix("../"))
    return next((place for place in places if exists(place)), None)


def _places(folder: str, root: str, name: str) -> list[str]:
    below = name if root in ("", ".") else join(root, name)
    return [below, name] if folder == "." else [join(folder, below), below, join(folder, name)]
