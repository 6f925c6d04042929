"""Real inputs to begin with: what the library writes itself, and pictures of each format."""

from __future__ import annotations

import tarfile
import tempfile
from functools import lru_cache
from pathlib import Path

from making import photo, photos, run

SHARED = Path(__file__).parents[3] / "shared" / "data"


_folder = tempfile.TemporaryDirectory(prefix="fuzz-run-")  # removed at the end of the process


@lru_cache(1)
def finished() -> Path:
    """The work_dir of a small run, with a table of components."""
    import fastdup_gpu

    folder = Path(_folder.name)
    files = photos(folder / "pictures", 6)
    photo(2).save(folder / "pictures" / "again.jpg", quality=85)
    (folder / "pictures" / "bad.jpg").write_bytes(files[0].read_bytes()[:700])
    assert run(folder / "pictures", folder / "out", num_threads=1) == 0
    fastdup_gpu.run_kmeans_on_extracted(folder / "out", folder / "out", num_clusters=2)
    fastdup_gpu.find_top_components(folder / "out", save_path=str(folder / "out"))
    return folder / "out"


def stored(name: str) -> bytes:
    """One file of that run."""
    return (finished() / name).read_bytes()


@lru_cache(1)
def ugly() -> dict[str, bytes]:
    """Small files of the collection of odd files, where it stands beside the checkout."""
    packed = SHARED / "ugly.tar"
    if not packed.is_file():
        return {}
    found = {}
    with tarfile.open(packed) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream and member.size <= 60_000:
                found[member.name] = stream.read()
    return found
