"""Names of the xml files of labelImg: one per image, never that of another image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from xml.parsers import expat

_LARGEST = 16 << 20
_PLACE = ["annotation", "path"]


def xml_names(files: Sequence[str], folder: Path) -> list[str]:
    """For each file the path of its xml in `folder`: its name with the extension .xml, where
    labelImg looks for it. Images with the same name have it in sub-folders, those below the folder
    that all images have in common. If two would still be the same, or the xml of another image
    exists, the later one keeps its extension (`a.png.xml`) or gets a number.
    """
    places = [Path(os.path.normpath(Path(name).absolute())) for name in files]
    root = os.path.commonpath([place.parent for place in places]) if places else ""
    stems = Counter(place.stem for place in set(places))
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    names = []
    for place in places:
        plain = [f"{place.stem}.xml"] if stems[place.stem] == 1 else []
        candidates = chain(plain, _candidates(place, root, numbers))
        name = next(n for n in candidates if n not in taken and _is_free(folder / n, place))
        taken.add(name)
        names.append(name)
    return names


def _candidates(place: Path, root: str, numbers: dict[str, int]) -> Iterator[str]:
    """Names in order of preference; `numbers` holds the last number used for each name."""
    inside = str(place.relative_to(root))
    yield f"{place.with_suffix('').relative_to(root)}.xml"
    yield f"{inside}.xml"
    while True:
        numbers[inside] = numbers.get(inside, 1) + 1
        yield f"{inside}.{numbers[inside]}.xml"


def _is_free(xml: Path, place: Path) -> bool:
    """Whether there is no such file, or it belongs to the same image. For a path with characters
    that xml cannot represent, or carriage returns, that cannot be decided."""
    if not os.path.lexists(xml):
        return True
    stored = picture_of(xml)
    known = stored is not None and not {"\ufffd", "\r"} & {*stored, *str(place)}
    return known and os.path.normpath(str(stored)) == str(place)


def picture_of(xml: Path) -> str | None:
    """The <path> in an xml of labelImg; None for any other file.

    Also None for a file with a document type, which may declare entities that grow without bounds
    or refer to files.
    """
    try:
        if not xml.is_file() or xml.stat().st_size > _LARGEST:
            return None
        return _Reader().read(xml.read_bytes())
    except (OSError, ValueError, LookupError, expat.ExpatError):
        return None


class _Reader:
    """Collects the text of the one element needed."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._text: list[str] = []

    def read(self, content: bytes) -> str | None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = lambda tag, _: self._open.append(tag)
        parser.EndElementHandler = lambda _: self._open.pop()
        parser.CharacterDataHandler = self._add
        parser.Parse(content, True)
        return "".join(self._text) or None

    def _add(self, text: str) -> None:
        if self._open == _PLACE:
            self._text.append(text)

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type")
