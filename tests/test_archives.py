"""Pictures in tars and zips: random and streamed reading, damage, mixing, reading by name."""

import bz2
import gzip
import io
import logging
import lzma
import os
import random
import subprocess
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from archive_files import FILES, check_all, member, noise, opened, tar_bytes, zip_bytes
from making import photos, rows, run

from fastdup_gpu._errors import InputError, InvalidArgument
from fastdup_gpu.sources import named, read_by_name

PACK = {
    "x.tar": lambda data: data,
    "x.tar.gz": gzip.compress,
    "x.tgz": gzip.compress,
}
PACK_RARELY = {
    "x.tar.bz2": bz2.compress,
    "x.tbz2": bz2.compress,
    "x.tar.xz": lzma.compress,
    "x.TXZ": lzma.compress,
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    named._opened.cache_clear()


@pytest.mark.parametrize("name", [*PACK, *PACK_RARELY])
def test_tars(name):
    Path(name).write_bytes((PACK | PACK_RARELY)[name](tar_bytes(FILES)))
    source = opened(".")
    assert source.names[0] == f"./{name}/d/0.jpg"
    source = opened(name)
    check_all(source, name, FILES)
    assert source.sequential is (name != "x.tar")
    assert source.load(3) == FILES["d/3.jpg"]  # back again
    assert read_by_name(f"{name}/d/7.jpg") == FILES["d/7.jpg"]
    assert read_by_name(f"{name}/d/2.jpg") == FILES["d/2.jpg"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zips(method):
    Path("x.ZIP").write_bytes(zip_bytes(FILES, method))
    source = opened("x.ZIP")
    check_all(source, "x.ZIP", FILES)
    assert not source.sequential
    assert read_by_name("x.ZIP/d/7.jpg") == FILES["d/7.jpg"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.tar", gzip.compress(tar_bytes(FILES))),
        ("x.tar", bz2.compress(tar_bytes(FILES))),
        ("x.tgz", lzma.compress(tar_bytes(FILES))),
        ("x.tgz", tar_bytes(FILES)),
        ("x.tgz", zip_bytes(FILES)),
        ("x.zip", tar_bytes(FILES)),
        ("x.zip", gzip.compress(tar_bytes(FILES))),
        ("x.zip", b"#!/bin/sh\nunpacker\n" + zip_bytes(FILES)),
    ],
)
def test_the_content_counts_and_not_the_extension(name, data):
    Path(name).write_bytes(data)
    check_all(opened(name), name, FILES)


@pytest.mark.parametrize("name", ["x.tar", "x.zip", "x.tgz"])
def test_threads_and_random_order(name):
    make = zip_bytes if name == "x.zip" else tar_bytes
    data = make(FILES)
    Path(name).write_bytes(gzip.compress(data) if name == "x.tgz" else data)
    source = opened(name)
    order = [i % 20 for i in range(400)]
    random.Random(1).shuffle(order)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(source.load, order))
    assert got == [FILES[f"d/{i}.jpg"] for i in order]


def test_more_archives_than_stay_open():
    Path("many").mkdir()
    for i in range(100):
        Path(f"many/{i:03d}.tar").write_bytes(tar_bytes({"a.jpg": noise(i)}))
    source = opened("many")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208
    for _ in range(2):
        assert [source.load(i) for i in range(100)] == [noise(i) for i in range(100)]
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 64  # noqa: PTH208
    source.close()
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


def test_a_closed_source_opens_again():
    Path("x.tar").write_bytes(tar_bytes(FILES))
    source = opened("x.tar")
    source.close()
    assert source.load(0) == FILES["d/0.jpg"]


