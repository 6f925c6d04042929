"""Tar and zip archives, their members, and labels in webdataset archives."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

from archive_files import member, tar_bytes, zip_bytes

from fastdup_gpu import FastdupError
from fastdup_gpu.sources import webdataset
from fastdup_gpu.sources.archives import ArchiveSource, list_archive
from fuzz.target import Target

_FILES = {"d/1.jpg": b"one" * 50, "d/2.png": b"two" * 400, "3.jpg": b"x", "d/1.cls": b"4"}
_MOST = 50  # members read of each archive


def _read(suffix: str) -> Callable[[bytes, Path], None]:
    def call(data: bytes, folder: Path) -> None:
        path = folder / f"a{suffix}"
        path.write_bytes(data)
        source = ArchiveSource([list_archive(str(path))])
        try:
            for i in range(min(len(source.names), _MOST)):
                _load(source, i)
        finally:
            source.close()

    return call


def _load(source: ArchiveSource, index: int) -> None:
    try:
        source.load(index)
    except OSError:
        return


def _labels(data: bytes, folder: Path) -> None:
    path = folder / "a.tar"
    path.write_bytes(data)
    webdataset.labels(str(path), classes=["a", "b"], work_dir=folder)


def _tars() -> list[bytes]:
    link = member("l.jpg", type=b"2", linkname="/etc/passwd")
    long = {f"{'n' * 150}/{i}.jpg": b"z" * i for i in range(3)}
    return [tar_bytes(_FILES), tar_bytes(_FILES, [link]), tar_bytes(long)]


def _packed() -> list[bytes]:
    return [pack(_tars()[0]) for pack in (gzip.compress, bz2.compress, lzma.compress)]


def _zips() -> list[bytes]:
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    return [zip_bytes(_FILES, method) for method in methods]


def _webdataset() -> list[bytes]:
    return [tar_bytes({"1.jpg": b"j", "1.json": b'{"label": 1}', "2.jpg": b"j", "2.txt": b"dog"})]


def targets() -> list[Target]:
    """Targets of this family."""
    tar, pk = (b"ustar\x0000", b"GNU.sparse.map=", b"L", b"x"), (b"PK\3\4", b"PK\1\2", b"PK\5\6")
    return [
        Target("tar", _tars, _read(".tar"), tar),
        Target("tar.gz", _packed, _read(".tgz"), tar),
        Target("zip", _zips, _read(".zip"), pk),
        Target("webdataset.tar", _webdataset, _labels, tar, (FastdupError, OSError)),
    ]
