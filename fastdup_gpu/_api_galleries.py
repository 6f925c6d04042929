"""The galleries of the V0.2xx API: the documented signature of each, and one call.

Each writes one self-contained HTML page, or with lazy_load a page and a folder of thumbnails.
Unknown keyword arguments raise InvalidArgument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastdup_gpu._api import _status
from fastdup_gpu._options import PathLike

if TYPE_CHECKING:
    import pandas as pd

    from fastdup_gpu.analysis.annotations import Boxes, Labels

    Table = PathLike | pd.DataFrame
Slice = str | Sequence[str] | None
Naming = Callable[[str], Any] | None


def create_duplicates_gallery(
    similarity_file: Table,
    save_path: PathLike,
    num_images: int = 20,
    descending: bool = True,
    lazy_load: bool = False,
    get_label_func: Labels = None,
    slice: Slice = None,
    max_width: int | None = None,
    get_bounding_box_func: Boxes = None,
    get_reformat_filename_func: Naming = None,
    get_extra_col_func: Naming = None,
    input_dir: PathLike | None = None,
    work_dir: PathLike | None = None,
    threshold: float | None = None,
    **kwargs: Any,
) -> int:
    """Write duplicates.html: pairs of similar images side by side, each pair once.

    similarity_file: work_dir, similarity.csv, a DataFrame with `from`, `to` and `distance`, or the
        similarity_hierarchical_<ccthreshold>.csv of create_components_gallery().
    save_path: folder for the page. num_images: number of pairs listed; 0 = all.
    descending: most similar pairs first. threshold: smallest similarity of a pair, 0 to 1.
    lazy_load: write the thumbnails to files beside the page instead of into it.
    get_label_func: labels of the images: a callable that takes a file name, a dict or Series by
        file name, a csv or DataFrame `filename,label`, a csv `index,label`, or a list in the order
        of atrain_features.dat.csv. File names are those of the results, or relative to the folder
        input_dir of the run. A label is a string, a list of strings, or None.
    slice: 'diff' or 'same' for pairs with different or equal labels; a label, or a list of labels,
        for pairs of an image that has it and one that has not.
    max_width: width of the gallery in CSS pixels.
    get_bounding_box_func: boxes to draw, each x1, y1, x2, y2 in pixels: a callable or dict that
        returns a list of boxes by file name, a csv `index,filename,col_x,row_y,width,height`, or a
        work_dir with atrain_crops.csv.
    get_reformat_filename_func, get_extra_col_func: callables that take a file name and return the
        text to show instead of it, or below it.
    input_dir: current folder of the images or archives, if they have moved.
    work_dir: the run that a DataFrame or csv comes from, to resolve ids and to show image sizes.
    kwargs: save_artifacts=True also writes the csv and the images beside the page; nrows=n reads
        only the first n rows.

    The page is also displayed in a notebook. Returns 0 on success and 1 on failure, which is
    logged. Raises InvalidArgument.
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import duplicates

    return _status(lambda: duplicates.create_duplicates_gallery(**arguments))


def create_duplicate_videos_gallery(
    similarity_file: Table,
    save_path: PathLike,
    num_images: int = 20,
    descending: bool = True,
    lazy_load: bool = False,
    get_label_func: Labels = None,
    slice: Slice = None,
    max_width: int | None = None,
    get_bounding_box_func: Boxes = None,
    get_reformat_filename_func: Naming = None,
    get_extra_col_func: Naming = None,
    input_dir: PathLike | None = None,
    work_dir: PathLike | None = None,
    threshold: float | None = None,
    **kwargs: Any,
) -> int:
    """Write duplicate_videos.html: pairs of videos that share similar frames.

    Frames must be named `<folder>/<video>/output_000001.jpg`; each pair of videos is shown by its
    most similar frames. num_images: number of pairs of videos; 0 = all. The other arguments, the
    return value and the errors are those of create_duplicates_gallery().
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import videos

    return _status(lambda: videos.create_duplicate_videos_gallery(**arguments))


def create_outliers_gallery(
    outliers_file: Table,
    save_path: PathLike,
    num_images: int = 20,
    lazy_load: bool = False,
    get_label_func: Labels = None,
    how: str = "one",
    slice: Slice = None,
    max_width: int | None = None,
    get_bounding_box_func: Boxes = None,
    get_reformat_filename_func: Naming = None,
    get_extra_col_func: Naming = None,
    input_dir: PathLike | None = None,
    work_dir: PathLike | None = None,
    **kwargs: Any,
) -> int:
    """Write outliers.html: the images least similar to all others, each beside a neighbour.

    outliers_file: work_dir, outliers.csv, or a DataFrame with `from`, `to` and `distance`.
    num_images: number of images listed; 0 = all.
    how: 'one' shows each image of outliers.csv with its least similar neighbour; 'all' shows only
        images all of whose neighbours are in outliers.csv, with the most similar one.
    slice: a label, or a list of labels, of the outlier; 'diff' or 'same' for outliers whose label
        differs from that of the neighbour, or equals it.
    The other arguments, the return value and the errors are those of create_duplicates_gallery().
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import outliers

    return _status(lambda: outliers.create_outliers_gallery(**arguments))