def test_archives_of_a_folder_are_sorted_and_members_keep_their_order(here):
    files = {"z.jpg": b"1", "a.jpg": b"2", "label.cls": b"3", "b.PNG": b"4"}
    (here / "in").mkdir()
    (here / "in/b.tar").write_bytes(tar_bytes(files))
    (here / "in/a.zip").write_bytes(zip_bytes(files))
    expected = [f"in/{a}/{m}" for a in ("a.zip", "b.tar") for m in ("z.jpg", "a.jpg", "b.PNG")]
    source = opened("in")
    assert source.names == expected
    assert [source.load(i) for i in range(6)] == [b"1", b"2", b"4"] * 2
    assert opened(["in/b.tar", "in/a.zip"]).names == expected[3:] + expected[:3]


def test_pictures_and_archives_do_not_mix(here):
    Path("in").mkdir()
    Path("in/a.tar").write_bytes(tar_bytes(FILES))
    Path("in/b.jpg").write_bytes(b"b")
    with pytest.raises(InvalidArgument, match="tar_only=1"):
        opened("in")
    assert opened("in", tar_only=True).names == [f"in/a.tar/{name}" for name in FILES]
    with pytest.raises(InvalidArgument, match="cannot be mixed"):
        opened(["in/b.jpg", "in/a.tar"])


def test_tar_only_without_archives_says_so(here):
    Path("in").mkdir()
    Path("in/b.jpg").write_bytes(b"b")
    with pytest.raises(InputError, match="tar_only=1"):
        opened("in", tar_only=True)


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_hard_links_are_the_pictures_that_they_link_to(tmp_path, caplog, ending):
    """As GNU tar writes a folder in which one file has several names."""
    archive = tmp_path / f"a.{ending}"
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "1.jpg").write_bytes(FILES["d/1.jpg"])
    (folder / "2.jpg").hardlink_to(folder / "1.jpg")
    (folder / "3.jpg").write_bytes(FILES["d/3.jpg"])
    (folder / "notes.txt").write_bytes(b"x")
    (folder / "x.jpg").hardlink_to(folder / "notes.txt")
    (folder / "4.jpg").hardlink_to(folder / "3.jpg")
    names = ["1.jpg", "notes.txt", "2.jpg", "3.jpg", "4.jpg", "x.jpg"]
    command = ["tar", "caf", archive, "-C", tmp_path, *(f"./d/{name}" for name in names)]
    subprocess.run(command, check=True)
    whose = {"1": "1", "2": "1", "3": "3", "4": "3"}  # a link to what follows a link as well
    if ending != "tar":
        del whose["2"], whose["4"]
    read = {f"d/{name}.jpg": FILES[f"d/{file}.jpg"] for name, file in whose.items()}
    check_all(opened(archive), archive, read)
    assert f"left out {1 if ending == 'tar' else 3} links" in caplog.text


def test_a_run_over_a_damaged_archive_takes_what_comes_before_the_damage():
    pictures = {path.name: path.read_bytes() for path in photos(Path("in"), 6)}
    packed = gzip.compress(tar_bytes(pictures))
    Path("x.tar.gz").write_bytes(packed[: len(packed) * 2 // 3])
    assert run("x.tar.gz", Path("out")) == 0
    good = [row["filename"] for row in rows(Path("out/atrain_features.dat.csv"))]
    assert good == [f"x.tar.gz/{name}" for name in list(pictures)[: len(good)]]
    assert 2 <= len(good) < 6
    (bad,) = rows(Path("out/atrain_features.bad.csv"))
    assert (bad["index"], bad["filename"]) == (str(len(good)), "x.tar.gz")


def test_an_archive_without_pictures():
    Path("x.tar").write_bytes(tar_bytes({"a.txt": b""}))
    with pytest.raises(InputError, match=r"x\.tar"):
        opened("x.tar")


def test_a_single_broken_archive_is_an_input_error():
    for name in ("x.zip", "x.tar", "x.tgz"):
        Path(name).write_bytes(b"no archive at all" * 100)
        with pytest.raises(InputError, match=name):
            opened(name)


@pytest.mark.parametrize("data", [b"", b"nonsense" * 200, b"\x1f\x8bnonsense", b"PK\3\4nonsense"])
def test_a_broken_archive_among_others_costs_one_item(data, caplog):
    Path("b.tar").write_bytes(data)
    Path("a.tar").write_bytes(tar_bytes({"1.jpg": b"1"}))
    Path("c.zip").write_bytes(zip_bytes({"2.jpg": b"2"}))
    source = opened(["a.tar", "b.tar", "gone.zip", "c.zip"])
    assert source.names == ["a.tar/1.jpg", "b.tar", "gone.zip", "c.zip/2.jpg"]
    assert (source.load(0), source.load(3)) == (b"1", b"2")
    for i, name in ((1, r"b\.tar"), (2, r"gone\.zip")):
        with pytest.raises(OSError, match=name):
            source.load(i)
    assert [r.levelname for r in caplog.records] == ["ERROR", "ERROR"]


@pytest.mark.parametrize("name", PACK)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.77])
def test_a_truncated_tar_gives_what_it_has(name, share, caplog):
    data = PACK[name](tar_bytes(FILES))
    Path(name).write_bytes(data[: int(len(data) * share)])
    source = opened(name)
    whole = len(source.names) - 1
    assert 0 < whole < 20
    assert whole >= int(20 * share) - 4
    assert source.names[-1] == name
    assert [source.load(i) for i in range(whole)] == list(FILES.values())[:whole]
    with pytest.raises(OSError, match="truncated"):
        source.load(whole)
    assert "cannot be read to its end" in caplog.text


