"""What the documented functions list, for each of their arguments."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fastdup_gpu as fastdup
from fastdup_gpu.galleries import overview, report
from galleries.conftest import Page, Run, label


def duplicates(write, **options):
    return write(fastdup.create_duplicates_gallery, "duplicates", **options).shown()


def pairs(text):
    return [[f"{letter}.png" for letter in pair] for pair in text.split()]


def test_each_pair_once_most_similar_first(write):
    assert duplicates(write) == pairs("ab cd ac de")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"num_images": 2}, "ab cd"),
        ({"num_images": 0}, "ab cd ac de"),
        ({"descending": False}, "de ac cd ab"),
        ({"threshold": 0.95}, "ab cd ac"),
        ({"nrows": 2}, "ab"),
        ({"get_label_func": label, "slice": "diff"}, "ac"),
        ({"get_label_func": label, "slice": "same"}, "ab cd de"),
        ({"get_label_func": label, "slice": "cat"}, "ac"),
        ({"get_label_func": label, "slice": ["bird"]}, "de"),
    ],
)
def test_options_choose_pairs(write, options, shown):
    assert duplicates(write, **options) == pairs(shown)


def test_slider_counts_all_pairs_though_few_are_listed(write):
    view = write(fastdup.create_duplicates_gallery, "duplicates", num_images=1).view()
    assert view["slider"]["rows"][0] == [0.91, 4, 5, 1, 4]


def test_the_larger_picture_is_kept(write):
    page = write(fastdup.create_duplicates_gallery, "duplicates")
    item = page.view()["items"][0]
    assert page.pictures[item["keep"]]["d"] == "b.png"
    assert item["why"] == "most pixels"
    assert [page.pictures[i]["d"] for i in item["drop"]] == ["a.png"]


def test_a_file_under_two_names_is_no_pair(write, run, monkeypatch):
    """A picture that is searched for may be one of the run, spelled in another way."""
    monkeypatch.chdir(run.folder)
    (run.folder / "link").symlink_to(run.pictures)
    first = run.names[0]
    names = [f"pictures/{Path(first).name}", f"link/{Path(first).name}", run.names[1]]
    table = pd.DataFrame({"from": first, "to": names, "distance": [1.0, 1.0, 0.9]})
    page = write(fastdup.create_duplicates_gallery, "duplicates", source=table)
    assert page.shown() == pairs("ab")


def test_of_train_and_test_pictures_the_statistics_decide(write, run):
    """c.png is a picture of test_dir, larger than a.png."""
    stats = pd.read_csv(run.work_dir / "atrain_stats.csv")
    c = stats["filename"] == run.names[2]
    stats[c].assign(width=999).to_csv(run.work_dir / "atest_stats.csv", index=False)
    stats[~c].to_csv(run.work_dir / "atrain_stats.csv", index=False)
    table = pd.DataFrame({"from": [run.names[0]], "to": [run.names[2]], "distance": [0.9]})
    page = write(
        fastdup.create_duplicates_gallery, "duplicates", source=table, work_dir=run.work_dir
    )
    (item,) = page.view()["items"]
    keep = page.pictures[item["keep"]]
    assert (keep["d"], keep["w"], item["why"]) == ("c.png", 999, "most pixels")
    (run.work_dir / "atest_features.dat.csv").write_text(f"index,filename\n0,{run.names[2]}\n")
    page = write(
        fastdup.create_duplicates_gallery, "duplicates", source=table, work_dir=run.work_dir
    )
    (item,) = page.view()["items"]
    keep = page.pictures[item["keep"]]
    assert (keep["d"], item["why"]) == ("a.png", "not in test_dir")


@pytest.mark.parametrize("statistics", [True, False])
def test_neither_a_link_nor_a_smaller_file_is_kept_in_place_of_another(write, run, statistics):
    """b_link.png leads to c.png, of which z.png is a copy with more bytes."""
    link, larger = run.pictures / "b_link.png", run.pictures / "z.png"
    link.symlink_to("c.png")
    larger.write_bytes(Path(run.names[2]).read_bytes() + b"more")
    stats = pd.read_csv(run.work_dir / "atrain_stats.csv")
    row = stats[stats["filename"] == run.names[2]]
    rows = [row.assign(filename=str(link)), row.assign(filename=str(larger), file_size=9999)]
    if statistics:
        pd.concat([stats, *rows]).to_csv(run.work_dir / "atrain_stats.csv", index=False)
    else:
        (run.work_dir / "atrain_stats.csv").unlink()
    for other, kept, why in ((link, "c.png", "not a link"), (larger, "z.png", "largest file")):
        table = pd.DataFrame({"from": [run.names[2]], "to": [str(other)], "distance": [0.9]})
        options = {"source": table, "work_dir": run.work_dir}
        page = write(fastdup.create_duplicates_gallery, "duplicates", **options)
        (item,) = page.view()["items"]
        assert (page.pictures[item["keep"]]["d"], item["why"]) == (kept, why)


def test_pairs_listed_for_another_purpose_do_not_count_as_duplicates(write, run):
    """A run with a low threshold, made to find wrong labels: the slider starts at 0.9."""
    run.write([(0, 1, 0.99), (2, 3, 0.95), (3, 4, 0.5)], [], [])
    slider = write(fastdup.create_duplicates_gallery, "duplicates").view()["slider"]
    assert slider["value"] == 0.9
    assert [row[1:] for row in slider["rows"] if row[0] == 0.9] == [[2, 4, 2, 2]]
    options = {"threshold": 0.4}
    slider = write(fastdup.create_duplicates_gallery, "duplicates", **options).view()["slider"]
    assert slider["value"] == 0.5


def test_a_table_needs_no_files_of_a_run(write, run):
    table = pd.DataFrame({"from": [run.names[0]], "to": [run.names[1]], "distance": [0.7]})
    page = write(fastdup.create_duplicates_gallery, "duplicates", source=table)
    item = page.view()["items"][0]
    assert page.pictures[item["keep"]]["d"] == "b.png"
    assert [page.pictures[i]["w"] for i in item["p"]] == [64, 128]


def test_ids_in_a_table_need_its_work_dir(write, run):
    table = pd.DataFrame({"from": [0], "to": [1], "distance": [0.7]})
    page = write(
        fastdup.create_duplicates_gallery, "duplicates", source=table, work_dir=run.work_dir
    )
    assert page.shown() == pairs("ab")


def test_names_and_columns_of_the_callers_making(write):
    page = write(
        fastdup.create_duplicates_gallery,
        "duplicates",
        get_reformat_filename_func=lambda name: f"<{name[-5]}>",
        get_extra_col_func=lambda name: len(name[-5:]),
    )
    assert page.shown()[0] == ["<a>", "<b>"]
    assert {picture["x"] for picture in page.pictures} == {"5"}


@pytest.mark.parametrize(
    ("how", "shown"),
    [("one", {"hg": 0.2, "gf": 0.3}), ("all", {"hf": 0.4})],
    ids=["one", "all"],
)
def test_outliers_beside_a_neighbour_and_how_similar_it_is(write, how, shown):
    page = write(fastdup.create_outliers_gallery, "outliers", how=how)
    assert page.shown() == pairs(" ".join(shown))
    assert [item["v"] for item in page.view()["items"]] == list(shown.values())


def test_pictures_far_from_all_others_where_there_are_fewer_than_were_asked_for(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"{i}.jpg" for i in range(4)]
    fastdup.save_binary_feature(str(tmp_path), names, rng.random((4, 8)))
    asked = {"nearest_neighbors_k": 10, "lower_threshold": 1.0, "d": 8}
    assert fastdup.run("", str(tmp_path), run_mode=2, **asked) == 0
    assert fastdup.create_outliers_gallery(tmp_path, tmp_path / "g", how="all") == 0
    assert len(Page(tmp_path / "g" / "outliers.html").view()["items"]) == 4


def test_a_label_of_the_run_that_no_outlier_has_is_an_empty_page(run, write):
    page = write(fastdup.create_outliers_gallery, "outliers", get_label_func=label, slice="cat")
    assert page.shown() == []
    with pytest.raises(fastdup.InvalidArgument, match="'tiger': no image here has this label"):
        fastdup.create_outliers_gallery(
            run.work_dir, run.work_dir, get_label_func=label, slice="tiger"
        )


@pytest.mark.parametrize("wrong", [95, float("nan"), True, "near"])
def test_thresholds_that_are_no_similarity(run, tmp_path, wrong):
    with pytest.raises(fastdup.InvalidArgument, match=r"threshold=.*a similarity"):
        fastdup.create_duplicates_gallery(run.work_dir, tmp_path, threshold=wrong)


def test_numbers_of_numpy_are_numbers(write):
    options = {"threshold": np.float32(0.95), "num_images": np.int64(2)}
    assert duplicates(write, **options) == pairs("ab cd")


def test_groups_of_which_only_some_have_labels(run, write):
    page = write(
        fastdup.create_components_gallery,
        "components",
        get_label_func=dict.fromkeys(run.names[:2], "cat"),
    )
    assert [item["chips"] for item in page.view()["items"]] == [[["cat", 2]], []]


def test_outliers_of_a_label(write):
    labels = {"g": "x", "h": "y"}
    page = write(
        fastdup.create_outliers_gallery,
        "outliers",
        get_label_func=lambda n: labels.get(n[-5]),
        slice="x",
    )
    assert page.shown() == pairs("gf")


def components(write, **options):
    return write(fastdup.create_components_gallery, "components", **options).shown()


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "bac de"),
        ({"num_images": 1}, "bac"),
        ({"descending": False}, "de bac"),
        ({"min_items": 3}, "bac"),
        ({"max_items": 2}, "ba de"),
        ({"threshold": 0.98}, "de"),
        ({"metric": "mean"}, "de bac"),
        ({"get_label_func": label, "slice": "cat"}, "bac"),
        ({"get_label_func": label, "keyword": "ir"}, "de"),
    ],
)
def test_options_choose_components(write, options, shown):
    shown = [[f"{letter}.png" for letter in group] for group in shown.split()]
    found = components(write, **options)
    assert [[g[0], *sorted(g[1:])] if len(g) > 2 else sorted(g) for g in found] == [
        [g[0], *sorted(g[1:])] if len(g) > 2 else sorted(g) for g in shown
    ]


def test_the_keeper_stands_first_with_its_reason(write):
    page = write(fastdup.create_components_gallery, "components")
    item = page.view()["items"][0]
    assert page.pictures[item["p"][0]]["d"] == "b.png"
    assert (item["keep"], item["why"]) == (item["p"][0], "most pixels")
    assert item["drop"] == item["p"][1:]


def test_groups_by_label_and_their_labels(write):
    page = write(
        fastdup.create_components_gallery, "components", get_label_func=label, group_by="label"
    )
    groups = {item["title"]: len(item["p"]) for item in page.view()["items"]}
    assert groups == {"cat": 2, "dog": 3, "bird": 1}
    assert "suggest" not in page.view()  # images with one label are no duplicates


def test_words_of_a_sentence_are_labels_and_few_are_printed(write):
    page = write(
        fastdup.create_components_gallery,
        "components",
        get_label_func=lambda n: f"red fox {n[-5]}",
        split_sentence_to_label_list=True,
        limit_labels_printed=2,
    )
    assert page.view()["items"][0]["chips"] == [["fox", 3], ["red", 3]]


def test_table_of_top_components_is_shown_as_it_is(write, run):
    table = fastdup.find_top_components(run.work_dir, min_items=3)
    page = write(fastdup.create_components_gallery, "components", source=table)
    assert [sorted(group) for group in page.shown()] == [["a.png", "b.png", "c.png"]]


def test_similarity_gallery_returns_every_row_and_lists_some(run, tmp_path):
    table = fastdup.create_similarity_gallery(
        run.work_dir, tmp_path, num_images=1, min_items=1, get_label_func=label
    )
    assert list(table.columns) == ["from", "to", "label", "label2", "distance", "score", "length"]
    assert table["label"].map(len).tolist() == table["to"].map(len).tolist()
    assert len(table.explode(["to", "label", "label2", "distance"])) == table["length"].sum()
    scores = {name[-5]: score for name, score in zip(table["from"], table["score"], strict=True)}
    assert scores == {"a": 100.0, "b": 100.0, "c": 100.0, "d": 100.0}
    assert len(Page(tmp_path / "similarity.html").view()["items"]) == 1


def test_similarity_rows_lowest_score_first_and_min_items(run, tmp_path):
    def call(**options):
        return fastdup.create_similarity_gallery(
            run.work_dir, tmp_path, get_label_func=label, **options
        )

    table = call(slice="label_score", min_items=1)
    assert table.iloc[0]["score"] == 50.0
    assert table.iloc[0]["from"].endswith("a.png")
    assert table.iloc[0]["label2"] == ["cat", "dog"]
    assert [name[-5] for name in call(min_items=2)["from"]] == ["a"]
    assert call(min_items=1, descending=True).iloc[-1]["score"] == 50.0
    assert call(min_items=1, max_items=1)["score"].tolist() == [100.0] * 4
    (row,) = call(min_items=2, max_items=1).to_dict("records")
    assert row["from"].endswith("a.png") and len(row["to"]) == len(row["distance"]) == 1


def test_tables_of_paths_and_of_what_is_no_number(run, tmp_path):
    stats = pd.read_csv(run.work_dir / "atrain_stats.csv")
    stats["filename"] = [Path(name) for name in stats["filename"]]
    fastdup.create_stats_gallery(stats, tmp_path / "s", metric="width")
    fastdup.create_aspect_ratio_gallery(stats, tmp_path / "a")
    shown = Page(tmp_path / "s" / "width.html").pictures
    assert {picture["d"] for picture in shown} == {f"{letter}.png" for letter in "abcdefgh"}
    for wrong in (None, "far"):
        pairs = pd.DataFrame(
            {"from": run.names[:2], "to": run.names[1:3], "distance": [0.9, wrong]}
        )
        with pytest.raises(fastdup.FormatError, match=r"'distance'.*in row 2"):
            fastdup.create_similarity_gallery(pairs, tmp_path)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"save_path": None}, "save_path=None: expected a path"),
        ({"slice": 2.5, "get_label_func": label}, "slice=2.5: expected a label"),
        ({"lazy_load": "False"}, "lazy_load='False': expected True or False"),
        ({"get_filename_reformat_func": 3}, "get_filename_reformat_func is a int"),
    ],
)
def test_arguments_that_cannot_be_are_named(run, tmp_path, options, told):
    with pytest.raises(fastdup.InvalidArgument, match=told):
        fastdup.create_aspect_ratio_gallery(run.work_dir, **{"save_path": tmp_path, **options})


@pytest.mark.parametrize("kind", ["DataFrame", "csv"])
def test_the_table_of_components_is_chosen_from_as_a_run_is(run, write, tmp_path, kind):
    table = fastdup.find_top_components(run.work_dir, save_path=tmp_path)
    source = table if kind == "DataFrame" else tmp_path / "top_components.csv"

    def sizes(**options):
        page = write(fastdup.create_components_gallery, "components", source=source, **options)
        return [len(item["p"]) for item in page.view()["items"]]

    assert sizes() == [3, 2]
    assert sizes(descending=False) == [2, 3]
    assert sizes(min_items=3) == [3]
    assert sizes(threshold=0.98) == [2]
    assert sizes(get_label_func=label, slice="bird") == [2]


def test_a_column_of_names_is_no_metric(run, tmp_path):
    with pytest.raises(fastdup.InvalidArgument, match=r"not a numeric column.*; expected one of"):
        fastdup.create_stats_gallery(run.work_dir, tmp_path, metric="filename")


def test_clusters_come_from_run_kmeans(run, tmp_path, caplog):
    assert fastdup.create_kmeans_clusters_gallery(run.work_dir, tmp_path) == 1
    assert "run fastdup_gpu.run_kmeans() first" in caplog.text


@pytest.mark.parametrize(
    ("metric", "descending", "first"),
    [
        ("blur", False, "h"),
        ("blur", True, "a"),
        ("size", True, "b"),
        ("width", True, "h"),
        ("file_size", False, "a"),
        ("mean", True, "h"),
    ],
)
def test_stats_gallery_of_each_metric(write, metric, descending, first):
    page = write(
        fastdup.create_stats_gallery, metric, metric=metric, descending=descending, num_images=3
    )
    assert page.shown()[0] == [f"{first}.png"]
    assert len(page.shown()) == 3
    assert sum(page.view()["histogram"]["counts"]) == 8


def labels_shown(path):
    return {picture["d"][0]: picture.get("l") for picture in Page(path).pictures}


@pytest.mark.parametrize(
    ("function", "stem"),
    [(fastdup.create_stats_gallery, "blur"), (fastdup.create_aspect_ratio_gallery, "aspect_ratio")],
)
def test_labels_without_names_belong_to_the_rows_of_the_statistics(run, tmp_path, function, stem):
    everyone = {letter: [letter.upper()] for letter in "abcdefgh"}
    stats = pd.read_csv(run.work_dir / "atrain_stats.csv")
    mixed = stats.iloc[[3, 1, 0, 2, 7, 6, 5, 4]]
    path = tmp_path / "labels.csv"
    path.write_text("index,label\n" + "".join(f"{i},{x}\n" for i, x in enumerate("ABCDEFGH")))
    for table, labels in (
        (stats, list("ABCDEFGH")),
        (mixed, list("DBACHGFE")),
        (mixed, path),
        (run.work_dir, list("ABCDEFGH")),
    ):
        function(table, tmp_path, get_label_func=labels, num_images=0)
        assert labels_shown(tmp_path / f"{stem}.html") == everyone
        function(table, tmp_path, get_label_func=labels, slice="C", num_images=0)
        assert labels_shown(tmp_path / f"{stem}.html") == {"c": ["C"]}
    with pytest.raises(fastdup.InvalidArgument, match="8 labels, but 2 were expected"):
        function(stats.head(2), tmp_path / "new", get_label_func=path)
    assert not (tmp_path / "new").exists()


def test_labels_without_names_need_the_run_of_a_table(run, tmp_path):
    edges = pd.read_csv(run.work_dir / "similarity.csv")
    labels = list("ABCDEFGH")
    with pytest.raises(fastdup.InvalidArgument, match="the work_dir of that run is not known"):
        fastdup.create_similarity_gallery(edges, tmp_path / "new", get_label_func=labels)
    assert not (tmp_path / "new").exists()
    given = {"get_label_func": labels, "work_dir": run.work_dir}
    fastdup.create_similarity_gallery(edges, tmp_path, **given)
    assert labels_shown(tmp_path / "similarity.html")["c"] == ["C"]


def test_labels_of_few_pictures_leave_the_others_without(run, tmp_path):
    only = {run.names[5]: "alone"}
    assert fastdup.create_duplicates_gallery(run.work_dir, tmp_path, get_label_func=only) == 0
    with pytest.raises(fastdup.InvalidArgument, match="none of the 8 file names"):
        fastdup.create_stats_gallery(run.work_dir, tmp_path, get_label_func={"f.png": "alone"})


def test_aspect_ratios_of_a_label_are_counted_after_the_slice(write):
    options = {"get_label_func": label, "slice": "bird", "num_images": 1}
    page = write(fastdup.create_aspect_ratio_gallery, "aspect_ratio", **options)
    assert page.shown() == [["e.png"]]


def test_advanced_statistics_that_were_not_computed(write):
    with pytest.raises(fastdup.InvalidArgument, match="run_advanced_stats=1"):
        write(fastdup.create_stats_gallery, "mean_hue", metric="mean_hue")


def test_components_without_names(run, write):
    with pytest.raises(fastdup.InvalidArgument, match="add the column"):
        write(
            fastdup.create_components_gallery,
            "components",
            source=pd.read_csv(run.work_dir / "connected_components.csv"),
        )
    named = fastdup.Session(run.work_dir).components
    page = write(fastdup.create_components_gallery, "components", source=named)
    assert sorted(map(len, page.shown())) == [2, 3]


def test_aspect_ratios_show_the_widest_first(write):
    page = write(fastdup.create_aspect_ratio_gallery, "aspect_ratio")
    assert page.shown()[0] == ["h.png"]
    assert page.view()["items"][0]["value"] == "10.00"
    assert len(page.view()["plot"]["xs"]) == 8


def test_clusters_show_the_nearest_to_the_centre_first(write, run):
    with (run.work_dir / "kmeans_assignments.csv").open("w", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["index", "filename", "cluster", "distance"])
        for i, (cluster, distance) in enumerate([(0, 2.0), (1, 1.0), (0, 0.5), (0, 1.0)]):
            out.writerow([i, run.names[i], cluster, distance])
            out.writerow([i, run.names[i], 1 - cluster, 9.0])
    page = write(fastdup.create_kmeans_clusters_gallery, "kmeans_clusters")
    assert page.shown() == [["c.png", "d.png", "a.png"], ["b.png"]]


@pytest.fixture
def videos(tmp_path):
    """Frames of three videos: v1 and v2 share two frames, v3 repeats itself."""
    names = [f"{v}/output_{i:06d}.jpg" for v in ("v1", "v2", "v3") for i in (1, 2)]
    edges = [(0, 2, 0.93), (1, 3, 0.99), (4, 5, 1.0), (0, 1, 0.95)]
    return Run(tmp_path, names).write(edges, [], [([0, 1, 2, 3], 0.95), ([4, 5], 1.0)])


def test_pairs_of_videos_by_their_best_frames(videos, tmp_path):
    assert fastdup.create_duplicate_videos_gallery(videos.work_dir, tmp_path) == 0
    page = Page(tmp_path / "duplicate_videos.html")
    (item,) = page.view()["items"]
    assert item["title"] == "v1 and v2"
    assert (item["v"], "2 pairs of frames" in item["sub"]) == (0.99, True)
    assert page.shown() == [["v1/output_000002.jpg", "v2/output_000002.jpg"]]
    assert page.data["marks"] is False


def test_groups_of_videos_need_two_videos(videos, tmp_path):
    assert fastdup.create_component_videos_gallery(videos.work_dir, tmp_path) == 0
    (item,) = Page(tmp_path / "component_videos.html").view()["items"]
    assert item["heads"] == ["v1, 2 frames", "v2, 2 frames"]


def test_report_has_a_tab_for_each_result(run):
    path = report.write_report(run.work_dir, get_label_func=label)
    page = Page(path)
    assert path == run.work_dir / "report.html"
    assert [view["id"] for view in page.data["views"]] == (
        "overview duplicates components outliers similarity statistics map bad".split()
    )
    cards = {card["label"]: card["value"] for card in page.view("overview")["cards"]}
    assert cards["Images"] == "8"
    assert cards["In groups of similar images"] == "5"
    assert cards["Removable at similarity 0.98"] == "1"
    assert cards["Removable at similarity 0.9"] == "4"
    assert cards["Files that could not be read"] == "1"
    assert page.view("bad")["rows"][0][1:] == ["ERROR_MISSING_FILE", -1]
    assert len(page.view("map")["plot"]["pictures"]) == 8


def test_report_counts_the_pictures_of_test_dir(run):
    (run.work_dir / "atest_features.dat.csv").write_text("index,filename\n0,t.png\n")
    stats = pd.read_csv(run.work_dir / "atrain_stats.csv")
    test = stats.head(1).assign(filename="t.png", mean=255, stdv=0, blur=1)
    before = {
        c["label"]: c["value"] for c in Page(report.write_report(run.work_dir)).view()["cards"]
    }
    test.to_csv(run.work_dir / "atest_stats.csv", index=False)
    page = Page(report.write_report(run.work_dir))
    cards = {card["label"]: card["value"] for card in page.view()["cards"]}
    assert before["Images"] == cards["Images"] == "9"
    for label_of_card in ("Very bright", "Of one colour", "Blurred"):
        assert int(cards[label_of_card]) == int(before[label_of_card]) + 1
    assert "8 images, 1 image of test_dir" in page.text


@pytest.mark.parametrize(
    ("threshold", "marks"), [(0.3, [0.9, 0.98]), (0.95, [0.95, 0.98]), (0.99, [0.99])]
)
def test_report_speaks_of_near_duplicates_whatever_the_run_lists(run, threshold, marks):
    (run.work_dir / "config.json").write_text(f'{{"threshold": {threshold}}}')
    page = Page(report.write_report(run.work_dir))
    slider = page.view("duplicates")["slider"]
    cards = [card for card in page.view("overview")["cards"] if "at" in card]
    assert [card["at"] for card in cards] == marks[::-1]
    labels = [f"Removable at similarity {mark}" for mark in marks[::-1]]
    assert [card["label"] for card in cards] == labels
    assert slider["value"] == marks[0]
    for card in cards:
        _, pairs, _, groups, spare = next(row for row in slider["rows"] if row[0] >= card["at"])
        assert card["value"] == str(spare)
        noun = "group" if groups == 1 else "groups"
        assert f"in {groups} {noun}," in card["note"]
        assert pairs == sum(item["v"] >= card["at"] for item in page.view("duplicates")["items"])


def test_report_of_features_alone(run, tmp_path):
    for name in ("similarity.csv", "outliers.csv", "connected_components.csv", "atrain_stats.csv"):
        (run.work_dir / name).unlink()
    page = Page(report.write_report(run.work_dir, tmp_path / "own.html"))
    assert [view["id"] for view in page.data["views"]] == ["overview", "map", "bad"]


def test_report_of_what_is_no_folder(run, tmp_path):
    with pytest.raises(fastdup.InvalidArgument, match="work_dir=None: expected a path"):
        report.write_report(None)
    with pytest.raises(fastdup.InvalidArgument, match="save_path=5: expected a path"):
        report.write_report(run.work_dir, 5)
    with pytest.raises(fastdup.WorkDirError, match="missing"):
        report.write_report(tmp_path / "missing")


def test_distances_of_other_metrics_become_similarities(write, run):
    (run.work_dir / "config.json").write_text('{"distance": "euclidean"}')
    page = write(fastdup.create_duplicates_gallery, "duplicates", num_images=1)
    assert page.shown() == pairs("de")
    assert page.view()["items"][0]["v"] == pytest.approx(1 / 1.91, abs=1e-6)


def test_the_overview_shows_a_picture_once():
    items = [{"p": pair} for pair in ([0, 1], [1, 2], [3, 4], [0, 5], [5, 6])]
    assert [item["p"] for item in overview._different(items)] == [[0, 1], [3, 4], [5, 6]]
    assert len(overview._different([{"p": [i]} for i in range(99)])) == overview.EXAMPLES


@pytest.mark.parametrize(
    ("gallery", "argument"),
    [
        (fastdup.create_duplicates_gallery, "similarity_file"),
        (fastdup.create_outliers_gallery, "outliers_file"),
        (fastdup.create_stats_gallery, "stats_file"),
        (fastdup.create_aspect_ratio_gallery, "stats_file"),
    ],
)
@pytest.mark.parametrize("source", [None, "a\0b"])
def test_a_source_that_cannot_be_is_named(tmp_path, gallery, argument, source):
    with pytest.raises(fastdup.InvalidArgument, match=f"^{argument}"):
        gallery(source, tmp_path)


def test_the_function_of_the_caller_that_fails_is_named(run, tmp_path):
    with pytest.raises(fastdup.InvalidArgument, match=r"^get_filename_reformat_func failed"):
        fastdup.create_aspect_ratio_gallery(
            run.work_dir, tmp_path, get_filename_reformat_func=lambda _: 1 // 0
        )
    with pytest.raises(fastdup.InvalidArgument, match="get_filename_reformat_func"):
        fastdup.create_aspect_ratio_gallery(run.work_dir, tmp_path, get_reformat_filename_func=str)
