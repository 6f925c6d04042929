"""Labels beside the pictures of webdataset tars, and runs over them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from archive_files import tar_bytes, zip_bytes
from making import features, photo, rows

import fastdup_gpu
from fastdup_gpu import InputError, InvalidArgument
from fastdup_gpu import webdataset_labels as labels


def jpeg(seed: int) -> bytes:
    stream = io.BytesIO()
    photo(seed).save(stream, "JPEG", quality=90)
    return stream.getvalue()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, members: dict[str, bytes]) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(tar_bytes(members))
    return name


KINDS = ("jpg", "cls")
SAMPLES = {
    "0.jpg": b"0",
    "0.cls": b"1\n",
    "d/1.jpg": b"1",
    "d/1.json": b'{"label": "dog", "id": 7}',
    "d/2.seg.png": b"2",
    "d/2.jpg": b"2",
    "d/2.txt": "ein schöner Hund".encode(),
    "3.json": b'{"label": "by json"}',
    "3.cls": b"0",
    "3.txt": b"by text",
    "3.webp": b"3",
    "unlabelled.jpg": b"4",
}


def test_labels_by_the_names_of_the_result_files(here):
    put("w/a.tar", SAMPLES)
    put("w/sub/b.tar", {"0.jpg": b"0", "0.txt": b"other"})
    assert labels("w") == {
        "w/a.tar/0.jpg": "1",
        "w/a.tar/d/1.jpg": "dog",
        "w/a.tar/d/2.seg.png": "ein schöner Hund",
        "w/a.tar/d/2.jpg": "ein schöner Hund",
        "w/a.tar/3.webp": "0",
        "w/sub/b.tar/0.jpg": "other",
    }
    only = labels(["w/a.tar"], kinds=["txt", "json"], field="id")
    assert only == {
        "w/a.tar/d/1.jpg": "7",
        "w/a.tar/d/2.seg.png": "ein schöner Hund",
        "w/a.tar/d/2.jpg": "ein schöner Hund",
        "w/a.tar/3.webp": "by text",
    }


@pytest.mark.parametrize(
    "classes", [["cat", "dog"], {"0": "cat", "1": "dog"}, {0: "cat", 1: "dog"}]
)
def test_numbers_of_classes(here, classes):
    members = {
        "a.jpg": b"",
        "a.cls": b"1",
        "b.jpg": b"",
        "b.cls": b"5",
        "c.jpg": b"",
        "c.cls": b"x",
    }
    put("w.tar", members)
    found = labels("w.tar", classes=classes)
    assert list(found.values()) == ["dog", "5", "x"]


@pytest.mark.parametrize("classes", [["cat", "dog"], {1: "dog"}])
def test_a_number_of_any_length_is_no_error(here, classes):
    """int() refuses more than 4,300 digits."""
    long = "1" * 5000
    texts = {"a": long, "b": "0" * 5000 + "1", "c": "", "d": "1"}
    put("w.tar", {f"{n}.{kind}": text.encode() for n, text in texts.items() for kind in KINDS})
    padded = "dog" if isinstance(classes, list) else texts["b"]
    found = labels("w.tar", classes=classes, kinds=["cls"])
    assert list(found.values()) == [long, padded, "dog"]


def test_a_dict_of_classes_is_gone_through_once(here):
    class Classes(dict):
        passes = 0

        def items(self):
            self.passes += 1
            return super().items()

        __iter__ = None

    classes = Classes({i: f"class {i}" for i in range(100)})
    put("w.tar", {f"{i}.{kind}": str(i).encode() for i in range(100) for kind in KINDS})
    assert list(labels("w.tar", classes=classes).values()) == list(classes.values())
    assert classes.passes == 1


def test_zip_and_compressed_tars(here):
    Path("a.zip").write_bytes(zip_bytes(SAMPLES))
    with tarfile.open("b.tgz", "w:gz") as archive:
        for name, data in SAMPLES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    put("c.tar", SAMPLES)
    by_archive = [list(labels(name).values()) for name in ("a.zip", "b.tgz", "c.tar")]
    assert by_archive[0] == by_archive[1] == by_archive[2]
    assert len(by_archive[0]) == 5


def test_odd_label_files(here, caplog):
    odd = {
        "a.cls": b"",
        "b.json": b"{broken",
        "c.json": b'["label"]',
        "d.json": b'{"label": null}',
        "e.json": b"[" * 100_000,
        "f.txt": b"\xff\xfe",
        "g.txt": b"x" * ((1 << 20) + 1),
        "h.cls": b"good",
    }
    put("w.tar", odd | {f"{name[0]}.jpg": b"1" for name in odd})
    assert labels("w.tar") == {"w.tar/f.jpg": "\ufffd\ufffd", "w.tar/h.jpg": "good"}
    assert "limit" in caplog.text


def test_cut_archives_give_what_they_have(here, caplog):
    data = tar_bytes({f"{i}.{kind}": b"7" for i in range(9) for kind in ("jpg", "cls")})
    Path("w.tar").write_bytes(data[: len(data) // 3])
    found = labels("w.tar")
    assert 2 <= len(found) < 9
    assert "cannot be read to its end" in caplog.text


def test_wrong_arguments(here):
    put("w.tar", SAMPLES)
    Path("a.jpg").write_bytes(b"x")
    for kinds in (["pickle"], "cls", {"cls"}, None, iter(["cls"])):
        with pytest.raises(InvalidArgument, match="kinds"):
            labels("w.tar", kinds=kinds)
    for classes in ("cat", 7):
        with pytest.raises(InvalidArgument, match="classes"):
            labels("w.tar", classes=classes)
    with pytest.raises(InputError, match="no archives"):
        labels(["a.jpg"])


@pytest.fixture
def shards(here):
    """Three tars in a folder, 12 pictures, each twice."""
    for shard in range(3):
        members = {}
        for i in range(4 * shard, 4 * shard + 4):
            members |= {f"{i:03}.jpg": jpeg(i % 6), f"{i:03}.cls": str(i % 6).encode()}
        put(f"shards/{shard}.tar", members)
    return here


@pytest.mark.parametrize("turi", ["nnmodel=0", "delete_tar=1,delete_img=1"])
def test_a_run_over_tars_and_a_gallery_with_labels(shards, turi, caplog):
    caplog.set_level("INFO")
    before = {p: p.read_bytes() for p in Path("shards").iterdir()}
    assert fastdup_gpu.run_on_webdataset("shards", "out", turi_param=turi) == 0
    assert {p: p.read_bytes() for p in Path("shards").iterdir()} == before
    assert ("local archives are kept" in caplog.text) == ("delete_tar" in turi)
    assert ("nothing to delete" in caplog.text) == ("delete_img" in turi)
    told = labels("shards")
    names = [row["filename"] for row in rows(Path("out/atrain_features.dat.csv"))]
    assert names == list(told)
    pairs = [r for r in rows(Path("out/similarity.csv")) if float(r["distance"]) > 0.9999]
    assert len(pairs) == 12
    assert all(told[r["from"]] == told[r["to"]] for r in pairs)
    assert fastdup_gpu.create_duplicates_gallery("out", "page", get_label_func=told) == 0


def test_galleries_find_tars_that_were_moved(shards):
    assert fastdup_gpu.run_on_webdataset("shards", "out") == 0
    shutil.move("shards", "moved")
    for i, options in enumerate(({}, {"input_dir": "moved"})):
        assert fastdup_gpu.create_duplicates_gallery("out", f"page{i}", **options) == 0
        html = "".join(p.read_text() for p in Path(f"page{i}").rglob("*.html"))
        assert ("data:image/webp;base64,UklGR" in html) == bool(options)


@pytest.mark.shared
def test_real_shards(collection, tmp_path):
    folder = collection("webdataset")
    classes = json.loads((folder / "classes.json").read_text())
    with (folder / "members.csv").open(newline="") as stream:
        truth = {f"{folder}/{r['shard']}/{r['member']}": r["label"] for r in csv.DictReader(stream)}
    assert labels(folder, classes=classes) == truth
    assert labels(folder, kinds=["json"]) == truth
    assert fastdup_gpu.run_on_webdataset(str(folder), str(tmp_path)) == 0
    assert len(features(tmp_path)) == len(truth) == 80
