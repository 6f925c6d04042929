"""A network that is gone ends the run with what is done kept, and no picture taken for bad."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from archive_files import tar_bytes
from making import contents, rows, run

from fastdup_gpu.sources.retry import Backoff
from fastdup_gpu.stages import extract
from remote.objects import NOISE, check_no_credentials, copied, jpeg, loaded, opened

s3 = pytest.importorskip("fastdup_gpu.sources.s3", reason="s3fs is not installed")
PICTURES = {f"{i:03}.jpg": jpeg(i) for i in range(60)}


@pytest.fixture
def photos(bucket, monkeypatch):
    monkeypatch.setattr(s3, "LOST", 0.5)
    monkeypatch.setattr(extract, "_COMMIT_SECONDS", 0)
    return f"s3://{bucket(PICTURES)}"


def dead_from(proxy, key: str, fault: str = "reset"):
    """From the first request for `key` on nothing is answered."""
    dead = threading.Event()

    def decide(path: str, count: int) -> str:
        if key in path:
            dead.set()
        return fault if dead.is_set() else ""

    proxy.fault = decide


@pytest.mark.parametrize("fault", ["reset", "503"])
@pytest.mark.parametrize("sync", [0, 1])
def test_a_lasting_outage_stops_the_run_and_resume_goes_on(photos, proxy, caplog, sync, fault):
    wishes = {"turi_param": f"sync_s3_to_local={sync}", "num_threads": 2}
    assert run(photos, Path("whole"), **wishes) == 0
    dead_from(proxy, "050.jpg", fault)
    caplog.set_level(logging.INFO)
    assert run(photos, Path("o"), **wishes) == 1
    assert "resume=1" in caplog.text
    assert "has not responded for" in caplog.text
    check_no_credentials(caplog)
    assert not Path("o/atrain_features.bad.csv").exists()
    proxy.fault = lambda path, count: ""
    assert run(photos, Path("o"), resume=1, **wishes) == 0
    assert contents(Path("o")) == contents(Path("whole"))
    assert rows(Path("o/atrain_features.bad.csv")) == []
    if not sync:
        assert json.loads(Path("o/config.json").read_text())["found"]["resumed_at"] >= 8


@pytest.mark.parametrize("sync", [0, 1])
def test_credentials_that_expire_stop_the_run_and_resume_goes_on(photos, proxy, caplog, sync):
    wishes = {"turi_param": f"sync_s3_to_local={sync}", "num_threads": 2}
    assert run(photos, Path("whole"), **wishes) == 0
    dead_from(proxy, "050.jpg", "400")
    assert run(photos, Path("o"), **wishes) == 1
    assert "no longer accepts the credentials (ExpiredToken)" in caplog.text
    assert "resume=1" in caplog.text
    assert not Path("o/atrain_features.bad.csv").exists()
    proxy.fault = lambda path, count: ""
    assert run(photos, Path("o"), resume=1, **wishes) == 0
    assert contents(Path("o")) == contents(Path("whole"))


def test_pictures_failing_before_the_server_is_lost_are_not_kept_as_bad(photos, proxy):
    """Those that wait for the probe are tried again by the resumed run, whenever it stops."""
    dead_from(proxy, "000.jpg")
    assert run(photos, Path("o")) == 1
    proxy.fault = lambda path, count: ""
    assert run(photos, Path("o"), resume=1) == 0
    assert len(rows(Path("o/atrain_features.dat.csv"))) == 60


def test_a_short_outage_costs_nothing(bucket, proxy, monkeypatch):
    monkeypatch.setattr(s3, "LOST", 30)
    name = bucket(NOISE)
    source = opened(f"s3://{name}")
    until = time.monotonic() + 1.0  # far longer than all tries of one request
    proxy.fault = lambda path, count: "reset" if time.monotonic() < until else ""
    assert loaded(source) == {f"s3://{name}/{key}": data for key, data in NOISE.items()}


def test_a_server_that_is_not_there(bucket, monkeypatch, caplog):
    name = bucket({})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert run(f"s3://{name}", Path("o")) == 1
    assert "cannot be listed" in caplog.text
    assert "http://127.0.0.1:9 cannot be reached" in caplog.text
    caplog.clear()
    assert run([f"s3://{name}/{i}.jpg" for i in range(1000)], Path("o")) == 1
    assert "http://127.0.0.1:9 cannot be reached" in caplog.text


@pytest.mark.parametrize("fault", ["hang", "503"])
def test_an_interruption_does_not_wait_for_copies(bucket, proxy, monkeypatch, fault):
    monkeypatch.setattr(s3, "BACKOFF", Backoff())
    given = f"s3://{bucket(NOISE)}/d"
    proxy.fault = lambda path, count: fault if re.search("/d/(?!00)", path) else ""
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        opened(given, sync_s3_to_local=True, counting=interrupted)
    assert time.monotonic() - begin < 5
    assert copied() == ["00.jpg"]


@contextmanager
def interrupted(title, total):
    def advance(done, bad):
        time.sleep(0.5)  # the others are being copied by now
        raise KeyboardInterrupt

    yield advance


def test_an_outage_while_archives_are_copied(bucket, proxy, monkeypatch):
    monkeypatch.setattr(s3, "LOST", 0.5)
    shards = {n: {f"{n}{i}.jpg": jpeg(9 * n + i) for i in range(9)} for n in range(3)}
    name = bucket({f"{n}.tar": tar_bytes(pictures) for n, pictures in shards.items()})
    assert run(f"s3://{name}", Path("whole")) == 0
    dead_from(proxy, "1.tar")
    assert run(f"s3://{name}", Path("o")) == 1
    proxy.fault = lambda path, count: ""
    assert run(f"s3://{name}", Path("o"), resume=1) == 0
    assert contents(Path("o")) == contents(Path("whole"))
