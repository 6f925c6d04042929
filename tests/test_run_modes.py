"""run_mode 1 to 4, test_dir, search and k-means, over pictures that the tests make."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from making import contents, features, photo, photos, rows, run

import fastdup_gpu
from fastdup_gpu.formats.files import held


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """24 pictures, some alike, and a whole run over them."""
    root = tmp_path_factory.mktemp("whole")
    paths = photos(root / "in", 24)
    for path in paths[:6]:
        photo(int(path.stem)).resize((100, 75)).save(path.with_name(f"{path.stem}s.jpg"))
    assert run(root / "in", root / "out") == 0
    return root


def test_mode_1_then_2_equals_0(whole, tmp_path):
    assert run(whole / "in", tmp_path / "o", run_mode=1) == 0
    assert not (tmp_path / "o" / "similarity.csv").exists()
    assert run("", tmp_path / "o", run_mode=2) == 0
    assert contents(tmp_path / "o") == contents(whole / "out")


def test_nodes_joined_by_mode_2_equal_one_run(whole, tmp_path):
    for node, (first, last) in enumerate([(0, 11), (11, 20), (20, 0)]):
        assert (
            run(
                whole / "in",
                tmp_path / f"node{node}",
                run_mode=1,
                min_offset=first,
                max_offset=last,
            )
            == 0
        )
    listing = tmp_path / "nodes.txt"
    listing.write_text("".join(f"{tmp_path}/node{n}/atrain_features.dat.csv\n" for n in range(3)))
    assert run(listing, tmp_path / "joined", run_mode=2) == 0
    folders = [str(tmp_path / f"node{n}") for n in range(3)]
    assert run(folders, tmp_path / "joined2", run_mode=2) == 0
    for name in (
        "similarity.csv",
        "outliers.csv",
        "connected_components.csv",
        "atrain_features.dat.csv",
        "atrain_features.dat",
    ):
        expected = (whole / "out" / name).read_bytes()
        assert (tmp_path / "joined" / name).read_bytes() == expected, name
        assert (tmp_path / "joined2" / name).read_bytes() == expected, name


def test_mode_2_takes_the_path_of_the_features_file(whole, tmp_path):
    shutil.copytree(whole / "out", tmp_path / "o")
    (tmp_path / "o" / "similarity.csv").unlink()
    assert run("", tmp_path / "o" / "atrain_features.dat", run_mode=2) == 0
    assert contents(tmp_path / "o") == contents(whole / "out")


@pytest.mark.parametrize(("n", "d"), [(5, 3), (3000, 1000), (6000, 64)])
def test_mode_2_on_features_of_any_shape(tmp_path, n, d):
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, d)).astype(np.float32)
    x[1] = x[0] * 2
    names = [f"picture {i}" for i in range(n)]
    assert fastdup_gpu.save_binary_feature(str(tmp_path), names, x) == 0
    assert run("", tmp_path, run_mode=2, d=d) == 0
    best = rows(tmp_path / "similarity.csv")
    assert {best[0]["from"], best[0]["to"]} == {"picture 0", "picture 1"}
    assert float(best[0]["distance"]) == pytest.approx(1, abs=1e-6)


def test_mode_2_without_features(tmp_path, caplog):
    assert run("", tmp_path / "o", run_mode=2) == 1
    assert "run_mode=1" in caplog.text


def test_test_dir_gives_test_to_train_edges_only(whole, tmp_path):
    photos(tmp_path / "test", 3)
    assert run(whole / "in", tmp_path / "o", test_dir=str(tmp_path / "test"), threshold=0.5) == 0
    edges = rows(tmp_path / "o" / "similarity.csv")
    assert {r["from"].rsplit("/", 1)[0] for r in edges} == {str(tmp_path / "test")}
    assert {r["to"].rsplit("/", 1)[0] for r in edges} == {str(whole / "in")}
    same = [r for r in edges if r["from"].rsplit("/")[-1] == r["to"].rsplit("/")[-1]]
    assert len(same) == 3
    assert all(float(r["distance"]) > 0.999 for r in same)
    assert len(features(tmp_path / "o", "atest")) == 3


def test_mode_2_compares_the_test_pictures_that_mode_1_extracted(whole, tmp_path):
    given = {"test_dir": [str(path) for path in photos(tmp_path / "test", 3)], "threshold": 0.5}
    assert run(whole / "in", tmp_path / "whole", **given) == 0
    assert run(whole / "in", tmp_path / "o", run_mode=1, **given) == 0
    assert run("", tmp_path / "o", run_mode=2, **given) == 0
    assert contents(tmp_path / "o") == contents(tmp_path / "whole")
    two_steps = fastdup_gpu.run_on_webdataset(
        str(whole / "in"),
        str(tmp_path / "steps"),
        test_dir=iter(given["test_dir"]),
        threshold=0.5,
    )
    assert two_steps == 0
    assert contents(tmp_path / "steps") == contents(tmp_path / "whole")


def test_mode_3_scores_new_pictures_against_a_stored_index(whole, tmp_path):
    shutil.copytree(whole / "out", tmp_path / "o")
    photos(tmp_path / "test", 3)
    arguments = {"test_dir": str(tmp_path / "test"), "threshold": 0.5}
    assert run(whole / "in", tmp_path / "o", run_mode=3, **arguments) == 0
    assert run(whole / "in", tmp_path / "fresh", **arguments) == 0
    for name in ("similarity.csv", "outliers.csv", "atest_features.dat"):
        assert (tmp_path / "o" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def test_mode_4_scores_stored_features_against_a_stored_index(whole, tmp_path):
    shutil.copytree(whole / "out", tmp_path / "o")
    photos(tmp_path / "new", 4, first=2)
    assert run(tmp_path / "new", tmp_path / "features", run_mode=1) == 0
    assert run(str(tmp_path / "features"), tmp_path / "o", run_mode=4) == 0
    edges = rows(tmp_path / "o" / "similarity.csv")
    assert {r["from"].rsplit("/", 1)[0] for r in edges} == {str(tmp_path / "new")}
    assert (whole / "out" / "nnf.index").read_bytes() == (tmp_path / "o" / "nnf.index").read_bytes()


def test_mode_3_without_an_index(tmp_path, caplog):
    photos(tmp_path / "in", 2)
    assert run(tmp_path / "in", tmp_path / "o", run_mode=1) == 0
    assert run(tmp_path / "in", tmp_path / "o", run_mode=3, test_dir=str(tmp_path / "in")) == 1
    assert "nnf.index" in caplog.text


@pytest.mark.filterwarnings("ignore:invalid value")  # 0/0 counts as 0
@pytest.mark.parametrize("distance", ["euclidean", "l1", "linf", "canberra", "braycurtis"])
def test_distances_stand_in_the_column_nearest_first(whole, tmp_path, distance):
    assert (
        run(
            whole / "in",
            tmp_path,
            distance=distance,
            nnf_mode="Flat",
            threshold=0,
            nearest_neighbors_k=1,
        )
        == 0
    )
    x = features(tmp_path).astype(np.float64)
    a, b = x[:, None], x[None]
    expected = {
        "euclidean": lambda: np.sqrt(((a - b) ** 2).sum(-1)),
        "l1": lambda: np.abs(a - b).sum(-1),
        "linf": lambda: np.abs(a - b).max(-1),
        "canberra": lambda: np.nansum(np.abs(a - b) / (np.abs(a) + np.abs(b)), -1),
        "braycurtis": lambda: np.abs(a - b).sum(-1) / np.abs(a + b).sum(-1),
    }[distance]()
    np.fill_diagonal(expected, np.inf)
    found = [float(r["distance"]) for r in rows(tmp_path / "similarity.csv")]
    assert found == sorted(found)
    np.testing.assert_allclose(found, np.sort(expected.min(1)), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("distance", ["l1", "linf", "canberra", "braycurtis", "jensenshannon"])
def test_equal_rows_have_the_distance_zero_without_a_sign(tmp_path, distance):
    fastdup_gpu.save_binary_feature(tmp_path, ["a", "b"], np.ones((2, 4)))
    options = {"distance": distance, "nnf_mode": "Flat", "threshold": 0}
    assert run("", tmp_path, run_mode=2, d=4, **options) == 0
    assert {row["distance"] for row in rows(tmp_path / "similarity.csv")} == {"0.000000"}


def test_high_accuracy_has_960_numbers(whole, tmp_path):
    assert run(whole / "in", tmp_path, high_accuracy=True, num_images=4) == 0
    names, x = fastdup_gpu.load_binary_feature(str(tmp_path / "atrain_features.dat"), d=960)
    assert x.shape == (4, 960)
    assert len(names) == 4


def test_search_finds_the_picture_and_changes_no_file_of_the_run(whole, tmp_path):
    shutil.copytree(whole / "out", tmp_path / "o")
    before = contents(tmp_path / "o")
    query = str(whole / "in" / "0004.jpg")
    assert fastdup_gpu.init_search(3, str(tmp_path / "o")) == 0
    found = fastdup_gpu.search(query, None, verbose=True)
    assert list(found.columns) == ["from", "to", "distance"]
    assert list(found["to"])[:2] == [query, str(whole / "in" / "0004s.jpg")]
    assert found["distance"][0] == pytest.approx(1, abs=1e-5)
    after = contents(tmp_path / "o")
    assert after.pop("search.csv").startswith(b"from,to,distance\n")
    assert after == before


def test_kmeans_assigns_every_picture_to_its_nearest_centroid(whole, tmp_path):
    assert fastdup_gpu.run_kmeans(str(whole / "in"), str(tmp_path), num_clusters=5) == 0
    centroids = np.loadtxt(tmp_path / "kmeans_centroids.csv", delimiter=",")
    x = features(tmp_path).astype(np.float64)
    squared = ((x[:, None] - centroids[None]) ** 2).sum(-1)
    table = rows(tmp_path / "kmeans_assignments.csv")
    assert len(table) == 2 * len(x)
    for i, row in enumerate(table):
        order = np.sort(squared[i // 2])
        assert row["index"] == str(i // 2)
        assert float(row["distance"]) == pytest.approx(order[i % 2], abs=1e-4)
        assert squared[i // 2, int(row["cluster"])] == pytest.approx(order[i % 2], abs=1e-4)
    assert (
        fastdup_gpu.run_kmeans_on_extracted(
            str(whole / "out"), str(tmp_path / "again"), num_clusters=5
        )
        == 0
    )
    again = (tmp_path / "again" / "kmeans_assignments.csv").read_bytes()
    assert again == (tmp_path / "kmeans_assignments.csv").read_bytes()


@pytest.mark.parametrize("statistics", ["", "run_advanced_stats=1", "run_stats=0"])
def test_kmeans_leaves_what_a_run_over_the_same_pictures_wrote(whole, tmp_path, statistics):
    folder, out = str(whole / "in"), tmp_path / "out"
    assert run(folder, out, distance="euclidean", threshold=0.5, turi_param=statistics) == 0
    before = contents(out)
    assert fastdup_gpu.run_kmeans(folder, str(out), num_clusters=3) == 0
    after = contents(out)
    assert {name for name in after if name not in before} == {
        "kmeans_centroids.csv",
        "kmeans_assignments.csv",
    }
    assert {name: after[name] for name in before} == before


def test_kmeans_leaves_extracted_test_pictures(whole, tmp_path):
    test = [str(path) for path in photos(tmp_path / "test", 3)]
    assert run(whole / "in", tmp_path / "o", run_mode=1, test_dir=test) == 0
    before = contents(tmp_path / "o")
    names = iter([str(path) for path in sorted((whole / "in").iterdir())])
    assert fastdup_gpu.run_kmeans(names, str(tmp_path / "o"), num_clusters=3) == 0
    after = contents(tmp_path / "o")
    assert {name: after[name] for name in before} == before


def test_kmeans_on_the_features_of_several_nodes(whole, tmp_path):
    """They are clustered as those of one run over the same pictures are."""
    filenames, features = fastdup_gpu.load_binary_feature(whole / "out")
    for name, part in (("1", slice(0, 7)), ("2", slice(7, None))):
        (tmp_path / "nodes" / name).mkdir(parents=True)
        fastdup_gpu.save_binary_feature(tmp_path / "nodes" / name, filenames[part], features[part])
    for given, out in ((whole / "out", "one"), (tmp_path / "nodes", "two")):
        args = {"num_clusters": 3, "d": features.shape[1]}
        assert fastdup_gpu.run_kmeans_on_extracted(given, tmp_path / out, **args) == 0
    one, two = ((tmp_path / o / "kmeans_assignments.csv").read_text() for o in ("one", "two"))
    assert one == two


def test_kmeans_on_extracted_takes_as_many_images_as_are_asked_for(whole, tmp_path, capsys):
    args = {"num_clusters": 2, "num_images": 5, "verbose": True}
    assert fastdup_gpu.run_kmeans_on_extracted(whole / "out", tmp_path, **args) == 0
    assert {row["index"] for row in rows(tmp_path / "kmeans_assignments.csv")} == set("01234")
    assert capsys.readouterr().out == "5 images in 2 clusters\n"
    args["verbose"] = False
    assert fastdup_gpu.run_kmeans_on_extracted(whole / "out", tmp_path, **args) == 0
    assert capsys.readouterr().out == ""
    assert fastdup_gpu.run_kmeans_on_extracted(tmp_path / "none", whole / "out") == 1


@pytest.mark.parametrize("work", ["run_kmeans", "run_kmeans_on_extracted"])
@pytest.mark.parametrize("name", ["num_clusters", "num_em_iter"])
@pytest.mark.parametrize("value", [0, "x"])
def test_numbers_of_kmeans_are_checked_before_anything_else(tmp_path, work, name, value):
    with pytest.raises(fastdup_gpu.InvalidArgument, match=f"^{name}="):
        getattr(fastdup_gpu, work)("none", tmp_path / "out", **{name: value})
    assert not list(tmp_path.iterdir())


def test_version_is_printed(capsys):
    assert fastdup_gpu.run(version=True) == 0
    assert capsys.readouterr().out.strip() == fastdup_gpu.__version__


def test_mode_2_on_200_000_features_finds_every_planted_copy(tmp_path):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2000, 64))
    x = centres[rng.integers(0, 2000, 200_000)] + 0.3 * rng.normal(size=(200_000, 64))
    x[1::1000] = x[0::1000] * 3
    fastdup_gpu.save_binary_feature(str(tmp_path), [f"p{i}" for i in range(200_000)], x)
    assert run("", tmp_path, run_mode=2, d=64, threshold=0.999999) == 0
    found = {(r["from"], r["to"]) for r in rows(tmp_path / "similarity.csv")}
    planted = {(f"p{i}", f"p{i + 1}") for i in range(0, 200_000, 1000)}
    assert found == planted | {(b, a) for a, b in planted}


@pytest.mark.parametrize("work", ["save_binary_feature", "run_kmeans_on_extracted"])
def test_nobody_writes_where_another_run_is_at_work(whole, tmp_path, work):
    folder = tmp_path / "out"
    shutil.copytree(whole / "out", folder)
    before = contents(folder)
    with held(folder):
        if work == "save_binary_feature":
            status = fastdup_gpu.save_binary_feature(str(folder), ["a"], np.ones((1, 4)))
        else:
            status = fastdup_gpu.run_kmeans_on_extracted("", folder, num_clusters=2)
    assert status == 1
    assert contents(folder) == before


def test_clusters_depend_on_the_seed(whole, tmp_path):
    found = []
    for seed in (0, 0, 5):
        out = tmp_path / str(len(found))
        shutil.copytree(whole / "out", out)
        session = fastdup_gpu.Session(out, turi_param=f"seed={seed}")
        session.kmeans(num_clusters=5, num_em_iter=1)
        found.append((out / "kmeans_centroids.csv").read_bytes())
    assert found[0] == found[1] != found[2]


def test_comparing_anew_keeps_what_is_known_of_the_pictures(tmp_path, monkeypatch):
    photos(tmp_path / "a" / "in", 5)
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    assert run("in", "out", test_dir="in") == 0
    monkeypatch.chdir(tmp_path / "b")
    assert run("", "../a/out", run_mode=2, threshold=0.5) == 0
    stored = json.loads((tmp_path / "a" / "out" / "config.json").read_text())
    assert stored["input_dir"] == "in"
    assert stored["environment"]["folder"] == str(tmp_path / "a")
    assert stored["threshold"] == 0.5
    assert (tmp_path / "a" / "out" / "atest_features.dat.csv").exists()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_loosest_link_is_a_similarity_whatever_the_metric(whole, tmp_path, metric):
    shutil.copytree(whole / "out", tmp_path / "out")
    options = {"distance": metric, "threshold": 0, "turi_param": "ccthreshold=0.6"}
    summary = fastdup_gpu.Session(tmp_path / "out").run("", run_mode=2, **options)
    scores = np.array([float(row["distance"]) for row in rows(tmp_path / "out" / "similarity.csv")])
    similarity = scores if metric == "cosine" else 1 / (1 + scores)
    assert summary.components > 0
    expected = similarity[similarity >= 0.6].min()
    assert summary.loosest_link == pytest.approx(expected, abs=1e-6)


def test_results_of_an_interrupted_run_are_not_to_be_made_anew(whole, tmp_path, monkeypatch):
    def cut_off(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("fastdup_gpu.comparing.write_similarity", cut_off)
        with pytest.raises(KeyboardInterrupt):
            run(whole / "in", tmp_path / "out")
    session = fastdup_gpu.Session(tmp_path / "out")
    with pytest.raises(fastdup_gpu.WorkDirError, match=r"interrupted: .*resume=1"):
        _ = session.similarity
    session.run(whole / "in", resume=1)
    assert contents(tmp_path / "out") == contents(whole / "out")


def test_results_of_a_run_without_a_readable_image_say_so(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.jpg").write_bytes(b"no image")
    assert run(tmp_path / "in", tmp_path / "out") == 1
    with pytest.raises(fastdup_gpu.WorkDirError, match=r"no image: see atrain_features\.bad\.csv"):
        _ = fastdup_gpu.Session(tmp_path / "out").similarity
