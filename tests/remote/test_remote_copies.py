"""Copies of remote files: made once, kept or deleted as wished."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from archive_files import noise, tar_bytes, zip_bytes
from making import contents, rows, run
from small_disks import disk

from fastdup_gpu import InputError
from fastdup_gpu.galleries.readers import Reader
from fastdup_gpu.sources import find_videos, open_source, read_by_name
from remote.objects import NOISE, copied, jpeg, loaded, opened

s3 = pytest.importorskip("fastdup_gpu.sources.s3", reason="s3fs is not installed")
from fastdup_gpu.sources import copies  # noqa: E402  needs s3fs


def test_sync_fetches_what_is_new(bucket, proxy):
    name = bucket(NOISE)
    given = f"s3://{name}/d"
    assert len(loaded(opened(given, sync_s3_to_local=True))) == 12
    assert len(copied()) == 12
    bucket({"d/03.jpg": b"changed", "d/99.jpg": b"new"})
    Path("work/tmp/s3", name, "d/04.jpg").unlink()
    Path("work/tmp/s3", name, "d/05.jpg").write_bytes(b"short")
    with Path("work/tmp/copies.jsonl").open("a") as journal:
        journal.write('["torn by a ki')
    proxy.statuses.clear()
    expected = NOISE | {"d/03.jpg": b"changed", "d/99.jpg": b"new"}
    found = loaded(opened(given, sync_s3_to_local=True))
    assert found == {f"s3://{name}/{key}": data for key, data in expected.items()}
    assert proxy.statuses.count(304) == 9
    assert proxy.statuses.count(206) == 4
    proxy.statuses.clear()
    loaded(opened(given, sync_s3_to_local=True))
    assert set(proxy.statuses) == {200, 304}  # the listing, and nothing new


def test_a_disk_without_room_for_copies_makes_no_picture_bad(bucket, tmp_path, caplog):
    pictures = {f"{i}.jpg": jpeg(i) for i in range(4)}
    given = f"s3://{bucket(pictures | {'large.jpg': jpeg(4) + bytes(1_000_000)})}"
    wishes = {"turi_param": "sync_s3_to_local=1"}
    assert run(given, tmp_path / "whole", **wishes) == 0
    with disk(tmp_path / "disk", 500) as small:
        out = small.path / "out"
        assert run(given, out, **wishes) == 1
        assert "No space left on device" in caplog.text
        small.resize(40_000)
        assert run(given, out, resume=1, **wishes) == 0
        assert contents(out) == contents(tmp_path / "whole")


def test_a_video_that_is_gone_leaves_no_older_copy(bucket, client, caplog):
    name = bucket({"v.mp4": b"video"})
    (copy,) = find_videos([f"s3://{name}/v.mp4"], Path("work"))
    assert Path(copy).read_bytes() == b"video"
    client.delete_object(Bucket=name, Key="v.mp4")
    assert find_videos([f"s3://{name}/v.mp4"], Path("work")) == [copy]
    assert not Path(copy).exists()
    assert "v.mp4' cannot be read: not found" in caplog.text


def test_a_resumed_run_sees_that_a_copied_picture_is_gone(bucket, client):
    name = bucket({f"{i}.jpg": jpeg(i) for i in range(4)})
    given = [f"s3://{name}/{i}.jpg" for i in range(4)]
    wishes = {"turi_param": "sync_s3_to_local=1", "resume": 1}
    assert run(given, Path("out"), **wishes) == 0
    client.delete_object(Bucket=name, Key="2.jpg")
    assert run(given, Path("out"), **wishes) == 0
    (bad,) = rows(Path("out/atrain_features.bad.csv"))
    assert (bad["filename"], bad["error_code"]) == (given[2], "ERROR_MISSING_FILE")


def test_an_empty_object_has_an_empty_copy(bucket):
    name = bucket({"a.jpg": b"", "b.jpg": b"x"})
    found = loaded(opened(f"s3://{name}", sync_s3_to_local=True))
    assert found == {f"s3://{name}/a.jpg": b"", f"s3://{name}/b.jpg": b"x"}


def test_delete_img_deletes_the_copies(bucket):
    given = f"s3://{bucket(NOISE)}"
    source = opened(given, sync_s3_to_local=True, delete_img=True)
    assert len(copied()) == 12
    assert len(loaded(source)) == 12
    assert copied() == []


def test_synced_runs_keep_the_names(bucket, tmp_path):
    name = bucket({f"{i}.jpg": jpeg(i) for i in range(4)})
    given = f"s3://{name}"
    assert run(given, tmp_path / "a") == 0
    assert run(given, tmp_path / "b", turi_param="sync_s3_to_local=1") == 0
    for file in ("atrain_features.dat", "atrain_features.dat.csv", "similarity.csv"):
        assert Path("a", file).read_bytes() == Path("b", file).read_bytes()


def shards() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Archives of each kind, and their pictures by name below the bucket."""
    parts = [{f"s/{i}{n}.jpg": noise(10 * i + n) for n in range(5)} for i in range(4)]
    plain = tar_bytes(parts[2])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for key, data in parts[1].items():
            info = tarfile.TarInfo(key)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    archives = {
        "w/0.tar": tar_bytes(parts[0]),
        "w/1.tgz": packed.getvalue(),
        "w/2.tar": plain,
        "w/3.zip": zip_bytes(parts[3]),
    }
    names = zip(archives, parts, strict=True)
    return archives, {f"{a}/{key}": data for a, part in names for key, data in part.items()}


