"""Collections of real pictures, where they stand beside the checkout."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

BESIDE = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real collections."""
    if not (BESIDE / "data").is_dir():
        pytest.skip("the folder `shared` with real picture collections is not beside the checkout")
    return BESIDE


@pytest.fixture(scope="session")
def collection(shared, tmp_path_factory):
    """A function from the name of a collection to its unpacked folder."""
    root = tmp_path_factory.mktemp("collections")

    def unpacked(name: str) -> Path:
        folder = root / name
        if not folder.is_dir():
            packed = shared / "data" / f"{name}.tar"
            if not packed.is_file():
                pytest.skip(f"{packed.name} is not among the real picture collections")
            with tarfile.open(packed) as archive:
                archive.extractall(root, filter="data")
        return folder

    return unpacked
