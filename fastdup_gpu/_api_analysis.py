"""The functions of the V0.2xx API that conclude from results: components, deletion, labels.

As in _api: the documented signature of each, and one call. `get_label_func` is everywhere a
callable from a file name to its label, a dict (or a Series) by file name, a csv `filename,label`
or `index,label` (one row for each row of atrain_features.dat.csv, whose number is `index`), or a
list in the order of that file; a label is a text, a list of texts, or None for a picture without
one. What comes without names needs the work_dir: a folder, a csv in it, or a DataFrame that names
it in attrs["work_dir"], as those of Session do.
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
    """List the groups of similar pictures, the largest first.

    work_dir: where run() wrote its files, a connected_components.csv, or its DataFrame, or what
        this function gave, whose labels count where get_label_func is not given.
    group_by: 'visual', a row for each component, or 'label', a row for each label with all
        its pictures, those that are similar to no other (alone in a component) included.
    slice: only this label or these; for 'visual' components with such a picture. 'same' and
        'diff' pick components whose labelled pictures share one label, or do not. A label that
        no picture of the run has is an error.
    keyword: only labels that contain this text; one that no label contains is an error.
    threshold: only components more similar than this. min_items, max_items: bounds of `len`.
    metric: sort by the mean of this statistic over the pictures of a row, instead of by their
        number: 'size' (width x height), or any column of numbers in atrain_stats.csv, such as
        'mean', 'min', 'max', 'unique' and 'blur'; it is added as a column.
    descending: False = smallest first.
    save_path: folder for top_components.csv, or a name that ends in .csv; it has a column
        `work_dir` as well.
    comp_type: 'component', or 'cluster' for the clusters of run_kmeans().
    kwargs: `min_similarity`: cut components that hang together by chains into groups in which
        every two pictures are so similar by their features; the first part keeps the
        component_id, others get new ones. `nrows`: read only so many rows.
        `split_sentence_to_label_list`: True = every word of a label is a label.

    Returns a DataFrame `component_id`, `files` (list of names), `files_ids` (list of rows in
    the features csv), `distance` (mean similarity of the pairs, 0 to 1, larger is nearer; of a
    cluster 1 / (1 + mean squared distance to its centre); nan where no pair of a part is known,
    with metrics other than cosine), `len`, and with labels `label` (list, one for each file).
    With group_by='label': `label`, `files`, `component_id` (list), `files_ids`, `distance` (mean
    over its pictures that are similar to others), `len`, `component_distance` (list, that of each
    file's component; 0 of one that is alone).
    attrs["work_dir"] is the run. Raises InvalidArgument, and FastdupError where files of the run
    are missing or damaged, or save_path cannot be written to.
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
    """Move the duplicates of each component to a trash folder, with an undo log.

    top_components: what find_top_components() gave, or rows of it.
    to_delete: only the components with these numbers (component_id).
    min_distance: only components with `distance` larger than this.
    how: 'one' keeps one picture of each component, 'all' keeps none.
    dry_run: True prints what would go and touches nothing.
    keep: which one stays: 'best' has most pixels, then most bytes, then is the sharpest, then the
        first by name; 'oldest' and 'newest' by the time the file was modified, 'first' by name.
        Not part of the V0.2xx API.
    protect: folders whose pictures always stay, for example of originals or of test data; the
        other pictures of a component with such a picture go. Not part of the V0.2xx API.

    The trash is `.fastdup-trash/<time>` in the folder that the files have in common;
    undo_deletion() brings them back. Left alone, with a warning, is what is missing, in an
    archive, in a folder that may not be written to, or changed since the run. Returns the names
    that went, or would go. Raises InvalidArgument.
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
    """Move the duplicates of large components to a trash folder, heeding labels.

    top_components_file: what find_top_components() gave with get_label_func, or the csv it wrote.
    min_items: only components of so many pictures and more.
    min_distance, dry_run, keep, protect: as in delete_components().
    how: 'majority' keeps one of the pictures with the most frequent label, 'one' one of all,
        'all' none.

    Returns the names that went, or would go. Raises InvalidArgument.
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
    """Take away, move or relabel pictures whose value of a statistic is very low or high.

    stats_file: work_dir of a run, an atrain_stats.csv, or a DataFrame with file names and values.
    metric: the column to look at, such as 'blur', 'mean', 'width', 'size' (width x height) or
        'score' of create_similarity_gallery().
    filename_col, label_col: columns with the file names, and with labels for how='retag=...'.
    lower_percentile, upper_percentile: 0 to 1; 0.05 and 0.95 mean the lowest and highest 5 %.
    lower_threshold, upper_threshold: values below and above these; not with the percentile of
        the same side. Values equal to a bound stay. The lower bound must not be above the upper.
    get_reformat_filename_func: gets a name, returns the path of the file to touch, which is what
        is printed and returned as well.
    dry_run: True prints what would be done and touches nothing.
    how: 'delete' (to a trash folder, as delete_components() does), 'move' (to save_path, with
        sub-folders kept and nothing overwritten), 'retag=labelImg' or 'retag=cvat' (writes files
        for these tools to save_path and leaves the pictures where they are).
    save_path: the folder for 'move' and 'retag'.
    work_dir: the run that a DataFrame comes from, for telling files that changed since; not
        needed for what create_similarity_gallery() gave.

    Returns the files that were dealt with, or would be. Raises InvalidArgument, and WorkDirError
    where save_path cannot be written to.
    """
    arguments = dict(locals())
    from fastdup_gpu.analysis import stats_outliers

    return stats_outliers.delete_or_retag_stats_outliers(**arguments)


def undo_deletion(log: PathLike) -> list[str]:
    """Bring back the files that a deletion or a move took away; not part of the V0.2xx API.

    log: the undo.jsonl in the trash folder. A place where there is a file again is left alone,
    with a warning.

    Returns the paths of the files that are back. Raises InvalidArgument and FormatError.
    """
    from fastdup_gpu.analysis import trash

    return trash.bring_back(log)


def create_knn_classifier(
    work_dir: PathLike | pd.DataFrame,
    k: int,
    get_label_func: Labels,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Predict the label of each picture from its neighbours in similarity.csv, by majority.

    work_dir: of a run, a similarity.csv, or its DataFrame. k: so many nearest neighbours vote,
    of those with a label that the run stored (nearest_neighbors_k), each once for each of its
    labels. threshold: only neighbours more similar.

    Returns a DataFrame `prediction`, `label`, `filename`, a row for each picture in the order of
    the run; `prediction` is None where no neighbour votes. Raises InvalidArgument.
    """
    from fastdup_gpu.analysis import classifiers

    return classifiers.create_knn_classifier(work_dir, k, get_label_func, threshold)


def create_kmeans_classifier(
    work_dir: PathLike | pd.DataFrame,
    k: int,
    get_label_func: Labels,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Predict the label of each picture as the most frequent one in its k-means cluster.

    work_dir: where run_kmeans() wrote its files, or a similarity file or DataFrame that belongs
        to such a work_dir. k, threshold: not used, as in the original.

    Returns a DataFrame `prediction`, `label`, `filename`, a row for each picture; `prediction`
    is None in a cluster without labels. Raises InvalidArgument.
    """
    from fastdup_gpu.analysis import classifiers

    return classifiers.create_kmeans_classifier(work_dir, k, get_label_func, threshold)


def label_scores(work_dir: PathLike, get_label_func: Labels, k: int = 10) -> pd.DataFrame:
    """Tell how well labels fit, the least fitting first; not part of the V0.2xx API.

    work_dir: of a run. k: how many nearest pictures, by exact search over the stored features,
    are asked; pictures without a label neither ask nor are asked.

    Returns a DataFrame `filename`, `label`, `score` (0 to 100: share of the neighbours that have
    the same label), `prediction` (label most frequent among them), `neighbors` (how many),
    `distance` (mean similarity to them), ascending by score, then descending by distance: a
    wrong label among close neighbours comes first.

    Every labelled picture is compared with every other, so the time grows with the square of their
    number, n^2: 100,000 pictures with 576 features each took 200 seconds on two CPU cores that
    other programs used as well. After a run on a GPU the search takes the GPU where it is usable;
    otherwise it takes all CPU cores. Of equally similar pictures the first in the run count.
    Raises InvalidArgument, and MissingDependency where what searches is not installed.
    """
    from fastdup_gpu.analysis import classifiers

    return classifiers.label_scores(work_dir, get_label_func, k)


def evaluate(
    work_dir: PathLike,
    truth_csv: PathLike,
    thresholds: Sequence[float] | None = None,
    transitive: bool = False,
) -> dict[str, Any]:
    """Measure a run against known duplicates; not part of the V0.2xx API.

    work_dir: of a run; all pairs of its stored features are compared, by cosine similarity.
    truth_csv: columns `from`, `to` (known pairs) or `file`, `group` (every two of a group); its
        names are matched with those of the run by how their paths end.
    thresholds: where to tell precision and recall; None = 0.50, 0.51, ..., 1.00.
    transitive: pictures that known pairs connect over others are duplicates as well.

    Returns a dict: `pictures`, `true_pairs`, `true_pairs_not_in_run` (they count as not found),
    `average_precision`, `best` (the row with the largest F1), `thresholds` (rows of `threshold`,
    `precision`, `recall`, `f1`, `pairs`). Raises InvalidArgument and FormatError.

    The time grows with the square of the number of pictures, n^2: 100,000 pictures with 576
    features each took 133 seconds on two CPU cores that other programs used as well. The memory
    does not grow with the number of pairs that are compared. A GPU is not used.
    """
    from fastdup_gpu.analysis import evaluate as evaluation

    wanted = evaluation.THRESHOLDS if thresholds is None else thresholds
    return evaluation.evaluate(work_dir, truth_csv, wanted, transitive=transitive)
