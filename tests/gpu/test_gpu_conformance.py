"""The conformance suite over the GPU backend's own logic, numpy standing in for the GPU."""

from __future__ import annotations

from conformance.test_graph import *  # noqa: F403
from conformance.test_kmeans import *  # noqa: F403
from conformance.test_neighbors import *  # noqa: F403

# Too many rows for numpy; on a GPU the suite itself runs them.
del test_more_rows_than_a_block, test_recall_on_clusters  # noqa: F821
del test_reported_recall_is_honest_without_structure  # noqa: F821
del test_many_rows_without_optional_packages  # noqa: F821
