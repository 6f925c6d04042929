"""What is killed: every stage of a run, and all else that changes files.

A scenario works in the folder that is the current one, and finds its input in `../in`, which
`prepare` made once; so all its trials write the same names.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import fastdup_gpu

INPUT, OUT = Path("../in"), Path("out")
BUCKET = "kills"
_PHOTOS = 56


@dataclass(frozen=True, slots=True)
class Scenario:
    """`act(resume)` is killed, then `again` (or `act(True)`) is what a user does next. `results`
    are the folders whose files must be those of an uninterrupted run."""

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[bool], None]
    again: Callable[[], None] | None = None
    setup: Callable[[], None] = lambda: None
    results: Sequence[str] = ("out",)
    remote: bool = False

    def finish(self) -> None:
        """What comes after the kill."""
        if self.again is None:
            self.act(True)
        else:
            self.again()


def _photo(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8))
    return coarse.resize((120, 90), Image.Resampling.BICUBIC)


def _jpeg(seed: int, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    _photo(seed).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _photos(folder: Path, count: int = _PHOTOS, first: int = 0) -> None:
    """JPEGs, each fifth a near copy of the one before, two that cannot be read."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        near = i % 5 == 4
        (folder / f"{i:04d}.jpg").write_bytes(_jpeg(i - near, 70 if near else 90))
    (folder / f"{first:04d}x.jpg").write_bytes(b"no picture")
    (folder / f"{first + 20:04d}x.jpg").write_bytes(_jpeg(first)[:900])


def _vectors(folder: Path) -> None:
    for part in (0, 1):
        x = np.random.default_rng(part).normal(size=(700, 48)).astype(np.float32)
        x[1::7] = x[::7] + 0.01
        names = [f"{part}/{i:04d}.jpg" for i in range(len(x))]
        _done(fastdup_gpu.save_binary_feature(folder / f"part{part}", names, x))


def _tars(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(3):
        with tarfile.open(folder / f"{shard}.tar", "w") as archive:
            for i in range(14 * shard, 14 * shard + 14):
                member = tarfile.TarInfo(f"{i:04d}.jpg")
                data = _jpeg(i)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


def _boxes(folder: Path) -> None:
    _photos(folder / "photos", 24)
    header = ["filename", "col_x", "row_y", "width", "height"]
    pictures = sorted((folder / "photos").iterdir())
    rows = [(f"photos/{p.name}", 5 * i, 3 * i, 40, 30) for p in pictures for i in range(3)]
    with (folder / "boxes.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])


def _detector(folder: Path) -> None:
    """Photos, and a detector that finds the same three boxes in each, as UltraFace gives them."""
    from onnx import TensorProto, helper, numpy_helper, save

    _photos(folder / "photos", 24)
    boxes = np.array([[0.1, 0.1, 0.4, 0.5], [0.5, 0.2, 0.9, 0.6], [0.2, 0.6, 0.5, 0.9]])
    scores = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    nodes, outputs = [helper.make_node("ReduceSum", ["input"], ["all"], keepdims=0)], []
    nodes.append(helper.make_node("Sub", ["all", "all"], ["none"]))
    fixed = []
    for name, values in (("scores", scores), ("boxes", boxes)):
        fixed.append(numpy_helper.from_array(values[None].astype(np.float32), f"fixed_{name}"))
        nodes.append(helper.make_node("Add", [f"fixed_{name}", "none"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, None]))
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 48, 64])
    graph = helper.make_graph(nodes, "fixed", [given], outputs, fixed)
    opset = [helper.make_opsetid("", 13)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "face.onnx")


