"""CVAT, labelImg and COCO files, read back with other readers than ours."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import fastdup_gpu as fastdup

from .made import HOSTILE, picture


@pytest.fixture
def files(tmp_path):
    return [
        picture(tmp_path / "in" / "z" / "same.png", 0, (30, 20)),
        picture(tmp_path / "in" / "a" / "same.png", 1, (40, 20)),
        picture(tmp_path / "in" / "a" / "other.png", 2, (50, 20)),
    ]


LABELS = ["cat", ["dog", "pet"], None]


def opened(folder):
    archive = zipfile.ZipFile(folder / "fastdup_label.zip")
    assert archive.testzip() is None
    return archive


def test_cvat_backup_has_the_published_layout(files, tmp_path):
    assert fastdup.export_to_cvat(files, LABELS, tmp_path / "out") == 0
    archive = opened(tmp_path / "out")
    names = set(archive.namelist())
    assert {"task.json", "annotations.json", "data/manifest.jsonl", "data/index.json"} <= names
    task = json.loads(archive.read("task.json"))
    assert {"name", "labels", "data", "jobs", "version", "status", "bug_tracker", "subset"} <= set(
        task
    )
    assert {label["name"] for label in task["labels"]} == {"cat", "dog", "pet"}
    assert all(
        {"name", "color", "attributes", "type", "sublabels"} == set(x) for x in task["labels"]
    )
    assert (task["data"]["start_frame"], task["data"]["stop_frame"]) == (0, 2)
    assert [(job["start_frame"], job["stop_frame"]) for job in task["jobs"]] == [(0, 2)]
    assert task["data"]["sorting_method"] == "lexicographical"


def test_cvat_backup_holds_no_time_of_day(files, tmp_path):
    fastdup.export_to_cvat(files, LABELS, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / "fastdup_label.zip") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_cvat_manifest_matches_the_pictures_in_the_order_of_their_names(files, tmp_path):
    fastdup.export_to_cvat(files, LABELS, tmp_path / "out")
    archive = opened(tmp_path / "out")
    manifest = archive.read("data/manifest.jsonl")
    head, kind, *frames = [json.loads(line) for line in manifest.splitlines()]
    assert (head, kind) == ({"version": "1.1"}, {"type": "images"})
    stored = [f"data/{frame['name']}{frame['extension']}" for frame in frames]
    pictures = {n for n in archive.namelist() if n.startswith("data/") and "json" not in n}
    assert stored == sorted(pictures)
    for frame, name, original in zip(frames, stored, files, strict=True):
        assert archive.read(name) == Path(original).read_bytes()
        assert Image.open(io.BytesIO(archive.read(name))).size == (frame["width"], frame["height"])
        assert frame["meta"] == {"related_images": []}
    index = json.loads(archive.read("data/index.json"))
    assert [
        json.loads(manifest[index[str(i)] :].split(b"\n", 1)[0]) for i in range(len(frames))
    ] == frames


def test_cvat_labels_are_tags_of_their_frames(files, tmp_path):
    fastdup.export_to_cvat(files, LABELS, tmp_path / "out")
    (job,) = json.loads(opened(tmp_path / "out").read("annotations.json"))
    assert (job["version"], job["shapes"], job["tracks"]) == (0, [], [])
    assert [(tag["frame"], tag["label"]) for tag in job["tags"]] == [
        (0, "cat"),
        (1, "dog"),
        (1, "pet"),
    ]
    assert all({"group", "source", "attributes"} <= set(tag) for tag in job["tags"])
    with (tmp_path / "out" / "fastdup_label.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["filename"] for row in rows] == files
    assert [row["label"] for row in rows] == ["cat", "dog;pet", ""]


def test_cvat_leaves_out_what_is_no_picture(files, tmp_path, caplog):
    (tmp_path / "text.jpg").write_text("no picture")
    given = [str(tmp_path / "none.jpg"), files[0], str(tmp_path / "text.jpg"), files[1]]
    assert fastdup.export_to_cvat(given, ["a", "b", "c", "d"], tmp_path / "out") == 0
    archive = opened(tmp_path / "out")
    (job,) = json.loads(archive.read("annotations.json"))
    assert [(tag["frame"], tag["label"]) for tag in job["tags"]] == [(0, "b"), (1, "d")]
    assert json.loads(archive.read("task.json"))["data"]["stop_frame"] == 1
    assert "none.jpg" in caplog.text
    assert "text.jpg" in caplog.text


def test_nothing_to_export_is_a_failure_that_writes_nothing(tmp_path):
    for export in (fastdup.export_to_cvat, fastdup.export_to_coco):
        assert export([str(tmp_path / "none.jpg")], ["a"], tmp_path / "out") == 1
    assert fastdup.export_to_cvat([], [], tmp_path / "out") == 1
    assert not list((tmp_path / "out").rglob("*.zip"))
    assert not list((tmp_path / "out").rglob("*.json"))


def test_hostile_names_and_labels(tmp_path):
    files = [picture(tmp_path / "in" / name, i) for i, name in enumerate(HOSTILE)]
    labels = ["<b>&'\"", "ü\x00\x0b", "\udcff", "a\tb", "cat;dog", "1", "x\ny", " ", "é"]
    assert fastdup.export_to_cvat(files, labels, tmp_path / "cvat") == 0
    names = opened(tmp_path / "cvat").namelist()
    assert all(name.isascii() and ".." not in name and "\n" not in name for name in names)
    assert fastdup.export_to_labelImg(files, labels, tmp_path / "xml") == 0
    found = {ET.parse(p).findtext("object/name") for p in (tmp_path / "xml").rglob("*.xml")}
    assert {"<b>&'\"", "a\tb", "cat;dog"} <= found
    assert len(list((tmp_path / "xml").rglob("*.xml"))) == len(HOSTILE)
    assert fastdup.export_to_coco(files, labels, tmp_path / "coco") == 0
    table = fastdup.import_from_coco(tmp_path / "coco")
    assert table["filename"].tolist() == files
    assert table["label"].tolist() == labels


def test_labels_that_no_file_can_hold(files, tmp_path):
    for export in (fastdup.export_to_cvat, fastdup.export_to_labelImg, fastdup.export_to_coco):
        assert export(files[:1], ["a\ud800b"], tmp_path / export.__name__) == 0
    assert fastdup.import_from_coco(tmp_path / "export_to_coco")["label"].tolist() == ["a?b"]


def test_names_as_long_as_a_file_system_takes(tmp_path):
    longest = [picture(tmp_path / f"{'n' * 251}.png", 0), picture(tmp_path / f"{'ü' * 125}.png", 1)]
    assert fastdup.export_to_labelImg(longest, "cat", tmp_path / "xml") == 0
    assert len(list((tmp_path / "xml").rglob("*.xml"))) == 2


def test_members_of_archives_are_exported(files, tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(files[0], "sub/one.png")
    name = str(tmp_path / "in.zip" / "sub" / "one.png")
    assert fastdup.export_to_cvat([name], "cat", tmp_path / "out") == 0
    (stored,) = [n for n in opened(tmp_path / "out").namelist() if n.endswith("one.png")]
    assert opened(tmp_path / "out").read(stored) == Path(files[0]).read_bytes()


def by_name(files):
    known = dict(zip(files, LABELS, strict=True))
    known.pop(files[2])
    return known


@pytest.mark.parametrize(
    "form",
    [
        by_name,
        lambda files: by_name(files).get,
        lambda files: pd.Series(by_name(files)).iloc[::-1],
        lambda files: pd.Series(LABELS, index=list("xyz")),
    ],
)
def test_labels_by_the_names_of_the_files(files, tmp_path, form):
    assert fastdup.export_to_cvat(files, form(files), tmp_path / "out") == 0
    with (tmp_path / "out" / "fastdup_label.csv").open(newline="") as stream:
        found = [(row["filename"], row["label"]) for row in csv.DictReader(stream)]
    assert found == list(zip(files, ["cat", "dog;pet", ""], strict=True))


@pytest.mark.parametrize(
    "export", [fastdup.export_to_cvat, fastdup.export_to_labelImg, fastdup.export_to_coco]
)
def test_wrong_arguments_are_named_before_anything_is_written(files, tmp_path, export):
    out = tmp_path / "out"
    for wrong, told in (
        ((None, LABELS, out), "files is a NoneType; expected a list of file names"),
        ((5, LABELS, out), "files is a int"),
        (([*files, None], None, out), r"files\[3\]=None: expected a path"),
        ((files, LABELS, None), "save_path=None: expected a path"),
        ((files, 5, out), "labels is a int; expected a label for each file"),
        ((files, {"a", "b", "c"}, out), "labels is a set"),
        ((files, LABELS[:2], out), "labels has 2 entries for 3 files"),
        ((files, {"other.png": "cat"}, out), "labels has none of the 3 file names"),
    ):
        with pytest.raises(fastdup.InvalidArgument, match=told):
            export(*wrong)
    assert not out.exists()


def test_labelimg_xml_is_pascal_voc(files, tmp_path):
    assert fastdup.export_to_labelImg(pd.Series(files), pd.Series(LABELS), tmp_path / "out") == 0
    found = {p.relative_to(tmp_path / "out").as_posix(): p for p in tmp_path.rglob("*.xml")}
    assert set(found) == {"z/same.xml", "a/same.xml", "other.xml"}
    root = ET.parse(found["a/same.xml"]).getroot()
    assert root.tag == "annotation"
    assert [root.findtext(t) for t in ("folder", "filename", "path")] == ["a", "same.png", files[1]]
    assert [root.findtext(f"size/{t}") for t in ("width", "height", "depth")] == ["40", "20", "3"]
    assert [o.findtext("name") for o in root.iter("object")] == ["dog", "pet"]
    box = root.find("object/bndbox")
    assert [int(box.findtext(t)) for t in ("xmin", "ymin", "xmax", "ymax")] == [1, 1, 40, 20]
    assert list(ET.parse(found["other.xml"]).getroot().iter("object")) == []
    assert (tmp_path / "out" / "classes.txt").read_text() == "cat\ndog\npet\n"


def test_labelimg_names_that_differ_by_extension_only(tmp_path):
    files = [picture(tmp_path / "in" / n, i) for i, n in enumerate(("a.png", "a.jpg", "a"))]
    fastdup.export_to_labelImg([*files, files[0]], None, tmp_path / "out")
    written = {p.name: ET.parse(p).findtext("filename") for p in (tmp_path / "out").glob("*.xml")}
    assert len(written) == 4
    assert written["a.xml"] == "a.png"
    assert sorted(written.values()) == ["a", "a.jpg", "a.png", "a.png"]


def written(folder):
    return {p.name: ET.parse(p).findtext("path") for p in folder.glob("*.xml")}


def test_labelimg_keeps_what_earlier_calls_wrote(tmp_path):
    files = [picture(tmp_path / "in" / d / "a.png", i) for i, d in enumerate("pqr")]
    for name, label in zip(files, ("zebra", "ant", "zebra"), strict=True):
        fastdup.export_to_labelImg([name], [label], tmp_path / "out")
    expected = {"a.xml": files[0], "a.png.xml": files[1], "a.png.2.xml": files[2]}
    assert written(tmp_path / "out") == expected
    assert (tmp_path / "out" / "classes.txt").read_text() == "zebra\nant\n"
    for name in files:  # those of the same picture are written anew
        fastdup.export_to_labelImg([name], ["bee"], tmp_path / "out")
    assert written(tmp_path / "out") == expected
    labels = {ET.parse(p).findtext("object/name") for p in (tmp_path / "out").glob("*.xml")}
    assert labels == {"bee"}
    assert (tmp_path / "out" / "classes.txt").read_text() == "zebra\nant\nbee\n"


def test_labelimg_keeps_classes_in_their_lines(tmp_path):
    file = picture(tmp_path / "in" / "a.png")
    (tmp_path / "classes.txt").write_bytes(b"zebra\r\n\nant \xff")
    fastdup.export_to_labelImg([file, file], ["ant", "zebra"], tmp_path)
    assert (tmp_path / "classes.txt").read_bytes() == b"zebra\n\nant \xff\nant\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no xml",
        b"<annotation><path>HERE</path>",
        b"<annotation><a><path>HERE</path></a></annotation>",
        b'<!DOCTYPE a [<!ENTITY e "HERE">]><annotation><path>&e;</path></annotation>',
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotation>&e;</annotation>',
        b'<?xml version="1.0" encoding="none"?><annotation><path>HERE</path></annotation>',
        b"<a>" * 200_000,
    ],
)
def test_labelimg_leaves_files_alone_that_it_does_not_understand(tmp_path, content):
    file = picture(tmp_path / "in" / "a.png")
    (tmp_path / "out").mkdir()
    foreign = content.replace(b"HERE", file.encode())
    (tmp_path / "out" / "a.xml").write_bytes(foreign)
    fastdup.export_to_labelImg([file], None, tmp_path / "out")
    assert (tmp_path / "out" / "a.xml").read_bytes() == foreign
    assert ET.parse(tmp_path / "out" / "a.png.xml").findtext("path") == file


def test_names_for_many_files_of_one_name():
    from fastdup_gpu.analysis.xml_names import xml_names

    names = xml_names(["/in/a.png"] * 20_000, Path("/none"))
    assert len(set(names)) == 20_000
    assert names[:3] == ["a.xml", "a.png.xml", "a.png.2.xml"]


def test_labelimg_stays_in_its_folder(tmp_path):
    picture(tmp_path / "in" / "p" / "a.png")
    picture(tmp_path / "b.png")
    given = [
        str(tmp_path / "in" / "p" / ".." / ".." / "b.png"),
        str(tmp_path / "in" / "p" / "a.png"),
    ]
    fastdup.export_to_labelImg(given, None, tmp_path / "out")
    assert len(list(tmp_path.rglob("*.xml"))) == len(list((tmp_path / "out").rglob("*.xml"))) == 2


def test_upright_size_of_turned_pictures(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    fastdup.export_to_coco([tmp_path / "turned.jpg"], ["a"], tmp_path)
    row = fastdup.import_from_coco(tmp_path).iloc[0]
    assert (row["width"], row["height"]) == (20, 40)


def test_coco_follows_its_format(files, tmp_path):
    boxes = [[(1, 2, 11, 22)], [(0, 0, 5, 5), (2, 3, 4, 5)], []]
    labels = ["cat", ["dog", "cat"], None]
    assert fastdup.export_to_coco(files, labels, tmp_path / "x.json", boxes) == 0
    content = json.loads((tmp_path / "x.json").read_text())
    names = {c["id"]: c["name"] for c in content["categories"]}
    images = {i["id"]: i for i in content["images"]}
    assert [i["file_name"] for i in content["images"]] == files
    assert [(i["width"], i["height"]) for i in content["images"]] == [(30, 20), (40, 20), (50, 20)]
    found = [
        (images[a["image_id"]]["file_name"], names[a["category_id"]], a["bbox"], a["area"])
        for a in content["annotations"]
    ]
    assert found == [
        (files[0], "cat", [1, 2, 10, 20], 200),
        (files[1], "dog", [0, 0, 5, 5], 25),
        (files[1], "cat", [2, 3, 2, 2], 4),
    ]
    assert len({a["id"] for a in content["annotations"]}) == 3
    assert {a["iscrowd"] for a in content["annotations"]} == {0}


def test_coco_round_trip(files, tmp_path):
    boxes = [[(1, 2, 11, 22)], [(0, 0, 5, 5), (2, 3, 4, 5)], []]
    fastdup.export_to_coco(files, ["cat", ["dog", "cat"], None], tmp_path, boxes)
    table = fastdup.import_from_coco(tmp_path)
    assert list(table) == ["filename", "col_x", "row_y", "width", "height", "label"]
    assert table.values.tolist() == [
        [files[0], 1, 2, 10, 20, "cat"],
        [files[1], 0, 0, 5, 5, "dog"],
        [files[1], 2, 3, 2, 2, "cat"],
        [files[2], None, None, None, None, None],
    ]
    again = fastdup.import_from_coco(tmp_path / "fastdup_coco.json")
    pd.testing.assert_frame_equal(again, table)


BOXES = [[(1, 2, 11.5, 20)], [(0, 0, 5, 5), (2, 3, 4, 5)], []]
OF_BOXES = ["cat", ["dog", "cat"], "owl"]


def test_cvat_boxes_are_rectangles(files, tmp_path):
    assert fastdup.export_to_cvat(files, OF_BOXES, tmp_path, BOXES) == 0
    (job,) = json.loads(opened(tmp_path).read("annotations.json"))
    assert [(tag["frame"], tag["label"]) for tag in job["tags"]] == [(2, "owl")]
    assert [(s["frame"], s["label"], s["type"], s["points"]) for s in job["shapes"]] == [
        (0, "cat", "rectangle", [1, 2, 11.5, 20]),
        (1, "dog", "rectangle", [0, 0, 5, 5]),
        (1, "cat", "rectangle", [2, 3, 4, 5]),
    ]
    needed = {"occluded", "outside", "z_order", "rotation", "group", "source", "attributes"}
    assert all(needed <= set(shape) for shape in job["shapes"])


def test_labelimg_boxes_count_from_one(files, tmp_path):
    """As Pascal VOC does: the last row and column belong to the box."""
    assert fastdup.export_to_labelImg(files, OF_BOXES, tmp_path, BOXES) == 0
    found = {}
    for path in tmp_path.rglob("*.xml"):
        root = ET.parse(path).getroot()
        found[root.findtext("path")] = [
            (o.findtext("name"), *(int(side.text) for side in o.find("bndbox")))
            for o in root.iter("object")
        ]
    assert found == {
        files[0]: [("cat", 2, 3, 12, 20)],
        files[1]: [("dog", 1, 1, 5, 5), ("cat", 3, 4, 4, 5)],
        files[2]: [("owl", 1, 1, 50, 20)],
    }


def test_coco_keeps_fractions_of_pixels(files, tmp_path):
    box = [1.25, 2.5, 10.75, 9]
    fastdup.export_to_coco(files[:1], ["cat"], tmp_path, [[box]])
    row = fastdup.import_from_coco(tmp_path).iloc[0]
    assert row[["col_x", "row_y", "width", "height"]].tolist() == [1.25, 2.5, 9.5, 6.5]


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (5, 9, 9, 5), (0, 0, float("nan"), 5)])
def test_coco_has_no_boxes_without_area(files, tmp_path, box):
    with pytest.raises(fastdup.InvalidArgument, match=files[0][-5:]):
        fastdup.export_to_coco(files[:1], ["cat"], tmp_path, [[box]])
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"image_id": 77}, "annotation 5 has the unknown image_id 77"),
        ({"category_id": 9}, "annotation 5 has the unknown category_id 9"),
        ({"bbox": None}, "annotation 5 has no bbox"),
    ],
)
def test_coco_names_the_annotation_that_is_wrong(tmp_path, change, named):
    annotation = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], **change}
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{k: v for k, v in annotation.items() if v is not None}],
    }
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(fastdup.FormatError, match=named):
        fastdup.import_from_coco(tmp_path / "x.json")


def test_coco_label_without_box_is_the_whole_picture(files, tmp_path):
    fastdup.export_to_coco(files, "cat", tmp_path)
    table = fastdup.import_from_coco(tmp_path)
    assert table[["col_x", "row_y", "width", "height"]].values.tolist() == [
        [0, 0, 30, 20],
        [0, 0, 40, 20],
        [0, 0, 50, 20],
    ]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"images": [{"id": 1}]}'])
def test_files_that_are_no_coco(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(fastdup.FormatError, match="COCO"):
        fastdup.import_from_coco(tmp_path / "x.json")


def test_wrong_arguments(files, tmp_path):
    for export in (fastdup.export_to_cvat, fastdup.export_to_labelImg, fastdup.export_to_coco):
        with pytest.raises(fastdup.InvalidArgument, match="labels has 1 entries for 3 files"):
            export(files, ["cat"], tmp_path / "out")
    with pytest.raises(fastdup.InvalidArgument, match="boxes has 1"):
        fastdup.export_to_coco(files, LABELS, tmp_path / "out", [[]])
    with pytest.raises(fastdup.InvalidArgument, match="2 boxes and 0 labels"):
        fastdup.export_to_coco(files[:1], [[]], tmp_path / "out", [[(0, 0, 1, 1), (0, 0, 2, 2)]])
    with pytest.raises(fastdup.InvalidArgument, match="does not exist"):
        fastdup.import_from_coco(tmp_path / "none.json")
