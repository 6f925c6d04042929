"""Crops: boxes from a csv or one for all, against Pillow's own cut of the same pixels."""

import io
import os
import random
import struct
import tarfile
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from making import photos, rows, run
from PIL import Image, ImageOps

import fastdup_gpu
from fastdup_gpu import pixel_budget
from fastdup_gpu._errors import InputError, InvalidArgument, WorkDirError
from fastdup_gpu.sources import crops as crops_module
from fastdup_gpu.sources import open_source
from fastdup_gpu.sources.base import Box, Part
from fastdup_gpu.sources.boxes import parse_bounding_box

WORK = Path("work")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gradient(width: int = 80, height: int = 60) -> Image.Image:
    """Smooth, and different everywhere, so that a wrong place shows through JPEG."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1)
    return Image.fromarray(pixels.astype(np.uint8))


def boxes_csv(rows: str, header: str = "filename,col_x,row_y,width,height") -> str:
    Path("boxes.csv").write_text(f"{header}\n{rows}\n")
    return "boxes.csv"


def pixels_of(source, i: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(source.load(i))).convert("RGB"), np.int16)


def assert_same(source, i: int, expected: Image.Image) -> None:
    want = np.asarray(expected.convert("RGB"), np.int16)
    got = pixels_of(source, i)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= 8


@pytest.mark.parametrize(
    "given",
    [
        "row_y=1,col_x=2,height=3,width=4",
        "width=4,height=3,col_x=2,row_y=1",
        " col_x = 2 , row_y = 1 , width = 4 , height = 3 ",
    ],
)
def test_bounding_box_in_any_order(given):
    assert parse_bounding_box(given) == Box(col_x=2, row_y=1, width=4, height=3)


def test_no_bounding_box():
    assert parse_bounding_box("") is None


@pytest.mark.parametrize(
    "given",
    [
        "row_y=1",
        "1,2,3,4",
        "row_y=1,col_x=2,height=3,width=4,depth=5",
        "row_y=1,row_y=1,col_x=2,height=3,width=4",
        "row_y=1,col_x=2,height=3,width=0",
        "row_y=1,col_x=2,height=-3,width=4",
        "row_y=-1,col_x=2,height=3,width=4",
        "row_y=1,col_x=-2,height=3,width=4",
        "row_y=a,col_x=2,height=3,width=4",
        "row_y=1.5,col_x=2,height=3,width=4",
        "row_y=,col_x=2,height=3,width=4",
        "body",
    ],
)
def test_wrong_bounding_boxes_show_the_form(given):
    with pytest.raises(InvalidArgument, match="row_y=xx,col_x=xx,height=xx,width=xx"):
        open_source("nothing", work_dir=WORK, bounding_box=given)


@pytest.mark.parametrize("given", ["face", "yolov5s", " face "])
def test_the_words_of_detectors_are_no_box_for_all_pictures(given):
    assert parse_bounding_box(given) is None


def test_a_box_csv_and_a_bounding_box_exclude_each_other():
    given = boxes_csv("a.png,0,0,5,5")
    with pytest.raises(InvalidArgument, match="give one of them"):
        open_source(given, work_dir=WORK, bounding_box="row_y=0,col_x=0,height=5,width=5")
    assert not WORK.exists()


@pytest.mark.parametrize("header", ["filename,col_x,row_y,width", "filename,row_y,width,height"])
def test_missing_columns_are_named(header):
    with pytest.raises(InputError, match="col_x,row_y,width,height"):
        open_source(boxes_csv("a.png,1,2,3", header), work_dir=WORK)


def test_a_box_csv_without_rows():
    with pytest.raises(InputError, match=r"boxes\.csv"):
        open_source(boxes_csv(""), work_dir=WORK)


def test_csv_boxes_with_columns_in_any_order_and_extra_ones():
    image = gradient()
    image.save("a.png")
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save("b.png")
    rows = "dog,20,a.png,30,10.0,5\ncat,8,b.png,9,0,0\nox,12,a.png,11,40.4,20.6"
    given = boxes_csv(rows, "label,height,filename,width,col_x,row_y")
    source = open_source(given, work_dir=WORK)
    assert list(source.names) == [f"work/crops/000000{i}_{n}.jpg" for i, n in enumerate("aba")]
    assert_same(source, 0, image.crop((10, 5, 40, 25)))
    assert_same(source, 1, Image.open("b.png").crop((0, 0, 9, 8)))
    assert_same(source, 2, image.crop((40, 21, 51, 33)))
    assert [(c.index, c.filename, c.crop_filename, c.box) for c in source.crops] == [
        (0, "a.png", source.names[0], Box(10, 5, 30, 20)),
        (1, "b.png", source.names[1], Box(0, 0, 9, 8)),
        (2, "a.png", source.names[2], Box(40, 21, 11, 12)),
    ]
    assert sorted(p.name for p in Path("work/crops").iterdir()) == sorted(
        Path(n).name for n in source.names
    )


def test_a_part_costs_nothing_for_the_other_boxes(monkeypatch):
    gradient().save("a.png")
    given = boxes_csv("\n".join(["a.png,0,0,40,30"] * 500))
    made = []
    real = crops_module.file_name
    monkeypatch.setattr(
        crops_module, "file_name", lambda *which: made.append(which) or real(*which)
    )
    source = open_source(given, work_dir=WORK, part=Part(100, 103))
    assert len(source.names) == 500
    assert made == [(i, "a.png") for i in (100, 101, 102)]
    ends = [f"work/crops/0000{i}_a.jpg" for i in ("000", "499")]
    assert [source.names[0], source.names[-1]] == ends
    assert source.names[100:103] == [crop.crop_filename for crop in source.crops]
    with pytest.raises(IndexError):
        source.names[500]


def test_our_own_crops_csv_can_be_run_again():
    gradient().save("a.png")
    header = "index,filename,crop_filename,col_x,row_y,width,height"
    source = open_source(boxes_csv("0,a.png,x/crops/0.jpg,1,2,30,40", header), work_dir=WORK)
    assert_same(source, 0, gradient().crop((1, 2, 31, 42)))


def test_crops_have_full_colour_resolution():
    gradient().save("a.png")
    source = open_source(boxes_csv("a.png,0,0,40,40"), work_dir=WORK)
    image = Image.open(io.BytesIO(source.load(0)))
    assert image.format == "JPEG"
    assert [component[1:3] for component in image.layer] == [(1, 1)] * 3


def test_boxes_are_clipped_and_numbering_never_shifts(caplog):
    gradient().save("a.png")
    Path("bad.jpg").write_bytes(b"no picture")
    Path("empty.jpg").write_bytes(b"")
    rows = [
        "a.png,-10,-5,30,20",
        "a.png,100,0,5,5",
        "a.png,0,0,0,5",
        "a.png,5,5,-3,5",
        "a.png,x,0,5,5",
        "a.png,nan,0,5,5",
        "a.png,inf,0,5,5",
        "a.png,1",
        "bad.jpg,0,0,5,5",
        "empty.jpg,0,0,5,5",
        "gone.jpg,0,0,5,5",
        "a.png,70,50,1000,1e30",
    ]
    source = open_source(boxes_csv("\n".join(rows)), work_dir=WORK)
    assert len(source.names) == len(source.crops) == len(rows)
    assert_same(source, 0, gradient().crop((0, 0, 20, 15)))
    assert_same(source, 11, gradient().crop((70, 50, 80, 60)))
    reasons = ["outside"] * 3 + ["not a box"] * 4 + ["not a known", "empty", "No such file"]
    for i, reason in enumerate(reasons, start=1):
        with pytest.raises(OSError, match=reason) as caught:
            source.load(i)
        assert not isinstance(caught.value, ValueError)
        assert not Path(source.names[i]).exists()
    assert "10 of 12 boxes" in caplog.text
    assert [crop.index for crop in source.crops] == list(range(12))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
def test_boxes_are_in_pixels_as_a_viewer_shows_them(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 98, "lossless": True, "subsampling": 0}
    gradient().save(f"a.{kind}", exif=exif, **({} if kind in ("png", "tif") else options))
    shown = ImageOps.exif_transpose(Image.open(f"a.{kind}"))
    assert shown.size == ((60, 80) if orientation > 4 else (80, 60))
    source = open_source(boxes_csv(f"a.{kind},3,20,50,35"), work_dir=WORK)
    assert_same(source, 0, shown.crop((3, 20, 53, 55)))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_picture_modes(mode):
    if mode == "I;16":
        grey = np.asarray(gradient().convert("L"))
        Image.fromarray(grey.astype(np.uint16) * 257).save("a.png")
        expected = Image.fromarray(grey)
    else:
        name = "a.tif" if mode == "CMYK" else "a.png"
        gradient().convert(mode).save(name)
        expected = Image.open(name).convert("RGB")
    source = open_source(boxes_csv(f"{next(Path().glob('a.*'))},0,0,40,30"), work_dir=WORK)
    got, want = pixels_of(source, 0), np.asarray(expected.crop((0, 0, 40, 30)).convert("RGB"))
    assert np.abs(got - want).mean() <= 4


def test_a_truncated_picture_gives_no_grey_crop():
    stream = io.BytesIO()
    gradient(400, 300).save(stream, "JPEG")
    Path("a.jpg").write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    source = open_source(boxes_csv("a.jpg,0,200,50,50"), work_dir=WORK)
    with pytest.raises(OSError, match="truncated"):
        source.load(0)


def test_a_picture_that_claims_to_be_huge_is_not_unpacked():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    Path("a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )
    before = Image.MAX_IMAGE_PIXELS
    source = open_source(boxes_csv("a.png,0,0,50,50"), work_dir=WORK)
    with pytest.raises(OSError, match="bomb"):
        source.load(0)
    assert before == Image.MAX_IMAGE_PIXELS


def test_hostile_names_give_safe_unique_crop_names(here):
    names = [
        "-rf.png",
        "new\nline.png",
        "q\"'.png",
        "\U0001f600.png",
        os.fsdecode(b"\xff\xfe.png"),
        "x" * 200 + ".png",
        "..png",
        "a.b.png",
        "$(touch x).png",
    ]
    (here / "pics").mkdir()
    for name in names:
        gradient().save("tmp.png")
        Path("tmp.png").rename(Path("pics") / name)
    source = open_source("pics", work_dir=WORK, bounding_box="row_y=1,col_x=2,height=30,width=40")
    assert sorted(crop.filename for crop in source.crops) == sorted(f"pics/{n}" for n in names)
    for i, name in enumerate(source.names):
        stem = Path(name).name.removeprefix(f"{i:07d}_").removesuffix(".jpg")
        assert len(stem) <= 60
        assert stem.isascii()
        assert all(c.isalnum() or c in "._-" for c in stem)
        assert_same(source, i, gradient().crop((2, 1, 42, 31)))


def test_global_box_on_archives(here):
    for name in ("x.tar", "y.tgz"):
        with tarfile.open(name, "w:gz" if name.endswith("tgz") else "w") as archive:
            for i in range(100):
                gradient(40 + i, 30).save("p.png")
                archive.add("p.png", f"{i:03d}.png")
    Path("p.png").unlink()
    box = "row_y=0,col_x=0,height=100,width=1000"
    source = open_source(["x.tar", "y.tgz"], work_dir=WORK, bounding_box=box, threads=4)
    assert [c.filename for c in source.crops[:2]] == ["x.tar/000.png", "x.tar/001.png"]
    assert not source.sequential
    assert [pixels_of(source, i).shape for i in range(200)] == [
        (30, 40 + i % 100, 3) for i in range(200)
    ]


def test_earlier_crops_are_never_trusted():
    gradient().save("a.png")
    given = boxes_csv("a.png,0,0,40,30")
    name = open_source(given, work_dir=WORK).names[0]
    for left in (b"something else", b"x" * Path(name).stat().st_size):
        Path(name).write_bytes(left)
        assert_same(open_source(given, work_dir=WORK), 0, gradient().crop((0, 0, 40, 30)))
    Path("a.png").unlink()
    with pytest.raises(FileNotFoundError):
        open_source(given, work_dir=WORK).load(0)
    assert not Path(name).exists()


def test_train_and_test_crops_do_not_overwrite_each_other():
    gradient().save("a.png")
    given = boxes_csv("a.png,0,0,40,30")
    train = open_source(given, work_dir=WORK)
    test = open_source(given, work_dir=WORK, kind="atest")
    assert list(train.names) == ["work/crops/0000000_a.jpg"]
    assert list(test.names) == ["work/crops/atest/0000000_a.jpg"]


def test_each_picture_is_read_once(monkeypatch):
    for name in "ab":
        gradient().save(f"{name}.png")
    rows = [(random.Random(i).choice("ab"), i % 7) for i in range(50)]
    given = boxes_csv("\n".join(f"{name}.png,{x},0,20,20" for name, x in rows))
    decoded = []
    real = crops_module.upright
    monkeypatch.setattr(crops_module, "upright", lambda d: decoded.append(d) or real(d))
    source = open_source(given, work_dir=WORK)
    assert len(decoded) == 2
    for i, (_, x) in enumerate(rows):
        assert_same(source, i, gradient().crop((x, 0, x + 20, 20)))


def test_a_work_dir_that_cannot_be_written_to():
    gradient().save("a.png")
    WORK.write_text("a file")
    with pytest.raises(WorkDirError, match="crops"):
        open_source(boxes_csv("a.png,0,0,40,30"), work_dir=WORK)


@pytest.mark.shared
def test_real_boxes(tmp_path):
    archive = Path(__file__).parents[1].parent / "shared/data/boxes.tar"
    if not archive.exists():
        pytest.skip("the annotated photos are not beside the checkout")
    with tarfile.open(archive) as stream:
        stream.extractall(tmp_path, filter="data")
    (given,) = tmp_path.rglob("annotations.csv")
    source = open_source(str(given), work_dir=WORK)
    assert len(source.crops) == 327
    for i, crop in enumerate(source.crops):
        box = crop.box
        with Image.open(crop.filename) as image:
            corners = (box.col_x, box.row_y, box.col_x + box.width, box.row_y + box.height)
            want = np.asarray(image.convert("RGB").crop(corners), np.int16)
        got = pixels_of(source, i)
        assert got.shape == want.shape
        assert np.abs(got - want).mean() <= 4


def test_crops_of_earlier_runs_are_no_pictures(here):
    """Where the work_dir is the input."""
    box = {"bounding_box": "row_y=0,col_x=0,height=40,width=40"}
    paths = photos(Path("same"), 5)
    run("same", Path("same"), **box)
    for path in paths[3:]:
        path.unlink()
    run("same", Path("same"), **box)
    assert len(list(Path("same/crops").iterdir())) == 3
    Path("same/crops/mine.jpg").write_bytes(paths[0].read_bytes())
    for expected in (3, 4):  # that of the user's own counts where nothing is a crop any more
        assert run("same", Path("same")) == 0
        assert len(rows(Path("same/atrain_features.dat.csv"))) == expected
    assert [path.name for path in Path("same/crops").iterdir()] == ["mine.jpg"]


def test_crops_of_other_runs_below_the_input_are_no_pictures(here):
    photos(here / "in" / "sub", 4)
    given = {"bounding_box": "row_y=0,col_x=0,height=40,width=40"}
    assert run("in/sub", here / "in" / "sub" / "first", **given) == 0
    assert run("in/sub", here / "second", run_mode=1) == 0
    assert run("in", here / "third", run_mode=1) == 0
    for out in ("second", "third"):
        assert len(rows(here / out / "atrain_features.dat.csv")) == 4
    assert run("in/sub/first/crops", here / "fourth", run_mode=1) == 0
    assert len(rows(here / "fourth" / "atrain_features.dat.csv")) == 4


def test_labels_of_boxes_stand_beside_the_crops(here):
    photos(here, 2)
    lines = "0000.jpg,0,0,20,20,cat\n0001.jpg,0,0,20,20,\n0000.jpg,9,9,20,20,dog"
    given = boxes_csv(lines, "filename,col_x,row_y,width,height,label")
    assert run(given, WORK, min_offset=1) == 0
    table = rows(WORK / "atrain_crops.csv")
    assert [(row["filename"], row["label"]) for row in table] == [
        ("0001.jpg", ""),
        ("0000.jpg", "dog"),
    ]
    assert "score" not in table[0]


def test_a_coco_json_is_no_list_and_its_boxes_can_be_cropped(here, caplog):
    paths = photos(here, 2)
    names = [path.name for path in paths]
    fastdup_gpu.export_to_coco(
        names, ["cat", "dog"], "x.json", [[(0, 0, 20, 30)], [(5, 5, 50, 60)]]
    )
    assert run("x.json", WORK) == 1
    assert "is JSON" in caplog.text and "import_from_coco" in caplog.text
    assert len(caplog.text) < 2000
    fastdup_gpu.import_from_coco("x.json").dropna().to_csv("boxes.csv", index=False)
    assert run("boxes.csv", WORK) == 0
    table = rows(WORK / "atrain_crops.csv")
    assert [(row["width"], row["height"], row["label"]) for row in table] == [
        ("20", "30", "cat"),
        ("45", "55", "dog"),
    ]


def test_columns_that_look_like_boxes_of_another_form_are_spoken_of(caplog):
    gradient().save("a.png")
    source = open_source(boxes_csv("a.png,0,0,9,9", "filename,x1,y1,x2,y2"), work_dir=WORK)
    assert list(source.names) == ["a.png"]
    assert "x1, y1, x2, y2 are ignored" in caplog.text and "col_x,row_y" in caplog.text


def test_a_header_in_capitals_is_one():
    gradient().save("a.png")
    given = boxes_csv("a.png,5,6,20,30", "Filename,Col_X,ROW_Y,Width,Height")
    assert [crop.box for crop in open_source(given, work_dir=WORK).crops] == [Box(5, 6, 20, 30)]


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_signs_than_commas_are_refused(sign):
    header = sign.join(["filename", "col_x", "row_y", "width", "height"])
    with pytest.raises(InputError, match=r"columns separated by .*; expected commas"):
        open_source(boxes_csv(sign.join("a1234"), header), work_dir=WORK)


def test_crops_of_a_run_that_was_killed_while_cutting_are_no_pictures(monkeypatch):
    """Where the work_dir is the input."""
    photos(Path("in"), 4)
    wishes = {"work_dir": Path("in"), "bounding_box": "row_y=0,col_x=0,width=20,height=20"}
    real, written = crops_module.write, []

    def dying(path: Path, data: bytes) -> None:
        real(path, data)
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(crops_module, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        open_source("in", threads=1, **wishes)
    monkeypatch.setattr(crops_module, "write", real)
    assert len(open_source("in", **wishes).names) == 4


def test_large_pictures_are_cut_one_after_the_other(monkeypatch):
    """As they share a budget of decoded pixels, however many threads there are."""
    monkeypatch.setattr(pixel_budget, "_LARGE", 1000)
    monkeypatch.setattr(pixel_budget, "_budget", pixel_budget._Budget(5000))
    at_work, most = [], []
    real = crops_module.encode

    def encode(picture: Image.Image, box: Box) -> bytes | str:
        at_work.append(picture)
        most.append(len(at_work))
        time.sleep(0.02)
        try:
            return real(picture, box)
        finally:
            at_work.remove(picture)

    monkeypatch.setattr(crops_module, "encode", encode)
    photos(Path("in"), 4)  # of 10,800 pixels
    box = "row_y=0,col_x=0,width=20,height=20"
    assert len(open_source("in", work_dir=WORK, bounding_box=box, threads=4).names) == 4
    assert most == [1] * 4


def test_a_picture_without_memory_for_it_is_listed(monkeypatch):
    def full(*_: object) -> None:
        raise MemoryError

    photos(Path("in"), 2)
    monkeypatch.setattr(pixel_budget, "read_picture", full)
    box = "row_y=0,col_x=0,width=20,height=20"
    assert run("in", WORK, bounding_box=box, run_mode=1) == 0
    assert len(rows(WORK / "atrain_features.bad.csv")) == 2
    source = open_source("in", work_dir=WORK, bounding_box=box)
    with pytest.raises(OSError, match="not enough memory"):
        source.load(0)


def test_boxes_of_missing_pictures_are_missing_files():
    photos(Path("in"), 1)
    given = boxes_csv("in/0000.jpg,0,0,30,30\ngone.jpg,0,0,9,9\nlost.jpg,0,0,9,9")
    assert run(given, WORK, run_mode=1) == 0
    bad = rows(WORK / "atrain_features.bad.csv")
    assert [row["error_code"] for row in bad] == ["ERROR_MISSING_FILE"] * 2
