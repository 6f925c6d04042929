"""Labels from webdataset archives, where a sample is some files that differ in the extension."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import InputError, InvalidArgument, choose
from fastdup_gpu.formats.files import parse_json
from fastdup_gpu.sources import cloud, lists
from fastdup_gpu.sources.archives import list_archive
from fastdup_gpu.sources.base import extension, has_image_extension
from fastdup_gpu.sources.members import Contents, OpenFiles

KINDS = ("cls", "json", "txt")
_LONGEST = 1 << 20  # bytes; a larger member is no label

_log = logging.getLogger(__name__)


def labels(
    input_dir: object,
    *,
    kinds: Sequence[str] = KINDS,
    field: str = "label",
    classes: Sequence[str] | Mapping[Any, str] | None = None,
    work_dir: str | os.PathLike[str] = ".",
) -> dict[str, str]:
    """The label of each picture in the archives of an input, by its name in the result files.

    The members of a sample have the same path up to the first dot of the last part. The first of
    `kinds` that tells a label counts: the text of `.cls` (a number is looked up in `classes`,
    where given), `field` of the object in `.json`, the text of `.txt`. Pictures without a label
    are left out. `input_dir` is that of run_on_webdataset(); remote archives are copied to
    `work_dir/tmp`, where those of a run already are.

        run_on_webdataset("shards", "out")
        create_duplicates_gallery("out", "page", get_label_func=labels("shards"))

    Raises InvalidArgument for unknown kinds, InputError for an input without archives.
    """
    if isinstance(kinds, str) or not set(kinds) <= set(KINDS):
        raise choose("kinds", kinds, KINDS, hint="Give a list of them.")
    found = lists.find(input_dir, Path(work_dir))
    if not found.archives:
        raise InputError(f"input_dir: {found.shown!r} holds no archives; give webdataset tars")
    result: dict[str, str] = {}
    paths = cloud.local_files(found.archives, Path(work_dir))
    for name, path in zip(found.archives, paths, strict=True):
        contents = list_archive(path, frozenset(kinds))
        contents.most = _LONGEST
        if contents.why:
            _log.error("%r cannot be read to its end: %s", name, contents.why)
        told = _told(contents, kinds, field, classes)
        for label in filter(has_image_extension, contents.labels):
            if (sample := _sample(label)) in told:
                result[f"{name}/{label}"] = told[sample]
    return result


def _told(
    contents: Contents,
    kinds: Sequence[str],
    field: str,
    classes: Sequence[str] | Mapping[Any, str] | None,
) -> dict[str, str]:
    """The label of each sample, by the first kind that tells one."""
    best: dict[str, tuple[int, str]] = {}
    for member, text in _texts(contents):
        kind = extension(member)
        label = _read(kind, text, field, classes)
        rank = kinds.index(kind)
        sample = _sample(member)
        if label and (sample not in best or rank < best[sample][0]):
            best[sample] = rank, label
    return {sample: label for sample, (_, label) in best.items()}


def _texts(contents: Contents) -> Iterator[tuple[str, str]]:
    """Name and text of the members that are no pictures, in stored order."""
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


def _read(
    kind: str, text: str, field: str, classes: Sequence[str] | Mapping[Any, str] | None
) -> str:
    """The label in one member; '' where it tells none."""
    if kind == "json":
        return _field(text, field)
    return _class_name(text, classes) if kind == "cls" and classes is not None else text


def _field(text: str, field: str) -> str:
    try:
        content = parse_json(text)
    except ValueError:
        return ""
    value = content.get(field) if isinstance(content, dict) else None
    return "" if value is None else str(value)


def _class_name(text: str, classes: Sequence[str] | Mapping[Any, str]) -> str:
    if isinstance(classes, Mapping):
        key = next((k for k in classes if str(k) == text), None)
        return text if key is None else classes[key]
    if isinstance(classes, str):
        raise InvalidArgument(f"classes={classes!r}: expected a list or dict of class names")
    known = text.isdecimal() and int(text) < len(classes)
    return classes[int(text)] if known else text


def _sample(member: str) -> str:
    """The path of a member up to the first dot of its last part."""
    folder, slash, name = member.rpartition("/")
    return folder + slash + name.partition(".")[0]