def create_components_gallery(
    work_dir: Table,
    save_path: PathLike,
    num_images: int = 20,
    lazy_load: bool = False,
    get_label_func: Labels = None,
    group_by: str = "visual",
    slice: Slice = None,
    max_width: int | None = None,
    max_items: int | None = None,
    get_bounding_box_func: Boxes = None,
    get_reformat_filename_func: Naming = None,
    get_extra_col_func: Naming = None,
    threshold: float | None = None,
    metric: str | None = None,
    descending: bool = True,
    min_items: int | None = None,
    keyword: str | None = None,
    input_dir: PathLike | None = None,
    **kwargs: Any,
) -> int:
    """Write components.html: groups of similar images, with the one to keep marked in each.

    work_dir: work_dir, connected_components.csv, its DataFrame, or the result of
        find_top_components().
    num_images: number of groups listed; 0 = all. max_items: images shown of each (default 24).
    lazy_load: write the thumbnails to files beside the page, and also
        similarity_hierarchical_<ccthreshold>.csv: one row for every two groups that an edge of
        similarity.csv connects, with their most similar images, in the columns `from`, `to`,
        `distance`, `component_from` and `component_to`. Pass it to create_duplicates_gallery() to
        browse similar groups.
    group_by: 'visual' for components, or 'label' for one group per label.
    slice, keyword: only groups with one of these labels, or with a label that contains the keyword.
    threshold: smallest mean similarity of a group, 0 to 1. min_items: smallest size of a group.
    metric, descending: sort by the mean of a statistic instead of by size; largest first.
    max_width: width of an image in CSS pixels.
    kwargs: save_artifacts and nrows as there; split_sentence_to_label_list=True makes each word a
        label; limit_labels_printed=n labels named per group (default max_items, else 5).
    The other arguments, the return value and the errors are those of create_duplicates_gallery().
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import components

    return _status(lambda: components.create_components_gallery(**arguments))


def create_component_videos_gallery(
    work_dir: Table,
    save_path: PathLike,
    num_images: int = 20,
    lazy_load: bool = False,
    get_label_func: Labels = None,
    group_by: str = "visual",
    slice: Slice = None,
    max_width: int | None = None,
    max_items: int | None = None,
    get_bounding_box_func: Boxes = None,
    get_reformat_filename_func: Naming = None,
    get_extra_col_func: Naming = None,
    threshold: float | None = None,
    metric: str | None = None,
    descending: bool = True,
    min_items: int | None = None,
    keyword: str | None = None,
    input_dir: PathLike | None = None,
    **kwargs: Any,
) -> int:
    """Write component_videos.html: groups of videos that share similar frames.

    min_items: smallest number of videos in a group, at least 2. Frames must be named as for
    create_duplicate_videos_gallery(); each video is shown by its first frame in the group. The
    other arguments, the return value and the errors are those of create_components_gallery().
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import videos

    return _status(lambda: videos.create_component_videos_gallery(**arguments))


