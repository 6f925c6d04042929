"""Find duplicates, near duplicates, outliers, clusters, wrong labels and bad images.

    import fastdup_gpu as fastdup
    fastdup.run("pictures", "results")

The functions are those of the fastdup V0.2xx API; docs/compatibility.md lists the differences.
Session offers the same as an object: it returns results as tables and raises exceptions.
"""

from pathlib import Path as _Path

from fastdup_gpu._accel import install_if_asked as _install_if_asked
from fastdup_gpu._api import (
    __version__,
    init_search,
    load_binary_feature,
    run,
    run_kmeans,
    run_kmeans_on_extracted,
    run_on_webdataset,
    save_binary_feature,
    search,
    top_k_label,
)
from fastdup_gpu._api_analysis import (
    create_kmeans_classifier,
    create_knn_classifier,
    delete_components,
    delete_components_by_label,
    delete_or_retag_stats_outliers,
    evaluate,
    find_top_components,
    label_scores,
    undo_deletion,
)
from fastdup_gpu._api_exports import (
    export_to_coco,
    export_to_cvat,
    export_to_labelImg,
    export_to_tensorboard_projector,
    generate_sprite_image,
    import_from_coco,
    webdataset_labels,
)
from fastdup_gpu._api_galleries import (
    create_aspect_ratio_gallery,
    create_component_videos_gallery,
    create_components_gallery,
    create_duplicate_videos_gallery,
    create_duplicates_gallery,
    create_kmeans_clusters_gallery,
    create_outliers_gallery,
    create_similarity_gallery,
    create_stats_gallery,
)
from fastdup_gpu._api_video import extract_video_frames
from fastdup_gpu._errors import (
    BackendUnavailable,
    ConnectionLost,
    FastdupError,
    FormatError,
    InputError,
    InvalidArgument,
    MissingDependency,
    ModelError,
    WorkDirError,
)
from fastdup_gpu._options import model_path_full
from fastdup_gpu._session import Session

__all__ = [
    "BackendUnavailable",
    "ConnectionLost",
    "FastdupError",
    "FormatError",
    "InputError",
    "InvalidArgument",
    "MissingDependency",
    "ModelError",
    "Session",
    "WorkDirError",
    "__version__",
    "create_aspect_ratio_gallery",
    "create_component_videos_gallery",
    "create_components_gallery",
    "create_duplicate_videos_gallery",
    "create_duplicates_gallery",
    "create_duplicates_videos_gallery",
    "create_kmeans_classifier",
    "create_kmeans_clusters_gallery",
    "create_knn_classifier",
    "create_outliers_gallery",
    "create_similarity_gallery",
    "create_stats_gallery",
    "delete_components",
    "delete_components_by_label",
    "delete_or_retag_stats_outliers",
    "evaluate",
    "export_to_coco",
    "export_to_cvat",
    "export_to_labelImg",
    "export_to_tensorboard_projector",
    "extract_video_frames",
    "find_top_components",
    "generate_sprite_image",
    "import_from_coco",
    "init_search",
    "label_scores",
    "load_binary",
    "load_binary_feature",
    "model_path_full",
    "run",
    "run_kmeans",
    "run_kmeans_on_extracted",
    "run_on_webdataset",
    "save_binary_feature",
    "search",
    "top_k_label",
    "undo_deletion",
    "webdataset_labels",
]

# Names that two examples in the V0.2xx reference use.
create_duplicates_videos_gallery = create_duplicate_videos_gallery
load_binary = load_binary_feature

_root = _Path(__file__).parent
if not (_root / "kernels").is_dir():  # a plain or editable checkout keeps them at the top level
    __path__.append(str(_root.parent))

_install_if_asked()
