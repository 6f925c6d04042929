"""Session: the same files as the functions, results as tables, and what goes wrong is raised."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from making import contents, features, header, photos, rows, run

import fastdup_gpu
from fastdup_gpu import _options, searching
from fastdup_gpu._summary import Summary
from fastdup_gpu.fallback_cpu.backend import CpuBackend


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("session") / "in"
    photos(folder, 7)
    (folder / "bad.jpg").write_bytes(b"no picture")
    (folder / "copy.jpg").write_bytes((folder / "0001.jpg").read_bytes())
    return folder


@pytest.fixture(scope="module")
def session(pictures, tmp_path_factory):
    made = fastdup_gpu.Session(tmp_path_factory.mktemp("session") / "out", threshold=0.5)
    made.run(pictures, nearest_neighbors_k=3)
    return made


def asked_for(work_dir):
    """The arguments in config.json, without what names the folder or the time."""
    stored = json.loads((work_dir / "config.json").read_text())
    return {k: v for k, v in stored.items() if k not in ("work_dir", "environment", "found")}


def test_the_defaults_are_those_of_run():
    parameters = inspect.signature(fastdup_gpu.run).parameters
    assert {n: p.default for n, p in parameters.items()} == _options.DEFAULTS
    apart = {"input_dir", "work_dir", "license", "version"}
    assert set(_options.RunOptions.__annotations__) == set(parameters) - apart


def test_files_are_those_of_the_function(session, pictures, tmp_path):
    assert run(pictures, tmp_path, threshold=0.5, nearest_neighbors_k=3) == 0
    assert contents(session.work_dir) == contents(tmp_path)
    assert asked_for(session.work_dir) == {
        **asked_for(tmp_path),
        "input_dir": str(pictures),
    }


def test_a_session_travels_to_other_processes(session, pictures):
    wanted = session.search(pictures / "0001.jpg", k=2)
    copy = pickle.loads(pickle.dumps(session))
    assert copy.search(pictures / "0001.jpg", k=2).equals(wanted)


def test_options_of_a_call_go_before_those_of_the_session(pictures, tmp_path):
    own = fastdup_gpu.Session(tmp_path, nearest_neighbors_k=3, threshold=0.1)
    own.run(pictures, nearest_neighbors_k=1)
    asked = asked_for(tmp_path)
    assert (asked["nearest_neighbors_k"], asked["threshold"]) == (1, 0.1)


def test_run_says_what_it_found(pictures, tmp_path, capsys):
    summary = fastdup_gpu.Session(tmp_path).run(pictures)
    assert (summary.valid, summary.bad) == (8, {"ERROR_CORRUPT_IMAGE": 1})
    assert summary.exact_duplicates == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("table", "file"),
    [
        ("similarity", "similarity.csv"),
        ("outliers", "outliers.csv"),
        ("components", "connected_components.csv"),
        ("stats", "atrain_stats.csv"),
        ("bad", "atrain_features.bad.csv"),
    ],
)
def test_tables_are_the_files(session, table, file):
    found, path = getattr(session, table), session.work_dir / file
    columns = header(path).split(",")
    assert list(found)[: len(columns)] == columns
    assert [[str(v) for v in row] for row in found[columns[:2]].to_numpy()] == [
        [row[c] for c in columns[:2]] for row in rows(path)
    ]


def test_features_and_names_belong_together(session):
    assert session.features.dtype == np.float32
    assert np.array_equal(session.features, features(session.work_dir))
    listed = [row["filename"] for row in rows(session.work_dir / "atrain_features.dat.csv")]
    assert session.filenames == listed == session.components["filename"].tolist()


def test_search_finds_what_the_functions_find(session, pictures):
    found = session.search(pictures / "0003.jpg", k=4)
    assert fastdup_gpu.init_search(4, session.work_dir) == 0
    assert found.equals(fastdup_gpu.search(pictures / "0003.jpg"))
    assert found["to"][0] == str(pictures / "0003.jpg")
    assert len(session.search(pictures / "0003.jpg", k=1)) == 1


def test_search_sees_the_last_run(pictures, tmp_path):
    own = fastdup_gpu.Session(tmp_path / "out")
    own.run(pictures)
    assert len(own.search(pictures / "0001.jpg", k=20)) == 8
    photos(tmp_path / "few", 3)
    own.run(tmp_path / "few")
    assert len(own.search(pictures / "0001.jpg", k=20)) == 3


def test_kmeans_writes_what_the_function_writes(session, tmp_path):
    found = session.kmeans(num_clusters=3, nearest_neighbors_k=2)
    assert (
        fastdup_gpu.run_kmeans_on_extracted(session.work_dir, tmp_path, num_clusters=3, d=576) == 0
    )
    for name in ("kmeans_centroids.csv", "kmeans_assignments.csv"):
        assert (session.work_dir / name).read_bytes() == (tmp_path / name).read_bytes()
    assert list(found) == ["index", "filename", "cluster", "distance"]
    assert len(found) == 2 * len(session.filenames)


def test_report_is_written_where_it_was_asked_for(session, tmp_path):
    assert session.report() == session.work_dir / "report.html"
    assert session.report(tmp_path / "own.html", num_images=1) == tmp_path / "own.html"
    assert (tmp_path / "own.html").stat().st_size > 10_000


def test_failures_are_raised_where_run_returns_1(tmp_path):
    own = fastdup_gpu.Session(tmp_path / "out")
    assert run(tmp_path / "nowhere", tmp_path / "out") == 1
    with pytest.raises(fastdup_gpu.InputError, match="nowhere"):
        own.run(tmp_path / "nowhere")
    (tmp_path / "file").write_text("no folder")
    assert run(tmp_path, tmp_path / "file") == 1
    with pytest.raises(fastdup_gpu.WorkDirError, match="file"):
        fastdup_gpu.Session(tmp_path / "file").run(tmp_path)


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.similarity,
        lambda s: s.outliers,
        lambda s: s.components,
        lambda s: s.stats,
        lambda s: s.bad,
        lambda s: s.features,
        lambda s: s.filenames,
        lambda s: s.search("a.jpg"),
        lambda s: s.kmeans(),
        lambda s: s.report(),
    ],
)
def test_nothing_can_be_asked_before_a_run(use, tmp_path):
    with pytest.raises(fastdup_gpu.WorkDirError):
        use(fastdup_gpu.Session(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_a_picture_that_cannot_be_searched_for(session, pictures):
    with pytest.raises(fastdup_gpu.InputError, match=r"bad\.jpg"):
        session.search(pictures / "bad.jpg")


def test_wrong_arguments_are_raised_before_anything_is_touched(pictures, tmp_path):
    with pytest.raises(fastdup_gpu.InvalidArgument, match=r"'treshold' is not known.*'threshold'"):
        fastdup_gpu.Session(tmp_path / "out", treshold=0.5)
    own = fastdup_gpu.Session(tmp_path / "out")
    with pytest.raises(fastdup_gpu.InvalidArgument, match="work_dir"):
        own.run(pictures, work_dir="elsewhere")
    with pytest.raises(fastdup_gpu.InvalidArgument, match="threshold=2"):
        own.run(pictures, threshold=2)
    assert not (tmp_path / "out").exists()


def test_kmeans_of_more_clusters_than_pictures(session):
    with pytest.raises(fastdup_gpu.InvalidArgument, match="num_clusters=9"):
        session.kmeans(num_clusters=9)


def test_an_explicit_gpu_never_falls_back(session):
    from fastdup_gpu.gpu import probe

    if all(f.ok for f in probe.check() if f.needed):
        pytest.skip("this machine has a usable GPU stack")
    own = fastdup_gpu.Session(session.work_dir, compute="gpu")
    missing = (fastdup_gpu.MissingDependency, fastdup_gpu.BackendUnavailable)
    for use in (lambda: own.search("a.jpg"), lambda: own.kmeans(3), lambda: own.run("x")):
        with pytest.raises(missing):
            use()


def test_it_shows_what_it_was_made_of():
    assert repr(fastdup_gpu.Session("out", d=9)) == "Session('out', d=9)"


def test_a_summary_without_components_says_so():
    lines = Summary("results", "cpu", index="flat").lines()
    assert "no components" in lines


def test_search_takes_the_device_and_engine_of_the_session(session, monkeypatch):
    asked = []
    monkeypatch.setattr(
        searching, "open_backend", lambda compute, **o: asked.append((compute, o)) or CpuBackend()
    )
    other = fastdup_gpu.Session(
        session.work_dir, compute="gpu", turi_param="device=1,engine=onnxruntime,decoder=dali"
    )
    found = other.search(session.filenames[0], k=1)
    assert asked == [("gpu", {"device": 1, "decoder": "dali"})]
    assert found["to"].tolist() == [session.filenames[0]]


FORKED = """
import os, signal, sys
import fastdup_gpu
if __name__ == "__main__":
    options = {"turi_param": "engine=" + sys.argv[2]}
    session = fastdup_gpu.Session(sys.argv[1], **options)
    image = session.filenames[0]
    before = session.search(image, k=3)
    if not (child := os.fork()):
        signal.alarm(60)
        same = session.search(image, k=3).equals(before)
        os._exit(0 if same else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_an_open_search_works_in_a_forked_process(session, engine):
    pytest.importorskip(engine, reason="another engine of the model")
    command = [sys.executable, "-W", "ignore", "-c", FORKED, str(session.work_dir), engine]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "0", done.stderr


def test_an_open_search_stays_while_another_is_opened(session, monkeypatch):
    """Other threads search meanwhile."""
    image = session.filenames[0]
    assert fastdup_gpu.init_search(1, session.work_dir) == 0
    opened = searching.Searcher

    def open_later(*given):
        assert fastdup_gpu.search(image)["to"].tolist() == [image]
        return opened(*given)

    monkeypatch.setattr(searching, "Searcher", open_later)
    assert fastdup_gpu.init_search(2, session.work_dir) == 0
    assert len(fastdup_gpu.search(image)) == 2
