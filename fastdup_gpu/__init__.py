"""Find duplicates, near duplicates, outliers, clusters, wrong labels and bad pictures.

    import fastdup_gpu as fastdup
    fastdup.run("pictures", "results")

The functions are those of the fastdup V0.2xx API; docs/compatibility.md lists what differs.
"""

from pathlib import Path as _Path

from fastdup_gpu._api import (
    __version__,
    init_search,
    load_binary_feature,
    model_path_full,
    run,
    run_kmeans,
    run_kmeans_on_extracted,
    run_on_webdataset,
    save_binary_feature,
    search,
    top_k_label,
)
from fastdup_gpu._errors import (
    BackendUnavailable,
    FastdupError,
    FormatError,
    InputError,
    InvalidArgument,
    MissingDependency,
    ModelError,
    WorkDirError,
)

__all__ = [
    "BackendUnavailable",
    "FastdupError",
    "FormatError",
    "InputError",
    "InvalidArgument",
    "MissingDependency",
    "ModelError",
    "WorkDirError",
    "__version__",
    "init_search",
    "load_binary_feature",
    "model_path_full",
    "run",
    "run_kmeans",
    "run_kmeans_on_extracted",
    "run_on_webdataset",
    "save_binary_feature",
    "search",
    "top_k_label",
]

_root = _Path(__file__).parent
if not (_root / "kernels").is_dir():  # a plain or editable checkout keeps them at the top level
    __path__.append(str(_root.parent))
