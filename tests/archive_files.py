"""Small archives for tests."""

import io
import random
import tarfile
import zipfile
from pathlib import Path

from fastdup_gpu.sources import open_source


def noise(seed: int, size: int = 3000) -> bytes:
    return random.Random(seed).randbytes(size)


FILES = {f"d/{i}.jpg": noise(i, 3000 + 37 * i) for i in range(20)}


def member(name: str, **fields) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def tar_bytes(files: dict[str, bytes], extra: list[tarfile.TarInfo] | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", errors="surrogateescape") as archive:
        for info in extra or []:
            archive.addfile(info, io.BytesIO(b"?" * info.size))
        for name, data in files.items():
            archive.addfile(member(name, size=len(data)), io.BytesIO(data))
    return stream.getvalue()


def zip_bytes(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def opened(given, **options):
    return open_source(given, work_dir=Path("work"), **options)


def check_all(source, archive, files):
    assert source.names == [f"{archive}/{name}" for name in files]
    assert [source.load(i) for i in range(len(files))] == list(files.values())
