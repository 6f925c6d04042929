"""Files of a work_dir: features, tables, config, checkpoint, index."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from fastdup_gpu.analysis.groups import read_groups
from fastdup_gpu.analysis.similarity import holds_similarities
from fastdup_gpu.fallback_cpu.backend import CpuBackend
from fastdup_gpu.formats import checkpoint, features, items, results
from fastdup_gpu.formats.names import PIXEL_STATS, STATS_COLUMNS
from fastdup_gpu.models.manifest import DEFAULT_PATH
from fastdup_gpu.protocol import SearchPlan
from fastdup_gpu.searching import Searcher
from fastdup_gpu.sources import frames
from fastdup_gpu.stages.neighbors import load_index, save_index
from fuzz import seeds
from fuzz.target import CUT, Target, parts

_CELLS = (b"filename", b"index", b"distance", b"from,to", b"0.5", b"\n", b'"', b"inf", b"1e300")
_KEYS = (b"null", b"[]", b"{}", b"true", b"1e400", b"[" * 3000, b'"kind"', b'"metric"', b'"rows"')


def _text_table(name: str, read: Callable[[Path], Any], *more: bytes) -> Target:
    def call(data: bytes, folder: Path) -> None:
        (folder / "table.csv").write_bytes(data)
        read(folder / "table.csv")

    return Target(name, lambda: [seeds.stored(_FILES[name]), *more], call, _CELLS)


_FILES = {
    "features.csv": "atrain_features.dat.csv",
    "stats.csv": "atrain_stats.csv",
    "similarity.csv": "similarity.csv",
    "outliers.csv": "outliers.csv",
    "components.csv": "connected_components.csv",
    "top_components.csv": "top_components.csv",
}


def _components(path: Path) -> None:
    results.read_components(path, work_dir=seeds.finished())


def _similarity(path: Path) -> None:
    results.read_edges(path, work_dir=seeds.finished())


def _bad(data: bytes, folder: Path) -> None:
    (folder / "atrain_features.bad.csv").write_bytes(data)
    results.read_bad(folder)


def _kmeans(data: bytes, folder: Path) -> None:
    (folder / "kmeans_assignments.csv").write_bytes(data)
    results.read_kmeans(folder)


def _features(data: bytes, folder: Path) -> None:
    dat, names = parts(data, 2)
    (folder / "f.dat").write_bytes(dat)
    (folder / "f.dat.csv").write_bytes(names)
    features.load_features(folder / "f.dat", 576)


def _feature_list(data: bytes, folder: Path) -> None:
    (folder / "list.txt").write_bytes(data.replace(b"..", b"__").replace(b"/", b"_"))
    for dat in features.listed_features(folder / "list.txt"):
        features.open_features(dat)


class _Model:
    dim, height, width, runs_on = 576, 8, 8, "none"


def _config(data: bytes, folder: Path) -> None:
    _copy(folder)
    (folder / "config.json").write_bytes(data)
    with mock.patch.object(CpuBackend, "open_model", lambda *_, **__: _Model()):
        Searcher(folder, 576, DEFAULT_PATH)
    holds_similarities(folder)


def _copy(folder: Path) -> None:
    for name in ("atrain_features.dat", "atrain_features.dat.csv", "nnf.index", "config.json"):
        shutil.copyfile(seeds.finished() / name, folder / name)


def _header(data: bytes, folder: Path) -> None:
    _copy(folder)
    (folder / "nnf.index").write_bytes(data)
    with mock.patch.object(CpuBackend, "open_model", lambda *_, **__: _Model()):
        Searcher(folder, 576, DEFAULT_PATH)


def _index(mode: str) -> Target:
    rows = np.random.default_rng(5).normal(size=(40, 6)).astype(np.float32)
    plan = SearchPlan(mode=mode, threads=1)  # type: ignore[arg-type]
    suffix = {"hnsw": ".hnsw", "ivf": ".npz"}[mode]

    def made() -> list[bytes]:
        with tempfile.TemporaryDirectory() as name, _approximate():
            folder = Path(name)
            save_index(CpuBackend().build_index(rows, plan), folder, rows, plan)
            return [CUT.join((folder / f"nnf.index{s}").read_bytes() for s in ("", suffix))]

    def call(data: bytes, folder: Path) -> None:
        header, payload = parts(data, 2)
        (folder / "nnf.index").write_bytes(header)
        (folder / f"nnf.index{suffix}").write_bytes(payload)
        index = load_index(CpuBackend(), folder, rows, plan)
        index.search(rows[:5], 3, exclude_self=False)

    needs = "hnswlib" if mode == "hnsw" else ""
    return Target(f"index.{mode}", made, call, _KEYS, needs=needs)


def _approximate() -> Any:
    return mock.patch("fastdup_gpu.fallback_cpu.neighbors.EXACT_UP_TO", 0)


def _checkpoint_seeds() -> list[bytes]:
    """States as a run writes them, complete and not."""
    content = json.loads(seeds.stored("tmp/atrain_extraction.json"))
    states = [
        {**content, "fingerprint": "same", "complete": complete} for complete in (True, False)
    ]
    return [json.dumps(state).encode() for state in states]


def _checkpoint(data: bytes, folder: Path) -> None:
    (folder / "tmp").mkdir()
    for name in ("features.dat", "features.dat.csv", "features.bad.csv", "stats.csv"):
        file = seeds.finished() / f"atrain_{name}"
        shutil.copyfile(file, folder / "tmp" / f"{file.name}.part")
    (folder / "tmp" / "atrain_extraction.json").write_bytes(data)
    files = checkpoint.ExtractionFiles(folder, "atrain", STATS_COLUMNS)
    if files.begin("same", resume=True):
        files.finish()


def _items(data: bytes, folder: Path) -> None:
    """The record of what an extraction read, beside the files that it describes."""
    (folder / "tmp").mkdir()
    for name in ("features.dat", "features.dat.csv", "stats.csv"):
        shutil.copyfile(seeds.finished() / f"atrain_{name}", folder / f"atrain_{name}")
    (folder / "tmp" / "atrain_items.npz").write_bytes(data)
    with np.load(seeds.finished() / "tmp" / "atrain_items.npz") as stored:
        settings = str(stored["settings"])
    earlier = items.open_earlier(folder, "atrain", settings, PIXEL_STATS)
    if earlier is not None:
        earlier.take(earlier.find(np.arange(8, dtype=np.uint64).reshape(4, 2)))


_VIDEO = {"video": "a.mp4", "size": 7}


def _frames(data: bytes, folder: Path) -> None:
    (folder / "frames.json").write_bytes(data)
    (folder / "output_000001.jpg").touch()
    frames._recorded(folder, _VIDEO)


def _ids() -> list[bytes]:
    return [b"from,to,distance\n0,2,0.99\n2,1,0.97\n"]


def targets() -> list[Target]:
    """Targets of this family."""
    from_seed = partial(Target, tokens=_KEYS)
    dat = seeds.stored
    return [
        _text_table("features.csv", features.read_filenames),
        _text_table("stats.csv", results.read_stats),
        _text_table("similarity.csv", _similarity, *_ids()),
        _text_table("outliers.csv", partial(results.read_edges, which="outliers")),
        _text_table("components.csv", _components),
        _text_table("top_components.csv", lambda path: read_groups(path, "table")),
        Target("bad.csv", lambda: [dat("atrain_features.bad.csv")], _bad, _CELLS),
        Target("kmeans.csv", lambda: [dat("kmeans_assignments.csv")], _kmeans, _CELLS),
        Target("features", lambda: [b"\0" * 48 + CUT + b"index,filename\n0,a\n1,b\n"], _features),
        Target("features-list", lambda: [b"a.dat\nb.dat.csv\nsub\n"], _feature_list),
        from_seed("config.json", lambda: [dat("config.json")], _config),
        from_seed("index.header", lambda: [dat("nnf.index")], _header),
        from_seed("checkpoint", _checkpoint_seeds, _checkpoint),
        from_seed("items", lambda: [dat("tmp/atrain_items.npz")], _items),
        from_seed(
            "frames.json",
            lambda: [json.dumps({**_VIDEO, "frames": [[0, 0.0]]}).encode()],
            _frames,
        ),
        _index("ivf"),
        _index("hnsw"),
    ]
