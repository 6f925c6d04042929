"""Stored features: their bytes, their round trip, and what does not fit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from making import photos

import fastdup_gpu
from fastdup_gpu._errors import FormatError, InvalidArgument, WorkDirError
from fastdup_gpu.formats import files
from fastdup_gpu.formats.features import listed_features, open_features

HOSTILE = [
    "plain.jpg",
    "comma, semicolon;.jpg",
    'quote"d.jpg',
    "it's.jpg",
    " spaces around ",
    "line\nfeed.jpg",
    "carriage\rreturn.jpg",
    "both\r\nends.jpg",
    "tab\t.jpg",
    "-rf",
    "ünï 日本 \U0001f600.jpg",
    os.fsdecode(b"not-utf8-\xff\xfe.jpg"),
    "007",
    "nan",
    "",
    '"',
    "\r",
]


def matrix(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def names(n: int) -> list[str]:
    return [f"{i}.jpg" for i in range(n)]


def save(folder: Path, n: int, d: int, seed: int = 0) -> np.ndarray:
    array = matrix(n, d, seed)
    assert fastdup_gpu.save_binary_feature(folder, names(n), array) == 0
    return array


def test_the_files_byte_for_byte(tmp_path):
    array = np.array([[1, -2.5], [0, 1e14]])
    assert fastdup_gpu.save_binary_feature(tmp_path, ["a.jpg", "b,c.jpg"], array) == 0
    dat = tmp_path / "atrain_features.dat"
    assert dat.read_bytes() == array.astype("<f4").tobytes()
    csv = tmp_path / "atrain_features.dat.csv"
    assert csv.read_bytes() == b'index,filename\n0,a.jpg\n1,"b,c.jpg"\n'
    assert sorted(p.name for p in tmp_path.iterdir()) == [dat.name, csv.name]


def test_hostile_names_come_back(tmp_path):
    array = matrix(len(HOSTILE), 3)
    assert fastdup_gpu.save_binary_feature(tmp_path, HOSTILE, array) == 0
    found, loaded = fastdup_gpu.load_binary_feature(tmp_path / "atrain_features.dat", 3)
    assert found == HOSTILE
    np.testing.assert_array_equal(loaded, array)


@pytest.mark.parametrize(("n", "d"), [(200_000, 64), (3_000, 1000), (1, 1), (2, 5000), (7, 576)])
def test_any_shape(tmp_path, n, d):
    array = save(tmp_path / "new" / "folder", n, d)
    found, loaded = fastdup_gpu.load_binary_feature(tmp_path / "new" / "folder", d)
    assert found == names(n)
    assert (loaded.dtype, loaded.shape) == (np.float32, (n, d))
    np.testing.assert_array_equal(loaded, array)
    loaded[0, 0] = 3  # the caller's own copy


def test_no_rows(tmp_path):
    assert fastdup_gpu.save_binary_feature(tmp_path, [], np.zeros((0, 8))) == 0
    found, loaded = fastdup_gpu.load_binary_feature(tmp_path, 8)
    assert (found, loaded.shape) == ([], (0, 8))


def test_the_default_d_takes_what_is_stored(tmp_path):
    array = save(tmp_path, 4, 10)
    np.testing.assert_array_equal(fastdup_gpu.load_binary_feature(tmp_path)[1], array)


@pytest.mark.parametrize(
    "given",
    [
        matrix(3, 2).astype(np.float64),
        matrix(3, 2).astype(np.float16),
        matrix(3, 2).astype(">f4"),
        np.asfortranarray(matrix(3, 2)),
        matrix(6, 4)[::2, ::2],
        np.arange(6).reshape(3, 2),
        [[1, 2], [3, 4], [5, 6]],
    ],
)
def test_arrays_of_every_kind(tmp_path, given):
    assert fastdup_gpu.save_binary_feature(tmp_path, ["a", Path("b"), b"c"], given) == 0
    found, loaded = fastdup_gpu.load_binary_feature(tmp_path, 2)
    assert found == ["a", "b", "c"]
    np.testing.assert_array_equal(loaded, np.asarray(given, np.float32))


@pytest.mark.parametrize(
    ("filenames", "array", "words"),
    [
        (["a"], np.zeros((2, 3)), "1 filenames.*2 rows"),
        (["a", "b"], np.zeros(2), r"shape \(2,\)"),
        (["a", "b"], np.array([["x"], ["y"]]), "dtype <U1"),
        (["a", "b"], np.zeros((2, 2), complex), "complex"),
        (["a", "b"], np.zeros((2, 0)), "rows of length 0"),
        (["a", 5], np.zeros((2, 3)), r"filenames\[1\]=5"),
        (["a", "b"], np.ma.masked_equal([[1, 2], [3, 4]], 4), r"np_array\[1\] contains masked"),
        (["a", "b"], [[1, 2], [3e15, 0]], r"np_array\[1\] has the norm 3e\+15.*1e\+15: scale"),
        (["a", "b"], [[0, 0], [3e-16, 0]], r"np_array\[1\] has the norm 3e-16.*1e-15 to"),
        (["a", "b"], [[0, 0], [1e-60, 0]], r"np_array\[1\] has the norm 1e-60"),
        (["a", None], np.zeros((2, 3)), r"filenames\[1\]=None"),
        ("ab", np.zeros((2, 3)), "filenames='ab': expected a list"),
        (None, np.zeros((2, 3)), "filenames=None: expected a list"),
        (["a", "b"], [[1, 2], [3, np.nan]], r"np_array\[1\] contains nan"),
        (["a", "b"], [[-np.inf, 2], [3, 4]], r"np_array\[0\] contains nan, an infinity"),
        (["a", "b"], [[1, 2], [3, 1e39]], r"np_array\[1\].*too large for float32"),
    ],
)
def test_what_cannot_be_saved_leaves_the_files_alone(tmp_path, filenames, array, words):
    kept = save(tmp_path, 2, 3)
    with pytest.raises(InvalidArgument, match=words):
        fastdup_gpu.save_binary_feature(tmp_path, filenames, array)
    np.testing.assert_array_equal(fastdup_gpu.load_binary_feature(tmp_path)[1], kept)


def test_results_of_other_features_go(tmp_path):
    """They would speak of the new names."""
    out = tmp_path / "out"
    photos(tmp_path / "in", 4)
    assert fastdup_gpu.run(str(tmp_path / "in"), str(out), str(tmp_path / "in")) == 0
    assert fastdup_gpu.run_kmeans_on_extracted(str(out), str(out), num_clusters=2) == 0
    save(out, 4, 576)
    left = sorted(path.name for path in out.iterdir() if path.is_file())
    assert left == ["atrain_features.dat", "atrain_features.dat.csv"]
    assert fastdup_gpu.run("", str(out), run_mode=2) == 0
    assert "model" not in json.loads((out / "config.json").read_text())


@pytest.mark.parametrize("damaged", ["atrain_features.dat", "atrain_features.dat.csv"])
def test_damage_that_leaves_whole_rows_is_seen(tmp_path, damaged):
    """Of four rows of 576 numbers half the file is four rows of 288."""
    out = tmp_path / "out"
    photos(tmp_path / "in", 4)
    assert fastdup_gpu.run(str(tmp_path / "in"), str(out)) == 0
    path = out / damaged
    if damaged.endswith(".csv"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    else:
        os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(FormatError, match="damaged"):
        fastdup_gpu.load_binary_feature(out)
    assert fastdup_gpu.run("", str(out), run_mode=2) == 1
    save(out, 4, 288)
    assert fastdup_gpu.run("", str(out), run_mode=2, d=288) == 0


def test_statistics_of_the_same_pictures_stay(tmp_path):
    out = tmp_path / "out"
    photos(tmp_path / "in", 4)
    assert fastdup_gpu.run(str(tmp_path / "in"), str(out)) == 0
    before, features = (out / "atrain_features.dat").read_bytes(), fastdup_gpu.load_binary_feature
    filenames, array = features(out)
    assert fastdup_gpu.save_binary_feature(out, filenames, array - array.mean(0)) == 0
    assert (out / "atrain_stats.csv").is_file()
    assert not (out / "similarity.csv").exists()
    assert not (out / "nnf.index").exists()
    assert fastdup_gpu.run(str(tmp_path / "in"), str(out), resume=1) == 0  # extracts anew
    assert (out / "atrain_features.dat").read_bytes() == before


@pytest.mark.parametrize("given", [None, "", 5])
def test_what_is_no_path_to_features(given):
    with pytest.raises(InvalidArgument, match=r"filename=.*expected the path of a features file"):
        fastdup_gpu.load_binary_feature(given)


@pytest.mark.parametrize("d", ["3", 0, None, 2.5])
def test_a_length_that_is_none(tmp_path, d):
    save(tmp_path, 2, 3)
    for call in (
        lambda: fastdup_gpu.load_binary_feature(tmp_path, d),
        lambda: fastdup_gpu.export_to_tensorboard_projector(tmp_path, tmp_path / "log", d=d),
    ):
        with pytest.raises(InvalidArgument, match=r"d=.*expected a whole number of 1 or more"):
            call()


def test_a_file_that_holds_no_features(tmp_path):
    (tmp_path / "similarity.csv").write_text("from,to,distance\n")
    words = r"name the rows of .*similarity\.csv; give a features file such as"
    with pytest.raises(WorkDirError, match=words):
        fastdup_gpu.load_binary_feature(tmp_path / "similarity.csv")


def test_a_folder_that_cannot_be_written_to(tmp_path, caplog):
    blocker = tmp_path / "file"
    blocker.touch()
    assert fastdup_gpu.save_binary_feature(blocker / "x", ["a"], np.zeros((1, 2))) == 1
    assert "cannot be written to" in caplog.text


def test_files_that_do_not_fit_each_other(tmp_path):
    save(tmp_path, 3, 4)
    dat, csv = tmp_path / "atrain_features.dat", tmp_path / "atrain_features.dat.csv"
    with pytest.raises(FormatError, match=r"have length 4, but d=5"):
        open_features(dat, 5)
    whole = dat.read_bytes()
    dat.write_bytes(whole[:-1])
    with pytest.raises(FormatError, match=r"47 bytes.*not a whole number of float32.*3 rows"):
        open_features(dat)
    dat.write_bytes(b"")
    with pytest.raises(FormatError, match="0 bytes"):
        open_features(dat)
    dat.write_bytes(whole)
    csv.write_bytes(b"index,filename\n")
    with pytest.raises(FormatError, match=r"48 bytes, but .* names no rows"):
        open_features(dat)
    csv.write_bytes(b"index,name\n0,a\n")
    with pytest.raises(FormatError, match="expected a column 'filename'"):
        open_features(dat)
    csv.write_bytes(b"index,filename\n0\n")
    with pytest.raises(FormatError, match="shorter than its header"):
        open_features(dat)
    csv.write_bytes(b"")
    with pytest.raises(FormatError, match="empty"):
        open_features(dat)
    csv.unlink()
    with pytest.raises(WorkDirError, match=r"dat\.csv does not exist"):
        open_features(dat)
    dat.unlink()
    with pytest.raises(WorkDirError, match=r"dat does not exist"):
        open_features(dat)


def test_rows_stand_in_order_of_the_csv_whatever_its_index_says(tmp_path):
    """Files of other programs have gaps in the index after bad pictures."""
    array = save(tmp_path, 3, 4)
    csv = tmp_path / "atrain_features.dat.csv"
    csv.write_bytes(b"index,filename\n0,a\n5,b\n9,c\n")
    found, loaded = fastdup_gpu.load_binary_feature(tmp_path / csv.name)
    assert found == ["a", "b", "c"]
    np.testing.assert_array_equal(loaded, array)


@pytest.fixture
def nodes(tmp_path):
    """Features in three folders of one parent."""
    dats = []
    for i, name in enumerate(["c", "a", "b"]):
        save(tmp_path / "nodes" / name, 2, 3, i)
        dats.append(tmp_path / "nodes" / name / "atrain_features.dat")
    return dats


def test_inputs_of_run_mode_2(tmp_path, nodes):
    c, a, b = nodes
    assert listed_features(a) == listed_features(a.with_name(a.name + ".csv")) == [a]
    assert listed_features(a.parent) == [a]
    assert listed_features(tmp_path / "nodes") == [a, b, c]
    assert listed_features(tmp_path / "nothing") == []
    assert listed_features(tmp_path / "nothing.dat") == []
    (tmp_path / "pictures").mkdir()
    assert listed_features(tmp_path / "pictures") == []


def test_lists_of_features_keep_their_order(tmp_path, nodes):
    c, a, b = nodes
    listing = tmp_path / "list.txt"
    listing.write_text(f"{c}.csv\n\n{a.parent}\nnodes/b/atrain_features.dat\n")
    assert listed_features(listing) == [c, a, b]
    listing.write_text(f'"{b}"\n', "utf-8-sig")  # as spreadsheets save it
    assert listed_features(listing) == [b]


def test_names_in_a_list_are_those_of_the_current_folder_first(tmp_path, nodes, monkeypatch):
    (tmp_path / "lists").mkdir()
    listing = tmp_path / "lists" / "list.txt"
    monkeypatch.chdir(tmp_path)
    listing.write_text("filename\nnodes/a/atrain_features.dat\nnodes/b\n")
    save(tmp_path / "lists" / "nodes" / "b", 2, 3)
    found = listed_features(listing)
    assert [dat.resolve() for dat in found] == nodes[1:]
    save(tmp_path / "lists" / "own", 2, 3)
    listing.write_text("own\n")
    assert listed_features(listing) == [tmp_path / "lists" / "own" / "atrain_features.dat"]


def test_a_list_with_missing_features_is_refused(tmp_path, nodes):
    listing = tmp_path / "list.txt"
    listing.write_text(f"{nodes[0]}\nnodes/mistyped/atrain_features.dat\n")
    with pytest.raises(WorkDirError, match=r"list\.txt lists .*mistyped"):
        listed_features(listing)


@pytest.mark.parametrize("content", ["", "a.jpg\nb.jpg\n", "\0\1\2\xff" * 50, "nodes/a\nx.jpg\n"])
def test_lists_of_something_else_are_none(tmp_path, nodes, content):
    listing = tmp_path / "list.txt"
    listing.write_bytes(content.encode("latin-1"))
    assert listed_features(listing) == []


def test_mode_2_joins_a_list(tmp_path, nodes):
    listing = tmp_path / "list.txt"
    listing.write_text("".join(f"{dat}\n" for dat in nodes))
    out = tmp_path / "out"
    assert fastdup_gpu.run(str(listing), str(out), run_mode=2, d=3) == 0
    _, joined = fastdup_gpu.load_binary_feature(out, 3)
    np.testing.assert_array_equal(joined, np.concatenate([matrix(2, 3, i) for i in range(3)]))


def test_nothing_of_the_users_is_touched_by_the_look_whether_a_folder_can_be_written_to(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".write-test").symlink_to("precious")
    files.prepare_folder(tmp_path)
    assert (tmp_path / ".write-test").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".write-test", "precious"]
