"""RunConfig: the arguments of run(), checked and parsed before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fastdup_gpu._arguments import MANY, flag, path_text, real_number, whole_number
from fastdup_gpu._cpu import cores
from fastdup_gpu._errors import InvalidArgument, choose
from fastdup_gpu._options import DEFAULTS, Input
from fastdup_gpu._params import (
    DetectorPlan,
    Tuning,
    given_for_detectors,
    parse_nnf_mode,
    parse_nnf_param,
    parse_turi,
    plan_detector,
)
from fastdup_gpu.formats.names import DEFAULT_DIM, HIGH_ACCURACY_DIM
from fastdup_gpu.models.manifest import DEFAULT_PATH
from fastdup_gpu.protocol import METRICS, Metric, SearchPlan

Compute = Literal["cpu", "gpu", "auto"]
COMPUTE: tuple[Compute, ...] = ("cpu", "gpu", "auto")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything a run needs. `arguments` keeps what the caller gave, for config.json."""

    input_dir: Input
    work_dir: Path
    test_dir: Input
    compute: Compute
    verbose: bool
    threads: int
    num_images: int
    tuning: Tuning
    threshold: float
    lower_threshold: float
    model_path: str
    k: int
    d: int
    run_mode: int
    min_offset: int
    max_offset: int
    search: SearchPlan
    bounding_box: str
    batch_size: int
    resume: bool
    high_accuracy: bool
    detector: DetectorPlan | None = None
    arguments: dict[str, Any] = field(default_factory=dict)


def make_config(**given: Any) -> RunConfig:
    """Check the arguments of run() and build the RunConfig; missing ones get their defaults.

    Raises InvalidArgument, which names the argument, what was given and what was expected.
    """
    given = {**DEFAULTS, **given}
    for name in ("input_dir", "test_dir"):  # an iterator can be read only once
        if isinstance(given[name], Iterator):
            given[name] = list(given[name])
    a = _Arguments(given)
    nnf = parse_nnf_mode(given["nnf_mode"])
    param = parse_nnf_param(given["nnf_param"])
    tuning = parse_turi(given["turi_param"])
    metric = _metric(given["distance"], nnf.mode)
    if given["nn_provider"] != "nnf":
        raise choose("nn_provider", given["nn_provider"], ["nnf"])
    threads = _threads(a.whole("num_threads", -1, 4096))
    search = SearchPlan(
        metric=metric,
        mode=nnf.mode,
        links=nnf.links,
        clusters=param.get("num_clusters", nnf.clusters),
        iterations=param.get("num_em_iter", 20),
        threads=threads,
        seed=tuning.seed,
    )
    config = RunConfig(
        input_dir=_input("input_dir", given["input_dir"]),
        work_dir=folder_of_results(given["work_dir"]),
        test_dir=_input("test_dir", given["test_dir"]),
        compute=_compute(given["compute"]),
        verbose=a.flag("verbose"),
        threads=threads,
        num_images=a.whole("num_images", 0),
        tuning=tuning,
        threshold=a.share("threshold"),
        lower_threshold=a.share("lower_threshold"),
        model_path=a.text("model_path"),
        k=a.whole("nearest_neighbors_k", 1, 10_000),
        d=a.whole("d", 1, 1_000_000),
        run_mode=a.whole("run_mode", 0, 4),
        min_offset=a.whole("min_offset", 0),
        max_offset=a.whole("max_offset", 0),
        search=search,
        bounding_box=a.text("bounding_box"),
        batch_size=a.whole("batch_size", 1, 199),
        resume=a.flag("resume"),
        high_accuracy=a.flag("high_accuracy"),
        detector=_detector(given["run_mode"], a.text("bounding_box"), tuning),
        arguments=dict(given),
    )
    _check_together(config)
    return config


