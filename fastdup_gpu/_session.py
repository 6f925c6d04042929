"""Session: a work_dir and the options of all calls on it. Failures raise exceptions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastdup_gpu._options import Input, PathLike, check_options
from fastdup_gpu._words import say

if TYPE_CHECKING:
    from typing import Unpack

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from PIL.Image import Image

    from fastdup_gpu._options import RunOptions
    from fastdup_gpu._summary import Summary
    from fastdup_gpu.searching import Searcher


class Session:
    """Runs in one work_dir, and their results as tables.

        session = fastdup_gpu.Session("results", compute="cpu")
        summary = session.run("pictures", threshold=0.8)
        session.similarity  # a DataFrame: from, to, distance
        session.search("query.jpg", k=5)

    work_dir: folder of the result files; run() creates it if it does not exist. The results of an
        earlier run can be read at once.
    options: arguments of fastdup_gpu.run() that apply to every call, except license and version.

    No method returns a status: a wrong argument raises InvalidArgument before anything is touched,
    and a failure raises a FastdupError (or an OSError of the disk) that says why.

    The tables are DataFrames, read from the files on each access, so they are those of the last
    run. Names and other texts have dtype object, whole numbers int64, other numbers float64.
    `similarity`, `outliers`, `components`, `stats`, `bad`, `clusters`, `filenames` and `features`
    raise WorkDirError if their file does not exist (no run yet, or it was not asked to write it)
    and FormatError if it is damaged.
    """

    def __init__(self, work_dir: PathLike, **options: Unpack[RunOptions]) -> None:
        from fastdup_gpu._config import folder_of_results

        check_options(options)
        self._given = folder_of_results(work_dir)
        self._absolute = self._given.absolute()
        self._options = options
        self._searcher: Searcher | None = None

    @property
    def work_dir(self) -> Path:
        """The folder of the result files: as given, or absolute if the current folder changed."""
        return self._given if self._given.absolute() == self._absolute else self._absolute

    def __repr__(self) -> str:
        given = [repr(str(self.work_dir)), *(f"{k}={v!r}" for k, v in self._options.items())]
        return f"Session({', '.join(given)})"

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the open index, which a copy opens again."""
        return self.__dict__ | {"_searcher": None}

    def run(self, input_dir: Input = "", **options: Unpack[RunOptions]) -> Summary:
        """Run as fastdup_gpu.run() does; `options` override those of the session.

        Returns a Summary: counts of images (`valid`, `bad` by error code, `exact_duplicates`,
        `near_duplicates`, `outliers`, `in_components`), the number of `components`, `seconds` by
        stage, and more. as_dict() returns all fields, lines() describes them in words. Raises
        FastdupError or OSError on failure.
        """
        from fastdup_gpu import pipeline
        from fastdup_gpu._config import make_config

        config = make_config(**self._arguments(input_dir=input_dir, **options))
        self._searcher = None
        summary = pipeline.run(config, warn=not config.verbose)
        if config.verbose:
            say("\n".join(summary.lines()))
        return summary

    def search(
        self, img: PathLike | bytes | NDArray[np.uint8] | Image, k: int = 10
    ) -> pd.DataFrame:
        """Find the `k` images of the run most similar to one image, which need not belong to it.

        img: a path, the bytes of an image file, a Pillow image, or an array uint8 of shape
        (height, width, 3) in RGB or (height, width).

        Returns a DataFrame with `from` (img, or 'query' if it has no name), `to` (names) and
        `distance` (float64, in the metric of the run), most similar first, and writes it to
        search.csv. The first call opens the index. `compute` is that of the run unless the session
        sets it. Raises InputError if the image cannot be read, and WorkDirError or FormatError if
        the run has no usable index.
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

        Returns a DataFrame with `index`, `filename`, `cluster` and `distance` (squared L2 to the
        centroid): for each image, one row for each of its `nearest_neighbors_k` nearest centroids,
        nearest first.
        """
        from fastdup_gpu import clustering
        from fastdup_gpu.formats import results

        arguments = self._arguments(input_dir="", nearest_neighbors_k=nearest_neighbors_k)
        clustering.run_kmeans_on_extracted(num_clusters, num_em_iter, **arguments)
        return results.read_kmeans(self.work_dir)

    def report(self, save_path: PathLike | None = None, **options: Any) -> Path:
        """Write one HTML page with all results of the run and return its path.

        save_path: a folder, or a name that ends in .html; None = report.html in the work_dir.
        options: num_images (entries in each tab, default 60; 0 = all), and get_label_func,
        get_bounding_box_func, input_dir and lazy_load as in the galleries.
        """
        from fastdup_gpu.galleries import report

        return report.write_report(self.work_dir, save_path, **options)

    @property
    def similarity(self) -> pd.DataFrame:
        """similarity.csv: `from`, `to` (names) and `distance`, most similar first.

        `distance` is the cosine similarity, or with other metrics the distance.
        """
        from fastdup_gpu.formats import results

        return results.read_edges(self.work_dir)

    @property
    def outliers(self) -> pd.DataFrame:
        """outliers.csv, the least similar pairs of neighbours: columns as in `similarity`.

        An image is an outlier if all of its pairs are listed.
        """
        from fastdup_gpu.formats import results

        return results.read_edges(self.work_dir, which="outliers")

    @property
    def components(self) -> pd.DataFrame:
        """connected_components.csv with names: one row per image, in the order of `filenames`.

        `__id` (row of the image in `features`), `component_id`, `count` (images in the component,
        0 for an image alone), `mean_distance`, `min_distance`, `max_distance` (of its pairs),
        `pagerank` (unless run_pagerank=0) and `filename`.
        """
        from fastdup_gpu.formats import results

        return results.read_components(self.work_dir)

    @property
    def stats(self) -> pd.DataFrame:
        """The columns of atrain_stats.csv, and `size` = width x height (pixels): one row per image,
        in the order of `filenames`."""
        from fastdup_gpu.formats import results

        return results.read_stats(self.work_dir)

    @property
    def bad(self) -> pd.DataFrame:
        """Images that could not be read: `index` (position in the input list), `filename`,
        `error_code` and `filesize` (bytes, -1 if missing)."""
        from fastdup_gpu.formats import results

        return results.read_bad(self.work_dir)

    @property
    def issues(self) -> pd.DataFrame:
        """Problems found: `filename`, `issue`, `value` and `detail`, one row per image and issue,
        the worst of each kind first.

        'bad file': value is nan, detail the error code. 'duplicate' (similarity 1), 'near
        duplicate' (at least 0.9, or the threshold of the run if that is larger) and 'outlier' (all
        neighbours of the image are in outliers.csv): value is the similarity to the nearest image,
        detail its name. All images that are alike are listed, including the one to keep, which
        delete_components() chooses. 'dark' (mean below 25), 'bright' (mean above 235), 'one colour'
        (standard deviation below 8; these three on a scale of 0 to 255), 'blurred' (variance of the
        Laplacian below 50), 'odd shape' ('ratio' of the sides over 3), 'large' and 'small' ('size'
        = width x height over 10 times that of the median image, or under a tenth): value is that
        statistic, detail its name. Images of test_dir are included. Files that were moved after the
        run are listed until the next run. Raises WorkDirError if there was no run, and FormatError
        if a file is damaged.
        """
        from fastdup_gpu.analysis import issues

        return issues.issues(self.work_dir)

    @property
    def clusters(self) -> pd.DataFrame:
        """kmeans_assignments.csv: the result of the last kmeans() or run_kmeans()."""
        from fastdup_gpu.formats import results

        return results.read_kmeans(self.work_dir)

    @property
    def features(self) -> NDArray[np.float32]:
        """The embeddings: a read-only memory map, float32 of shape (n, d); row i belongs to
        filenames[i]."""
        from fastdup_gpu.formats import features

        return features.open_features(features.feature_paths(self.work_dir)[0]).matrix

    @property
    def filenames(self) -> list[str]:
        """The names of the images that were read, in the order of their ids in every file."""
        from fastdup_gpu.formats import results

        return results.read_filenames(self.work_dir)

    def _arguments(self, **given: Any) -> dict[str, Any]:
        """The arguments of one call: `given`, and for the rest the options of the session."""
        check_options(given.keys() - {"input_dir"})
        return {**self._options, **given, "work_dir": self.work_dir}
