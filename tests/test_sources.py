"""What open_source finds in folders, what it refuses, and how single files are read."""

import os
import re
import socket
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from fastdup_gpu._errors import InputError, InvalidArgument
from fastdup_gpu.sources import folder as folder_module
from fastdup_gpu.sources import open_source, read_by_name
from fastdup_gpu.sources.base import IMAGE_EXTENSIONS

HOSTILE = [
    "-rf.jpg",
    "a b.jpg",
    "comma,semi;.jpg",
    'double"quote.jpg',
    "emoji \U0001f600.jpg",
    "it's.jpg",
    "new\nline.jpg",
    os.fsdecode(b"not-utf8-\xff\xfe.jpg"),
    "$(touch pwned).jpg",
]


def put(path: Path, content: bytes | None = None) -> str:
    """A file whose bytes name it, so that a mix-up shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.fsencode(path.name) if content is None else content)
    return str(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(given, work_dir="work", **options):
    return list(open_source(given, work_dir=Path(work_dir), **options).names)


def test_folder_is_walked_in_code_point_order_and_names_stay_relative(here):
    for name in [
        "b.jpg",
        "B.JPG",
        "a/z.png",
        "a.png",
        "a-b/c.webp",
        "é.jpeg",
        "Z/q.tiff",
        "no.txt",
    ]:
        put(here / "pics" / name)
    expected = sorted(["B.JPG", "Z/q.tiff", "a-b/c.webp", "a.png", "a/z.png", "b.jpg", "é.jpeg"])
    assert names("pics") == [f"pics/{n}" for n in expected]
    assert names("pics/") == names(Path("pics")) == names("pics")
    assert names("./pics") == [f"./pics/{n}" for n in expected]
    assert names(str(here / "pics")) == [f"{here}/pics/{n}" for n in expected]


def test_hostile_names_are_found_and_read(here):
    for name in HOSTILE:
        put(here / "pics" / name)
    source = open_source("pics", work_dir=here)
    assert sorted(source.names) == sorted(f"pics/{name}" for name in HOSTILE)
    for i, name in enumerate(source.names):
        assert source.load(i) == os.fsencode(name.removeprefix("pics/"))
        assert read_by_name(name) == source.load(i)


def test_every_extension_that_docs_name_is_picked_from_folders(here):
    docs = Path(__file__).parents[1] / "docs" / "formats.md"
    told = re.search(r"are taken:(.*?)\. Name", docs.read_text(encoding="utf-8"), re.DOTALL)[1]
    extensions = told.replace(" and ", ", ").replace("\n", " ").split(",")
    extensions = {extension.strip() for extension in extensions}
    assert {"jpg", "avif", "tga"} <= extensions == IMAGE_EXTENSIONS
    for extension in extensions:
        put(here / "in" / f"a.{extension}")
        put(here / "in" / f"b.{extension.upper()}")
    put(here / "in" / "c.txt")
    assert len(names("in")) == 2 * len(extensions)


def test_hidden_files_are_taken_and_macos_junk_is_not(here):
    for name in [".hidden.jpg", ".cache/x.jpg", "._a.jpg", "__MACOSX/a.jpg", "a.jpg"]:
        put(here / "pics" / name)
    assert names("pics") == ["pics/.cache/x.jpg", "pics/.hidden.jpg", "pics/a.jpg"]


def test_work_dir_inside_the_folder_is_skipped(here):
    put(here / "pics/a.jpg")
    put(here / "pics/out/crops/b.jpg")
    (here / "pics/link").symlink_to("out")
    assert names("pics", work_dir="pics/out") == ["pics/a.jpg"]
    assert names(str(here / "pics"), work_dir="pics/out") == [f"{here}/pics/a.jpg"]


def test_crops_of_an_earlier_run_are_skipped_where_the_work_dir_is_the_folder(here):
    put(here / "a.jpg")
    put(here / "crops/mine.jpg")
    assert names(".", work_dir=".") == ["./a.jpg", "./crops/mine.jpg"]
    put(here / "atrain_crops.csv")
    assert names(".", work_dir=".") == ["./a.jpg"]


def test_loops_end_and_each_folder_is_listed_once(here):
    put(here / "pics/real/a.jpg")
    put(here / "outside/b.jpg")
    put(here / "sibling/no.jpg")
    for link, target in {
        "pics/self": ".",
        "pics/around": "..",
        "pics/real/back": "../../pics",
        "pics/alias": "real",
        "pics/one": "../outside",
        "pics/two": "../outside",
        "pics/dead-end": "dead-end",
    }.items():
        (here / link).symlink_to(target)
    assert names("pics") == ["pics/one/b.jpg", "pics/real/a.jpg"]


def test_linked_files_and_broken_links_keep_their_place(here):
    put(here / "elsewhere/x.jpg")
    (here / "pics").mkdir()
    (here / "pics/link.jpg").symlink_to("../elsewhere/x.jpg")
    (here / "pics/gone.jpg").symlink_to("nowhere")
    source = open_source("pics", work_dir=here / "w")
    assert source.names == ["pics/gone.jpg", "pics/link.jpg"]
    assert source.load(1) == b"x.jpg"
    with pytest.raises(FileNotFoundError):
        source.load(0)


def test_a_folder_that_cannot_be_listed_costs_one_warning(here, monkeypatch, caplog):
    for name in ["a.jpg", "shut1/b.jpg", "shut2/c.jpg"]:
        put(here / "pics" / name)
    real = os.scandir

    def scandir(path):
        if "shut" in path:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(folder_module.os, "scandir", scandir)
    assert names("pics") == ["pics/a.jpg"]
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "2 folder(s)" in caplog.text
    with pytest.raises(InputError, match="shut1"):
        names("pics/shut1")


def test_videos_among_pictures_are_left_out_with_a_warning(here, caplog):
    for name in ["a.jpg", "b.mp4", "c.AVI"]:
        put(here / "pics" / name)
    assert names("pics") == ["pics/a.jpg"]
    assert "2 videos" in caplog.text


def test_a_single_picture(here):
    put(here / "a.JPG")
    assert names("a.JPG") == ["a.JPG"]


@pytest.mark.parametrize(
    "given", ["gs://bucket/x", "https://x.org/a.jpg", ["a.jpg", "http://user:pass@x.org/a.jpg"]]
)
def test_remote_inputs_say_what_to_do(here, given):
    with pytest.raises(InputError, match="copy the files to a local folder") as error:
        names(given)
    assert "pass" not in str(error.value)


@pytest.mark.parametrize("given", ["", "missing", "missing.jpg", "empty", [], (), "nul\0byte"])
def test_missing_and_empty_inputs(here, given):
    (here / "empty").mkdir()
    put(here / "unrelated.jpg")
    with pytest.raises(InputError, match="input_dir"):
        names(given)


def test_an_empty_list_file_names_itself(here):
    put(here / "list.txt", b"\n \r\n")
    with pytest.raises(InputError, match=r"list\.txt"):
        names("list.txt")


@pytest.mark.parametrize(
    "given", [3, None, {"a": 1}, {"a.jpg"}, ["a.jpg", 3], ["a.jpg", None], pd.DataFrame({"x": [1]})]
)
def test_wrong_types(here, given):
    with pytest.raises(InvalidArgument, match="input_dir"):
        names(given)


def test_a_binary_file_is_no_list(here):
    put(here / "features.dat", bytes(100))
    with pytest.raises(InputError, match="zero byte in line 1"):
        names("features.dat")
    with pytest.raises(InputError, match="zero byte in line 1"):
        names("/dev/zero")


def test_only_regular_files_are_read(here):
    os.mkfifo(here / "pipe.jpg")
    (here / "folder.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock.jpg")
        source = open_source(["pipe.jpg", "folder.jpg", "sock.jpg", "/dev/zero"], work_dir=here)
        for i in range(4):
            with pytest.raises(OSError):
                source.load(i)
    with pytest.raises(IsADirectoryError):
        source.load(1)


def test_impossible_names_are_os_errors(here):
    source = open_source(["a\0.jpg", "x" * 5000 + ".jpg"], work_dir=here)
    for i in range(2):
        with pytest.raises(OSError):
            source.load(i)


def test_huge_files_are_refused_and_empty_ones_are_not(here, monkeypatch):
    with (here / "huge.jpg").open("wb") as stream:
        stream.truncate((2 << 30) + 1)
    put(here / "empty.jpg", b"")
    source = open_source(["huge.jpg", "empty.jpg"], work_dir=here)
    with pytest.raises(OSError, match="limit of 2147483648"):
        source.load(0)
    assert source.load(1) == b""


def test_short_reads_are_continued(here, monkeypatch):
    put(here / "a.jpg", bytes(range(256)))
    real = os.read
    monkeypatch.setattr(folder_module.os, "read", lambda fd, size: real(fd, min(size, 100)))
    assert read_by_name("a.jpg") == bytes(range(256))


def test_read_by_name_says_what_is_missing(here):
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
        read_by_name("gone.jpg")


@pytest.mark.shared
def test_oddly_named_real_files(tmp_path):
    archive = Path(__file__).parents[1].parent / "shared/data/ugly.tar"
    if not archive.exists():
        pytest.skip("the odd pictures are not beside the checkout")
    with tarfile.open(archive) as stream:
        stream.extractall(tmp_path, filter="data")
    listed = [str(path) for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".tar"]
    source = open_source(listed, work_dir=tmp_path / "none")
    assert len(listed) > 200
    for i, name in enumerate(listed):
        assert source.names[i] == name
        assert source.load(i) == Path(name).read_bytes()
    with pytest.raises(InvalidArgument, match=r"hopper\.tar"):
        open_source(str(tmp_path), work_dir=tmp_path / "none")


def test_the_trash_of_deleted_duplicates_is_no_input(tmp_path):
    from making import photos

    photos(tmp_path / "in", 2)
    photos(tmp_path / "in" / ".fastdup-trash" / "20260101", 2)
    source = open_source(str(tmp_path / "in"), work_dir=tmp_path / "out")
    assert [Path(name).name for name in source.names] == ["0000.jpg", "0001.jpg"]
