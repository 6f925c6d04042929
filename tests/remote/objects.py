"""What the tests of remote inputs share."""

from __future__ import annotations

import io
from pathlib import Path

from archive_files import noise
from making import photo

from benchmarks.s3_server import ACCESS, SECRET
from fastdup_gpu.sources import open_source

NOISE = {f"d/{i:02}.jpg": noise(i) for i in range(12)}


def jpeg(seed: int) -> bytes:
    stream = io.BytesIO()
    photo(seed).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def opened(given, work_dir="work", **wishes):
    return open_source(given, work_dir=Path(work_dir), **wishes)


def loaded(source) -> dict[str, bytes]:
    try:
        return {name: source.load(i) for i, name in enumerate(source.names)}
    finally:
        source.close()


def copied() -> list[str]:
    return sorted(p.name for p in Path("work/tmp").rglob("*") if p.suffix not in ("", ".jsonl"))


def check_no_credentials(caplog):
    texts = [r.getMessage() + (r.exc_text or "") for r in caplog.records]
    files = [p.read_bytes() for p in Path().rglob("*") if p.is_file()]
    for secret in (ACCESS, SECRET):
        assert not [text for text in texts if secret in text]
        assert not [data for data in files if secret.encode() in data]
