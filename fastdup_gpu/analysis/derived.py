"""Files that a run made itself (crops of images, frames of videos), and their sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from fastdup_gpu._errors import FormatError
from fastdup_gpu._words import count, say
from fastdup_gpu.analysis.removal import Item
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import read_csv

# Pattern of the csv, its columns (made file, source), and the words of the note.
_KINDS = (
    ("*_crops.csv", "crop_filename", "filename", "crop", "cut out of", "image"),
    ("*_frames.csv", "filename", "video", "frame", "took from", "video"),
)
_DEEPEST = 3  # work_dir/tmp/<video>/<frame>, work_dir/crops/atest/<crop>


def tell(items: Sequence[Item]) -> None:
    """Print a note if items are crops or frames: the files they were made from stay."""
    folders = {Path(item.place).parent for item in items}
    homes = {home for folder in folders for home in _homes(folder)}
    for pattern, made, source, thing, verb, origin in _KINDS:
        table = {
            key: whole
            for home in sorted(homes)
            for path in sorted(home.glob(pattern))
            for key, whole in _pairs(path, made, source)
        }
        found = [table[key] for item in items if (key := Path(item.place).parts[-2:]) in table]
        if found:
            wholes = count(len(set(found)), origin)
            say(
                f"note: {count(len(found), 'file is a ' + thing, 'files are ' + thing + 's')} that "
                f"the run {verb} {wholes}; only these {thing}s are affected, the "
                f"{origin}s stay as they are"
            )


def _homes(folder: Path) -> Iterable[Path]:
    """Folders at or above `folder` that may be the work_dir of the run that made its files."""
    return [home for home in list(folder.parents)[:_DEEPEST] if (home / names.CONFIG).is_file()]


def _pairs(path: Path, made: str, source: str) -> Iterable[tuple[tuple[str, ...], str]]:
    try:
        header, rows = read_csv(path)
    except (FormatError, OSError):  # not a file of ours
        return
    if {made, source} <= set(header):
        at, of = header.index(made), header.index(source)
        yield from ((Path(row[at]).parts[-2:], row[of]) for row in rows if len(row) == len(header))
