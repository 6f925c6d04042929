"""The functions of the V0.2xx API: the documented signature of each, and one call.

Functions that return a status return 0 on success. A failure at run time is logged to the logger
'fastdup_gpu' and returns 1; a wrong argument raises InvalidArgument before any file is touched.
Heavy modules are imported inside the functions.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from fastdup_gpu._errors import FastdupError, InvalidArgument
from fastdup_gpu._options import Input, PathLike, model_path_full
from fastdup_gpu._session import Session

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray
    from PIL.Image import Image

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
    """Find duplicates, near duplicates, outliers and components (groups of duplicates) of images.

    input_dir: folder, list file, archive, video, YOLO yaml, csv with boxes, s3:// or minio:// URL,
        or a list of files and folders.
    work_dir: folder for the result files; created if it does not exist.
    test_dir: images to compare with those of input_dir, in the same forms.
    compute: 'cpu', 'gpu' (fails if no GPU is usable) or 'auto' (the GPU if it is usable).
    verbose: print a summary. Progress is always shown on a terminal.
    num_threads: -1 = all cores. num_images: read at most this many images; 0 = all.
    turi_param: comma-separated key=value pairs. Keys and defaults: ccthreshold=0.96 (smallest
        similarity that joins two images into a component), run_cc=1, run_pagerank=1, run_stats=1,
        run_advanced_stats=0, min_file_size=0 (bytes). For inputs: tar_only=0, sync_s3_to_local=0,
        delete_tar=0, delete_img=0 (docs/remote.md), keyframes_only=1, video_decoder=cpu (or cuda).
        For detectors: face_model, yolo_model, augmentation_horiz=0.2, augmentation_vert=0.2 and
        others (docs/detection.md). For models: model_precision=auto (int8, fp16), engine=auto
        (onnxruntime, openvino; on the GPU tensorrt, tensorrt_rtx). For the GPU: decoder=auto
        (nvimgcodec, dali), device=0 (its number). For all random choices: seed=0.
    distance: 'cosine' or 'euclidean'; with nnf_mode='Flat' also 'l1', 'linf', 'canberra',
        'braycurtis', 'jensenshannon'.
    threshold: smallest similarity, 0 to 1, of a pair in similarity.csv. With a metric other than
        cosine, threshold and ccthreshold are compared with 1 / (1 + distance).
    lower_threshold: share of all pairs, 0 to 1, the least similar ones, written to outliers.csv. An
        image is an outlier if all of its pairs are among them, so with more neighbours
        (nearest_neighbors_k) fewer images are.
    model_path, d: your own ONNX model and the length of its output.
    license: accepted for old scripts, ignored. version: print the version and do nothing else.
    nearest_neighbors_k: neighbours per image, not counting the image itself.
    run_mode: 0 everything; 1 features and statistics only; 2 neighbours of stored features: those
        in work_dir, or those that input_dir names (a features file, a folder with one, or a list
        of these), which are joined into work_dir; 3 new images (test_dir) against a stored index;
        4 stored features (test_dir, named the same way) against a stored index.
    nn_provider: 'nnf'. nnf_mode: 'HNSW32' (the backend chooses the index by size),
        'HNSW<links>', 'Flat' (exact) or 'IVF<clusters>'; on the GPU also 'CAGRA', 'NNDescent' and
        'IVF<clusters>,PQ'. nnf_param: such as 'num_em_iter=20,num_clusters=100', for IVF.
    min_offset, max_offset: range of the input list to read, from 0, end excluded (max_offset=0:
        to the end). Counts images; for a csv with boxes, boxes; for videos, frames (all videos
        are extracted first).
    bounding_box: one box for all images, 'row_y=0,col_x=0,height=10,width=10' in pixels; or
        crop what your own ONNX detector finds: 'face' with turi_param='face_model=m.onnx',
        'yolov5s' with 'yolo_model=m.onnx' (docs/detection.md; offsets then count images).
    batch_size: images per inference, at most 199; 1 = chosen by the backend.
    resume: 1 = continue an interrupted run; or, after images were added, removed or changed (by
        their size and time), read only the new ones.
    high_accuracy: use the larger built-in model; features then have length 960.

    Writes to work_dir: atrain_features.dat, atrain_features.dat.csv (the file name of each row),
    atrain_features.bad.csv (images that could not be read), atrain_stats.csv, similarity.csv,
    outliers.csv, connected_components.csv, component_info.csv, nnf.index (with files that begin
    with that name) and config.json; with test_dir also atest_features.* and atest_stats.csv, but
    no components; with boxes crops/ and atrain_crops.csv; for videos tmp/ and atrain_frames.csv.
    Results of an earlier run in work_dir are replaced, including those of run_kmeans() and
    search(). Features that were extracted into work_dir are kept in run_mode 2, 3 and 4, and with
    resume=1 those of images that are the same.

    Returns 0 on success and 1 on failure, which is logged. Raises InvalidArgument.
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
    """Run over tar archives in two steps: extract all features, then find neighbours.

    The arguments, the files written, the return value and the errors are those of run(). The
    features of the first step stay in `work_dir`; if the second step fails, repeat it alone with
    run(run_mode=2).
    """
    arguments = {**locals(), "resume": 0, "high_accuracy": False}
    return _print_version() if version else _status(lambda: _run_in_two_steps(arguments))


