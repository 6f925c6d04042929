"""The files that the documented functions write: self-contained, safe, and where they belong."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import logging
import re
import shutil
import sys
import types
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import fastdup_gpu as fastdup
from fastdup_gpu.cli import main
from fastdup_gpu.galleries import render, report
from fastdup_gpu.sources import list_input
from galleries.conftest import HOSTILE, Page, label


def test_pictures_are_inside_the_page_and_nothing_is_loaded(write):
    page = write(fastdup.create_duplicates_gallery, "duplicates")
    assert len(page.thumbs) == len(page.pictures)
    for uri in page.thumbs:
        kind, _, content = uri.partition(",")
        assert kind == "data:image/webp;base64"
        Image.open(io.BytesIO(base64.b64decode(content))).load()
    assert [a for a in page.addresses if not a.startswith("#")] == []
    assert "http:" not in page.text.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in page.text


def test_lazy_pictures_are_files_beside_the_page(write, tmp_path):
    page = write(fastdup.create_duplicates_gallery, "duplicates", lazy_load=True)
    for uri in page.thumbs:
        Image.open(tmp_path / "page" / uri).load()
    assert "img-src data: 'self' file:;" in page.policy


def test_pictures_of_an_earlier_page_do_not_stay_beside_the_next(write, run, tmp_path):
    page = tmp_path / "page"
    place, copies = page / "duplicates_images", page / "duplicates_artifacts" / "images"
    write(fastdup.create_duplicates_gallery, "duplicates", lazy_load=True, save_artifacts=True)
    (place / "mine.webp").touch()
    before = len(list(copies.glob("0*")))
    Path(run.names[0]).unlink()  # first on the next page, and no picture there any more
    write(
        fastdup.create_duplicates_gallery,
        "duplicates",
        lazy_load=True,
        save_artifacts=True,
        num_images=1,
    )
    assert len(list(place.glob("*.webp"))) == 2 and (place / "mine.webp").exists()
    assert len(list(copies.glob("0*"))) == 1 < before


def test_pictures_of_a_page_are_no_input_of_the_next_run(write, run):
    page = run.pictures / "page"
    options = {"lazy_load": True, "save_artifacts": True, "save_path": page}
    assert fastdup.create_duplicates_gallery(run.work_dir, **options) == 0
    assert list(page.rglob("*.webp")) and list(page.rglob("*.png"))
    assert len(list_input(str(run.pictures), run.work_dir).pictures) == len(run.names)


def test_boxes_that_fit_no_picture_shown_are_spoken_of(write, run, caplog):
    call = (fastdup.create_duplicates_gallery, "duplicates")
    write(*call, get_bounding_box_func={run.names[0]: [0, 0, 9, 9]})
    assert not caplog.records
    write(*call, get_bounding_box_func={"elsewhere.png": [0, 0, 9, 9]})
    assert "no box for any of the 5 images shown" in caplog.text


def test_policy_allows_only_the_scripts_and_styles_of_the_page(write):
    page = write(fastdup.create_duplicates_gallery, "duplicates")
    policy = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    for directive, tag in (("style-src", "style"), ("script-src", "script")):
        texts = [t for kind, a, t in page.blocks if kind == tag and a.get("type") is None]
        (text,) = texts
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert not any(name.startswith("on") or name == "style" for _, a in page.tags for name in a)


def test_scripts_stay_small():
    assert sum((render.TEMPLATES / name).stat().st_size for name in render.SCRIPTS) < 50_000


def test_hostile_names_and_labels_are_text(hostile):
    page = Page(report.write_report(hostile.work_dir, get_label_func=lambda name: name[-40:]))
    tags = {tag for tag, _ in page.tags}
    assert "img" not in tags
    assert len([1 for kind, a, _ in page.blocks if kind == "script" and not a.get("type")]) == 1
    shown = {picture["n"].rpartition("/pictures/")[2] for picture in page.pictures}
    assert shown == {name.replace("\udce9", "\ufffd") for name in HOSTILE}
    (odd,) = [picture for picture in page.pictures if "hex" in picture]
    assert bytes.fromhex(odd["hex"]).endswith(b"caf\xe9.png")


def test_missing_pictures_leave_a_note_in_their_place(write, run, tmp_path):
    (run.pictures / "b.png").unlink()
    (run.pictures / "c.png").write_bytes(b"not a picture")
    page = write(fastdup.create_duplicates_gallery, "duplicates")
    why = {picture["d"]: picture.get("why", "") for picture in page.pictures}
    assert why["a.png"] == ""
    assert why["b.png"].startswith("cannot be read")
    assert why["c.png"].startswith("cannot be decoded")


def test_artifacts_are_the_table_and_the_pictures(write, run, tmp_path):
    write(fastdup.create_duplicates_gallery, "duplicates", save_artifacts=True, num_images=1)
    folder = tmp_path / "page" / "duplicates_artifacts"
    rows = list(csv.DictReader((folder / "results.csv").open()))
    assert [row["from"][-5] for row in rows] == ["a", "c", "a", "d"]
    copies = list(csv.DictReader((folder / "images.csv").open()))
    for row in copies:
        original = (run.pictures / row["filename"][-5:]).read_bytes()
        assert (folder / row["copy"]).read_bytes() == original
    assert len(copies) == 2


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"nimages": 3}, "save_artifacts"),
        ({"num_images": -1}, "num_images=-1"),
        ({"slice": "diff"}, "get_label_func"),
        ({"get_label_func": label, "slice": "none"}, "'cat'"),
        ({"get_extra_col_func": "x"}, "callable"),
        ({"get_extra_col_func": lambda n: {}[n]}, "a.png"),
        ({"max_width": 0}, "max_width=0"),
    ],
)
def test_wrong_arguments_raise(run, tmp_path, options, named):
    with pytest.raises(fastdup.InvalidArgument, match=named):
        fastdup.create_duplicates_gallery(run.work_dir, tmp_path / "page", **options)


def test_the_report_names_the_options_that_it_takes(run):
    with pytest.raises(fastdup.InvalidArgument, match=r"'how' is not known.*one of") as found:
        report.write_report(run.work_dir, how="one")
    assert "'save_path'" not in str(found.value)


@pytest.mark.parametrize("make", [tuple, iter, pd.Series, pd.array])
def test_labels_wanted_are_a_list_of_any_kind(write, make):
    both = write(
        fastdup.create_duplicates_gallery,
        "duplicates",
        get_label_func=label,
        slice=make(["cat", "dog"]),
    )
    wanted = write(
        fastdup.create_duplicates_gallery,
        "duplicates",
        get_label_func=label,
        slice=["cat", "dog"],
    )
    assert both.pictures == wanted.pictures


@pytest.mark.parametrize("metric", ["../up", "width/height"])
def test_columns_of_a_table_name_no_other_folder(run, tmp_path, metric):
    table = fastdup.Session(run.work_dir).stats.rename(columns={"blur": metric})
    page = tmp_path / "page"
    assert fastdup.create_stats_gallery(table, page, metric=metric) == 0
    assert [path.parent for path in tmp_path.rglob("*.html")] == [page]


def test_missing_files_give_1_and_are_logged(tmp_path, caplog):
    with caplog.at_level(logging.ERROR, logger="fastdup_gpu"):
        assert fastdup.create_duplicates_gallery(tmp_path, tmp_path) == 1
    assert "similarity.csv does not exist" in caplog.text


def test_pages_of_a_run_without_findings(run, tmp_path):
    run.write([], [], [])
    for function, stem in (
        (fastdup.create_duplicates_gallery, "duplicates"),
        (fastdup.create_outliers_gallery, "outliers"),
        (fastdup.create_components_gallery, "components"),
        (fastdup.create_duplicate_videos_gallery, "duplicate_videos"),
        (fastdup.create_component_videos_gallery, "component_videos"),
    ):
        assert function(run.work_dir, tmp_path) == 0
        assert Page(tmp_path / f"{stem}.html").view()["items"] == []
    assert fastdup.create_similarity_gallery(run.work_dir, tmp_path).empty
    assert report.write_report(run.work_dir).is_file()


@pytest.mark.parametrize(
    ("function", "stem", "limit"),
    [
        (fastdup.create_duplicates_gallery, "duplicates", "page_width"),
        (fastdup.create_components_gallery, "components", "thumb_width"),
        (fastdup.create_stats_gallery, "blur", "thumb_width"),
        (fastdup.create_aspect_ratio_gallery, "aspect_ratio", "page_width"),
    ],
)
def test_max_width_limits_the_page_or_the_pictures(write, function, stem, limit):
    data = write(function, stem, max_width=300).data
    assert data[limit] == 300
    assert {data["page_width"], data["thumb_width"]} == {300, None}


class FakeNotebook:
    """What the code asks of IPython."""

    def __init__(self, monkeypatch):
        self.shown = []
        shell = types.SimpleNamespace(kernel=object())
        display = types.SimpleNamespace(HTML=str, display=self.shown.append)
        monkeypatch.setitem(
            sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell)
        )
        monkeypatch.setitem(sys.modules, "IPython.display", display)


def test_a_notebook_shows_the_page_in_a_frame(run, tmp_path, monkeypatch):
    notebook = FakeNotebook(monkeypatch)
    fastdup.create_duplicates_gallery(run.work_dir, tmp_path)
    (shown,) = notebook.shown
    (frame,) = re.findall(r'srcdoc="([^"]*)"', shown)
    assert html.unescape(frame) == (tmp_path / "duplicates.html").read_text(encoding="utf-8")
    assert 'sandbox="allow-scripts' in shown


def test_a_notebook_links_to_a_page_that_is_not_whole(run, tmp_path, monkeypatch):
    notebook = FakeNotebook(monkeypatch)
    fastdup.create_duplicates_gallery(run.work_dir, tmp_path, lazy_load=True)
    assert notebook.shown == [
        f'<p>Open <a href="{tmp_path}/duplicates.html">{tmp_path}/duplicates.html</a></p>'
    ]


def test_nothing_is_printed(run, tmp_path, capsys):
    fastdup.create_outliers_gallery(run.work_dir, tmp_path)
    assert capsys.readouterr() == ("", "")


def test_pictures_that_are_all_gone_are_told_of(write, run, caplog):
    for name in run.names:
        Path(name).unlink()
    write(fastdup.create_duplicates_gallery, "duplicates")
    assert "can be read, for example " in caplog.text
    assert "give it as input_dir" in caplog.text


def test_distances_in_a_table_of_no_known_run(run, tmp_path, caplog):
    table = pd.DataFrame({"from": [run.names[0]] * 3, "to": run.names[1:4]})
    near = table.assign(distance=[0.1, 0.2, 1.3])
    fastdup.create_duplicates_gallery(near, tmp_path / "far")
    shown = Page(tmp_path / "far" / "duplicates.html").view()["items"]
    assert [item["v"] for item in shown] == pytest.approx([1 / 1.1, 1 / 1.2, 1 / 2.3], abs=1e-6)
    assert not caplog.text
    fastdup.create_duplicates_gallery(table.assign(distance=[0.1, 0.2, 0.3]), tmp_path / "low")
    assert "are taken as similarities" in caplog.text


def test_the_report_command_takes_labels_and_a_folder(run, tmp_path, capsys):
    table = tmp_path / "labels.csv"
    pd.DataFrame({"filename": run.names, "label": map(label, run.names)}).to_csv(table, index=False)
    shutil.move(run.pictures, tmp_path / "moved")
    wishes = ["--labels", str(table), "--input-dir", str(tmp_path / "moved")]
    page = tmp_path / "r.html"
    assert main(["report", str(run.work_dir), "--save-path", str(page), *wishes]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    shown = Page(page)
    assert "Labels" in [view["title"] for view in shown.data["views"]]
    assert not any(picture.get("why") for picture in shown.pictures)


def test_a_page_that_was_cut_off_leaves_the_earlier_one_with_its_pictures(
    write, run, tmp_path, monkeypatch
):
    page = write(fastdup.create_stats_gallery, "blur", metric="blur", lazy_load=True)
    before = {uri: (tmp_path / "page" / uri).read_bytes() for uri in page.thumbs}

    def cut_off(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(render, "render", cut_off)
        with pytest.raises(KeyboardInterrupt):
            write(fastdup.create_stats_gallery, "blur", lazy_load=True, descending=True)
    assert {uri: (tmp_path / "page" / uri).read_bytes() for uri in page.thumbs} == before


def test_numbers_that_json_lacks_are_left_empty(run, tmp_path):
    groups = fastdup.find_top_components(run.work_dir).assign(distance=float("nan"))
    assert fastdup.create_components_gallery(groups, tmp_path) == 0
    stats = fastdup.Session(run.work_dir).stats.assign(mine=float("inf"))
    assert fastdup.create_stats_gallery(stats, tmp_path, metric="mine") == 0
    for name in ("components", "mine"):
        data = re.search(r'id="data">(.*?)</script>', (tmp_path / f"{name}.html").read_text())[1]
        assert "null" in data and not re.search("NaN|Infinity", data)
