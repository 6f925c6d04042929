"""Result files, labels and boxes as they are read, names of every kind included."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

import fastdup_gpu as fastdup
from fastdup_gpu import FormatError, InvalidArgument, WorkDirError
from fastdup_gpu.analysis.annotations import read_boxes, read_labels
from fastdup_gpu.analysis.label_order import in_order, order_of_rows
from fastdup_gpu.formats import results
from fastdup_gpu.formats.files import read_csv
from fastdup_gpu.formats.tables import read_table
from fastdup_gpu.galleries import report
from galleries.conftest import HOSTILE, Run, write_rows

ODD = ["12", "nan", "NA", "", "1e5", "True", *HOSTILE]


def test_names_are_text_whatever_they_look_like(tmp_path):
    path = tmp_path / "similarity.csv"
    write_rows(path, ["from", "to", "distance"], [[a, "x", 0.5] for a in ODD])
    table = results.read_edges(path)
    assert table["from"].tolist() == ODD
    assert table["distance"].dtype == float


def test_a_folder_means_its_file_and_nrows_its_first_rows(run):
    assert len(results.read_edges(run.work_dir)) == 6
    assert results.read_edges(run.work_dir, which="outliers", nrows=1)["distance"].tolist() == [0.4]


def test_ids_become_names_by_the_index_of_the_features_csv(tmp_path):
    made = Run(tmp_path, ["a.png", "b.png"])
    rows = [[0, made.names[0]], [5, made.names[1]]]
    write_rows(made.work_dir / "atrain_features.dat.csv", ["index", "filename"], rows)
    frame = pd.DataFrame({"from": [0], "to": [5.0], "distance": [0.9]})
    table = results.read_edges(frame, work_dir=made.work_dir)
    assert (table["from"][0], table["to"][0]) == (made.names[0], made.names[1])
    with pytest.raises(FormatError, match="ids such as 7"):
        results.read_edges(frame.assign(to=7), work_dir=made.work_dir)


def test_names_that_are_digits_stay_names_where_they_are_names(tmp_path):
    write_rows(tmp_path / "atrain_features.dat.csv", ["index", "filename"], [[0, "7"], [1, "8"]])
    write_rows(tmp_path / "similarity.csv", ["from", "to", "distance"], [["7", "8", 0.9]])
    assert results.read_edges(tmp_path)["from"].tolist() == ["7"]


def test_the_callers_table_is_left_alone(run):
    frame = pd.DataFrame({"from": ["a"], "to": ["b"], "distance": [0.5]}, index=[9])
    table = results.read_edges(frame)
    table.loc[0, "distance"] = 0
    assert frame.loc[9, "distance"] == 0.5


def test_components_name_their_pictures(run):
    table = results.read_components(run.work_dir)
    assert table["filename"].tolist() == run.names
    assert table["component_id"].tolist() == [0, 0, 0, 3, 3, 5, 6, 7]


def test_rows_that_a_user_picked_keep_their_names(run):
    table = pd.read_csv(run.work_dir / "connected_components.csv")
    picked = results.read_components(table[table["__id"] >= 3][::-1], work_dir=run.work_dir)
    assert picked["filename"].tolist() == run.names[:2:-1]
    edges = pd.read_csv(run.work_dir / "similarity.csv")[::-2]
    found = results.read_edges(edges, work_dir=run.work_dir)
    for column in ("from", "to", "distance"):
        assert found[column].tolist() == edges[column].tolist()


@pytest.mark.parametrize("number", [-1, 8, 99])
def test_components_of_another_run_are_refused(run, number):
    frame = pd.DataFrame({"__id": [number], "component_id": [0]})
    with pytest.raises(FormatError, match="different runs"):
        results.read_components(frame, work_dir=run.work_dir)


def test_statistics_have_the_area_as_size(run):
    table = results.read_stats(run.work_dir)
    assert table["size"].tolist()[:2] == [64 * 48, 128 * 96]
    assert table["width"].dtype == int


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is empty"),
        ("from,to\na,b\n", "distance"),
        ("from,to,distance\na,b\n", "row 1 has 2 cells"),
        ("from,to,distance\na,b,near\n", "'distance' is not numeric"),
    ],
)
def test_damaged_files_say_what_is_wrong(tmp_path, content, why):
    path = tmp_path / "similarity.csv"
    path.write_text(content)
    with pytest.raises(FormatError, match=why):
        results.read_edges(path)


@pytest.mark.parametrize("cell", ["nan", "", "inf", "abc"])
@pytest.mark.parametrize(
    ("file", "column"),
    [
        ("atrain_stats.csv", "blur"),
        ("similarity.csv", "distance"),
        ("connected_components.csv", "mean_distance"),
    ],
)
def test_a_cell_that_is_no_number_is_named(run, tmp_path, caplog, file, column, cell):
    path = run.work_dir / file
    header, rows = read_csv(path)
    rows = list(rows)
    rows[1][header.index(column)] = cell
    write_rows(path, header, rows)
    with pytest.raises(FormatError, match=rf"{file}.*{column}|{column}.*{file}"):
        report.write_report(run.work_dir)
    assert fastdup.create_components_gallery(run.work_dir, tmp_path, lazy_load=True) == 1
    assert file in caplog.text and column in caplog.text


def test_statistics_without_sizes_do_not_stop_a_page(run, tmp_path):
    path = run.work_dir / "atrain_stats.csv"
    table = pd.read_csv(path).drop(columns="width")
    table.to_csv(path, index=False)
    assert fastdup.create_duplicates_gallery(run.work_dir, tmp_path) == 0


def test_features_that_are_no_numbers_do_not_stop_the_report(run):
    path = run.work_dir / "atrain_features.dat"
    features = np.fromfile(path, "<f4")
    features[20] = np.nan
    features.tofile(path)
    assert report.write_report(run.work_dir).is_file()


def test_missing_files_are_named(tmp_path):
    with pytest.raises(WorkDirError, match=r"similarity\.csv does not exist"):
        results.read_edges(tmp_path)
    with pytest.raises(WorkDirError, match="is not a folder"):
        results.work_dir_of(None, tmp_path / "none")


def test_the_work_dir_is_the_one_given_else_that_of_the_file(run, tmp_path):
    assert results.work_dir_of(run.work_dir / "similarity.csv") == run.work_dir
    assert results.work_dir_of(tmp_path / "elsewhere.csv") is None
    assert results.work_dir_of(pd.DataFrame(), run.work_dir) == run.work_dir


NAMES = ["/d/cat/1.png", "/d/dog/2.png", "/d/3.png"]


@pytest.mark.parametrize(
    "given",
    [
        lambda name: {"cat": "cat", "dog": ["dog", "pet"]}.get(name.split("/")[2]),
        {"/d/cat/1.png": "cat", "/d/dog/2.png": ("dog", "pet")},
        ["cat", ["dog", None, "pet"], float("nan")],
        pd.Series(["cat", ["dog", "pet"], None], dtype=object).tolist(),
    ],
)
def test_labels_in_any_form(given):
    assert read_labels(given, NAMES, own=in_order(NAMES, "them")) == [["cat"], ["dog", "pet"], []]


def test_labels_of_a_csv_are_in_the_order_of_the_features_csv(run, tmp_path):
    path = tmp_path / "labels.csv"
    write_rows(path, ["index", "label"], enumerate("ABCDEFGH"))
    asked = [run.names[3], run.names[0]]
    assert read_labels(path, asked, run.work_dir) == [["D"], ["A"]]
    write_rows(path, ["index", "label"], enumerate("AB"))
    with pytest.raises(InvalidArgument, match="2 labels, but 8 were expected"):
        read_labels(path, asked, run.work_dir)


@pytest.mark.parametrize("header", [["index", "label"], ["", "label"]])
def test_the_index_of_a_csv_tells_the_picture(run, tmp_path, header):
    path = tmp_path / "labels.csv"
    rows = list(enumerate("ABCDEFGH"))
    write_rows(path, header, rows[::-1])
    assert read_labels(path, run.names, run.work_dir) == [[letter] for letter in "ABCDEFGH"]
    for wrong, told in (
        ([(i + 1, label) for i, label in rows], "contains 8; expected each number from 0 to 7"),
        ([*rows[1:], (1, "B")], "contains a number twice"),
        ([*rows[1:], ("a.png", "A")], r"'a\.png' as the index of a row"),
    ):
        write_rows(path, header, wrong)
        with pytest.raises(InvalidArgument, match=told):
            read_labels(path, run.names, run.work_dir)


@pytest.mark.parametrize("given", ["csv", "list"])
def test_labels_without_names_need_the_run(run, tmp_path, given):
    path = tmp_path / "labels.csv"
    write_rows(path, ["index", "label"], enumerate("ABCDEFGH"))
    with pytest.raises(InvalidArgument, match=r"work_dir.*is not known.*a dict, or a csv filename"):
        read_labels(path if given == "csv" else list("ABCDEFGH"), run.names)


@pytest.mark.parametrize("header", ["file,label", "index,name,label", "label,label", "class"])
def test_a_csv_of_other_columns_is_refused(run, tmp_path, header):
    path = tmp_path / "labels.csv"
    columns = header.split(",")
    write_rows(path, columns, [["1"] * len(columns)] * 8)
    with pytest.raises(InvalidArgument, match=r"has the header.*expected index,label.*complete"):
        read_labels(path, run.names, run.work_dir)


def test_labels_as_a_spreadsheet_writes_them(run, tmp_path):
    path = tmp_path / "labels.csv"
    rows = "".join(f"{name},{name[-5]}\n" for name in run.names[::-1])
    path.write_text(f"filename,label\n{rows}\n", encoding="utf-8-sig")
    assert read_labels(path, run.names, run.work_dir) == [[letter] for letter in "abcdefgh"]


def test_a_column_by_name_goes_by_its_names(run):
    column = pd.Series({name: name[-5] for name in run.names[::-1]})
    assert read_labels(column, run.names, run.work_dir) == [[letter] for letter in "abcdefgh"]
    shuffled = pd.Series(list("abcdefgh")).iloc[::-1]
    assert read_labels(pd.Series(list("abcdefgh")), run.names[:2], run.work_dir) == [["a"], ["b"]]
    with pytest.raises(InvalidArgument, match="in another order"):
        read_labels(shuffled, run.names, run.work_dir)


def test_a_dict_of_absolute_names_labels_relative_ones(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {str(tmp_path / "in" / "a.png"): "cat", "in/b.png": "dog"}
    assert read_labels(known, ["in/a.png", "in/b.png"]) == [["cat"], ["dog"]]


def test_the_index_of_a_csv_means_that_of_a_table_or_else_its_rows(tmp_path):
    """Such as statistics that a user sorted, without the run they are of."""
    path, sorted_table = tmp_path / "labels.csv", {"filename": list("cab"), "index": [2, 0, 1]}
    write_rows(path, ["index", "label"], enumerate("ABC"))
    own = order_of_rows(pd.DataFrame(sorted_table))
    assert read_labels(path, list("abc"), own=own) == [["A"], ["B"], ["C"]]
    own = order_of_rows(pd.DataFrame(sorted_table | {"index": [7, 5, 6]}))
    assert read_labels(path, list("cab"), own=own) == [["A"], ["B"], ["C"]]
    write_rows(path, ["index", "label"], [(5, "A"), (6, "B"), (7, "C")])
    assert read_labels(path, list("abc"), own=own) == [["A"], ["B"], ["C"]]


def test_a_dict_with_a_default_labels_all(run):
    known = defaultdict(lambda: "other", {run.names[0]: "cat"})
    assert read_labels(known, run.names[:2], run.work_dir) == [["cat"], ["other"]]
    assert len(known) == 1


def test_a_dict_of_few_pictures_of_the_run_leaves_others_unlabelled(run):
    assert read_labels({run.names[0]: "cat"}, run.names[1:3], run.work_dir) == [[], []]
    with pytest.raises(InvalidArgument, match="none of the 2 file names"):
        read_labels({"strange": "cat"}, run.names[1:3], run.work_dir)


@pytest.mark.parametrize("given", [5, {"a", "b"}, b"abc", pd.DataFrame({"label": ["a"]})])
def test_what_has_no_labels_is_named(run, given):
    told = f"is a {type(given).__name__}; expected a callable, a dict"
    with pytest.raises(InvalidArgument, match=told):
        read_labels(given, run.names, run.work_dir)


def test_labels_of_a_csv_by_name(tmp_path):
    path = tmp_path / "labels.csv"
    write_rows(path, ["filename", "label"], [["/d/3.png", "<b>"], ["/x", "y"]])
    assert read_labels(path, NAMES) == [[], [], ["<b>"]]


def test_numbers_are_labels_and_no_function_is_no_labels():
    assert read_labels([0, 1.5, True], NAMES, own=in_order(NAMES, "them")) == [
        ["0"],
        ["1.5"],
        ["True"],
    ]
    assert read_labels(None, NAMES) is None


def test_a_failing_function_names_the_file():
    with pytest.raises(InvalidArgument, match=r"'/d/cat/1\.png': KeyError"):
        read_labels(lambda name: {}[name], NAMES)


def test_a_dict_of_other_names_is_refused():
    with pytest.raises(InvalidArgument, match=r"'1\.png'.*'/d/cat/1\.png'"):
        read_labels({"1.png": "cat"}, NAMES)


@pytest.mark.parametrize(
    "given",
    [
        lambda name: [[1, 2, 31, 42], [0, 0, 5, 5]] if name == "a" else None,
        {"a": [(1, 2, 31, 42), (0, 0, 5, 5)]},
    ],
)
def test_boxes_of_a_function_or_a_dict(given):
    boxes = read_boxes(given)
    assert boxes("a") == [(1, 2, 31, 42), (0, 0, 5, 5)]
    assert boxes("b") == []


def test_boxes_of_a_csv_or_a_work_dir(tmp_path):
    header = ["index", "filename", "crop_filename", "col_x", "row_y", "width", "height"]
    path = tmp_path / "atrain_crops.csv"
    write_rows(path, header, [[0, "a", "a_0", 1, 2, 30, 40], [1, "a", "a_1", 0, 0, 5, 5]])
    for given in (path, tmp_path):
        assert read_boxes(given)("a") == [(1, 2, 31, 42), (0, 0, 5, 5)]


def test_one_box_may_stand_alone_and_others_are_refused():
    assert read_boxes(lambda name: [1, 2, 3, 4])("a") == [(1, 2, 3, 4)]
    with pytest.raises(InvalidArgument, match="x1, y1, x2, y2"):
        read_boxes(lambda name: [[1, 2, 3]])("a")
    with pytest.raises(InvalidArgument, match="there is no"):
        read_boxes("nowhere.csv")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("similarity.csv", r"run fastdup_gpu\.run\(\) first"),
        ("connected_components.csv", r"run\(\) without run_cc=0 and test_dir first"),
        ("atrain_stats.csv", r"run\(\) without run_stats=0 first"),
        ("kmeans_assignments.csv", r"run fastdup_gpu\.run_kmeans\(\) first"),
        ("mine.csv", "check the path"),
    ],
)
def test_a_missing_file_is_told_with_what_makes_it(tmp_path, name, told):
    with pytest.raises(WorkDirError, match=told):
        read_table(tmp_path / name, None)