@pytest.mark.parametrize("delete", [False, True])
def test_archives_are_copied_and_read(bucket, delete):
    archives, pictures = shards()
    name = bucket(archives)
    expected = {f"s3://{name}/{key}": data for key, data in pictures.items()}
    assert loaded(opened(f"s3://{name}/w", delete_tar=delete)) == expected
    assert copied() == ([] if delete else ["0.tar", "1.tgz", "2.tar", "3.zip"])
    assert {name: read_by_name(name) for name in expected} == expected


@pytest.mark.parametrize("work_dir", ["work", None])
def test_members_of_an_archive_below_a_prefix_named_like_one(bucket, work_dir):
    name = bucket(
        {"n.tar/in.tar": tar_bytes({"d/a.jpg": b"1"}), "w.tar": tar_bytes({"x.tar/b.jpg": b"2"})}
    )
    expected = {f"s3://{name}/n.tar/in.tar/d/a.jpg": b"1", f"s3://{name}/w.tar/x.tar/b.jpg": b"2"}
    if work_dir:
        assert loaded(opened([f"s3://{name}/n.tar/in.tar", f"s3://{name}/w.tar"])) == expected
    read = Reader(None, work_dir and Path(work_dir))
    assert {name: read(name) for name in expected} == expected
    with pytest.raises(FileNotFoundError):
        read(f"s3://{name}/n.tar/in.tar/none.jpg")


def test_with_delete_tar_and_little_room_one_copy_is_there_at_a_time(bucket, proxy, monkeypatch):
    monkeypatch.setattr(copies.Copies, "free", lambda self: 100)
    archives, pictures = shards()
    name = bucket(archives)
    source = opened(f"s3://{name}", delete_tar=True)
    assert copied() == []
    most = 0
    for i, data in enumerate(pictures.values()):
        assert source.load(i) == data
        most = max(most, len(copied()))
    assert most == 1
    assert copied() == []
    assert source.load(2) == next(d for i, d in enumerate(pictures.values()) if i == 2)
    source.close()
    assert copied() == []
    assert proxy.counts[f"/{name}/w/2.tar"] == 2


def test_an_archive_that_changes_between_listing_and_reading(bucket, monkeypatch):
    monkeypatch.setattr(copies.Copies, "free", lambda self: 0)
    name = bucket({"w.tar": tar_bytes({"a.jpg": b"1"})})
    source = opened(f"s3://{name}", delete_tar=True)
    bucket({"w.tar": tar_bytes({"b.jpg": b"2"})})
    for _ in range(2):  # the copy of another archive is never read as this one
        with pytest.raises(OSError, match="changed"):
            source.load(0)
    source.close()


