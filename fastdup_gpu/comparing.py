"""Features -> neighbours, outliers, components: the second half of a run."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fastdup_gpu._config import RunConfig
from fastdup_gpu._errors import InputError
from fastdup_gpu._progress import Progress
from fastdup_gpu._summary import DETECTION_COUNTS, Summary
from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import FeatureSet, feature_paths, open_features
from fastdup_gpu.formats.files import read_json, write_json
from fastdup_gpu.protocol import Backend, Index
from fastdup_gpu.stages import graph, stored
from fastdup_gpu.stages.neighbors import (
    Edges,
    load_index,
    save_index,
    to_edges,
    write_outliers,
    write_similarity,
)

_log = logging.getLogger("fastdup_gpu")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The second half of one run; `dim` is the length of a feature vector."""

    config: RunConfig
    backend: Backend
    folder: Path
    dim: int
    progress: Progress
    summary: Summary

    def go(self) -> None:
        """Find neighbours, then components, unless a resumed run has them already."""
        base = open_features(feature_paths(self.folder)[0], self.dim)
        queries = stored.query_features(self.config, self.folder, base)
        if self.config.run_mode in (2, 4):
            self.summary.valid = len((queries or base).filenames)
        if not base.filenames:
            reasons = ", ".join(f"{count} {why}" for why, count in self.summary.bad.items())
            raise InputError(
                f"no image could be read{f' ({reasons})' if reasons else ''}; see "
                f"{self.folder / names.BAD_CSV.format(kind=names.TRAIN)}, and check that the input "
                "is what you meant"
            )
        fingerprint = self._fingerprint(base, queries)
        record = self.folder / names.COMPARISON
        if self.config.resume and self._already_compared(record, fingerprint, queries):
            return
        record.unlink(missing_ok=True)
        similar, edges = self._find_neighbors(base, queries)
        if queries is None and self.config.tuning.run_cc:
            self._find_components(len(base.filenames), similar, edges)
        elif queries is None or self.config.run_mode not in (3, 4):  # these leave the base as it is
            if queries is not None and self.config.tuning.run_cc:
                _log.info("components are not computed when test_dir is given")
            for old in (names.COMPONENTS, names.COMPONENT_INFO):
                (self.folder / old).unlink(missing_ok=True)
        record.parent.mkdir(exist_ok=True)
        found = self.summary.as_dict()
        for own in ("seconds", "valid", "bad", "resumed_at", *DETECTION_COUNTS):
            del found[own]
        content = {"fingerprint": fingerprint, "found": found, "sizes": self._sizes(queries)}
        write_json(record, content | {"with_test": queries is not None})

    def _find_neighbors(self, base: FeatureSet, queries: FeatureSet | None) -> tuple[Edges, Edges]:
        config = self.config
        index = self._open_index(base)
        asked = queries or base
        with self.progress.stage("neighbors"):
            found = index.search(asked.matrix, config.k, exclude_self=queries is None)
        self.summary.index, self.summary.recall = index.kind, found.recall
        with self.progress.stage("write"):
            edges = to_edges(found, config.search.metric)
            similar = write_similarity(
                self.folder, edges, config.threshold, asked.filenames, base.filenames
            )
            outliers = write_outliers(
                self.folder, edges, config.lower_threshold, asked.filenames, base.filenames
            )
        self.summary.add_edges(similar, outliers, edges)
        return similar, edges

    def _open_index(self, base: FeatureSet) -> Index:
        config = self.config
        with self.progress.stage("index"):
            if config.run_mode in (3, 4):
                return load_index(self.backend, self.folder, base.matrix, config.search)
            index = self.backend.build_index(base.matrix, config.search)
            save_index(index, self.folder, base.matrix, config.search)
            return index

    def _find_components(self, n: int, similar: Edges, edges: Edges) -> None:
        tuning = self.config.tuning
        with self.progress.stage("components"):
            found = graph.find_components(self.backend, n, edges, tuning.ccthreshold)
            rank = None
            if tuning.run_pagerank:
                rank = self.backend.pagerank(
                    n, similar.sources, similar.targets, np.maximum(similar.similarity, 0)
                )
            graph.write_components(self.folder, found, rank)
        self.summary.add_components(found)

    def _fingerprint(self, base: FeatureSet, queries: FeatureSet | None) -> str:
        config = self.config
        search = asdict(config.search)
        del search["threads"]
        stamps = [
            (str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for path in stored.files_behind(base, queries)
        ]
        wanted = [config.k, config.threshold, config.lower_threshold, asdict(config.tuning)]
        content = json.dumps([self.backend.name, search, wanted, stamps, config.run_mode])
        return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()

    def _already_compared(self, record: Path, fingerprint: str, queries: FeatureSet | None) -> bool:
        state = read_json(record)
        if not state or state.get("fingerprint") != fingerprint:
            return False
        if state.get("sizes") != self._sizes(queries):
            return False
        found, known = state.get("found"), self.summary.as_dict()
        if not isinstance(found, dict) or not all(
            isinstance(value, type(known.get(key))) for key, value in found.items()
        ):
            return False
        for key, value in found.items():
            setattr(self.summary, key, value)
        return True

    def _sizes(self, queries: FeatureSet | None) -> dict[str, int]:
        """Sizes in bytes of the files that the comparison writes, -1 for a missing one, and of the
        files of the index, if any."""
        wanted = [names.SIMILARITY, names.OUTLIERS, names.INDEX]
        if queries is None and self.config.tuning.run_cc:
            wanted += [names.COMPONENTS, names.COMPONENT_INFO]
        paths = {*map(self.folder.joinpath, wanted), *self.folder.glob(f"{names.INDEX}.*")}
        return {path.name: path.stat().st_size if path.is_file() else -1 for path in sorted(paths)}
