"""Session: a work_dir and what stays the same between calls on it. What goes wrong is raised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastdup_gpu._options import Input, PathLike, check_options

if TYPE_CHECKING:
    from typing import Unpack

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from fastdup_gpu._options import RunOptions
    from fastdup_gpu._summary import Summary
    from fastdup_gpu.searching import Searcher


class Session:
    """Runs on one work_dir, and what they found.

        session = fastdup_gpu.Session("results", compute="cpu")
        summary = session.run("pictures", threshold=0.8)
        session.similarity  # a DataFrame: from, to, distance
        session.search("query.jpg", k=5)

    work_dir: folder of the result files; run() makes it where it is missing, and the results of
        an earlier run can be read at once.
    options: arguments of fastdup_gpu.run() that hold for every call, but license and version.

    Nothing returns a status: a wrong argument raises InvalidArgument before anything is touched,
    and a failure raises the FastdupError (or the OSError of the disk) that says why. The tables
    are read from the files each time they are asked for, so they are those of the last run.
    """

    def __init__(self, work_dir: PathLike, **options: Unpack[RunOptions]) -> None:
        from fastdup_gpu._config import folder_of_results

        check_options(options)
        self.work_dir = folder_of_results(work_dir)
        self._options = options
        self._searcher: Searcher | None = None

    def __repr__(self) -> str:
        given = [repr(str(self.work_dir)), *(f"{k}={v!r}" for k, v in self._options.items())]
        return f"Session({', '.join(given)})"

    def __getstate__(self) -> dict[str, Any]:
        """Without the open index, which a copy opens anew."""
        return self.__dict__ | {"_searcher": None}

    def run(self, input_dir: Input = "", **options: Unpack[RunOptions]) -> Summary:
        """Do what fastdup_gpu.run() does; `options` go before those of the session.

        Returns a Summary: counts of images (`valid`, `bad` by reason, `exact_duplicates`,
        `near_duplicates`, `outliers`, `in_components`), `components`, `seconds` by stage, and
        more; as_dict() gives all of them, lines() says it in words.
        """
        from fastdup_gpu import pipeline
        from fastdup_gpu._config import make_config

        config = make_config(**self._arguments(input_dir=input_dir, **options))
        self._searcher = None
        summary = pipeline.run(config, warn=not config.verbose)
        if config.verbose:
            print(*summary.lines(), sep="\n")
        return summary

    def search(self, img: PathLike, k: int = 10) -> pd.DataFrame:
        """The `k` pictures of the run most similar to one picture, which need not belong to it.

        Returns `from`, `to`, `distance` (of the metric of the run), nearest first, and writes it
        to search.csv. The index is opened by the first call. `compute` is that of the run unless
        the session says.
        """
        if self._searcher is None:
            self._searcher = self._open_searcher()
        return self._searcher.search(img, k)

    def _open_searcher(self) -> Searcher:
        from fastdup_gpu._config import make_config
        from fastdup_gpu.searching import Searcher

        config = make_config(**self._arguments(run_mode=4))
        return Searcher(
            self.work_dir,
            config.d,
            config.model_path,
            self._options.get("compute"),
            config.tuning,
            config.threads,
        )

    def kmeans(
        self, num_clusters: int = 100, num_em_iter: int = 20, nearest_neighbors_k: int = 2
    ) -> pd.DataFrame:
        """Cluster the stored features as run_kmeans_on_extracted() does, and write its files.

        Returns `index`, `filename`, `cluster`, `distance` (squared L2 to the centroid): for each
        picture a row for each of its `nearest_neighbors_k` nearest centroids, nearest first.
        """
        from fastdup_gpu import clustering
        from fastdup_gpu.formats import results

        arguments = self._arguments(input_dir="", nearest_neighbors_k=nearest_neighbors_k)
        clustering.run_kmeans_on_extracted(num_clusters, num_em_iter, **arguments)
        return results.read_kmeans(self.work_dir)

    def report(self, save_path: PathLike | None = None, **options: Any) -> Path:
        """Write one HTML page about the run; returns its path.

        save_path: a folder, or a name that ends in .html; None is report.html in the work_dir.
        options: num_images (entries of each tab, 60; 0 = all), and get_label_func,
        get_bounding_box_func, input_dir, lazy_load as in the galleries.
        """
        from fastdup_gpu.galleries import report

        return report.write_report(self.work_dir, save_path, **options)

    @property
    def similarity(self) -> pd.DataFrame:
        """Near duplicates: `from`, `to`, `distance`, most similar first."""
        from fastdup_gpu.formats import results

        return results.read_edges(self.work_dir)

    @property
    def outliers(self) -> pd.DataFrame:
        """The pictures least like any other, and their nearest: `from`, `to`, `distance`."""
        from fastdup_gpu.formats import results

        return results.read_edges(self.work_dir, which="outliers")

    @property
    def components(self) -> pd.DataFrame:
        """One row for each picture: `__id`, `component_id`, `count` (0 = alone), `mean_distance`,
        `min_distance`, `max_distance`, `pagerank` (where it was asked for), `filename`."""
        from fastdup_gpu.formats import results

        return results.read_components(self.work_dir)

    @property
    def stats(self) -> pd.DataFrame:
        """One row for each picture: the columns of atrain_stats.csv, and `size` in pixels."""
        from fastdup_gpu.formats import results

        return results.read_stats(self.work_dir)

    @property
    def bad(self) -> pd.DataFrame:
        """What could not be read: `index` in the input, `filename`, `error_code`, `filesize`."""
        from fastdup_gpu.formats import results

        return results.read_bad(self.work_dir)

    @property
    def issues(self) -> pd.DataFrame:
        """What is wrong with the pictures: `filename`, `issue`, `value`, `detail`, one row for each
        picture and issue, the worst of each kind first.

        'bad file': detail is the error code. 'duplicate' (similarity 0.9 or more, or the threshold
        of the run where that is larger) and 'outlier' (all neighbours of the picture are in
        outliers.csv): value is the similarity to the nearest picture, which is the detail. 'dark'
        (mean under 25), 'bright' (mean over 235), 'one colour' (standard deviation under 8, all of
        255), 'blurred' (variance of the Laplacian under 50): value is that statistic, detail its
        column. Pictures of test_dir count as well. Files that were moved since are listed until
        the next run. Raises WorkDirError where no run has been.
        """
        from fastdup_gpu.analysis import issues

        return issues.issues(self.work_dir)

    @property
    def clusters(self) -> pd.DataFrame:
        """What kmeans() returned, as it is stored."""
        from fastdup_gpu.formats import results

        return results.read_kmeans(self.work_dir)

    @property
    def features(self) -> NDArray[np.float32]:
        """The embeddings, f32[n, d]: a read-only memory map; row i belongs to filenames[i]."""
        from fastdup_gpu.formats import features

        return features.open_features(features.feature_paths(self.work_dir)[0]).matrix

    @property
    def filenames(self) -> list[str]:
        """The names of the pictures, in the order of their ids in every file."""
        from fastdup_gpu.formats import results

        return results.read_filenames(self.work_dir)

    def _arguments(self, **given: Any) -> dict[str, Any]:
        """The arguments of one call: those of the session where `given` does not say."""
        check_options(given.keys() - {"input_dir"})
        return {**self._options, **given, "work_dir": self.work_dir}