def test_large_objects_come_in_parts(bucket, proxy, monkeypatch):
    monkeypatch.setattr(s3, "PART", 1000)
    data = tar_bytes({f"{i}.jpg": noise(i, 3000) for i in range(5)})
    name = bucket({"w.tar": data})
    proxy.fault = lambda path, count: ("reset", "cut", "500")[count % 3] if count % 2 else ""
    loaded(opened(f"s3://{name}"))
    assert Path("work/tmp/s3", name, "w.tar").read_bytes() == data
    assert proxy.statuses.count(206) >= len(data) // 1000


def test_an_object_that_changes_between_parts(bucket, proxy, monkeypatch, caplog):
    monkeypatch.setattr(s3, "PART", 1000)
    name = bucket({"w.tar": tar_bytes({"a.jpg": noise(1)})})

    def replace(path):
        if proxy.counts[path] == 1:
            proxy.before = lambda path: None
            bucket({"w.tar": tar_bytes({"a.jpg": noise(2)})})

    proxy.before = replace
    with pytest.raises(InputError, match="changed while it was being read"):
        opened(f"s3://{name}/w.tar")
    assert copied() == []


def test_a_missing_archive_is_listed_as_bad(bucket, tmp_path):
    name = bucket({"a.tar": tar_bytes({f"{i}.jpg": jpeg(i) for i in range(3)})})
    given = [f"s3://{name}/none.tar", f"s3://{name}/a.tar"]
    assert run(given, tmp_path / "o") == 0
    assert [r["filename"] for r in rows(Path("o/atrain_features.bad.csv"))] == given[:1]
    assert len(rows(Path("o/atrain_features.dat.csv"))) == 3


def test_galleries_read_the_copies_of_a_run(bucket, tmp_path, client):
    """They do not ask the server for what the run has copied, and see what a later run copied."""
    name = bucket({"a.jpg": jpeg(1), "w.tar": tar_bytes({"m.jpg": jpeg(2)})})
    read = Reader(None, Path("out"))
    for url, part, given in ((f"s3://{name}/a.jpg", "", 1), (f"s3://{name}/w.tar", "/m.jpg", 2)):
        loaded(open_source([url], work_dir=Path("out"), sync_s3_to_local=True))
        client.delete_object(Bucket=name, Key=url.rpartition("/")[2])
        assert read(url + part) == jpeg(given)
    bucket({"w.tar": tar_bytes({"other.jpg": jpeg(3), "m.jpg": jpeg(4)})})
    loaded(open_source([f"s3://{name}/w.tar"], work_dir=Path("out")))
    assert read(f"s3://{name}/w.tar/m.jpg") == jpeg(4)


def test_galleries_read_no_older_copies_than_the_run(bucket, proxy, tmp_path):
    name = bucket({f"p/{i}.jpg": jpeg(i) for i in range(3)})
    assert run(f"s3://{name}/p", tmp_path / "out", turi_param="sync_s3_to_local=1") == 0
    bucket({"p/0.jpg": jpeg(9)})
    read, (url, same) = Reader(None, tmp_path / "out"), (f"s3://{name}/p/{i}.jpg" for i in (0, 1))
    assert (read(url), read(same)) == (jpeg(0), jpeg(1))
    assert run(f"s3://{name}/p", tmp_path / "out") == 0
    proxy.counts.clear()
    assert (read(url), read(same)) == (jpeg(9), jpeg(1))
    assert list(proxy.counts) == [f"/{name}/p/0.jpg"]


def test_an_object_that_is_too_large_costs_itself_alone(bucket, proxy, monkeypatch):
    monkeypatch.setattr(s3, "MAX_FILE", 2000)
    name = bucket({"a.jpg": noise(1, 3000), "b.jpg": noise(2, 1000)})
    source = opened(f"s3://{name}", sync_s3_to_local=True)
    with pytest.raises(OSError, match="more than the limit of 2000"):
        source.load(0)
    assert source.load(1) == noise(2, 1000)


@pytest.mark.parametrize("url", ["s3://../x.jpg", "s3://./x.jpg", "minio://a/../x.jpg"])
def test_a_bucket_is_no_way_out_of_the_folder_of_copies(url):
    with pytest.raises(InputError, match="bucket"):
        copies.Copies(Path("work")).path(url)
