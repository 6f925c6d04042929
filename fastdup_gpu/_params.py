"""Parsers for the arguments turi_param, nnf_mode and nnf_param."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from fastdup_gpu._errors import InvalidArgument, choose
from fastdup_gpu.formats.names import FACE, YOLO
from fastdup_gpu.protocol import SearchMode

Precision = Literal["auto", "int8", "fp16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
Decoder = Literal["auto", "nvimgcodec", "dali"]
VideoDecoder = Literal["cpu", "cuda"]
Engine = Literal["auto", "onnxruntime", "openvino", "tensorrt", "tensorrt_rtx"]
# The values of bounding_box that need a detector, each with the key that names its file.
DETECTORS = {FACE: "face_model", YOLO: "yolo_model"}
# Default confidence and overlap (intersection over union) of each.
_THRESHOLDS = {FACE: (0.5, 0.4), YOLO: (0.25, 0.45)}


@dataclass(frozen=True, slots=True)
class Tuning:
    """The keys of turi_param, with their defaults.

    `nnmodel` and `global_log_error_level` are accepted for old scripts and have no effect.
    Additions of this library: `keyframes_only` and `video_decoder` (for videos),
    `model_precision`, `engine`, `seed`; for the GPU `decoder` and `device` (its number among the
    visible ones); and for bounding_box='face' or 'yolov5s' those described in DetectorPlan.
    `augmentation_horiz`, `_vert`: margin on each side of a box that such a detector finds, in
    widths and heights of the box.
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
    video_decoder: VideoDecoder = "cpu"
    nnmodel: int = 0
    global_log_error_level: int = 0
    model_precision: Precision = "auto"
    engine: Engine = "auto"
    decoder: Decoder = "auto"
    device: int = 0
    seed: int = 0
    face_model: str = ""
    yolo_model: str = ""
    detector_confidence: float | None = None
    detector_iou: float | None = None
    detector_size: int = 0

    @property
    def cuda_video_device(self) -> int | None:
        """The GPU that decodes videos; None = the CPU."""
        return self.device if self.video_decoder == "cuda" else None


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """The detector behind bounding_box='face' or 'yolov5s' (`word`).

    `model`: the ONNX file (face_model or yolo_model). `confidence`: smallest score of a box, 0 to
    1 (detector_confidence). `iou`: boxes of one class that overlap by more than this share of
    their union count as one (detector_iou). `size`: side of the input in pixels if the file does
    not fix it; 0 = as the file says, or 640 (detector_size).
    """

    word: str
    model: Path
    confidence: float
    iou: float
    size: int


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
    """nnf_mode, parsed: the kind of search and its size parameter."""

    mode: SearchMode
    links: int = 32
    clusters: int = 0


def parse_turi(text: str) -> Tuning:
    """Parse `'ccthreshold=0.99,run_cc=1'`; the error for an unknown key lists the known ones."""
    known = {f.name: f.type for f in fields(Tuning)}
    values: dict[str, object] = {}
    for key, value in _pairs("turi_param", text).items():
        if key not in known:
            raise choose("turi_param key", key, sorted(known))
        values[key] = _TURI_READERS[str(known[key])](key, value)
    tuning = Tuning(**values)  # type: ignore[arg-type]
    _check_tuning(tuning)
    return tuning


def given_for_detectors(tuning: Tuning) -> list[str]:
    """The keys for detectors that differ from their defaults."""
    keys = [*DETECTORS.values(), "detector_confidence", "detector_iou", "detector_size"]
    return [key for key in keys if getattr(tuning, key) != getattr(Tuning(), key)]


def plan_detector(bounding_box: str, tuning: Tuning) -> DetectorPlan | None:
    """The detector that bounding_box asks for; None for any other value of bounding_box.

    Raises InvalidArgument if turi_param names no model for it.
    """
    word = bounding_box.strip()
    if word not in DETECTORS:
        return None
    key = DETECTORS[word]
    model = tuning.face_model if word == FACE else tuning.yolo_model
    if not model:
        raise InvalidArgument(
            f"bounding_box={word!r} needs your own ONNX detector (this package contains none and "
            f"downloads none): give turi_param='{key}=/path/to/model.onnx'; docs/detection.md "
            "lists the supported layouts"
        )
    confidence, iou = _THRESHOLDS[word]
    return DetectorPlan(
        word=word,
        model=Path(model),
        confidence=_or_default(tuning.detector_confidence, confidence),
        iou=_or_default(tuning.detector_iou, iou),
        size=tuning.detector_size,
    )