class _Arguments:
    """Typed access to the raw arguments."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given

    def whole(self, name: str, low: int, high: int = MANY) -> int:
        return whole_number(name, self.given[name], low, high)

    def share(self, name: str) -> float:
        return real_number(name, self.given[name], "a number from 0 to 1", 0, 1)

    def flag(self, name: str) -> bool:
        return flag(name, self.given[name])

    def text(self, name: str) -> str:
        return path_text(name, self.given[name])


def _compute(given: object) -> Compute:
    for known in COMPUTE:
        if isinstance(given, str) and given == known:
            return known
    raise choose("compute", given, COMPUTE)


def _threads(given: int) -> int:
    if given > 0:
        return given
    return cores()


def _metric(distance: str, mode: str) -> Metric:
    if distance not in METRICS:
        raise choose("distance", distance, METRICS)
    if mode != "flat" and distance not in ("cosine", "euclidean"):
        raise InvalidArgument(
            f"distance={distance!r} needs nnf_mode='Flat'; "
            f"other modes take 'cosine' and 'euclidean'"
        )
    return distance


def _input(name: str, value: Any) -> Input:
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return list(value)
    raise InvalidArgument(
        f"{name} is {type(value).__name__}, expected a path (str or os.PathLike) or a list of paths"
    )


def folder_of_results(value: Any) -> Path:
    """work_dir as a path; raises InvalidArgument if it is empty or not a path."""
    value = path_text("work_dir", value)
    if value == "":
        raise InvalidArgument("work_dir is empty; give a folder for the result files")
    if "://" in value and not Path(value).exists():
        raise InvalidArgument(
            f"work_dir is a URL ({value.partition('://')[0]}://...), but results are written to a "
            "folder of this machine"
        )
    if Path(value).parts[:1] == ("~",) and not Path(value).exists():
        raise InvalidArgument(
            f"work_dir={value!r} would create a folder named ~; for the home folder, give "
            f"{str(Path(value).expanduser())!r}"
        )
    return Path(value)


def _detector(run_mode: int, bounding_box: str, tuning: Tuning) -> DetectorPlan | None:
    """None if no image is read: then no detector is needed."""
    return None if run_mode in (2, 4) else plan_detector(bounding_box, tuning)


def _check_together(c: RunConfig) -> None:
    if c.max_offset and c.max_offset <= c.min_offset:
        raise InvalidArgument(
            f"max_offset={c.max_offset} must be larger than min_offset={c.min_offset} "
            "(0 = to the end of the list)"
        )
    if c.run_mode in (0, 1) and isinstance(c.input_dir, str) and c.input_dir == "":
        raise InvalidArgument(f"input_dir is empty; run_mode={c.run_mode} needs images to read")
    if c.run_mode == 3 and isinstance(c.test_dir, str) and c.test_dir == "":
        raise InvalidArgument("run_mode=3 compares test_dir with a stored index: give test_dir")
    if not isinstance(c.test_dir, str) and not c.test_dir:
        raise InvalidArgument("test_dir is an empty list; give images, or leave it out")
    if c.run_mode in (0, 1, 3) and c.detector is None and (keys := given_for_detectors(c.tuning)):
        raise InvalidArgument(
            f"turi_param sets {', '.join(keys)}, which needs bounding_box='face' or 'yolov5s'; "
            "give one of these, or leave it out"
        )
    if c.high_accuracy and c.d not in (DEFAULT_DIM, HIGH_ACCURACY_DIM):
        raise InvalidArgument(f"high_accuracy=True gives d=960, but d={c.d} was given; leave d out")
    if c.high_accuracy and c.model_path != DEFAULT_PATH:
        raise InvalidArgument(
            "high_accuracy=True chooses a built-in model, but model_path names another; "
            "give one of the two"
        )
    if c.search.metric == "jensenshannon" and c.run_mode == 0 and c.model_path == DEFAULT_PATH:
        raise InvalidArgument(
            "distance='jensenshannon' compares distributions, but the features of the built-in "
            "models have negative values; choose another distance or give your own model_path"
        )
    built_in = c.run_mode in (0, 1) and c.model_path == DEFAULT_PATH and not c.high_accuracy
    if built_in and c.d != DEFAULT_DIM:
        raise InvalidArgument(
            f"d={c.d} was given, but the built-in model outputs vectors of length {DEFAULT_DIM}; "
            "leave d out, or give high_accuracy=True (d=960) or your own model_path"
        )