def create_kmeans_clusters_gallery(
    work_dir: Table,
    save_path: PathLike,
    num_images: int = 20,
    lazy_load: bool = False,
    get_label_func: Labels = None,
    slice: Slice = None,
    max_width: int | None = None,
    max_items: int | None = None,
    get_bounding_box_func: Boxes = None,
    get_reformat_filename_func: Naming = None,
    get_extra_col_func: Naming = None,
    threshold: float | None = None,
    metric: str | None = None,
    descending: bool = True,
    min_items: int | None = None,
    keyword: str | None = None,
    input_dir: PathLike | None = None,
    **kwargs: Any,
) -> int:
    """Write kmeans_clusters.html: the clusters of run_kmeans(), images nearest to the centre first.

    work_dir: where run_kmeans() wrote its files. threshold: smallest similarity of a cluster,
    computed as 1 / (1 + mean squared distance to its centre). The other arguments, the return
    value and the errors are those of create_components_gallery().
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import components

    return _status(lambda: components.create_kmeans_clusters_gallery(**arguments))


def create_stats_gallery(
    stats_file: Table,
    save_path: PathLike,
    num_images: int = 20,
    lazy_load: bool = False,
    get_label_func: Labels = None,
    metric: str = "blur",
    slice: Slice = None,
    max_width: int | None = None,
    descending: bool = False,
    get_bounding_box_func: Boxes = None,
    get_reformat_filename_func: Naming = None,
    get_extra_col_func: Naming = None,
    input_dir: PathLike | None = None,
    work_dir: PathLike | None = None,
    **kwargs: Any,
) -> int:
    """Write <metric>.html: images sorted by a statistic, with a histogram of all images.

    stats_file: work_dir, atrain_stats.csv, or a DataFrame with `filename` and the metric.
    num_images: number of images listed; 0 = all.
    metric: a column of the statistics, or 'size' for width x height.
    descending: largest values first. slice: a label or a list of labels.
    max_width: width of an image in CSS pixels.
    The other arguments, the return value and the errors are those of create_duplicates_gallery().
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import stats

    return _status(lambda: stats.create_stats_gallery(**arguments))


def create_similarity_gallery(
    similarity_file: Table,
    save_path: PathLike,
    num_images: int = 20,
    lazy_load: bool = False,
    get_label_func: Labels = None,
    slice: Slice = None,
    max_width: int | None = None,
    descending: bool = False,
    get_bounding_box_func: Boxes = None,
    get_reformat_filename_func: Naming = None,
    get_extra_col_func: Naming = None,
    input_dir: PathLike | None = None,
    work_dir: PathLike | None = None,
    min_items: int | None = 2,
    max_items: int | None = None,
    **kwargs: Any,
) -> pd.DataFrame:
    """Write similarity.html: each image beside its most similar ones, with a score of its label.

    similarity_file: work_dir, similarity.csv, or a DataFrame with `from`, `to` and `distance`.
    num_images: number of rows listed, and of neighbours in each row unless max_items is given;
        0 = all. max_items: number of neighbours in each row.
    slice: 'label_score' for rows with a known score, 'diff' or 'same' for score 0 or 100, or a
        label or a list of labels. max_width: width of an image in CSS pixels.
    descending: largest score first (without labels: largest mean similarity).
    min_items: smallest number of neighbours of a row.
    The other arguments are those of create_duplicates_gallery().

    Returns a DataFrame of all rows, not only those listed: `from`, and the lists `to` and
    `distance`; with labels also the lists `label` and `label2`, `score` (0 to 100: percentage of
    labelled neighbours with the same label; nan if unknown) and `length`. Raises InvalidArgument,
    and WorkDirError or FormatError if files are missing or damaged.
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import similarity

    return similarity.create_similarity_gallery(**arguments)


def create_aspect_ratio_gallery(
    stats_file: Table,
    save_path: PathLike,
    get_label_func: Labels = None,
    lazy_load: bool = False,
    max_width: int | None = None,
    num_images: int = 0,
    slice: Slice = None,
    get_filename_reformat_func: Naming = None,
    input_dir: PathLike | None = None,
    **kwargs: Any,
) -> int:
    """Write aspect_ratio.html: a plot of width against height, and the widest and tallest images.

    stats_file: work_dir, atrain_stats.csv, or a DataFrame with `filename`, `width` and `height`.
    num_images: number of rows read; 0 = all. slice: a label or a list of labels.
    get_filename_reformat_func: callable that takes a file name and returns the text to show.
    max_width: width of the page in CSS pixels.
    The other arguments, the return value and the errors are those of create_duplicates_gallery().
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import aspect_ratio

    return _status(lambda: aspect_ratio.create_aspect_ratio_gallery(**arguments))
