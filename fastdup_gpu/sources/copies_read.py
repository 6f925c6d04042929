"""The copies of remote objects in the work_dir of a run, for what is made of the run later."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from fastdup_gpu.formats import names
from fastdup_gpu.formats.items import digests_of, identity, read_items
from fastdup_gpu.reading import file_stamp
from fastdup_gpu.sources.copies import Copies


class CopiesRead:
    """The copies that a run has read, as far as it recorded that; without those of earlier runs,
    the objects of which may have changed since."""

    def __init__(self, work_dir: Path) -> None:
        self._copies = Copies(work_dir)
        self._recorded = read_items(work_dir)

    def find(self, url: str, name: str) -> Path | None:
        """The copy of the object that is, or contains, the image `name`; None if there is none."""
        path = self._copies.path(url)
        if not path.is_file():
            return None
        if self._recorded is None:
            return path
        wanted = digests_of([identity(name, self._copies.etag(url).encode())])
        return path if self._recorded.find(wanted)[0] >= 0 else None


def copies_read(work_dir: Path) -> CopiesRead:
    """The copies that a run has read; what was read of its records is kept until they change."""
    records = [names.ITEMS.format(kind=kind) for kind in (names.TRAIN, names.TEST)]
    records.append(f"{names.TMP_DIR}/{names.COPIES}")
    return _opened(work_dir, *(file_stamp(str(work_dir / record)) for record in records))


@lru_cache(maxsize=4)
def _opened(work_dir: Path, *state: bytes) -> CopiesRead:
    return CopiesRead(work_dir)