def _or_default(given: float | None, default: float) -> float:
    return default if given is None else given


def parse_nnf_mode(text: str) -> NnfMode:
    """Parse `'HNSW<links>'`, `'Flat'`, `'IVF'` or `'IVF<clusters>'`, each IVF also followed by
    `,Flat` or `Flat`; on the GPU also `'CAGRA'`, `'IVF<clusters>,PQ'` and `'NNDescent'`.

    With 'HNSW32', the default, the backend chooses: exact search if that is faster, else the index
    that measures fastest at the same recall. Any other number of links means HNSW.
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
    """Parse `'num_em_iter=20,num_clusters=100'`; returns the keys that are given."""
    out: dict[str, int] = {}
    for key, value in _pairs("nnf_param", text).items():
        if key not in ("num_em_iter", "num_clusters"):
            raise choose("nnf_param key", key, ["num_em_iter", "num_clusters"])
        number = _whole(key, value)
        if number < 1:
            raise InvalidArgument(f"nnf_param {key}={value}: expected a whole number of 1 or more")
        out[key] = number
    return out


def _pairs(argument: str, text: str) -> dict[str, str]:
    if not isinstance(text, str):
        raise InvalidArgument(
            f"{argument} is {type(text).__name__}, expected a str of key=value pairs, separated "
            "by commas"
        )
    pairs: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, sep, value = part.partition("=")
        if not sep or not value.strip():
            raise InvalidArgument(
                f"{argument}={text!r}: {part!r} does not have the form key=value; "
                "separate several pairs by commas"
            )
        if key.strip() in pairs:
            raise InvalidArgument(f"{argument}={text!r} gives {key.strip()} twice; give it once")
        pairs[key.strip()] = value.strip()
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


def _one_of(kind: object) -> Callable[[str, str], object]:
    known = get_args(kind)

    def read(key: str, value: str) -> object:
        if value not in known:
            raise choose(key, value, known)
        return value

    return read


_TURI_READERS: dict[str, Callable[[str, str], object]] = {
    "str": lambda _, value: value,
    "float": _real,
    "float | None": _real,
    "int": _whole,
    "bool": _flag,
    "Precision": _one_of(Precision),
    "Engine": _one_of(Engine),
    "Decoder": _one_of(Decoder),
    "VideoDecoder": _one_of(VideoDecoder),
}


def _check_tuning(tuning: Tuning) -> None:
    if not 0 <= tuning.nnmodel <= 2:
        raise InvalidArgument(f"nnmodel={tuning.nnmodel}: expected 0, 1 or 2")
    if tuning.run_advanced_stats and not tuning.run_stats:
        raise InvalidArgument("run_stats=0 and run_advanced_stats=1 are incompatible; give one")
    if not 0 <= tuning.ccthreshold <= 1:
        raise InvalidArgument(f"ccthreshold={tuning.ccthreshold}: expected 0 to 1")
    for key in ("min_file_size", "seed", "device"):
        if getattr(tuning, key) < 0:
            raise InvalidArgument(f"{key}={getattr(tuning, key)}: expected 0 or more")
    for key in ("augmentation_horiz", "augmentation_vert", "detector_confidence", "detector_iou"):
        value = getattr(tuning, key)
        if value is not None and not 0 <= value <= 1:
            raise InvalidArgument(f"{key}={value}: expected 0 to 1")
    if tuning.detector_size % 32 or not 0 <= tuning.detector_size <= 4096:
        raise InvalidArgument(
            f"detector_size={tuning.detector_size}: expected a multiple of 32 up to 4096, "
            "or 0 for the size that the model file gives"
        )
