"""The images that a person marked for removal in a gallery, as a json file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from fastdup_gpu._errors import FormatError, InvalidArgument
from fastdup_gpu.analysis import keeping, removal
from fastdup_gpu.analysis.deletion import Plan
from fastdup_gpu.analysis.removal import Item, Origin
from fastdup_gpu.formats import results
from fastdup_gpu.formats.files import parse_json

FORMAT = "fastdup-gpu decisions 1"


@dataclass(frozen=True, slots=True)
class Decisions:
    """The `names` to delete, each once, and the `work_dir` that the gallery was made from, ''
    if unknown."""

    names: list[str]
    work_dir: str


def plan_decisions(
    decisions: str | os.PathLike[str],
    work_dir: str | os.PathLike[str] | None = None,
    protect: object = (),
) -> Plan:
    """Plan what happens to the images that a decisions file lists; deletion.finish() does it.

    Only images of the run in `work_dir` (by default the one that the file names), including those
    of its test_dir, are touched, whatever the file says. A file that the run also knows under
    another name stays, unless both names are listed; so do files that a kept link points to, and
    all files in the folders `protect`. Raises FormatError if it is not a decisions file.
    """
    policy = keeping.Policy(protect=keeping.folders(protect))
    read = read_decisions(Path(decisions))
    folder = Path(work_dir or read.work_dir)
    if not work_dir and not read.work_dir:
        raise InvalidArgument(
            f"{os.fspath(decisions)!r} contains no work_dir; give that of the run"
        )
    names = read.names
    known = {*results.read_filenames(folder), *results.read_test_filenames(folder)}
    strangers = [(name, removal.STRANGE) for name in names if name not in known]
    origin = Origin(folder)
    items = origin.items(name for name in names if name in known)
    others = _other_names(names, origin.items(sorted(known.difference(names))))
    going, refused = removal.sort_out(items, origin, others)
    guarded = [(item.path, keeping.PROTECTED) for item in going if policy.guards(item)]
    going = [item for item in going if not policy.guards(item)]
    return Plan(going, [*strangers, *refused, *guarded])


def _other_names(names: list[str], staying: list[Item]) -> list[Item]:
    """The images that stay and may be one of `names` under another name, or a link to one."""
    last = {PurePath(name).name for name in names}
    return [
        item
        for item in staying
        if os.path.basename(item.path) in last or os.path.islink(item.path)  # noqa: PTH114, PTH119
    ]


def read_decisions(path: Path) -> Decisions:
    """The content of a decisions file. A name that is not UTF-8 is stored as the hex digits of its
    bytes (`bytes_hex`)."""
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f'no "format": {FORMAT!r}')
        names = list(dict.fromkeys(_name(entry) for entry in content["delete"]))
        return Decisions(names, str(content.get("work_dir") or ""))
    except FileNotFoundError as error:
        raise InvalidArgument(f"{str(path)!r} does not exist; give a decisions file") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"{str(path)!r} is not a decisions file of a gallery ({type(error).__name__}: {error})"
        ) from error


def _name(entry: Mapping[str, str]) -> str:
    if "bytes_hex" in entry:
        return os.fsdecode(bytes.fromhex(entry["bytes_hex"]))
    if not isinstance(entry["name"], str):
        raise TypeError(f"{entry['name']!r} is not a name")
    return entry["name"]
