"""`python -m benchmarks.remote`: S3 against a local folder, side by side.

    python -m benchmarks.remote --photos FOLDER [--images 2000] [--repeats 3]

The same JPEGs stand in a folder and in a bucket of a moto server on this machine. Each
repetition extracts them from the folder, from the bucket, and from the bucket by way of copies
(sync_s3_to_local=1), each in a process of its own. The server is a Python program that takes its
time from the same cores, in `server_cpu_seconds`: the ratio is a lower bound of what a server
elsewhere allows. The row `bare reads` fetches all objects by 16 threads and does nothing with
them; nobody is faster than that against this server.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.data import many_pictures, quantiles
from benchmarks.run import measure, write_rows
from benchmarks.s3_server import ENVIRONMENT, Server, client, server

RESULTS = Path(__file__).parent / "results"
BUCKET, READERS = "photos", 16
COLUMNS = (
    "where", "images", "megabytes", "runs", "seconds_p50", "images_per_second", "ratio_to_local",
    "cpu_seconds", "server_cpu_seconds", "server", "date", "cpu", "cores", "python", "commit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timed:
    """One way, once: seconds, and CPU seconds of ours and of the server."""

    seconds: float
    cpu_seconds: float
    server_cpu_seconds: float


def fill(running: Server, folder: Path) -> None:
    """Put the pictures of a folder into the bucket."""
    s3 = client(running.address)
    s3.create_bucket(Bucket=BUCKET)
    with ThreadPoolExecutor(READERS) as pool:
        list(
            pool.map(lambda p: s3.upload_file(str(p), BUCKET, p.name), sorted(folder.glob("*.jpg")))
        )


def ways(folder: Path, out: Path, running: Server) -> dict[str, Callable[[], tuple[float, float]]]:
    """Each way to get at the pictures; a call gives seconds and CPU seconds."""

    def run(given: str, turi_param: str = "") -> tuple[float, float]:
        shutil.rmtree(out, ignore_errors=True)
        arguments = {"input_dir": given, "work_dir": str(out), "run_mode": 1}
        done = measure(
            sys.executable,
            "fastdup_gpu",
            arguments | {"turi_param": turi_param},
            out.with_name("log.txt"),
        )
        return done.seconds, done.cpu_seconds

    return {
        "local": lambda: run(str(folder)),
        "s3": lambda: run(f"s3://{BUCKET}"),
        "s3, sync_s3_to_local=1": lambda: run(f"s3://{BUCKET}", "sync_s3_to_local=1"),
        "bare reads": lambda: _bare_reads(running),
    }


def _bare_reads(running: Server) -> tuple[float, float]:
    s3 = client(running.address)
    begin, used = time.perf_counter(), time.process_time()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(lambda key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read(), keys))
    return time.perf_counter() - begin, time.process_time() - used


def rows(times: dict[str, list[Timed]], folder: Path, images: int) -> Iterator[dict[str, Any]]:
    """A row for each way."""
    size = sum(path.stat().st_size for path in folder.glob("*.jpg"))
    local = quantiles([t.seconds for t in times["local"]])[1]
    for where, timed in times.items():
        seconds = quantiles([t.seconds for t in timed])[1]
        yield {
            "where": where,
            "images": images,
            "megabytes": round(size / 1e6, 1),
            "runs": len(timed),
            "seconds_p50": round(seconds, 2),
            "images_per_second": round(images / seconds, 1),
            "ratio_to_local": round(local / seconds, 3),
            "cpu_seconds": round(quantiles([t.cpu_seconds for t in timed])[1], 2),
            "server_cpu_seconds": round(quantiles([t.server_cpu_seconds for t in timed])[1], 2),
            "server": "moto",
            **environment.describe(),
        }


@contextmanager
def _surroundings() -> Iterator[Server]:
    with server() as running:
        os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL=running.address)
        yield running


def main() -> None:
    """Parse the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/fastdup-bench"))
    parser.add_argument("--out", type=Path, default=RESULTS / "remote.csv")
    args = parser.parse_args()
    folder = many_pictures(args.photos, args.scratch / f"pictures-{args.images}", args.images)
    with _surroundings() as running:
        fill(running, folder)
        times: dict[str, list[Timed]] = {}
        for repeat in range(args.repeats):
            for where, way in ways(folder, args.scratch / "out-remote", running).items():
                before = running.cpu_seconds()
                seconds, used = way()
                timed = Timed(seconds, used, running.cpu_seconds() - before)
                times.setdefault(where, []).append(timed)
                print(f"{where} #{repeat}: {seconds:.2f} s, {args.images / seconds:.0f} images/s")
    write_rows(args.out, list(rows(times, folder, args.images)), COLUMNS)


if __name__ == "__main__":
    main()
