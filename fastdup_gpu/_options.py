"""The options of a run: names, types and defaults, as documented in fastdup_gpu.run()."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

from fastdup_gpu._errors import choose

PathLike = str | os.PathLike[str]
Input = PathLike | Sequence[PathLike]

model_path_full = str(Path(__file__).parent / "models" / "ndembed_lite0_576_fp16w.onnx")


class RunOptions(TypedDict, total=False):
    """The keyword arguments of Session and of Session.run()."""

    test_dir: Input
    compute: str
    verbose: bool
    num_threads: int
    num_images: int
    turi_param: str
    distance: str
    threshold: float
    lower_threshold: float
    model_path: PathLike
    nearest_neighbors_k: int
    d: int
    run_mode: int
    nn_provider: str
    min_offset: int
    max_offset: int
    nnf_mode: str
    nnf_param: str
    bounding_box: str
    batch_size: int
    resume: int
    high_accuracy: bool


DEFAULTS: dict[str, Any] = {
    "input_dir": "",
    "work_dir": ".",
    "test_dir": "",
    "compute": "cpu",
    "verbose": False,
    "num_threads": -1,
    "num_images": 0,
    "turi_param": "nnmodel=0",
    "distance": "cosine",
    "threshold": 0.9,
    "lower_threshold": 0.05,
    "model_path": model_path_full,
    "license": "",
    "version": False,
    "nearest_neighbors_k": 2,
    "d": 576,
    "run_mode": 0,
    "nn_provider": "nnf",
    "min_offset": 0,
    "max_offset": 0,
    "nnf_mode": "HNSW32",
    "nnf_param": "",
    "bounding_box": "",
    "batch_size": 1,
    "resume": 0,
    "high_accuracy": False,
}


def check_options(given: Iterable[str]) -> None:
    """Raise InvalidArgument for a name that is not an option of a run."""
    known = sorted(RunOptions.__annotations__)
    for name in given:
        if name not in known:
            raise choose("option", name, known)