def _videos(folder: Path) -> None:
    import av

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(3):
        with av.open(str(folder / f"{number}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.codec_context.gop_size = 2
            for i in range(24):
                pixels = np.asarray(_photo(100 * number + i).resize((96, 64)))
                frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())


def _objects(folder: Path) -> None:
    """Pictures below `photos/` and tars below `tars/` of a bucket of the server."""
    from benchmarks.s3_server import client

    _photos(folder / "photos", 30)
    _tars(folder / "tars")
    s3 = client(os.environ["AWS_ENDPOINT_URL"])
    s3.create_bucket(Bucket=BUCKET)
    for path in sorted(folder.rglob("*.*")):
        s3.upload_file(str(path), BUCKET, path.relative_to(folder).as_posix())


def _finished_run(folder: Path) -> None:
    """Pictures and a run over them side by side, to be copied or read."""
    _photos(folder / "photos")
    here = Path.cwd()
    os.chdir(folder)
    try:
        _done(_run("photos", work_dir="out"))
    finally:
        os.chdir(here)


def _done(status: int) -> None:
    if status:
        raise RuntimeError("the run failed")


def _run(given: Any, work_dir: str = "out", turi_param: str = "", **more: Any) -> int:
    """run() with frequent commits; the engine that starts soonest."""
    from fastdup_gpu.stages import extract

    extract._COMMIT_SECONDS = 0
    wishes = ",".join(filter(None, ("engine=onnxruntime", turi_param)))
    return fastdup_gpu.run(given, work_dir, turi_param=wishes, num_threads=2, **more)


def _act(given: Any, **more: Any) -> Callable[[bool], None]:
    def act(resume: bool) -> None:
        _done(_run(given, resume=int(resume), **more))

    return act


def _listed() -> list[str]:
    return sorted(str(path) for path in INPUT.iterdir())


def _run_over_others() -> None:
    _done(_run(_listed()[:40]))


def _take_over(resume: bool) -> None:
    """Of 48 images, 30 were in the earlier run."""
    _done(_run(_listed()[10:], resume=1))


def _act_approximately(resume: bool) -> None:
    from fastdup_gpu.fallback_cpu import neighbors

    neighbors.EXACT_UP_TO = 100
    parts = [str(INPUT / f"part{part}") for part in (0, 1)]
    _act(parts, run_mode=2, d=48, nnf_mode="HNSW16")(resume)


def _act_in_lists(resume: bool) -> None:
    parts = [str(INPUT / f"part{part}") for part in (0, 1)]
    _act(parts, run_mode=2, d=48, nnf_mode="IVF20")(resume)


def _cluster(resume: bool) -> None:
    _done(
        fastdup_gpu.run_kmeans(
            str(INPUT), "out", num_clusters=6, num_em_iter=5, num_threads=2, nearest_neighbors_k=2
        )
    )


def _webdataset(resume: bool) -> None:
    _done(
        fastdup_gpu.run_on_webdataset(
            str(INPUT), "out", num_threads=2, turi_param="engine=onnxruntime"
        )
    )


def _gallery(resume: bool) -> None:
    finished = INPUT.resolve()  # pages tell where the run is
    _done(
        fastdup_gpu.create_duplicates_gallery(
            str(finished / "out" / "similarity.csv"),
            "out",
            num_images=20,
            lazy_load=True,
            save_artifacts=True,
            input_dir=str(finished / "photos"),
        )
    )


def _exports(resume: bool) -> None:
    files = sorted(str(p) for p in (INPUT.resolve() / "photos").iterdir())
    labels = [str(i % 3) for i in range(len(files))]
    for export in (fastdup_gpu.export_to_labelImg, fastdup_gpu.export_to_coco):
        _done(export(files, labels, "out"))
    _done(fastdup_gpu.export_to_cvat(files, labels, "out"))
    _done(fastdup_gpu.export_to_tensorboard_projector(str(INPUT / "out"), "out", sample_size=20))


def _copy_run() -> None:
    shutil.copytree(INPUT / "photos", "photos")
    shutil.copytree(INPUT / "out", "run")


def _delete(resume: bool) -> None:
    top = fastdup_gpu.find_top_components("run", min_items=2)
    fastdup_gpu.delete_components(top, dry_run=False)


def _delete_again() -> None:
    """All comes back, byte for byte; then the same files go as if nothing had happened."""
    _undo(True)
    shutil.rmtree("back", ignore_errors=True)
    shutil.copytree("photos", "back", ignore=shutil.ignore_patterns(".fastdup*"))
    _delete(False)


def _undo(resume: bool) -> None:
    from fastdup_gpu.analysis.journal import undo

    for log in sorted(Path("photos").rglob("undo.jsonl")):
        if log.stat().st_size:
            undo(log)


def _copy_run_and_delete() -> None:
    _copy_run()
    _delete(False)


def _objects_of(part: str, turi_param: str) -> Callable[[bool], None]:
    return _act(f"s3://{BUCKET}/{part}", turi_param=turi_param)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("whole run over a folder", _photos, _act(str(INPUT))),
        Scenario(
            "features and statistics, test pictures",
            _photos,
            _act(str(INPUT), test_dir=str(INPUT), turi_param="run_advanced_stats=1"),
        ),
        Scenario("joined features, hnsw index, graph", _vectors, _act_approximately),
        Scenario("joined features, ivf index, graph", _vectors, _act_in_lists),
        Scenario("images added and removed", _photos, _take_over, None, _run_over_others),
        Scenario("k-means", _photos, _cluster),
        Scenario("crops of boxes", _boxes, _act(str(INPUT / "boxes.csv"))),
        Scenario(
            "crops of a detector",
            _detector,
            _act(
                str(INPUT / "photos"),
                bounding_box="face",
                turi_param=f"face_model={INPUT / 'face.onnx'}",
            ),
        ),
        Scenario("frames of videos", _videos, _act(str(INPUT), turi_param="keyframes_only=0")),
        Scenario("tars as a webdataset", _tars, _webdataset),
        Scenario("S3, copied", _objects, _objects_of("photos", "sync_s3_to_local=1"), remote=True),
        Scenario(
            "S3, copied, delete_img",
            _objects,
            _objects_of("photos", "sync_s3_to_local=1,delete_img=1"),
            remote=True,
        ),
        Scenario(
            "S3, tars, delete_tar", _objects, _objects_of("tars", "delete_tar=1"), remote=True
        ),
        Scenario("gallery", _finished_run, _gallery),
        Scenario("exports", _finished_run, _exports),
        Scenario(
            "deletion",
            _finished_run,
            _delete,
            _delete_again,
            _copy_run,
            results=("photos", "back"),
        ),
        Scenario("undo", _finished_run, _undo, None, _copy_run_and_delete, results=("photos",)),
    )
}
