"""What users write: arguments, lists, boxes, yaml, labels, known pairs, decisions, undo logs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from fastdup_gpu import InputError
from fastdup_gpu._params import parse_nnf_mode, parse_nnf_param, parse_turi
from fastdup_gpu.analysis import (
    annotations,
    coco,
    decisions,
    evaluate,
    journal,
    labelimg,
    xml_names,
)
from fastdup_gpu.formats.results import read_filenames
from fastdup_gpu.sources import lists, webdataset
from fastdup_gpu.sources.base import Found
from fastdup_gpu.sources.boxes import parse_bounding_box
from fastdup_gpu.sources.copies import Copies
from fastdup_gpu.sources.endpoints import parse, server_of
from fuzz import seeds
from fuzz.target import Target

_JSON = (b"null", b"[]", b"{}", b'"', b"\\ud800", b"1e400", b"[" * 3000, b"NaN", b'"id"', b'"name"')
_YAML = (b"&a ", b"*a", b"[*a,*a]", b"!!int ", b"!!timestamp ", b"!!binary ", b"- ", b"? ", b"<<: ")


def _argument(name: str, parse: Callable[[str], object], *examples: bytes) -> Target:
    def call(data: bytes, _: Path) -> None:
        parse(data.decode("utf-8", "surrogateescape"))

    return Target(name, lambda: list(examples), call, (b"=", b",", b"row_y=", b"nan", b"\xd9\xa3"))


def _listed(suffix: str) -> Callable[[bytes, Path], None]:
    """Folders that the text names are not walked: they would be those of this machine."""

    def call(data: bytes, folder: Path) -> None:
        (folder / "images").mkdir()
        path = folder / f"input.{suffix}"
        path.write_bytes(data)
        with mock.patch.object(lists, "walk", lambda root, _: Found(root)):
            lists.find(str(path), folder / "out")

    return call


def _read(reader: Callable[[Path], Any]) -> Callable[[bytes, Path], None]:
    def call(data: bytes, folder: Path) -> None:
        (folder / "file").write_bytes(data)
        reader(folder / "file")

    return call


def _undo(path: Path) -> None:
    """A log whose files are all in the folder is also taken back."""
    folder = str(path.parent)
    paths = [p for move in journal.read_log(path) for p in (move.source, move.target)]
    if all(os.path.normpath(p).startswith(folder + os.sep) and "\0" not in p for p in paths):
        journal.undo(path)


def _labels(path: Path) -> None:
    annotations.read_labels(str(path), read_filenames(seeds.finished()), seeds.finished())


def _boxes(path: Path) -> None:
    known = annotations.read_boxes(str(path))
    assert known
    known("a.jpg")


def _truth(path: Path) -> None:
    evaluate.read_truth(path, ["a/1.jpg", "a/2.jpg", "b/1.jpg"], transitive=True)


def _mc(data: bytes, folder: Path) -> None:
    """The settings of mc; nothing of them may stand in a message."""
    (folder / "config.json").write_bytes(data)
    with mock.patch.dict(os.environ, {"MC_CONFIG_DIR": str(folder)}):
        try:
            server_of(parse("minio://local/bucket"))
        except InputError as error:
            assert "hush" not in str(error)
            raise


def _url(data: bytes, folder: Path) -> None:
    """A key of any kind has its copy within the folder of copies."""
    copies = Copies(folder / "out")
    path = copies.path("s3://bucket/" + data.decode("utf-8", "surrogateescape"))
    assert os.path.normpath(path).startswith(str(copies.folder) + os.sep)


def _copies(data: bytes, folder: Path) -> None:
    copies = Copies(folder)
    copies.folder.mkdir()
    (copies.folder / "copies.jsonl").write_bytes(data)
    copies.etag("s3://bucket/a.jpg")


def _member(kind: str) -> Target:
    def call(data: bytes, _: Path) -> None:
        text = data.decode("utf-8", "replace").strip()
        webdataset._read(kind, text, "label", webdataset._lookup(["cat", "dog"]))

    return Target(f"webdataset.{kind}", lambda: [b"1", b'{"label": 3}', b"dog"], call, _JSON)


def _classes(path: Path) -> None:
    """Classes that are there keep their lines."""
    before = [line.rstrip(b"\r") for line in path.read_bytes().split(b"\n")]
    labelimg._add_classes(path, ["cat", "dog"])
    after = [line.rstrip(b"\r") for line in path.read_bytes().split(b"\n")]
    kept = before if before[-1] else before[:-1]
    assert after[: len(kept)] == kept
    assert {b"cat", b"dog"} <= set(after)


_COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3.5, 4]}],
    "categories": [{"id": 1, "name": "cat"}],
}
_LABELS = b"index,label\n" + b"".join(b"%d,cat\n" % i for i in range(7))
_UNDO = b'{"format": "fastdup-gpu undo 1"}\n{"name": "a", "source": "a.jpg", "target": "t/a.jpg"}\n'
_BOX_ROWS = b"filename,col_x,row_y,width,height\na.jpg,1,2,30,40\nb.jpg,1.5,2,3e1,x\n"
_PAIRS = b"from,to,verdict\na/1.jpg,a/2.jpg,duplicate\n"
_GROUPS = b"file,group\na/1.jpg,7\na/2.jpg,7\n"
_PARTS = b"path: .\ntrain: images\nval: [images, other]\nnc: 1\nnames: [a]\n"


_XML = b"<annotation><filename>a.png</filename><path>/in/a.png</path></annotation>"
_TAGS = (
    b"<path>",
    b"</path>",
    b"<!DOCTYPE a [",
    b"<!ENTITY e '1'>",
    b"&e;",
    b"<?xml ",
    b"encoding",
)
_ALIAS = {"url": "https://h:9000", "accessKey": "k", "secretKey": "hush", "api": "S3v4"}
_MC = json.dumps({"version": "10", "aliases": {"local": _ALIAS}}).encode()
_COPIED = b'["s3/bucket/a.jpg", 3, "e"]\n\n["s3/bucket/b.jpg", 4, "f"]\n'


def _decision_seeds() -> list[bytes]:
    wanted = [{"name": "a.jpg"}, {"bytes_hex": "ff61"}]
    content = {"format": decisions.FORMAT, "work_dir": "out", "delete": wanted}
    return [json.dumps(content).encode()]


def targets() -> list[Target]:
    """Targets of this family."""
    return [
        _argument("turi_param", parse_turi, b"ccthreshold=0.9,run_cc=1,nnmodel=0", b"seed=7"),
        _argument("nnf_mode", parse_nnf_mode, b"HNSW32", b"IVF100,Flat", b"CAGRA"),
        _argument("nnf_param", parse_nnf_param, b"num_em_iter=20,num_clusters=100"),
        _argument("bounding_box", parse_bounding_box, b"row_y=1,col_x=2,height=3,width=4"),
        Target("list.txt", lambda: [b"a.jpg\nb.png\nimages\n", b"filename\nx\n"], _listed("txt")),
        Target("boxes.csv", lambda: [_BOX_ROWS, b"index,filename\n0,a\n"], _listed("csv")),
        Target("yolo.yaml", lambda: [_PARTS], _listed("yaml"), _YAML),
        Target("decisions.json", _decision_seeds, _read(decisions.read_decisions), _JSON),
        Target("undo.jsonl", lambda: [_UNDO], _read(_undo), _JSON),
        Target("labels.csv", lambda: [_LABELS], _read(_labels)),
        Target("known_boxes.csv", lambda: [_BOX_ROWS.replace(b",x", b",6")], _read(_boxes)),
        Target("truth.csv", lambda: [_PAIRS, _GROUPS], _read(_truth)),
        Target(
            "coco.json",
            lambda: [json.dumps(_COCO).encode()],
            _read(coco.import_from_coco),
            _JSON,
        ),
        Target("labelimg.xml", lambda: [_XML], _read(xml_names.picture_of), _TAGS),
        Target("classes.txt", lambda: [b"cat\nbird\n", b"dog\r\n\n"], _read(_classes)),
        Target("mc.json", lambda: [_MC], _mc, (b'"hosts"', b'"url"', b"http://", *_JSON)),
        Target("s3.key", lambda: [b"a/b.jpg", b"..", b"/x", b"a.tar/b.jpg"], _url, (b"/", b"..")),
        Target("copies.jsonl", lambda: [_COPIED], _copies, _JSON),
        *map(_member, webdataset.KINDS),
    ]