def load_binary_feature(filename: PathLike, d: int = 576) -> tuple[list[str], NDArray[np.float32]]:
    """Read stored features and their file names.

    filename: the features file, such as work_dir/atrain_features.dat, with its csv beside it; or
        the work_dir.
    d: length of a feature vector; 576 stands for any length.

    Returns (names, features): a list of n file names, and a float32 array of shape (n, d) in
    which row i belongs to names[i]. Raises InvalidArgument, FormatError if the two files do not
    match each other or d, and WorkDirError (an OSError) if one is missing.
    """
    from fastdup_gpu.formats import features

    return features.load_features(filename, d)


def save_binary_feature(save_path: PathLike, filenames: Sequence[str], np_array: ArrayLike) -> int:
    """Write your own features in the format that run(run_mode=2) reads.

    save_path: folder for atrain_features.dat and atrain_features.dat.csv; created if it does not
        exist. filenames: n file names. np_array: numbers of shape (n, d), row i for filenames[i];
        stored as float32.

    Results of an earlier run in that folder are deleted, because they belong to other features.
    Returns 0 on success and 1 on failure, which is logged. Raises InvalidArgument if the lengths
    differ, if a number is nan, masked, infinite or too large for float32, or if the norm of a row
    is over 1e15, or under 1e-15 and not 0.
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
    """Load the index of a finished run for search().

    k: number of neighbours that search() returns, 1 to 10,000. work_dir: where run() wrote its
    files. d, model_path: as in that run. verbose: print how many images can be searched.

    Returns 0 on success and 1 on failure, which is logged; search() then raises until a call
    succeeds. Raises InvalidArgument.
    """
    from fastdup_gpu import searching

    return _status(lambda: searching.init_search(k, work_dir, d, model_path, verbose))


def search(
    img: PathLike | bytes | NDArray[np.uint8] | Image,
    size: int | Sequence[int] | None = None,
    verbose: bool | int = 0,
) -> pd.DataFrame:
    """Find the images of a run most similar to one image, after init_search().

    img: path of the image, which need not belong to the run; or, as in Session.search(), its
    bytes, a Pillow image or an array. size: accepted for old scripts, ignored. verbose: print the
    result.

    Returns a DataFrame with `from` (img, or 'query' if it has no name), `to` (file names) and
    `distance` (float64, in the metric of the run), most similar first, and writes it to
    work_dir/search.csv (a warning is logged if that fails). No other file changes. Raises
    InvalidArgument if init_search() has not succeeded, and InputError if the image cannot be read.
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
    """Return the most frequent label among the `k` most similar neighbours of an image.

    labels_col, distance_col: label and similarity (larger is nearer) of each neighbour.
    threshold: only neighbours with a larger similarity vote. min_count: votes a label needs.
    unknown_class: returned if no label wins. In a tie without unknown_class, the label with the
        larger sum of similarities wins.

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
    """Extract features of images and cluster them by k-means (squared L2).

    num_clusters: number of clusters. num_em_iter: maximum number of iterations.
    nearest_neighbors_k: number of nearest centroids written for each image.
    The other arguments are those of run().

    Features of an earlier run in work_dir are used if they are of the same images and model; its
    results are then kept. Writes kmeans_centroids.csv and kmeans_assignments.csv (`index`,
    `filename`, `cluster`, `distance` = squared L2; nearest centroid first) to `work_dir`. Returns
    0 on success and 1 on failure, which is logged. Raises InvalidArgument.
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
    """Cluster the stored features of a run by k-means (squared L2).

    input_dir: folder with the stored features; if it has none, those in work_dir are used. The
    other arguments, the files written, the return value and the errors are those of run_kmeans().
    """
    arguments = dict(locals())
    from fastdup_gpu import clustering

    return _status(lambda: clustering.run_kmeans_on_extracted(**arguments))


def _run(arguments: dict[str, Any]) -> None:
    own = {k: v for k, v in arguments.items() if k not in ("work_dir", "license", "version")}
    Session(arguments["work_dir"]).run(**own)


def _run_in_two_steps(arguments: dict[str, Any]) -> None:
    for name in ("input_dir", "test_dir"):  # an iterator can be read only once
        if isinstance(arguments[name], Iterator):
            arguments[name] = list(arguments[name])
    _run({**arguments, "run_mode": 1})
    # Whether run_mode=2 reads features from input_dir or from work_dir, it is this folder.
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
    except RuntimeError as error:
        if "interpreter shutdown" not in str(error):
            raise
        logging.getLogger("fastdup_gpu").error(
            "the program ended during a call in another of its threads: run() with resume=1 "
            "continues"
        )
        return 1
    return 0
