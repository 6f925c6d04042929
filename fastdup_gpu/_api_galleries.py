"""The galleries of the V0.2xx API: the documented signature of each, and one call.

Each writes one page that needs nothing else, or with lazy_load a page and a folder of small
pictures. Unknown keyword arguments raise InvalidArgument.
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
    """Write duplicates.html: pairs of similar pictures side by side, each pair once.

    similarity_file: work_dir, similarity csv, a DataFrame `from`, `to`, `distance`, or the
        similarity_hierarchical_<ccthreshold>.csv of create_components_gallery().
    save_path: folder for the page. num_images: pairs listed; 0 = all.
    descending: the most similar first. threshold: smallest similarity of a pair.
    lazy_load: small pictures go to files beside the page, not into it.
    get_label_func: label, or list of labels, of a picture: a callable that gets its name, a dict
        by name, a csv `index,label` in the order of the features csv, or a list in that order.
    slice: 'diff' or 'same' for pairs whose labels differ or agree; a label, or a list of them,
        for pairs with it on one end.
    get_bounding_box_func: boxes to draw, each x1, y1, x2, y2 in pixels: a callable or dict that
        gives a list of them, a csv `index,filename,col_x,row_y,width,height`, or a work_dir with
        atrain_crops.csv.
    get_reformat_filename_func, get_extra_col_func: text to show for the name, or below it.
    max_width: of the gallery, in CSS pixels. input_dir: where tars or moved pictures are now.
    work_dir: where a DataFrame or csv came from; names its ids and gives sizes of pictures.
    kwargs: save_artifacts=True stores the csv and the pictures beside the page; nrows reads only
        so many rows.

    A notebook shows the page. Returns 0 on success, 1 on failure. Raises InvalidArgument.
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

    Frames are named `<folder>/<video>/output_000001.jpg`; each pair of videos is shown by its most
    similar frames. num_images: pairs of videos; 0 = all. The other arguments, the return value
    and the errors are those of create_duplicates_gallery().
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
    """Write outliers.html: the pictures least similar to all others, each beside a neighbour.

    outliers_file: work_dir, outliers csv, or a DataFrame `from`, `to`, `distance`.
    num_images: pictures listed; 0 = all.
    how: 'one' takes the least similar neighbour listed, 'all' the most similar one, of
        pictures all of whose neighbours are listed.
    slice: a label or a list of labels of the outlier; 'diff' or 'same' compares with the neighbour.
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
    """Write components.html: groups of similar pictures, in each the one to keep marked.

    work_dir: work_dir, connected_components.csv, a DataFrame of it or of find_top_components().
    num_images: groups listed; 0 = all. max_items: pictures shown of each (default 24).
    group_by: 'visual', or 'label' for one group for each label.
    slice, keyword: groups with one of these labels, or with a label that contains the keyword.
    threshold: smallest mean similarity of a group. min_items: smallest size.
    metric, descending: order by the mean of a statistic in place of the size; largest first.
    max_width: of a picture, in CSS pixels.
    lazy_load: also writes similarity_hierarchical_<ccthreshold>.csv beside the page: each two
        groups that an edge of similarity.csv connects, by their most similar pictures, with
        columns `from`, `to`, `distance`, `component_from`, `component_to`. Give it to
        create_duplicates_gallery() to look through similar groups.
    kwargs: save_artifacts, nrows; split_sentence_to_label_list=True makes each word a label;
        limit_labels_printed: labels named for each group (default max_items, else 5).
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

    min_items: smallest number of videos, 2 at least. Frames are named as for
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
    """Write kmeans_clusters.html: the clusters of run_kmeans(), nearest to the centre first.

    work_dir: where run_kmeans() wrote its files. threshold: smallest similarity of a cluster,
    which is 1 / (1 + the mean squared distance to its centre). The other arguments, the return
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
    """Write <metric>.html: pictures by a statistic, with a histogram of all.

    stats_file: work_dir, atrain_stats.csv, or a DataFrame `filename` and the metric.
    num_images: pictures listed; 0 = all.
    metric: a column of the statistics, or 'size' for width x height.
    descending: the largest first. slice: a label or a list of labels.
    max_width: of a picture, in CSS pixels.
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
    """Write similarity.html: pictures beside their most similar ones, with a score of the labels.

    similarity_file: work_dir, similarity csv, or a DataFrame `from`, `to`, `distance`.
    num_images: rows listed, and neighbours in each unless max_items says; 0 = all.
    min_items: neighbours that a row needs.
    descending: largest score first (without labels: largest mean similarity).
    slice: 'label_score' for rows whose score is known, 'diff' or 'same' for score 0 or 100, or a
        label or a list of labels. max_width: of a picture, in CSS pixels.
    The other arguments are those of create_duplicates_gallery().

    Returns a DataFrame of all rows, not only those listed: `from`, lists `to` and `distance`; with
    labels also lists `label` and `label2`, `score` (0 to 100: the share of labelled neighbours
    with the same label; nan where unknown) and `length`. Raises InvalidArgument, and WorkDirError
    or FormatError where files are missing or damaged.
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
    """Write aspect_ratio.html: width against height, and the widest and tallest pictures.

    stats_file: work_dir, atrain_stats.csv, or a DataFrame `filename`, `width`, `height`.
    num_images: rows read; 0 = all. slice: a label or a list of labels.
    get_filename_reformat_func: text to show for the name. max_width: of the page, in CSS pixels.
    The other arguments, the return value and the errors are those of create_duplicates_gallery().
    """
    arguments = dict(locals())
    from fastdup_gpu.galleries import aspect_ratio

    return _status(lambda: aspect_ratio.create_aspect_ratio_gallery(**arguments))
