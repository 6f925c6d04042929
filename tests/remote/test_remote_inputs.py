"""s3:// and minio:// inputs against a real S3 server process."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from archive_files import tar_bytes
from making import features, photos, rows, run

import fastdup_gpu
from benchmarks.s3_server import ACCESS, SECRET
from fastdup_gpu import InputError
from fastdup_gpu.sources import read_by_name
from remote.objects import NOISE, check_no_credentials, jpeg, loaded, opened

s3 = pytest.importorskip("fastdup_gpu.sources.s3", reason="s3fs is not installed")


def test_a_run_over_s3_equals_one_over_local_files(bucket, tmp_path, caplog):
    local = photos(tmp_path / "in", 6)
    name = bucket({f"in/{p.name}": p.read_bytes() for p in local})
    caplog.set_level(logging.DEBUG)
    for work_dir, given in (("there", f"s3://{name}/in"), ("here", tmp_path / "in")):
        assert run(given, tmp_path / work_dir, turi_param="run_advanced_stats=1") == 0
    for file in ("atrain_features.dat", "component_info.csv"):
        assert Path("there", file).read_bytes() == Path("here", file).read_bytes()
    found = [row["filename"] for row in rows(Path("there/atrain_features.dat.csv"))]
    assert found == [f"s3://{name}/in/{p.name}" for p in local]
    check_no_credentials(caplog)


WAYS = ["in", "in, copied", "a.tar"]


@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_run_sees_that_an_object_changed(bucket, tmp_path, way):
    """By its ETag, where a listing or a copy tells it."""
    paths = [str(path) for path in photos(tmp_path / "in", 4)]

    def put(first: str) -> str:
        objects = {f"in/{i}.jpg": Path(p).read_bytes() for i, p in enumerate([first, *paths[1:]])}
        return bucket({"a.tar": tar_bytes(objects)} if way == "a.tar" else objects)

    wishes = "sync_s3_to_local=1" if way == "in, copied" else ""
    given = f"s3://{put(paths[0])}/{way.removesuffix(', copied')}"
    read_again = 4 if way == "a.tar" else 1
    for first, extracted in ((paths[0], 4), (paths[0], 0), (paths[1], read_again)):
        put(first)
        found = fastdup_gpu.Session("out").run(given, resume=1, run_mode=1, turi_param=wishes)
        assert found.valid - found.resumed_at == extracted
    assert (features(Path("out"))[0] == features(Path("out"))[1]).all()


def test_buckets_and_prefixes_are_listed_in_order(bucket):
    objects = ["b/z.jpg", "b/é.png", "b/A.JPG", "b/sub/1.gif", "bb/other.jpg", "a.webp"]
    junk = ["b/notes.txt", "b/__MACOSX/x.jpg", "b/._a.jpg", "b/sub/"]
    name = bucket(dict.fromkeys([*objects, *junk], b"x"))
    inside = [f"s3://{name}/b/{key}" for key in ("A.JPG", "sub/1.gif", "z.jpg", "é.png")]
    assert opened(f"s3://{name}/b").names == inside
    assert opened(f"s3://{name}/b/").names == inside
    everything = [f"s3://{name}/a.webp", *inside, f"s3://{name}/bb/other.jpg"]
    assert opened(f"s3://{name}").names == sorted(everything)


def test_listings_of_many_pages(bucket, proxy, monkeypatch):
    monkeypatch.setattr(s3, "PAGE", 10)
    name = bucket({f"{i:04}.jpg": b"x" for i in range(35)})
    proxy.fault = lambda path, count: "500" if count == 1 else ""
    assert opened(f"s3://{name}").names == [f"s3://{name}/{i:04}.jpg" for i in range(35)]
    assert len(proxy.counts) == 4


def test_lists_mix_objects_prefixes_and_local_files(bucket, tmp_path):
    name = bucket({"p/1.jpg": b"1", "p/2.jpg": b"2", "odd.pic": b"3", "4.jpg": b"4"})
    Path("local.jpg").write_bytes(b"5")
    given = [f"s3://{name}/4.jpg", "local.jpg", f"s3://{name}/p", f"s3://{name}/odd.pic"]
    expected = {
        given[0]: b"4",
        "local.jpg": b"5",
        f"s3://{name}/p/1.jpg": b"1",
        f"s3://{name}/p/2.jpg": b"2",
        given[3]: b"3",
    }
    Path("list.txt").write_text("\n".join(given))
    for wish in ({}, {"sync_s3_to_local": True}):
        assert loaded(opened(given, **wish)) == expected
        assert loaded(opened("list.txt", **wish)) == expected
    assert loaded(opened(given[0])) == {given[0]: b"4"}
    missing = opened([f"s3://{name}/none"])
    with pytest.raises(FileNotFoundError):
        missing.load(0)


def test_a_yaml_of_prefixes(bucket):
    name = bucket({"p/1.jpg": b"1", "p/2.jpg": b"2", "v.jpg": b"3"})
    Path("d.yaml").write_text(f"train: s3://{name}/p\nval: s3://{name}/v.jpg\n")
    inside = {f"s3://{name}/{key}.jpg": data for key, data in (("p/1", b"1"), ("p/2", b"2"))}
    assert loaded(opened("d.yaml")) == inside | {f"s3://{name}/v.jpg": b"3"}


@pytest.mark.parametrize("part", [".", "d", "./d"])
def test_a_yaml_with_a_remote_path(bucket, part):
    name = bucket({"d/1.jpg": b"1"})
    Path("d").mkdir()
    Path("d/local.jpg").write_bytes(b"local")
    Path("d.yaml").write_text(f"path: s3://{name}\ntrain: {part}\n")
    assert loaded(opened("d.yaml")) == {f"s3://{name}/d/1.jpg": b"1"}


@pytest.mark.parametrize("given", ["s3://{}/empty", "s3://no-such-bucket", "s3://{}/list.txt"])
def test_inputs_that_hold_nothing(bucket, given):
    with pytest.raises(InputError, match="s3://"):
        opened(given.format(bucket({"a.jpg": b"x"})))


HOSTILE = [
    "../../up.jpg",
    "a//b.jpg",
    "x/./y.jpg",
    "quote\"'.jpg",
    "tab\there.jpg",
    "per%2Fcent+plus ?#.jpg",
    "bild/größe 🐈.jpg",
    "-rf.jpg",
    "dir.jpg/inner.jpg",
    "dir.jpg",
    "name" * 60 + ".jpg",
    "back\\slash.jpg",
    ".hidden/a.jpg",
    "a" * 300 + "/b.jpg",
    "ü" * 130 + ".jpg",
]


def test_odd_keys_are_read_and_copied_inside_the_work_dir(bucket, tmp_path):
    name = bucket({key: key.encode() for key in HOSTILE})
    expected = {f"s3://{name}/{key}": key.encode() for key in HOSTILE}
    assert loaded(opened(f"s3://{name}")) == expected
    assert loaded(opened(f"s3://{name}", sync_s3_to_local=True)) == expected
    outside = [p for p in tmp_path.rglob("*") if p.is_file() and "work/tmp" not in str(p)]
    assert outside == []
    assert {name: read_by_name(name) for name in expected} == expected


def test_keys_that_cannot_be_are_os_errors(bucket):
    name = bucket({"a.jpg": b"1"})
    given = [f"s3://{name}/{key}.jpg" for key in ("\udcff", "x" * 2000, "nul\0", "a")]
    for wish in ({}, {"sync_s3_to_local": True}):
        source = opened(given, **wish)
        for i in range(3):
            with pytest.raises(OSError):
                source.load(i)
        assert source.load(3) == b"1"
        source.close()


def test_boxes_are_cut_out_of_remote_pictures(bucket, tmp_path):
    name = bucket({f"{i}.jpg": jpeg(i) for i in range(3)})
    lines = [f"s3://{name}/{i}.jpg,5,5,40,40" for i in range(3)]
    Path("boxes.csv").write_text("\n".join(["filename,col_x,row_y,width,height", *lines]))
    assert run("boxes.csv", tmp_path / "o") == 0
    crops = rows(Path("o/atrain_crops.csv"))
    assert [r["filename"] for r in crops] == [f"s3://{name}/{i}.jpg" for i in range(3)]


def test_galleries_show_remote_pictures(bucket, tmp_path):
    pictures = {f"{i}.jpg": jpeg(i // 2) for i in range(4)}
    name = bucket(pictures | {"w.tar": tar_bytes(pictures)})
    for i, given in enumerate(([f"s3://{name}/{key}" for key in pictures], f"s3://{name}/w.tar")):
        work_dir, page = tmp_path / f"o{i}", tmp_path / f"page{i}"
        assert run(given, work_dir) == 0
        assert fastdup_gpu.create_duplicates_gallery(str(work_dir), str(page)) == 0
        html = "".join(p.read_text() for p in page.rglob("*.html"))
        assert "data:image/webp;base64,UklGR" in html
        assert "cannot be read" not in html


def test_search_with_a_remote_picture(bucket, tmp_path):
    name = bucket({f"{i}.jpg": jpeg(i) for i in range(4)})
    assert run(f"s3://{name}", tmp_path / "o") == 0
    assert fastdup_gpu.init_search(1, str(tmp_path / "o")) == 0
    found = fastdup_gpu.search(f"s3://{name}/2.jpg")
    assert list(found["to"]) == [f"s3://{name}/2.jpg"]


def mc_config(proxy, key=ACCESS):
    return json.dumps({"aliases": {"here": {"url": proxy.url, "accessKey": key, "secretKey": key}}})


@pytest.mark.parametrize("how", ["MC_HOST", "config.json", "AWS_ENDPOINT_URL", "FASTDUP"])
def test_minio_aliases(bucket, proxy, monkeypatch, tmp_path, how):
    name = bucket(NOISE)
    if how != "AWS_ENDPOINT_URL":
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    if how == "FASTDUP":
        monkeypatch.setenv("FASTDUP_S3_ENDPOINT", proxy.url)
    if how == "MC_HOST":
        host = proxy.url.removeprefix("http://")
        monkeypatch.setenv("MC_HOST_here", f"http://{ACCESS}:{SECRET}@{host}")
    if how == "config.json":
        monkeypatch.setenv("MC_CONFIG_DIR", str(tmp_path))
        Path("config.json").write_text(mc_config(proxy))
    given = f"minio://here/{name}/d"
    expected = {f"minio://here/{name}/{key}": data for key, data in NOISE.items()}
    assert loaded(opened(given)) == expected
    assert loaded(opened(given, sync_s3_to_local=True)) == expected
    assert Path(f"work/tmp/minio/here/{name}/d/00.jpg").is_file()
    first = next(iter(expected))
    assert read_by_name(first) == expected[first]
