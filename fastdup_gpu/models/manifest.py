"""The model files in the package, and the choice of the model of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fastdup_gpu._cpu import has_fast_int8
from fastdup_gpu._errors import InvalidArgument, ModelError
from fastdup_gpu.protocol import ModelSpec

FOLDER = Path(__file__).parent
Precision = Literal["int8", "fp16"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One packaged file: `side` is the input's height and width, `dim` the output's length."""

    filename: str
    dim: int
    side: int
    precision: Precision
    sha256: str


DEFAULT: dict[str, Entry] = {
    "fp16": Entry(
        "ndembed_lite0_576_fp16w.onnx",
        576,
        128,
        "fp16",
        "81e76b888bb61a14d2f601984ce8b41618e4f478b5ca453a9511a09d80c4a099",
    ),
    "int8": Entry(
        "ndembed_lite0_576_int8.onnx",
        576,
        128,
        "int8",
        "9faf07e3683e81ecad01313168f63caa8f228845466ae9cccc918308eb964ee5",
    ),
}
HIGH_ACCURACY: dict[str, Entry] = {
    "fp16": Entry(
        "ndembed_lite2_960_fp16w.onnx",
        960,
        192,
        "fp16",
        "563dc876130eaec6b483282f9b6d8d7992cba428892fb3828a0c484894794a9a",
    ),
    "int8": Entry(
        "ndembed_lite2_960_int8.onnx",
        960,
        192,
        "int8",
        "09b6ed02203e3394f5d78bbae5459ea6030974b8d9f813fe4e84e66ee4768b51",
    ),
}
DEFAULT_PATH = str(FOLDER / DEFAULT["fp16"].filename)


def same_model(sha256: str, other: str) -> bool:
    """Whether two files give features that can be compared: the same file, or the same packaged
    model in two precisions."""
    packaged = [{entry.sha256 for entry in model.values()} for model in (DEFAULT, HIGH_ACCURACY)]
    return sha256 == other or any({sha256, other} <= files for files in packaged)


def choose_model(
    model_path: str,
    d: int,
    *,
    high_accuracy: bool,
    precision: str,
    backend: str,
    engine: str = "auto",
) -> ModelSpec:
    """The model of a run. If `model_path` is DEFAULT_PATH, it is one of the packaged models.

    precision 'auto': int8 on CPUs that multiply 8-bit integers in vectors, where it measures 1.7
    to 2.3 times faster; fp16 weights elsewhere.
    """
    if not model_path:
        raise InvalidArgument(
            "model_path is empty; give an ONNX file, or leave it out for the built-in model"
        )
    if model_path != DEFAULT_PATH:
        return replace(_own_model(Path(model_path), d), engine=engine)
    if precision == "auto":
        precision = "int8" if backend == "cpu" and has_fast_int8() else "fp16"
    entry = (HIGH_ACCURACY if high_accuracy else DEFAULT)[precision]
    return replace(_spec(entry, FOLDER / entry.filename, entry.dim), engine=engine)


def _spec(entry: Entry, path: Path, d: int) -> ModelSpec:
    return ModelSpec(
        path=path,
        dim=d,
        height=entry.side,
        width=entry.side,
        normalize=True,
        precision=entry.precision,
        sha256=entry.sha256,
    )


def _own_model(path: Path, d: int) -> ModelSpec:
    """The model of a file; a packaged model that is given by its path is recognised as such."""
    if not path.is_file():
        raise ModelError(f"model_path={str(path)!r} is not a file; give an ONNX file")
    with path.open("rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
    for entry in (*DEFAULT.values(), *HIGH_ACCURACY.values()):
        if entry.sha256 == digest:
            return _spec(entry, path, d)
    return ModelSpec(path=path, dim=d, sha256=digest)
