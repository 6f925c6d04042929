"""Faults between here and the server: what passes costs nothing, what lasts one picture."""

from __future__ import annotations

import errno
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from archive_files import noise
from making import rows, run

from fastdup_gpu.sources import cloud
from fastdup_gpu.sources.retry import Backoff
from remote.objects import NOISE, check_no_credentials, jpeg, loaded, opened

s3 = pytest.importorskip("fastdup_gpu.sources.s3", reason="s3fs is not installed")


def test_failures_tell_no_credentials(bucket, proxy, tmp_path, caplog):
    name = bucket({"a.jpg": jpeg(1), "b.jpg": jpeg(2), "c.jpg": jpeg(3), "d.jpg": jpeg(4)})
    caplog.set_level(logging.DEBUG)
    status = {"a.jpg": "403", "b.jpg": "503"}
    proxy.fault = lambda path, count: status.get(path.rpartition("/")[2].partition("?")[0], "")
    given = [f"s3://{name}/{key}.jpg" for key in ("a", "b", "missing", "c", "d")]
    assert run(given, tmp_path / "o") == 0
    bad = {r["filename"]: r["error_code"] for r in rows(Path("o/atrain_features.bad.csv"))}
    assert list(bad) == given[:3]
    assert bad[given[2]] == "ERROR_MISSING_FILE"
    assert len(rows(Path("o/atrain_features.dat.csv"))) == 2
    proxy.fault = lambda path, count: "403"
    assert run(f"s3://{name}", tmp_path / "p") == 1
    assert "access denied (AccessDenied)" in caplog.text
    check_no_credentials(caplog)


@pytest.mark.parametrize("fault", ["reset", "500", "503", "cut", "slow", "hang"])
def test_passing_faults_lose_nothing(bucket, proxy, monkeypatch, fault):
    slow = fault in ("slow", "hang")
    monkeypatch.setattr(s3, "PATIENCE", 0.5 if slow else 30)
    name = bucket(NOISE)
    expected = {f"s3://{name}/{key}": data for key, data in NOISE.items()}
    proxy.fault = lambda path, count: fault if count <= 1 + (not slow) else ""
    assert loaded(opened(f"s3://{name}")) == expected
    proxy.counts.clear()
    assert loaded(opened(f"s3://{name}", sync_s3_to_local=True)) == expected
    assert max(proxy.counts.values()) >= 2


def test_what_comes_slowly_is_waited_for(bucket, proxy, monkeypatch):
    """Longer than the patience for one part of it, as where many share a line."""
    monkeypatch.setattr(s3, "PATIENCE", 0.8)
    name = bucket(dict(list(NOISE.items())[:3]))
    proxy.fault = lambda path, count: "crawl" if ".jpg" in path else ""
    assert len(loaded(opened(f"s3://{name}"))) == 3
    assert all(count == 1 for path, count in proxy.counts.items() if ".jpg" in path)


@pytest.mark.parametrize("fault", ["reset", "500", "cut"])
def test_a_lasting_fault_costs_one_picture(bucket, proxy, fault):
    name = bucket(NOISE)
    proxy.fault = lambda path, count: fault if "/05.jpg" in path else ""
    for wish in ({}, {"sync_s3_to_local": True}):
        proxy.counts.clear()
        source = opened(f"s3://{name}", **wish)
        for i, data in enumerate(NOISE.values()):
            if i != 5:
                assert source.load(i) == data
        with pytest.raises(OSError, match="failed") as error:
            source.load(5)
        assert error.value.errno == errno.EIO
        source.close()
        assert proxy.counts[f"/{name}/d/05.jpg"] >= 4


def test_threads_read_ahead_and_large_pictures_in_their_turn(bucket, monkeypatch):
    monkeypatch.setattr(cloud, "_LARGE", 2000)
    objects = {f"{i:03}.jpg": noise(i, 1000 + 2000 * (i % 7 == 0)) for i in range(60)}
    source = opened(f"s3://{bucket(objects)}")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(source.load, range(60))) == list(objects.values())
    assert source.load(3) == objects["003.jpg"]
    source.close()


def test_reading_ahead_asks_once_and_stays_bounded(bucket, proxy):
    name = bucket({f"{i:03}.jpg": noise(i, 10) for i in range(70)})
    source = opened(f"s3://{name}")
    proxy.counts.clear()
    for i in range(20):
        source.load(i)
    source.close()
    assert set(proxy.counts.values()) == {1}
    assert 20 <= len(proxy.counts) <= 20 + 32


def test_objects_over_the_limit(bucket, proxy):
    name = bucket({"a.jpg": noise(1, 5000)})
    place = s3.parse(f"s3://{name}/a.jpg")
    with pytest.raises(s3.TooLarge, match="5000 bytes"):
        s3.Stores().of(place).ask(name, "a.jpg", most=4999).result()
    assert len(s3.Stores().of(place).ask(name, "a.jpg", most=5000).result()) == 5000


def test_waits_double_up_to_a_longest():
    backoff = Backoff(attempts=9, first=0.1, longest=2.0)
    for failed in range(1, 9):
        most = min(2.0, 0.1 * 2 ** (failed - 1))
        waits = [backoff.delay(failed) for _ in range(200)]
        assert most / 2 <= min(waits) < max(waits) <= most
