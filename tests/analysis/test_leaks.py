"""dedupe after a run with test_dir: test images that the train images contain as well."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from making import photo, photos, rows, run

from fastdup_gpu.cli import main


@pytest.fixture
def leaky(tmp_path):
    """Eight train images; of the test images 0 is a copy of one, 1 one saved anew, 20 is new."""
    photos(tmp_path / "train", 8)
    photos(tmp_path / "test", 1, first=20)
    shutil.copy(tmp_path / "train" / "0000.jpg", tmp_path / "test" / "0.jpg")
    photo(1).save(tmp_path / "test" / "1.jpg", quality=97)
    assert run(tmp_path / "train", tmp_path / "out", test_dir=str(tmp_path / "test")) == 0
    return tmp_path


def listed(folder):
    return sorted(path.name for path in folder.glob("*.jpg"))


def dedupe(root, *options):
    return main(["dedupe", str(root / "out"), *options])


def test_test_images_go_and_come_back(leaky, capsys):
    assert dedupe(leaky, "--json") == 0
    test, train = leaky / "test", leaky / "train"
    found = json.loads(capsys.readouterr().out)
    assert found["would_move"] == [str(test / "0.jpg"), str(test / "1.jpg")]
    assert found["groups"] == [
        {"stays": [str(train / f"000{i}.jpg")], "goes": [str(test / f"{i}.jpg")]} for i in (0, 1)
    ]
    assert listed(test) == ["0.jpg", "0020.jpg", "1.jpg"]
    assert dedupe(leaky, "--apply") == 0
    assert listed(test) == ["0020.jpg"]
    assert len(listed(train)) == 8
    (log,) = leaky.rglob("undo.jsonl")
    assert main(["undo", str(log)]) == 0
    assert listed(test) == ["0.jpg", "0020.jpg", "1.jpg"]


def test_only_as_similar_as_asked_for(leaky):
    assert dedupe(leaky, "--apply", "--min-similarity", "0.9999") == 0
    assert listed(leaky / "test") == ["0020.jpg", "1.jpg"]


def test_protected_folders_stay(leaky, capsys):
    assert dedupe(leaky, "--apply", "--protect", str(leaky / "test")) == 0
    assert len(listed(leaky / "test")) == 3


def test_nothing_goes_without_its_twin(leaky):
    (leaky / "train" / "0000.jpg").unlink()
    photo(30).save(leaky / "train" / "0001.jpg")
    assert dedupe(leaky, "--apply") == 0
    assert len(listed(leaky / "test")) == 3


def test_a_test_image_that_is_a_train_image_stays(tmp_path):
    photos(tmp_path / "in", 3)
    assert run(tmp_path / "in", tmp_path / "out", test_dir=str(tmp_path / "in")) == 0
    assert dedupe(tmp_path, "--apply") == 0
    assert len(listed(tmp_path / "in")) == 3


@pytest.mark.parametrize(
    "options",
    [("--keep", "oldest"), ("--min-distance", "0.5"), ("--min-similarity", "3")],
)
def test_options_that_mean_nothing_here(leaky, capsys, options):
    assert dedupe(leaky, *options) == 2
    assert options[0].lstrip("-").replace("-", "_") in capsys.readouterr().err.replace("-", "_")


def test_a_run_without_test_dir_has_components_again(leaky):
    assert run(leaky / "train", leaky / "out") == 0
    assert dedupe(leaky, "--keep", "oldest") == 0


@pytest.fixture
def scored(tmp_path):
    """Four train images, two of them alike, and a later run that scores copies of two others."""
    photos(tmp_path / "train", 3)
    shutil.copy(tmp_path / "train" / "0000.jpg", tmp_path / "train" / "copy.jpg")
    (tmp_path / "test").mkdir()
    for name in ("0001.jpg", "0002.jpg"):
        shutil.copy(tmp_path / "train" / name, tmp_path / "test")
    assert run(tmp_path / "train", tmp_path / "out") == 0
    test = str(tmp_path / "test")
    assert run(tmp_path / "train", tmp_path / "out", run_mode=3, test_dir=test) == 0
    return tmp_path


@pytest.mark.parametrize("again", [False, True])
def test_train_images_stay_where_components_of_an_earlier_run_are(scored, again):
    if again:
        assert run("", scored / "out", run_mode=4) == 0
    assert dedupe(scored, "--apply") == 0
    assert listed(scored / "test") == []
    assert len(listed(scored / "train")) == 4


@pytest.mark.parametrize("mode", [0, 2])
def test_a_later_run_without_test_images_is_about_train_images(scored, mode):
    assert run(scored / "train", scored / "out", run_mode=mode) == 0
    assert dedupe(scored, "--apply") == 0
    assert len(listed(scored / "test")) == 2
    assert len(listed(scored / "train")) == 3


def test_images_of_another_work_dir_stay(scored, caplog):
    assert run(scored / "test", scored / "new", run_mode=1) == 0
    shutil.rmtree(scored / "out")
    assert run(scored / "train", scored / "out") == 0
    assert run(str(scored / "new"), scored / "out", run_mode=4) == 0
    assert dedupe(scored, "--apply") == 0
    assert "not an image of this run" in caplog.text
    assert len(listed(scored / "test")) == 2
    assert len(listed(scored / "train")) == 4


@pytest.mark.parametrize("options", [{}, {"bounding_box": "row_y=5,col_x=5,height=80,width=100"}])
def test_test_images_that_were_made_after_the_train_images_were_read(tmp_path, options):
    photos(tmp_path / "train", 2)
    assert run(tmp_path / "train", tmp_path / "out", **options) == 0
    (path,) = photos(tmp_path / "test", 1)
    test = str(tmp_path / "test")
    assert run(tmp_path / "train", tmp_path / "out", resume=1, test_dir=test, **options) == 0
    (found,) = rows(tmp_path / "out" / "similarity.csv")
    assert dedupe(tmp_path, "--apply") == 0
    assert not Path(found["from"]).exists()
    assert path.exists() == bool(options)


def test_the_twin_may_be_in_an_archive(tmp_path):
    (path,) = photos(tmp_path / "test", 1)
    with tarfile.open(tmp_path / "train.tar", "w") as archive:
        archive.add(path, "0000.jpg")
    assert run(tmp_path / "train.tar", tmp_path / "out", test_dir=str(tmp_path / "test")) == 0
    assert dedupe(tmp_path, "--apply") == 0
    assert not path.exists()


def test_the_twin_may_be_elsewhere(leaky):
    for name in ("similarity.csv", "atrain_features.dat.csv", "atrain_stats.csv"):
        table = leaky / "out" / name
        table.write_text(table.read_text().replace(str(leaky / "train"), "s3://bucket/train"))
    assert dedupe(leaky, "--apply") == 0
    assert listed(leaky / "test") == ["0020.jpg"]
