"""Tables of a million rows are read a row at a time where one column of them is needed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from fastdup_gpu._errors import FormatError, WorkDirError
from fastdup_gpu.formats import features, files, names
from fastdup_gpu.sources.base import Box, Crop
from fastdup_gpu.stages import cutouts, extract

ROWS = 20_000


def peak_over_result(call: Callable[[], object]) -> tuple[int, object]:
    """Bytes that a call had in memory beyond its result."""
    call()  # what is made once is made
    tracemalloc.start()
    try:
        result = call()
        now, peak = tracemalloc.get_traced_memory()
        return peak - now, result
    finally:
        tracemalloc.stop()


def test_names_of_features(tmp_path):
    listed = [f"folder/{i}.jpg" for i in range(ROWS)]
    path = tmp_path / "names.csv"
    files.write_csv(path, names.FEATURES_COLUMNS, enumerate(listed))
    over, found = peak_over_result(lambda: features.read_filenames(path))
    assert found == listed
    assert over < 25 * ROWS  # the list itself grows by copies of 8 bytes a row


def test_reasons_of_bad_files(tmp_path):
    path = tmp_path / names.BAD_CSV.format(kind=names.TRAIN)
    rows = ((f"{i}.jpg", f"ERROR_{i % 3}", i) for i in range(ROWS))
    files.write_csv(path, ("filename", "error_code", "x"), rows)
    over, found = peak_over_result(lambda: extract._bad_by_reason(tmp_path, names.TRAIN))
    assert sum(found.values()) == ROWS
    assert sorted(found) == ["ERROR_0", "ERROR_1", "ERROR_2"]
    assert over < 5 * ROWS


@pytest.mark.parametrize(
    ("found", "detected"), [((), False), (("cat",), False), (("cat", 0.5), True)]
)
def test_crops(tmp_path, found, detected):
    def name(i: int) -> str:
        return f"{tmp_path}/crops/{i:07d}_a.jpg"

    crops = [Crop(i, "a.jpg", name(i), Box(1, 2, 3, i), *found) for i in range(ROWS)]
    (tmp_path / "crops").mkdir()
    cutouts.write_crops(
        tmp_path, names.TRAIN, [*crops, Crop(ROWS, "b", name(ROWS), Box(1, 2, 3, 4))]
    )
    (tmp_path / "crops" / f"{ROWS:07d}_a.jpg").touch()
    write = cutouts.write_crops
    over, _ = peak_over_result(lambda: write(tmp_path, names.TRAIN, crops, detected=detected))
    assert over < 250 * ROWS  # the names of the files, to tell which are not among them
    assert list((tmp_path / "crops").iterdir()) == []
    header, rows = files.read_csv(tmp_path / names.CROPS_CSV.format(kind=names.TRAIN))
    assert tuple(header) == (*names.CROPS_COLUMNS, *("label", "score")[: len(found)])
    more = ["cat", "0.500000"][: len(found)]
    assert rows[7] == ["7", "a.jpg", name(7), "1", "2", "3", "7", *more]
    assert len(rows) == ROWS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"index,name\n0,a\n", "expected a column 'filename'"),
        (b"index,filename\n0,a\n\n1\n", "shorter than its header"),
        (b'index,filename\n0,"a\n', None),
        (b"index,filename\n0,a\n\n1,b\n", None),
        (b"index,filename\n0,a\0\n", None),
    ],
)
def test_one_column_is_what_the_whole_table_has(tmp_path, content, words):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    if words:
        with pytest.raises(FormatError, match=words):
            list(files.read_column(path, "filename"))
    else:
        whole = [row[1] for row in files.read_csv(path)[1] if row]
        assert list(files.read_column(path, "filename")) == whole


def test_no_table(tmp_path):
    with pytest.raises(WorkDirError, match="does not exist"):
        list(files.read_column(tmp_path / "none.csv", "filename"))
