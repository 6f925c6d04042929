"""Search for an image in a finished run: init_search() and search()."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from fastdup_gpu._arguments import path_text, whole_number
from fastdup_gpu._errors import InputError, InvalidArgument, ModelError
from fastdup_gpu._params import PRECISIONS, Tuning
from fastdup_gpu._registry import compute_of_run, open_backend, open_model
from fastdup_gpu._words import count, say
from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import feature_paths, open_features
from fastdup_gpu.formats.files import read_json, write_csv
from fastdup_gpu.models.manifest import DEFAULT_PATH, choose_model
from fastdup_gpu.protocol import Encoded, ModelSpec, PixelPlan, SearchPlan
from fastdup_gpu.sources.queries import named_bytes
from fastdup_gpu.stages.neighbors import load_index, read_header, to_edges

log = logging.getLogger("fastdup_gpu")


class Searcher:
    """The index of a finished run, opened once and searched many times."""

    def __init__(
        self,
        work_dir: Path,
        d: int,
        model_path: str,
        compute: str | None = None,
        tuning: Tuning | None = None,
        threads: int = 0,
    ) -> None:
        work_dir = work_dir.absolute()  # stays the same if the process changes its folder
        header = read_header(work_dir)
        tuning = tuning or Tuning()
        config = read_json(work_dir / names.CONFIG) or {}
        self.work_dir = work_dir
        self.base = open_features(feature_paths(work_dir)[0], d)
        self._plan = SearchPlan(metric=header["metric"], threads=threads)
        compute = compute or compute_of_run(config)
        backend = open_backend(compute, device=tuning.device, decoder=tuning.decoder)
        choose_for = partial(self._choose, config, model_path, tuning.engine)
        self._backend, self._model = open_model(backend, choose_for, compute, 1)
        self._index = load_index(self._backend, work_dir, self.base.matrix, self._plan)
        if self._model.dim != self.base.matrix.shape[1]:
            raise ModelError(
                f"the features in {work_dir} have length {self.base.matrix.shape[1]}, but the "
                f"built-in model outputs vectors of length {self._model.dim}; give the model_path "
                "of that run"
            )

    def _choose(
        self, config: dict[str, Any], model_path: str, engine: str, backend: str
    ) -> ModelSpec:
        dim = self.base.matrix.shape[1]
        model = config.get("model")
        model = model if isinstance(model, dict) else {}
        precision = model.get("precision")
        precision = precision if precision in (*PRECISIONS, "file") else "auto"
        if precision == "file" and model_path == DEFAULT_PATH:
            raise ModelError(
                f"the run in {self.work_dir} used the model {model.get('file')!r}; give its path "
                "as model_path"
            )
        return choose_model(
            model_path,
            dim,
            high_accuracy=dim == names.HIGH_ACCURACY_DIM,
            precision=precision if model_path == DEFAULT_PATH else "auto",
            backend=backend,
            engine=engine,
        )

    def search(self, img: Any, k: int) -> pd.DataFrame:
        """The `k` most similar images: `from`, `to`, `distance`, most similar first; also written
        to search.csv if that is possible. attrs["work_dir"] names the run. `img`: see
        sources.queries."""
        name, load = named_bytes(img)
        whole_number("k", k, 1, 10_000)
        plan = PixelPlan(self._model.height, self._model.width)
        batch = self._backend.decode([Encoded(0, load)], plan)
        (outcome,) = batch.outcomes
        if outcome.status:
            raise InputError(f"{name!r} cannot be searched for: {outcome.status} {outcome.detail}")
        query = self._backend.embed(self._model, batch)
        edges = to_edges(self._index.search(query, k), self._plan.metric)
        rows = [
            (name, self.base.filenames[target], round(score, 6))
            for target, score in zip(edges.targets.tolist(), edges.scores.tolist(), strict=True)
        ]
        self._write(rows)
        table = pd.DataFrame(rows, columns=list(names.EDGE_COLUMNS))
        table.attrs["work_dir"] = str(self.work_dir)
        return table

    def _write(self, rows: Sequence[tuple[str, str, float]]) -> None:
        path = self.work_dir / names.SEARCH
        try:
            write_csv(path, names.EDGE_COLUMNS, rows)
        except OSError as error:  # the result does not depend on it
            log.warning("%s could not be written: %s", path, error)


_current: tuple[Searcher, int] | None = None


def init_search(
    k: int,
    work_dir: str | os.PathLike[str],
    d: int,
    model_path: str | os.PathLike[str],
    verbose: bool,
) -> None:
    """Open the run in work_dir for search(); if that fails, none is open."""
    global _current  # noqa: PLW0603  the V0.2xx API keeps one search open between two calls
    try:
        whole_number("k", k, 1, 10_000)
        folder, model = path_text("work_dir", work_dir), path_text("model_path", model_path)
        opened = Searcher(Path(folder), d, model)
    except BaseException:
        _current = None
        raise
    _current = opened, k
    if verbose:
        say(f"{count(len(opened.base.filenames), 'image')} in {work_dir} can be searched")


def search(img: Any, size: object, verbose: bool | int) -> pd.DataFrame:
    """Search the run that init_search() opened; `size` is ignored."""
    current = _current  # another thread may open another one meanwhile
    if current is None:
        raise InvalidArgument(
            "no run is open for search(): call init_search(k, work_dir) first, and check that it "
            "returns 0"
        )
    opened, k = current
    found = opened.search(img, k)
    if verbose:
        say(found.to_string(index=False))
    return found
