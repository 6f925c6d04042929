"""Which picture of a group to keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fastdup_gpu.analysis.removal import Item, Origin
from fastdup_gpu.sources.pixels import read_header


def best(items: Sequence[Item], origin: Origin) -> Item:
    """The picture with most pixels, then most bytes, then the sharpest, then a file before a link,
    then the first by name; as galleries mark it. All three are those of the run where known, else
    pixels and bytes those of the file."""

    def rank(item: Item) -> tuple[int, int, float, bool, str]:
        pixels, size, sharpness = origin.measures.get(item.name) or _measure(item.path)
        return -pixels, -size, -sharpness, Path(item.path).is_symlink(), item.name

    return min(items, key=rank)


def best_of_majority(
    items: Sequence[Item], labels: Sequence[Sequence[str]], origin: Origin
) -> Item:
    """The best of the pictures that carry the most frequent label; where labels are equally
    frequent, of all that carry one of those. Without any label, the best of all."""
    counts = Counter(label for own in labels for label in set(own))
    top = max(counts.values(), default=0)
    leading = {label for label, count in counts.items() if count == top}
    carrying = [i for i, own in zip(items, labels, strict=True) if leading & set(own)]
    return best(carrying or items, origin)


def _measure(path: str) -> tuple[int, int, float]:
    """Pixels by the header, 0 where it cannot be read, bytes, and no sharpness."""
    try:
        with Path(path).open("rb") as stream:
            header = read_header(stream)
    except OSError as error:
        header = str(error)
    pixels = 0 if isinstance(header, str) else header.width * header.height
    return pixels, Path(path).stat().st_size, 0.0
