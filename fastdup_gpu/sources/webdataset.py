"""Labels from webdataset archives, where a sample is a set of files that differ in extension."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastdup_gpu._arguments import path_text
from fastdup_gpu._errors import InputError, InvalidArgument, choose
from fastdup_gpu.formats.files import parse_json
from fastdup_gpu.sources import cloud, lists
from fastdup_gpu.sources.archives import list_archive
from fastdup_gpu.sources.base import extension, has_image_extension
from fastdup_gpu.sources.members import Contents, OpenFiles

KINDS = ("cls", "json", "txt")
_LONGEST = 1 << 20  # bytes; a larger member is not a label
_DIGITS = 18  # of the largest class number that is looked up in a list

_log = logging.getLogger(__name__)


def labels(
    input_dir: object,
    *,
    kinds: Sequence[str] = KINDS,
    field: str = "label",
    classes: Sequence[str] | Mapping[Any, str] | None = None,
    work_dir: str | os.PathLike[str] = ".",
) -> dict[str, str]:
    """The label of each image in the archives of an input, by its name in the result files.

    The members of a sample have the same path up to the first dot of the last part. The label comes
    from the first of `kinds` that has one: the text of `.cls` (a number is looked up in `classes`,
    if given), `field` of the object in `.json`, the text of `.txt`. Images without a label are left
    out. `input_dir` is that of run_on_webdataset(); remote archives are copied to `work_dir/tmp`,
    where those of a run already are.

        run_on_webdataset("shards", "out")
        create_duplicates_gallery("out", "page", get_label_func=labels("shards"))

    Raises InvalidArgument for unknown kinds and for classes that are neither a list nor a dict,
    InputError for an input without archives.
    """
    if not isinstance(kinds, (list, tuple)) or any(kind not in KINDS for kind in kinds):
        raise choose("kinds", kinds, KINDS, hint="Give a list of them.")
    name_of = _lookup(classes)
    folder = Path(path_text("work_dir", work_dir))
    found = lists.find(input_dir, folder)
    if not found.archives:
        raise InputError(f"input_dir: {found.shown!r} contains no archives; give webdataset tars")
    result: dict[str, str] = {}
    paths = cloud.local_files(found.archives, folder)
    for name, path in zip(found.archives, paths, strict=True):
        contents = list_archive(path, frozenset(kinds))
        contents.most = _LONGEST
        if contents.why:
            _log.error("%r cannot be read to its end: %s", name, contents.why)
        told = _told(contents, kinds, field, name_of)
        for label in filter(has_image_extension, contents.labels):
            if (sample := _sample(label)) in told:
                result[f"{name}/{label}"] = told[sample]
    return result


def _told(
    contents: Contents, kinds: Sequence[str], field: str, name_of: Callable[[str], str]
) -> dict[str, str]:
    """The label of each sample, from the first kind that has one."""
    best: dict[str, tuple[int, str]] = {}
    for member, text in _texts(contents):
        kind = extension(member)
        label = _read(kind, text, field, name_of)
        rank = kinds.index(kind)
        sample = _sample(member)
        if label and (sample not in best or rank < best[sample][0]):
            best[sample] = rank, label
    return {sample: label for sample, (_, label) in best.items()}


def _texts(contents: Contents) -> Iterator[tuple[str, str]]:
    """Name and text of the members that are not images, in the order of storage."""
    files = OpenFiles(most=1)
    try:
        for position, member in enumerate(contents.labels):
            if has_image_extension(member):
                continue
            try:
                data = contents.read(position, files)
            except OSError as error:
                _log.warning("%r in %r: %s", member, contents.path, error.strerror or error)
                continue
            yield member, data.decode("utf-8", "replace").strip()
    finally:
        files.close()


def _read(kind: str, text: str, field: str, name_of: Callable[[str], str]) -> str:
    """The label in one member; '' if there is none."""
    if kind == "json":
        return _field(text, field)
    return name_of(text) if kind == "cls" else text


def _field(text: str, field: str) -> str:
    try:
        content = parse_json(text)
    except ValueError:
        return ""
    value = content.get(field) if isinstance(content, dict) else None
    return "" if value is None else str(value)


def _lookup(classes: Sequence[str] | Mapping[Any, str] | None) -> Callable[[str], str]:
    """A function from the text of `.cls` to the name of its class; the text itself if the class is
    unknown."""
    if classes is None:
        return str
    if isinstance(classes, Mapping):
        by_text: dict[str, str] = {}
        for key, name in classes.items():
            by_text.setdefault(str(key), name)
        return lambda text: by_text.get(text, text)
    if isinstance(classes, str) or not hasattr(classes, "__getitem__"):
        raise InvalidArgument(f"classes={classes!r}: expected a list or dict of class names")
    return lambda text: _at(text, classes)


def _at(text: str, classes: Sequence[str]) -> str:
    """The class with a number; the text itself if it is not a number, or too large."""
    digits = text.lstrip("0") or text[-1:]
    known = digits.isdecimal() and len(digits) <= _DIGITS and int(digits) < len(classes)
    return classes[int(digits)] if known else text


def _sample(member: str) -> str:
    """The path of a member up to the first dot of its last part."""
    folder, slash, name = member.rpartition("/")
    return folder + slash + name.partition(".")[0]