def test_a_tar_cut_off_between_two_members_does_not_pass_for_whole():
    data = tar_bytes(FILES)
    Path("x.tar").write_bytes(data[: data.index(b"d/3.jpg")])
    source = opened("x.tar")
    assert source.names == ["x.tar/d/0.jpg", "x.tar/d/1.jpg", "x.tar/d/2.jpg", "x.tar"]
    assert source.load(2) == FILES["d/2.jpg"]
    with pytest.raises(OSError, match="end mark"):
        source.load(3)


def test_a_damaged_header_in_the_middle_does_not_pass_for_the_end():
    data = bytearray(tar_bytes(FILES))
    second = data.index(b"d/1.jpg")
    data[second + 5] ^= 0xFF
    Path("x.tar").write_bytes(data)
    source = opened("x.tar")
    assert source.names == ["x.tar/d/0.jpg", "x.tar"]
    with pytest.raises(OSError, match="damaged"):
        source.load(1)


def test_a_damaged_byte_in_a_compressed_tar_is_told():
    packed = bytearray(gzip.compress(tar_bytes(FILES)))
    packed[len(packed) // 2] ^= 1
    Path("x.tgz").write_bytes(packed)
    source = opened("x.tgz")
    assert source.names == [*(f"x.tgz/{name}" for name in FILES), "x.tgz"]
    with pytest.raises(OSError, match="damaged"):
        source.load(len(source.names) - 1)


@pytest.mark.parametrize("name", PACK)
def test_an_archive_after_the_end_of_another_is_told(name, caplog):
    first = {"a.jpg": noise(1)}
    Path(name).write_bytes(PACK[name](tar_bytes(first)))
    check_all(opened(name), name, first)
    assert not caplog.text
    Path(name).write_bytes(PACK[name](tar_bytes(first) + tar_bytes({"b.jpg": noise(2)})))
    check_all(opened(name), name, first)
    assert "left out 1 part after the end mark" in caplog.text


def test_every_flipped_byte_is_survived(caplog):
    caplog.set_level(logging.CRITICAL)
    for make, name in ((tar_bytes, "x.tar"), (zip_bytes, "x.zip")):
        data = make({"a.jpg": b"a" * 600, "b.jpg": b"b" * 20})
        for at in range(0, len(data), 7):
            bad = bytearray(data)
            bad[at] ^= 0xA5
            Path(name).write_bytes(bad)
            try:
                source = opened(name)
            except InputError:
                continue
            for i in range(len(source.names)):
                try:
                    source.load(i)
                except OSError as error:
                    assert str(error)


def test_a_damaged_zip_member_costs_only_itself():
    data = bytearray(zip_bytes(FILES, zipfile.ZIP_STORED))
    at = bytes(data).index(FILES["d/4.jpg"])
    data[at + 10] ^= 1
    Path("x.zip").write_bytes(data)
    source = opened("x.zip")
    with pytest.raises(OSError, match="damaged"):
        source.load(4)
    assert source.load(5) == FILES["d/5.jpg"]


def test_an_archive_cut_off_after_it_was_listed():
    data = tar_bytes(FILES)
    Path("x.tar").write_bytes(data)
    source = opened("x.tar")
    Path("x.tar").write_bytes(data[:6000])
    assert source.load(0) == FILES["d/0.jpg"]
    with pytest.raises(OSError, match="truncated"):
        source.load(15)


def test_encrypted_and_unsupported_members_say_so():
    data = bytearray(zip_bytes({"a.jpg": b"a" * 100}))
    central = data.index(b"PK\1\2")
    locked = bytearray(data)
    locked[central + 8] |= 1
    Path("x.zip").write_bytes(locked)
    with pytest.raises(OSError, match="encrypted"):
        opened("x.zip").load(0)
    Path("y.zip").write_bytes(zip_bytes({"a.jpg": b"a" * 100}, zipfile.ZIP_LZMA))
    with pytest.raises(OSError, match=r"\] compression method 14 is not supported"):
        opened("y.zip").load(0)


def test_read_by_name_follows_a_changed_archive():
    Path("x.tar").write_bytes(tar_bytes({"a.jpg": b"old"}))
    assert read_by_name("x.tar/a.jpg") == b"old"
    Path("x.tar").unlink()
    Path("x.tar").write_bytes(tar_bytes({"b.jpg": b"", "a.jpg": b"newer"}) + bytes(512))
    assert read_by_name("x.tar/a.jpg") == b"newer"


@pytest.mark.parametrize("name", ["x.tar/gone.jpg", "gone.tar/a.jpg", "x.tar/a.jpg/b", "d.tar/no"])
def test_read_by_name_says_what_is_missing(name):
    Path("x.tar").write_bytes(tar_bytes({"a.jpg": b"a"}))
    Path("d.tar").mkdir()
    with pytest.raises(FileNotFoundError):
        read_by_name(name)


def test_an_archive_in_a_folder_named_like_one():
    Path("d.tar").mkdir()
    Path("d.tar/x.zip").write_bytes(zip_bytes({"y.tar/a.jpg": b"a"}))
    assert opened("d.tar").names == ["d.tar/x.zip/y.tar/a.jpg"]
    assert read_by_name("d.tar/x.zip/y.tar/a.jpg") == b"a"


@pytest.mark.shared
def test_webdataset_shards(tmp_path):
    archive = Path(__file__).parents[1].parent / "shared/data/webdataset.tar"
    if not archive.exists():
        pytest.skip("the shards are not beside the checkout")
    with tarfile.open(archive) as stream:
        stream.extractall(tmp_path, filter="data")
    expected = []
    for shard in sorted(tmp_path.rglob("shard-*.tar")):
        with tarfile.open(shard) as stream:
            expected += [
                (f"{shard}/{info.name}", stream.extractfile(info).read())
                for info in stream
                if info.name.endswith(".jpg")
            ]
    source = opened(str(tmp_path))
    assert len(expected) == 80
    assert [(n, source.load(i)) for i, n in enumerate(source.names)] == expected


def test_a_hard_link_that_states_the_size_of_its_target_counts():
    link = member("d/link.jpg", type=tarfile.LNKTYPE, linkname="d/0.jpg", size=10**6)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in list(FILES.items())[:2]:
            archive.addfile(member(name, size=len(data)), io.BytesIO(data))
            if name == "d/0.jpg":
                archive.addfile(link)
    Path("x.tar").write_bytes(stream.getvalue())
    first, second = FILES["d/0.jpg"], FILES["d/1.jpg"]
    expected = {"d/0.jpg": first, "d/link.jpg": first, "d/1.jpg": second}
    check_all(opened("x.tar"), "x.tar", expected)
