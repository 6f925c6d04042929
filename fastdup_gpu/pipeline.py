"""A run: which stages run_mode asks for, over which files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastdup_gpu import _provenance
from fastdup_gpu._config import Input, RunConfig
from fastdup_gpu._errors import InputError
from fastdup_gpu._progress import Progress
from fastdup_gpu._registry import open_backend
from fastdup_gpu._summary import DETECTION_COUNTS, Summary
from fastdup_gpu.detection import open_detector
from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import FeatureSet, feature_paths, open_features
from fastdup_gpu.formats.files import prepare_folder, read_json, write_csv, write_json
from fastdup_gpu.models.manifest import choose_model
from fastdup_gpu.protocol import Index, ModelSpec
from fastdup_gpu.sources import open_source
from fastdup_gpu.sources.base import Crop, Part, Source
from fastdup_gpu.sources.crops import crops_folder
from fastdup_gpu.stages import graph, joined
from fastdup_gpu.stages.detect import DetectPlan, detect
from fastdup_gpu.stages.extract import ExtractPlan, Wanted, extract
from fastdup_gpu.stages.neighbors import (
    Edges,
    load_index,
    save_index,
    to_edges,
    write_outliers,
    write_similarity,
)

if TYPE_CHECKING:
    from fastdup_gpu.detection.detector import Detector


def run(config: RunConfig, progress: Progress | None = None) -> Summary:
    """Run the stages of config.run_mode; raises FastdupError where one cannot be done."""
    return _Run(config, progress or Progress()).go()


class _Run:
    """One run: the config, the backend, and what is found on the way."""

    def __init__(self, config: RunConfig, progress: Progress) -> None:
        self.config = config
        self.progress = progress
        self.folder = joined.work_folder(config)
        tuning = config.tuning
        self.backend = open_backend(config.compute, device=tuning.device, decoder=tuning.decoder)
        self.model: ModelSpec | None = None
        self.runs_on = ""
        self.detector: Detector | None = None
        self.summary = Summary(
            str(self.folder),
            self.backend.name,
            threshold=config.threshold,
            seconds=progress.seconds,
        )

    def go(self) -> Summary:
        prepare_folder(self.folder)
        mode = self.config.run_mode
        if mode in (0, 1):
            self._extract(self.config.input_dir, names.TRAIN)
        if mode in (0, 1, 3) and self.config.test_dir:
            self._extract(self.config.test_dir, names.TEST)
        if mode == 2:
            joined.gather_features(self.config, self.folder)
        if mode != 1:
            self._compare()
        self._write_config()
        return self.summary

    def _extract(self, given: Input, kind: str) -> None:
        config = self.config
        self.model = choose_model(
            config.model_path,
            config.d,
            high_accuracy=config.high_accuracy,
            precision=config.tuning.model_precision,
            backend=self.backend.name,
            engine=config.tuning.engine,
        )
        self._open_detector()
        wanted = _part(config, kind)
        with self.progress.stage("list"):
            pictures = open_source(
                given,
                work_dir=self.folder,
                tar_only=config.tuning.tar_only,
                bounding_box=config.bounding_box,
                threads=config.threads,
                kind=kind,
                keyframes_only=config.tuning.keyframes_only,
                resume=config.resume,
                sync_s3_to_local=config.tuning.sync_s3_to_local,
                delete_tar=config.tuning.delete_tar,
                delete_img=config.tuning.delete_img,
                part=wanted,
            )
        try:
            source, part = pictures, _positions(wanted, len(pictures.names))
            if self.detector is not None:
                source = self._detect(pictures, self.detector, part, kind)
                part = range(len(source.names))
            self._write_crops(source.crops, kind)
            plan = self._extract_plan(kind, part)
            title = _title("extract", kind)
            with self.progress.stage(title), self.progress.counting(title, len(part)) as advance:
                done = extract(self.backend, source, self.model, plan, advance)
        finally:
            pictures.close()
        self.runs_on = done.runs_on
        self.summary.valid += done.rows
        self.summary.resumed_at += done.resumed_at
        for reason, count in done.bad.items():
            self.summary.bad[reason] = self.summary.bad.get(reason, 0) + count

    def _open_detector(self) -> None:
        plan = self.config.detector
        if plan is None or self.detector is not None:
            return
        self.detector = open_detector(
            plan.model,
            face=plan.word == names.FACE,
            confidence=plan.confidence,
            iou=plan.iou,
            size=plan.size,
            cuda_device=self.config.tuning.device if self.backend.name == "gpu" else None,
        )

    def _detect(self, pictures: Source, detector: Detector, part: range, kind: str) -> Source:
        """The crops of what is found in `part` of the pictures."""
        tuning = self.config.tuning
        plan = DetectPlan(
            part=part,
            folder=crops_folder(self.folder, kind),
            record=self.folder / names.DETECTIONS.format(kind=kind),
            margin_x=tuning.augmentation_horiz,
            margin_y=tuning.augmentation_vert,
            threads=self.config.threads,
            resume=self.config.resume,
        )
        title = _title("detect", kind)
        with self.progress.stage(title), self.progress.counting(title, len(part)) as advance:
            done = detect(pictures, detector, plan, advance)
        self.summary.add_search(done)
        return done.source()

    def _extract_plan(self, kind: str, part: range) -> ExtractPlan:
        config = self.config
        return ExtractPlan(
            folder=self.folder,
            kind=kind,
            first=part.start,
            last=part.stop,
            batch_size=config.batch_size if config.batch_size > 1 else self.backend.batch_size,
            wanted=self._wanted_stats(),
            threads=config.threads,
            resume=config.resume,
            min_file_size=config.tuning.min_file_size,
        )

    def _wanted_stats(self) -> Wanted:
        if not self.config.tuning.run_stats:
            return "none"
        return "advanced" if self.config.tuning.run_advanced_stats else "basic"

    def _write_crops(self, crops: Sequence[Crop], kind: str) -> None:
        path = self.folder / names.CROPS_CSV.format(kind=kind)
        if not crops:
            path.unlink(missing_ok=True)
            return
        rows = [(c.index, c.filename, c.crop_filename, *asdict(c.box).values()) for c in crops]
        if self.detector is None:
            write_csv(path, names.CROPS_COLUMNS, rows)
            return
        found = ((c.label, "" if c.score is None else f"{c.score:.6f}") for c in crops)
        whole = ((*row, *more) for row, more in zip(rows, found, strict=True))
        write_csv(path, names.DETECTED_COLUMNS, whole)

    def _compare(self) -> None:
        """Neighbours, then components, unless a resumed run has them already."""
        base = open_features(feature_paths(self.folder)[0], self._stored_dim())
        queries = joined.query_features(self.config, self.folder, base)
        if self.config.run_mode in (2, 4):
            self.summary.valid = len((queries or base).filenames)
        if not base.filenames:
            raise InputError(
                f"no picture could be read; the reasons stand in "
                f"{self.folder / names.BAD_CSV.format(kind=names.TRAIN)}"
            )
        fingerprint = self._compare_fingerprint(base, queries)
        record = self.folder / names.TMP_DIR / "comparison.json"
        there = all(path.is_file() for path in self._outputs(queries))
        if self.config.resume and there and self._already_compared(record, fingerprint):
            return
        record.unlink(missing_ok=True)
        similar, edges = self._find_neighbors(base, queries)
        if queries is None and self.config.tuning.run_cc:
            self._find_components(len(base.filenames), similar, edges)
        else:
            for stale in (names.COMPONENTS, names.COMPONENT_INFO):
                (self.folder / stale).unlink(missing_ok=True)
        record.parent.mkdir(exist_ok=True)
        found = self.summary.as_dict()
        for own in ("seconds", "valid", "bad", "resumed_at", *DETECTION_COUNTS):
            del found[own]
        write_json(record, {"fingerprint": fingerprint, "found": found})

    def _stored_dim(self) -> int:
        return self.model.dim if self.model else self.config.d

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
        self.summary.add_edges(similar, outliers)
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

    def _compare_fingerprint(self, base: FeatureSet, queries: FeatureSet | None) -> str:
        config = self.config
        search = asdict(config.search)
        del search["threads"]
        stamps = [
            (str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for path in joined.files_behind(base, queries)
        ]
        wanted = [config.k, config.threshold, config.lower_threshold, asdict(config.tuning)]
        content = json.dumps([self.backend.name, search, wanted, stamps, config.run_mode])
        return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()

    def _already_compared(self, record: Path, fingerprint: str) -> bool:
        state = read_json(record)
        if not state or state.get("fingerprint") != fingerprint:
            return False
        found, known = state.get("found"), self.summary.as_dict()
        if not isinstance(found, dict) or not all(
            isinstance(value, type(known.get(key))) for key, value in found.items()
        ):
            return False
        for key, value in found.items():
            setattr(self.summary, key, value)
        return True

    def _outputs(self, queries: FeatureSet | None) -> list[Path]:
        """The files that the comparison leaves behind."""
        wanted = [names.INDEX, names.SIMILARITY, names.OUTLIERS]
        if queries is None and self.config.tuning.run_cc:
            wanted += [names.COMPONENTS, names.COMPONENT_INFO]
        return [self.folder / name for name in wanted]

    def _write_config(self) -> None:
        content = _provenance.describe(self.config, self.backend.name, self.model, self.runs_on)
        if self.detector is not None:
            content["detector"] = self.detector.describe()
        content["found"] = self.summary.as_dict()
        path = self.folder / names.CONFIG
        if self.model is None:  # the features are those of an earlier run, and so is their model
            content |= {k: v for k, v in (read_json(path) or {}).items() if k == "model"}
        write_json(path, content)


def _title(stage: str, kind: str) -> str:
    return stage if kind == names.TRAIN else f"{stage} test"


def _part(config: RunConfig, kind: str) -> Part:
    """The items that min_offset, max_offset and num_images leave; test pictures know no offsets."""
    first = config.min_offset if kind == names.TRAIN else 0
    last = config.max_offset if kind == names.TRAIN else 0
    if config.num_images:
        last = min(last or first + config.num_images, first + config.num_images)
    return Part(first, last or None)


def _positions(part: Part, available: int) -> range:
    """The positions of a part of the input; raises InputError where there are none."""
    positions = part.of(available)
    if not positions:
        raise InputError(
            f"min_offset={part.first} leaves nothing of {available} images; offsets start from 0"
        )
    return positions
