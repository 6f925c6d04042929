"""The functions of the V0.2xx API that evaluate results: components, deletion, labels.

As in _api: the documented signature of each, and one call. `get_label_func` is everywhere a
callable that takes a file name and returns its label, a dict or Series by file name, a csv with
the columns `filename,label` or `index,label` (`index` is the row of atrain_features.dat.csv; one
row for each), or a list in the order of that file. A label is a string, a list of strings, or None
for an image without one. Labels without file names need the work_dir: a folder, a csv in it, or a
DataFrame that names it in attrs["work_dir"], as those of Session do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastdup_gpu._options import PathLike

if TYPE_CHECKING:
    import pandas as pd

Labels = Callable[[str], Any] | Mapping[str, Any] | Sequence[Any] | PathLike | None


def find_top_components(
    work_dir: PathLike | pd.DataFrame,
    get_label_func: Labels = None,
    group_by: str = "visual",
    slice: str | Collection[str] | None = None,
    threshold: float | None = None,
    metric: str | None = None,
    descending: bool = True,
    min_items: int | None = None,
    max_items: int | None = None,
    keyword: str | None = None,
    save_path: PathLike | None = None,
    comp_type: str = "component",
    **kwargs: Any,
) -> pd.DataFrame:
    """List the groups of similar images, the largest first.

    work_dir: where run() wrote its files, a connected_components.csv, its DataFrame, or a
        DataFrame from this function; its labels are used unless get_label_func is given.
    get_label_func: labels of the images, in the forms that all functions accept: a callable, a
        dict or Series by file name, a csv `filename,label` or `index,label`, or a list in the
        order of atrain_features.dat.csv.
    group_by: 'visual', one row per component; or 'label', one row per label with all its images,
        including those that are similar to no other.
    slice: only this label or these labels; with 'visual', components with such an image. 'same'
        and 'diff' select components whose labelled images have one label, or several. A label
        that no image of the run has is an error.
    threshold: only components with a larger similarity (`distance`), 0 to 1.
    metric: sort by the mean of this statistic over the images of a row instead of by their number:
        'size' (width x height), or any column of numbers in atrain_stats.csv, such as 'mean',
        'min', 'max', 'unique' and 'blur'. It is added as a column.
    descending: False = smallest first. min_items, max_items: bounds of `len`, included.
    keyword: only labels that contain this text; if no label does, that is an error.
    save_path: folder for top_components.csv, or a name that ends in .csv; the file has an
        additional column `work_dir`.
    comp_type: 'component', or 'cluster' for the clusters of run_kmeans().
    kwargs: `min_similarity`: split components into groups in which every two images have at least
        this similarity, computed from their features; the first part keeps the component_id, the
        others get new ones. `nrows`: read only the first rows. `split_sentence_to_label_list`:
        True = every word of a label is a label.

    Returns a DataFrame with `component_id`, `files` (list of names), `files_ids` (list of rows of
    the features csv), `distance` (mean similarity of the pairs, 0 to 1, larger is nearer; for a
    cluster 1 / (1 + mean squared distance to its centre); nan if no pair of a split-off part is
    known, with metrics other than cosine), `len`, and with labels `label` (list, one per file).
    With group_by='label': `label`, `files`, `component_id` (list), `files_ids`, `distance` (mean
    over its images that are similar to others), `len`, `component_distance` (list: that of the
    component of each file, 0 for an image alone in its component). attrs["work_dir"] names the run.

    Raises InvalidArgument; WorkDirError or FormatError if files of the run are missing or damaged;
    WorkDirError if save_path cannot be written to.
    """
    arguments = {k: v for k, v in locals().items() if k != "kwargs"}
    from fastdup_gpu.analysis import components

    return components.find_top_components(**arguments, **kwargs)


def delete_components(
    top_components: pd.DataFrame,
    to_delete: Collection[int] | None = None,
    min_distance: float = 0.96,
    how: str = "one",
    dry_run: bool = True,
    *,
    keep: str = "best",
    protect: PathLike | Collection[PathLike] = (),
) -> list[str]:
    """Move the duplicates of each component to a trash folder.

    top_components: the result of find_top_components(), or rows of it.
    to_delete: only the components with these numbers (component_id).
    min_distance: only components with a larger `distance` (mean similarity, 0 to 1).
    how: 'one' keeps one image of each component, 'all' keeps none.
    dry_run: True prints what would be moved and touches nothing.
    keep: which image is kept: 'best' (most pixels, then most bytes, then sharpest, then first by
        name), 'oldest' or 'newest' (by the time the file was modified) or 'first' (by name).
        Not part of the V0.2xx API.
    protect: folders whose images are never moved, for example originals or test data; the
        other images of a component with such an image are. Not part of the V0.2xx API.

    The trash folder is `.fastdup-trash/<time>` in the folder that the files have in common. It
    contains undo.jsonl, with which undo_deletion() restores the files. Files that are missing, have
    changed since the run, or are in an archive or a folder without write permission are left alone
    with a warning. Returns the names of the files that were (or would be) moved. Raises
    InvalidArgument.
    """
    from fastdup_gpu.analysis import deletion

    return deletion.delete_components(
        top_components, to_delete, min_distance, how, dry_run, keep, protect
    )


def delete_components_by_label(
    top_components_file: pd.DataFrame | PathLike,
    min_items: int = 10,
    min_distance: float = 0.96,
    how: str = "one",
    dry_run: bool = True,
    *,
    keep: str = "best",
    protect: PathLike | Collection[PathLike] = (),
) -> list[str]:
    """Move the duplicates of large components to a trash folder, taking labels into account.

    top_components_file: the result of find_top_components() with get_label_func, or the csv that
        it wrote.
    min_items: only components with at least this many images.
    how: 'majority' keeps one of the images with the most frequent label, 'one' keeps one image of
        each component, 'all' keeps none.
    min_distance, dry_run, keep, protect: as in delete_components().

    Returns the names of the files that were (or would be) moved. Raises InvalidArgument.
    """
    from fastdup_gpu.analysis import deletion

    return deletion.delete_components_by_label(
        top_components_file, min_items, min_distance, how, dry_run, keep, protect
    )


def delete_or_retag_stats_outliers(
    stats_file: PathLike | pd.DataFrame,
    metric: str,
    filename_col: str = "filename",
    label_col: str | None = None,
    lower_percentile: float | None = None,
    upper_percentile: float | None = None,
    lower_threshold: float | None = None,
    upper_threshold: float | None = None,
    get_reformat_filename_func: Callable[[str], Any] | None = None,
    dry_run: bool = True,
    how: str = "delete",
    save_path: PathLike | None = None,
    work_dir: PathLike | None = None,
) -> list[str]:
    """Delete, move or relabel images with a very low or high value of a statistic.

    stats_file: work_dir of a run, an atrain_stats.csv, or a DataFrame with file names and values.
    metric: column of the statistic, such as 'blur', 'mean', 'width', 'size' (width x height) or
        'score' of create_similarity_gallery().
    filename_col, label_col: columns with the file names, and with labels for how='retag=...'.
    lower_percentile, upper_percentile: 0 to 1; 0.05 and 0.95 mean the lowest and highest 5 %.
    lower_threshold, upper_threshold: select values strictly below and above these. Give either a
        threshold or a percentile for a side. The lower bound must not be above the upper one.
    get_reformat_filename_func: callable that takes a name and returns the path of the file to use;
        these paths are also what is printed and returned.
    dry_run: True prints what would be done and touches nothing.
    how: 'delete' (to a trash folder, as delete_components() does), 'move' (to save_path, keeping
        sub-folders and overwriting nothing), 'retag=labelImg' or 'retag=cvat' (writes files for
        these tools to save_path and leaves the images in place).
    save_path: folder for 'move' and 'retag'.
    work_dir: the run that a DataFrame comes from, to recognise files that have changed since; not
        needed for the result of create_similarity_gallery().

    Returns the files that were (or would be) handled. Raises InvalidArgument, and WorkDirError if
    save_path cannot be written to.
    """
    arguments = dict(locals())
    from fastdup_gpu.analysis import stats_outliers

    return stats_outliers.delete_or_retag_stats_outliers(**arguments)


def undo_deletion(log: PathLike) -> list[str]:
    """Restore the files that a deletion or a move took away. Not part of the V0.2xx API.

    log: path of the undo.jsonl in the trash folder. If a file of that name exists again, it is left
    alone with a warning.

    Returns the paths of the restored files. Raises InvalidArgument and FormatError.
    """
    from fastdup_gpu.analysis import trash

    return trash.bring_back(log)


def create_knn_classifier(
    work_dir: PathLike | pd.DataFrame,
    k: int,
    get_label_func: Labels,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Predict the label of each image by majority vote of its neighbours in similarity.csv.

    work_dir: work_dir of a run, a similarity.csv, or its DataFrame.
    k: number of nearest labelled neighbours that vote, each once for each of its labels. A run
        stores nearest_neighbors_k neighbours per image.
    get_label_func: as in find_top_components().
    threshold: only neighbours with a larger similarity vote.

    Returns a DataFrame with `prediction`, `label` and `filename`, one row per image in the order
    of the run; `prediction` is None if no neighbour votes. Raises InvalidArgument, and
    WorkDirError or FormatError if files are missing or damaged.
    """
    from fastdup_gpu.analysis import classifiers

    return classifiers.create_knn_classifier(work_dir, k, get_label_func, threshold)


