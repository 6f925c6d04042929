"""Parsing of the three little languages inside arguments: turi_param, nnf_mode, nnf_param."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal, cast

from fastdup_gpu._errors import InvalidArgument, choose
from fastdup_gpu.protocol import SearchMode

Precision = Literal["auto", "int8", "fp16"]
PRECISIONS = ("auto", "int8", "fp16")
Decoder = Literal["auto", "nvimgcodec", "dali"]
DECODERS = ("auto", "nvimgcodec", "dali")
Engine = Literal["auto", "onnxruntime", "openvino", "tensorrt", "tensorrt_rtx"]
ENGINES = ("auto", "onnxruntime", "openvino", "tensorrt", "tensorrt_rtx")


@dataclass(frozen=True, slots=True)
class Tuning:
    """The keys of turi_param, with their defaults.

    `nnmodel` and `global_log_error_level` are accepted for old scripts and change nothing.
    Additions of this library: `keyframes_only` (of videos), `model_precision`, `engine`, `seed`,
    and for the GPU `decoder` and `device` (its number among the visible ones).
    """

    ccthreshold: float = 0.96
    run_cc: bool = True
    run_pagerank: bool = True
    run_stats: bool = True
    run_advanced_stats: bool = False
    min_file_size: int = 0
    tar_only: bool = False
    delete_tar: bool = False
    delete_img: bool = False
    sync_s3_to_local: bool = False
    augmentation_horiz: float = 0.2
    augmentation_vert: float = 0.2
    keyframes_only: bool = True
    nnmodel: int = 0
    global_log_error_level: int = 0
    model_precision: Precision = "auto"
    engine: Engine = "auto"
    decoder: Decoder = "auto"
    device: int = 0
    seed: int = 0


_DEFAULT_LINKS = 32
_GPU_MODES: dict[str, SearchMode] = {"cagra": "cagra", "nndescent": "nndescent"}
_KNOWN_MODES = (
    "HNSW<links>",
    "Flat",
    "IVF<clusters>",
    "IVF<clusters>,Flat",
    "IVF<clusters>,PQ",
    "CAGRA",
    "NNDescent",
)


@dataclass(frozen=True, slots=True)
class NnfMode:
    """nnf_mode, read: the way of searching and its size parameter."""

    mode: SearchMode
    links: int = 32
    clusters: int = 0


def parse_turi(text: str) -> Tuning:
    """`'ccthreshold=0.99,run_cc=1'` -> Tuning; an unknown key lists the known ones."""
    known = {f.name: f.type for f in fields(Tuning)}
    values: dict[str, object] = {}
    for key, value in _pairs("turi_param", text):
        if key not in known:
            raise choose("turi_param key", key, sorted(known))
        values[key] = _TURI_READERS[str(known[key])](key, value)
    tuning = Tuning(**values)  # type: ignore[arg-type]
    _check_tuning(tuning)
    return tuning


def parse_nnf_mode(text: str) -> NnfMode:
    """`'HNSW<links>'`, `'Flat'`, `'IVF'`, `'IVF<clusters>'`, each IVF also with `,Flat` or `Flat`;
    on the GPU also `'CAGRA'`, `'IVF<clusters>,PQ'` and `'NNDescent'`.

    'HNSW32', the default, leaves the choice to the backend: exact where that is faster, else
    the index that measures fastest at the same recall. Other numbers of links are HNSW.
    """
    if not isinstance(text, str):
        raise InvalidArgument(f"nnf_mode is {type(text).__name__}, expected a str like 'HNSW32'")
    if text.lower() == "flat":
        return NnfMode("flat")
    if m := re.fullmatch(r"HNSW(\d{0,9})", text, re.IGNORECASE):
        links = int(m[1] or _DEFAULT_LINKS)
        if not 2 <= links <= 512:
            raise InvalidArgument(f"nnf_mode={text!r}: HNSW links must be 2 to 512, as in 'HNSW32'")
        return NnfMode("auto" if links == _DEFAULT_LINKS else "hnsw", links=links)
    if m := re.fullmatch(r"IVF(\d{0,9})(,?Flat)?", text, re.IGNORECASE):
        return NnfMode("ivf", clusters=int(m[1] or 0))
    if m := re.fullmatch(r"IVF(\d{0,9}),?PQ", text, re.IGNORECASE):
        return NnfMode("ivfpq", clusters=int(m[1] or 0))
    if text.lower() in _GPU_MODES:
        return NnfMode(_GPU_MODES[text.lower()])
    raise choose("nnf_mode", text, _KNOWN_MODES)


def parse_nnf_param(text: str) -> dict[str, int]:
    """`'num_em_iter=20,num_clusters=100'` -> those of the two that are given."""
    out: dict[str, int] = {}
    for key, value in _pairs("nnf_param", text):
        if key not in ("num_em_iter", "num_clusters"):
            raise choose("nnf_param key", key, ["num_em_iter", "num_clusters"])
        number = _whole(key, value)
        if number < 1:
            raise InvalidArgument(f"nnf_param {key}={value}: expected a whole number of 1 or more")
        out[key] = number
    return out


def whole_number(name: str, value: object, low: int, high: int) -> int:
    """An argument that must be a whole number from `low` to `high`; raises InvalidArgument."""
    try:
        number = None if isinstance(value, bool) else operator.index(cast(int, value))
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise InvalidArgument(f"{name}={value!r}: expected a whole number from {low} to {high}")
    return number


def _pairs(argument: str, text: str) -> list[tuple[str, str]]:
    if not isinstance(text, str):
        raise InvalidArgument(
            f"{argument} is {type(text).__name__}, expected a str of comma-separated key=value"
        )
    pairs = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, sep, value = part.partition("=")
        if not sep or not value.strip():
            raise InvalidArgument(
                f"{argument}={text!r}: {part!r} is not of the form key=value; "
                "separate several by commas"
            )
        pairs.append((key.strip(), value.strip()))
    return pairs


def _whole(key: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise InvalidArgument(f"{key}={value!r}: expected a whole number") from None


def _real(key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InvalidArgument(f"{key}={value!r}: expected a number") from None


def _flag(key: str, value: str) -> bool:
    if value.lower() not in ("0", "1", "true", "false"):
        raise InvalidArgument(f"{key}={value!r}: expected 0 or 1")
    return value.lower() in ("1", "true")


def _precision(key: str, value: str) -> Precision:
    if value not in PRECISIONS:
        raise choose(key, value, PRECISIONS)
    return cast(Precision, value)


def _engine(key: str, value: str) -> Engine:
    if value not in ENGINES:
        raise choose(key, value, ENGINES)
    return cast(Engine, value)


def _decoder(key: str, value: str) -> Decoder:
    if value not in DECODERS:
        raise choose(key, value, DECODERS)
    return cast(Decoder, value)


_TURI_READERS: dict[str, Callable[[str, str], object]] = {
    "float": _real,
    "int": _whole,
    "bool": _flag,
    "Precision": _precision,
    "Engine": _engine,
    "Decoder": _decoder,
}


def _check_tuning(tuning: Tuning) -> None:
    if not 0 <= tuning.ccthreshold <= 1:
        raise InvalidArgument(f"ccthreshold={tuning.ccthreshold}: expected 0 to 1")
    for key in ("min_file_size", "seed", "device"):
        if getattr(tuning, key) < 0:
            raise InvalidArgument(f"{key}={getattr(tuning, key)}: expected 0 or more")
    for key in ("augmentation_horiz", "augmentation_vert"):
        if not 0 <= getattr(tuning, key) <= 1:
            raise InvalidArgument(f"{key}={getattr(tuning, key)}: expected 0 to 1")
