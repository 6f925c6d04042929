"""Which picture of a group to keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fastdup_gpu.analysis.removal import Item, Origin


def best(items: Sequence[Item], origin: Origin) -> Item:
    """The picture with most pixels, then most bytes, then a file before a link, then the first
    by name. Pixels and bytes are those of the run where known, else those of the file."""

    def rank(item: Item) -> tuple[int, int, bool, str]:
        pixels, size = origin.measures.get(item.name) or _measure(item.path)
        return -pixels, -size, Path(item.path).is_symlink(), item.name

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


def _measure(path: str) -> tuple[int, int]:
    """Pixels by the header, 0 where it cannot be read, and bytes."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            pixels = image.width * image.height
    except Exception:  # Pillow's plug-ins raise errors of every kind on bad input
        pixels = 0
    return pixels, Path(path).stat().st_size
