"""The functions of the V0.2xx API: the documented signature of each, and one call.

Functions that return a status give 0 on success. What goes wrong at run time is logged to the
logger 'fastdup_gpu' and gives 1; a wrong argument raises InvalidArgument before any file is
touched. Heavy modules are imported where they are called.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from fastdup_gpu._errors import FastdupError, InvalidArgument
from fastdup_gpu._options import Input, PathLike, model_path_full
from fastdup_gpu._session import Session

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    Label = TypeVar("Label", bound=Hashable)


def _find_version() -> str:
    try:
        return importlib.metadata.version("fastdup-gpu")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"


__version__ = _find_version()


def run(
    input_dir: Input = "",
    work_dir: PathLike = ".",
    test_dir: Input = "",
    compute: str = "cpu",
    verbose: bool = False,
    num_threads: int = -1,
    num_images: int = 0,
    turi_param: str = "nnmodel=0",
    distance: str = "cosine",
    threshold: float = 0.9,
    lower_threshold: float = 0.05,
    model_path: PathLike = model_path_full,
    license: str = "",
    version: bool = False,
    nearest_neighbors_k: int = 2,
    d: int = 576,
    run_mode: int = 0,
    nn_provider: str = "nnf",
    min_offset: int = 0,
    max_offset: int = 0,
    nnf_mode: str = "HNSW32",
    nnf_param: str = "",
    bounding_box: str = "",
    batch_size: int = 1,
    resume: int = 0,
    high_accuracy: bool = False,
) -> int:
    """Find duplicates, near duplicates, outliers and clusters among pictures.

    The result files go to `work_dir`, which is created where it is missing.

    input_dir: folder, list file, archive, yolo yaml or box csv, or a list of files and folders.
    test_dir: pictures to compare with those of input_dir, in the same forms.
    compute: 'cpu', 'gpu' (an error without a usable one) or 'auto'.
    verbose: print what was found. Progress is shown on a terminal, whatever is asked for.
    num_threads: -1 = all cores. num_images: stop after so many, 0 = all.
    turi_param: comma-separated key=value, with these defaults: ccthreshold=0.96 (similarity that
        joins a component), run_cc=1, run_pagerank=1, run_stats=1, run_advanced_stats=0,
        min_file_size=0 (bytes); of inputs tar_only=0, sync_s3_to_local=0, delete_tar=0,
        delete_img=0 (docs/remote.md), keyframes_only=1, video_decoder=cpu (or cuda); of detectors
        face_model, yolo_model, augmentation_horiz=0.2, augmentation_vert=0.2 and more
        (docs/detection.md); model_precision=auto (int8, fp16), engine=auto (onnxruntime, openvino;
        on the GPU tensorrt, tensorrt_rtx), seed=0; of the GPU decoder=auto (nvimgcodec, dali) and
        device=0, its number.
    distance: 'cosine' or 'euclidean'; with nnf_mode='Flat' also 'l1', 'linf', 'canberra',
        'braycurtis', 'jensenshannon'.
    threshold: smallest similarity, 0 to 1, of a pair in similarity.csv.
    lower_threshold: share of all pairs, the least similar first, that makes outliers.csv.
    model_path, d: an ONNX model of your own and the length of its output.
    license: accepted for old scripts, unused. version: print the version and do nothing else.
    nearest_neighbors_k: neighbours looked for per picture, itself not counted.
    run_mode: 0 everything; 1 features only; 2 neighbours of stored features, those of work_dir or
        of a features file, a folder with one or a list of them as input_dir, which are joined; 3
        new pictures of test_dir against a stored index; 4 stored features, named the same way as
        test_dir, against a stored index.
    min_offset, max_offset: part of the input list to read, from 0, the end not included
        (max_offset=0: to the end of the list). They count pictures, boxes where there are such,
        and frames of videos, which are all cut first.
    nn_provider, nnf_mode, nnf_param: 'nnf'; 'HNSW<links>', 'Flat' or 'IVF<clusters>';
        'num_em_iter=20,num_clusters=100'.
    bounding_box: cut all pictures alike, 'row_y=0,col_x=0,height=10,width=10' in pixels; or cut
        out what an ONNX detector of yours finds: 'face' with turi_param='face_model=m.onnx',
        'yolov5s' with 'yolo_model=m.onnx' (docs/detection.md). Offsets then count pictures.
    batch_size: pictures per inference, below 200; 1 leaves the choice to the backend.
    resume: 1 = go on where an interrupted run stopped.
    high_accuracy: the larger built-in model; features have length 960.

    Returns 0 on success, 1 on failure. Raises InvalidArgument.
    """
    arguments = dict(locals())
    return _print_version() if version else _status(lambda: _run(arguments))


def run_on_webdataset(
    input_dir: Input = "",
    work_dir: PathLike = ".",
    test_dir: Input = "",
    compute: str = "cpu",
    verbose: bool = False,
    num_threads: int = -1,
    num_images: int = 0,
    turi_param: str = "nnmodel=0",
    distance: str = "cosine",
    threshold: float = 0.9,
    lower_threshold: float = 0.05,
    model_path: PathLike = model_path_full,
    license: str = "",
    version: bool = False,
    nearest_neighbors_k: int = 2,
    d: int = 576,
    nn_provider: str = "nnf",
    min_offset: int = 0,
    max_offset: int = 0,
    nnf_mode: str = "HNSW32",
    nnf_param: str = "",
    bounding_box: str = "",
    batch_size: int = 1,
) -> int:
    """Do run() over tar files in two steps: extract all features, then find neighbours.

    The arguments are those of run(). The features of the first step stay in `work_dir`, so a
    failure in the second costs no second extraction. Returns 0 on success, 1 on failure.
    Raises InvalidArgument.
    """
    arguments = {**locals(), "resume": 0, "high_accuracy": False}
    return _print_version() if version else _status(lambda: _run_in_two_steps(arguments))


def load_binary_feature(filename: PathLike, d: int = 576) -> tuple[list[str], NDArray[np.float32]]:
    """Read stored features and the file names that belong to them.

    filename: the features file, such as work_dir/atrain_features.dat; its csv stands beside it.
    d: length of one feature vector.

    Returns (names, features): features are f32[n, d], row i belongs to names[i]. Raises
    FormatError where the files do not fit each other or d, and OSError where one is missing.
    """
    from fastdup_gpu.formats import features

    return features.load_features(filename, d)


def save_binary_feature(save_path: PathLike, filenames: Sequence[str], np_array: ArrayLike) -> int:
    """Write features of your own so that run(run_mode=2) can use them.

    save_path: folder to write to. filenames: n names. np_array: numbers of shape (n, d), row i
    for filenames[i]; stored as float32.

    Results of a run over other features in that folder are deleted, as they do not describe
    these. Returns 0 on success, 1 on failure. Raises InvalidArgument where the lengths differ, or a
    number is nan or infinite.
    """
    from fastdup_gpu.formats import saving

    return _status(lambda: saving.save_features(save_path, filenames, np_array))


def init_search(
    k: int,
    work_dir: PathLike,
    d: int = 576,
    model_path: PathLike = model_path_full,
    verbose: bool = False,
) -> int:
    """Load the index of a finished run, for search().

    k: how many neighbours a search returns. work_dir: where run() wrote its files.
    d, model_path: as in that run. verbose: print what was loaded.

    Returns 0 on success, 1 on failure, after which no run is open for search(). Raises
    InvalidArgument.
    """
    from fastdup_gpu import searching

    return _status(lambda: searching.init_search(k, work_dir, d, model_path, verbose))


def search(
    img: PathLike, size: int | Sequence[int] | None = None, verbose: bool | int = 0
) -> pd.DataFrame:
    """Find the pictures most similar to one picture, after init_search().

    img: path of the picture; it need not belong to the run. size: not needed, accepted for old
    scripts (None, or width x height). verbose: print the result.

    Returns a DataFrame `from`, `to`, `distance`, nearest first, and writes it to
    work_dir/search.csv (with a warning where that cannot be written); no file of the run is
    changed. Raises InvalidArgument before init_search() succeeded, and InputError where the
    picture cannot be read.
    """
    from fastdup_gpu import searching

    return searching.search(img, size, verbose)


def top_k_label(
    labels_col: Iterable[Label],
    distance_col: Iterable[float],
    k: int = 10,
    threshold: float | None = None,
    min_count: int | None = None,
    unknown_class: Label | None = None,
) -> Label | None:
    """Tell the label of a picture from its neighbours, by majority of the `k` most similar.

    labels_col, distance_col: label and similarity (larger is nearer) of each neighbour.
    threshold: only neighbours more similar than this vote. min_count: votes a label needs.
    unknown_class: the answer where no label has the most votes.

    Returns a label or `unknown_class`. Raises InvalidArgument.
    """
    from fastdup_gpu.analysis import labels

    return labels.top_k_label(labels_col, distance_col, k, threshold, min_count, unknown_class)


def run_kmeans(
    input_dir: Input = "",
    work_dir: PathLike = ".",
    verbose: bool = False,
    num_clusters: int = 100,
    num_em_iter: int = 20,
    num_threads: int = -1,
    num_images: int = 0,
    model_path: PathLike = model_path_full,
    license: str = "",
    nearest_neighbors_k: int = 2,
    d: int = 576,
    bounding_box: str = "",
    high_accuracy: bool = False,
) -> int:
    """Extract features of pictures and cluster them by k-means (squared L2).

    num_clusters, num_em_iter: number of centroids, and of iterations at most.
    nearest_neighbors_k: how many centroids, nearest first, each picture is assigned to.
    The other arguments are those of run().

    Writes kmeans_centroids.csv and kmeans_assignments.csv to `work_dir`. Returns 0 on success,
    1 on failure. Raises InvalidArgument.
    """
    arguments = dict(locals())
    from fastdup_gpu import clustering

    return _status(lambda: clustering.run_kmeans(**arguments))


def run_kmeans_on_extracted(
    input_dir: Input = "",
    work_dir: PathLike = ".",
    verbose: bool = False,
    num_clusters: int = 100,
    num_em_iter: int = 20,
    num_threads: int = -1,
    num_images: int = 0,
    model_path: PathLike = model_path_full,
    license: str = "",
    nearest_neighbors_k: int = 2,
    d: int = 576,
) -> int:
    """Cluster features that a run left behind by k-means (squared L2).

    input_dir: folder of the stored features. The other arguments, the files written, the
    return value and the errors are those of run_kmeans().
    """
    arguments = dict(locals())
    from fastdup_gpu import clustering

    return _status(lambda: clustering.run_kmeans_on_extracted(**arguments))


def _run(arguments: dict[str, Any]) -> None:
    own = {k: v for k, v in arguments.items() if k not in ("work_dir", "license", "version")}
    Session(arguments["work_dir"]).run(**own)


def _run_in_two_steps(arguments: dict[str, Any]) -> None:
    _run({**arguments, "run_mode": 1})
    # Both readings of run_mode=2 (features in input_dir, features in work_dir) mean this folder.
    _run({**arguments, "run_mode": 2, "input_dir": arguments["work_dir"]})


def _print_version() -> int:
    print(__version__)
    return 0


def _status(call: Callable[[], object]) -> int:
    try:
        call()
    except InvalidArgument:
        raise
    except (FastdupError, OSError) as error:
        logging.getLogger("fastdup_gpu").error("%s", error)
        return 1
    return 0
