"""Archives made to do harm: links, names that point outside, bombs, endless headers."""

import gzip
import io
import os
import tarfile
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest
from archive_files import check_all, member, noise, opened, tar_bytes, zip_bytes

from fastdup_gpu import InputError
from fastdup_gpu import reading as reading_module
from fastdup_gpu.sources import archives, members, named, read_by_name


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    named._opened.cache_clear()


def test_an_archive_of_which_nothing_is_taken_says_why(here):
    (here / "a.tar").write_bytes(tar_bytes({}, [member("../up.jpg"), member("film.mp4")]))
    with pytest.raises(InputError, match="left out 1 names that point outside, 1 videos"):
        opened("a.tar")


def test_two_members_of_one_name_are_spoken_of(here, caplog):
    with zipfile.ZipFile(here / "a.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in (1, 2):
            archive.writestr("a.jpg", noise(seed))
    source = opened("a.zip")
    assert [source.load(i) for i in range(2)] == [noise(1), noise(2)]
    assert "1 image(s) with the same name as another one" in caplog.text


def test_links_devices_and_names_that_point_outside_are_left_out(caplog):
    extra = [
        member("link.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("hard.jpg", type=tarfile.LNKTYPE, linkname="good.jpg"),
        member("dev.jpg", type=tarfile.CHRTYPE),
        member("fifo.jpg", type=tarfile.FIFOTYPE),
        member("folder.jpg", type=tarfile.DIRTYPE),
        member("../up.jpg", size=3),
        member("a/../../up.jpg", size=3),
        member("/abs.jpg", size=3),
        member("C:\\win.jpg", size=3),
        member("..\\win.jpg", size=3),
        member("inner.tar", size=3),
        member("film.mp4", size=3),
        member("__MACOSX/x.jpg", size=3),
        member("d/._x.jpg", size=3),
    ]
    Path("x.tar").write_bytes(tar_bytes({"./good.jpg": b"good", "b//c.jpg": b"c"}, extra))
    source = opened("x.tar")
    assert source.names == ["x.tar/good.jpg", "x.tar/b/c.jpg"]
    assert [source.load(i) for i in range(2)] == [b"good", b"c"]
    for part in ["4 links", "5 names that point outside", "1 nested archives", "1 videos"]:
        assert part in caplog.text
    assert [p.name for p in Path().iterdir()] == ["x.tar"]


def test_hostile_zip_members(caplog):
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("../up.jpg", b"x")
        archive.writestr("dir.jpg/", b"")
        archive.writestr("ok.jpg", b"ok")
    Path("x.zip").write_bytes(stream.getvalue())
    assert opened("x.zip").names == ["x.zip/ok.jpg"]
    assert "1 links" in caplog.text
    assert "1 names that point outside" in caplog.text


def test_hostile_member_names_are_labels():
    files = {
        name: name.encode("utf-8", "surrogateescape")
        for name in [
            "-rf.jpg",
            "q\"'.jpg",
            "new\nline.jpg",
            "\U0001f600.jpg",
            "bad\udcff.jpg",
            "c:d.jpg",
        ]
    }
    Path("x.tar").write_bytes(tar_bytes(files))
    check_all(opened("x.tar"), "x.tar", files)
    assert read_by_name("x.tar/bad\udcff.jpg") == b"bad\xff.jpg"
    assert read_by_name("x.tar/new\nline.jpg") == b"new\nline.jpg"


def test_members_over_the_limit_are_refused(monkeypatch):
    for module in (members, reading_module):
        monkeypatch.setattr(module, "MAX_FILE", 1000)
    for name, data in (
        ("x.tar", tar_bytes({"big.jpg": bytes(1001), "ok.jpg": bytes(1000)})),
        ("x.tgz", gzip.compress(tar_bytes({"big.jpg": bytes(1001), "ok.jpg": bytes(1000)}))),
        ("x.zip", zip_bytes({"big.jpg": bytes(1001), "ok.jpg": bytes(1000)})),
    ):
        Path(name).write_bytes(data)
        source = opened(name)
        with pytest.raises(OSError, match="limit of 1000"):
            source.load(0)
        assert source.load(1) == bytes(1000)


@pytest.mark.parametrize("name", ["x.tgz", "x.zip"])
def test_bombs_are_cut_short(name, monkeypatch):
    monkeypatch.setattr(members, "MAX_UNPACKED", 100_000)
    monkeypatch.setattr(members, "MAX_RATIO", 10)
    files = {"ok.jpg": noise(1), "bomb.jpg": bytes(1_000_000), "after.jpg": noise(2)}
    data = zip_bytes(files) if name == "x.zip" else gzip.compress(tar_bytes(files))
    Path(name).write_bytes(data)
    source = opened(name)
    assert source.names == [f"{name}/ok.jpg", name]
    assert source.load(0) == files["ok.jpg"]
    with pytest.raises(OSError, match="unpacks to more than 100000 bytes"):
        source.load(1)


def test_a_member_packed_too_small_for_its_size_is_refused(monkeypatch):
    monkeypatch.setattr(members, "_LARGE", 10_000)
    files = {"ok.jpg": noise(1), "empty.jpg": bytes(10_000), "bomb.jpg": bytes(100_000)}
    Path("x.zip").write_bytes(zip_bytes(files))
    source = opened("x.zip")
    assert [source.load(0), source.load(1)] == [files["ok.jpg"], files["empty.jpg"]]
    with pytest.raises(OSError, match=r"unpacks from \d+ bytes to 100000"):
        source.load(2)


@pytest.mark.parametrize("ending", ["tar", "tgz", "zip"])
def test_what_is_no_file_is_no_archive(ending, caplog):
    """Opening a pipe would wait for ever, reading a device take all memory."""
    Path("ok.tar").write_bytes(tar_bytes({"a.jpg": noise(1)}))
    os.mkfifo(f"pipe.{ending}")
    Path(f"zero.{ending}").symlink_to("/dev/zero")
    source = archives.open_archives(["ok.tar", f"pipe.{ending}", f"zero.{ending}"])
    assert source.names == ["ok.tar/a.jpg", f"pipe.{ending}", f"zero.{ending}"]
    assert caplog.text.count("it is a pipe, socket or device, not a regular file") == 2


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_zip_that_lies_about_its_size_unpacks_no_further(method):
    data = bytearray(zip_bytes({"a.jpg": bytes(5_000_000)}, method))
    central = data.index(b"PK\1\2")
    data[central + 24 : central + 28] = (50).to_bytes(4, "little")
    Path("x.zip").write_bytes(data)
    source = opened("x.zip")
    tracemalloc.start()
    try:
        with pytest.raises(OSError, match="damaged"):
            source.load(0)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_tar_that_leads_back_ends():
    header = bytearray(member("a.jpg", size=0).tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (-512 % (1 << 96)).to_bytes(12, "big")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    Path("x.tar").write_bytes(tar_bytes({"ok.jpg": b"ok"})[:1024] + bytes(header) + bytes(1024))
    source = opened("x.tar")
    assert source.names[0] == "x.tar/ok.jpg"
    assert source.load(0) == b"ok"


def test_a_header_that_asks_for_too_much_memory():
    pax = member("x", type=tarfile.XHDTYPE, size=1 << 40).tobuf(tarfile.GNU_FORMAT)
    Path("x.tar").write_bytes(tar_bytes({"ok.jpg": b"ok"})[:1024] + pax + bytes(10240))
    source = opened("x.tar")
    assert source.names == ["x.tar/ok.jpg", "x.tar"]
    with pytest.raises(OSError, match="asks for 1099511627776 bytes"):
        source.load(1)


def test_a_chain_of_headers_ends():
    chain = member("x", type=tarfile.GNUTYPE_LONGNAME, size=0).tobuf(tarfile.GNU_FORMAT) * 5000
    Path("x.tar").write_bytes(tar_bytes({"ok.jpg": b"ok"})[:1024] + chain + bytes(10240))
    source = opened("x.tar")
    assert source.names == ["x.tar/ok.jpg", "x.tar"]