def create_kmeans_classifier(
    work_dir: PathLike | pd.DataFrame,
    k: int,
    get_label_func: Labels,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Predict the label of each image as the most frequent one in its k-means cluster.

    work_dir: where run_kmeans() wrote its files, or a similarity file or DataFrame that belongs
        to such a work_dir.
    get_label_func: as in find_top_components(). k, threshold: ignored, as in the original.

    Returns a DataFrame with `prediction`, `label` and `filename`, one row per image;
    `prediction` is None in a cluster without labels. Raises InvalidArgument, and WorkDirError or
    FormatError if files are missing or damaged.
    """
    from fastdup_gpu.analysis import classifiers

    return classifiers.create_kmeans_classifier(work_dir, k, get_label_func, threshold)


def label_scores(work_dir: PathLike, get_label_func: Labels, k: int = 10) -> pd.DataFrame:
    """Score how well each label matches its neighbours, worst first. Not part of the V0.2xx API.

    work_dir: work_dir of a run. get_label_func: as in find_top_components(). k: number of nearest
    images to compare with, by exact search over the stored features. Images without a label are
    ignored.

    Returns a DataFrame with `filename`, `label`, `score` (0 to 100: percentage of the neighbours
    with the same label), `prediction` (the most frequent label among them), `neighbors` (their
    number) and `distance` (mean similarity to them), ascending by score, then descending by
    distance: wrong labels among close neighbours come first.

    Every labelled image is compared with every other, so the time grows with the square of their
    number: 100,000 images with 576 features each took 200 seconds on two CPU cores that other
    programs also used. After a run on a GPU, the search uses the GPU if it is usable, otherwise all
    CPU cores. Ties go to the image that comes first in the run.

    Raises InvalidArgument, WorkDirError or FormatError if files are missing or damaged, and
    MissingDependency if a package that the search needs is not installed.
    """
    from fastdup_gpu.analysis import classifiers

    return classifiers.label_scores(work_dir, get_label_func, k)


def evaluate(
    work_dir: PathLike,
    truth_csv: PathLike,
    thresholds: Sequence[float] | None = None,
    transitive: bool = False,
) -> dict[str, Any]:
    """Measure precision and recall of a run on known duplicates. Not part of the V0.2xx API.

    work_dir: work_dir of a run; all pairs of its stored features are compared by cosine similarity.
    truth_csv: csv with the columns `from,to` (known pairs) or `file,group` (all images of a group
        are duplicates of each other). Its paths are matched with those of the run from the end.
    thresholds: similarities at which to report precision and recall; None = 0.50, 0.51, ..., 1.00.
    transitive: treat known pairs as transitive, so that two copies of one image are a pair as well.

    Returns a dict with `pictures` (number of images), `true_pairs`, `true_pairs_not_in_run`
    (counted as not found), `average_precision`, `best` (the row with the largest F1) and
    `thresholds` (list of rows with `threshold`, `precision`, `recall`, `f1`, `pairs`). Raises
    InvalidArgument, WorkDirError and FormatError.

    The time grows with the square of the number of images: 100,000 images with 576 features each
    took 133 seconds on two CPU cores that other programs also used. The memory does not grow with
    the number of pairs. No GPU is used.
    """
    from fastdup_gpu.analysis import evaluate as evaluation

    wanted = evaluation.THRESHOLDS if thresholds is None else thresholds
    return evaluation.evaluate(work_dir, truth_csv, wanted, transitive=transitive)
