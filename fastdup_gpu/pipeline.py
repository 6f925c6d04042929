"""A run: the stages that run_mode selects, and their files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fastdup_gpu import _provenance
from fastdup_gpu._config import RunConfig
from fastdup_gpu._errors import InputError
from fastdup_gpu._options import Input
from fastdup_gpu._progress import Progress
from fastdup_gpu._registry import open_backend, open_model
from fastdup_gpu._summary import Summary
from fastdup_gpu.comparing import Comparison
from fastdup_gpu.detection import open_detector
from fastdup_gpu.formats import names, stale
from fastdup_gpu.formats.files import held, prepare_folder, read_json, write_json
from fastdup_gpu.models.manifest import choose_model
from fastdup_gpu.protocol import Embedder, ModelSpec
from fastdup_gpu.sources import list_input, open_source
from fastdup_gpu.sources.base import Found, Part, Source
from fastdup_gpu.sources.crops import crops_folder
from fastdup_gpu.stages import joined
from fastdup_gpu.stages.ahead import look_ahead
from fastdup_gpu.stages.cutouts import write_crops
from fastdup_gpu.stages.detect import DetectPlan, detect
from fastdup_gpu.stages.extract import ExtractPlan, Wanted, extract

if TYPE_CHECKING:
    from pathlib import Path

    from fastdup_gpu.detection.detector import Detector

_READING = (0, 1, 3)  # run modes that read images
_log = logging.getLogger("fastdup_gpu")


def run(config: RunConfig, progress: Progress | None = None, *, warn: bool = True) -> Summary:
    """Run the stages of config.run_mode; raises FastdupError if one fails.

    `warn`: log how many images were left out, for callers that do not show the summary.
    """
    return _Run(config, progress or Progress(), warn=warn).go()


class _Run:
    """One run: the config, the backend, and the results so far."""

    def __init__(self, config: RunConfig, progress: Progress, *, warn: bool) -> None:
        self.config = config
        self.progress = progress
        self.warn = warn
        self.folder = joined.work_folder(config)
        tuning = config.tuning
        self.backend = open_backend(config.compute, device=tuning.device, decoder=tuning.decoder)
        self.model = self._choose_model(self.backend.name) if config.run_mode in _READING else None
        self.embedder: Embedder | None = None
        self.detector: Detector | None = None
        self.extracted = False  # whether any image was, rather than found already done
        self.summary = Summary(
            str(self.folder),
            self.backend.name,
            threshold=config.threshold,
            seconds=progress.seconds,
        )

    def go(self) -> Summary:
        mode = self.config.run_mode
        look_ahead(self.config, self.backend.modes, self.folder, self.model)
        test = self._list_test()
        to_join = joined.features_asked_for(self.config, self.folder) if mode == 2 else []
        prepare_folder(self.folder)
        with held(self.folder):
            return self._stages(test, to_join)

    def _stages(self, test: Found | None, to_join: list[Path]) -> Summary:
        mode = self.config.run_mode
        if mode in (0, 1):
            self._extract(self.config.input_dir, names.TRAIN)
        if test is not None:
            self._extract(test, names.TEST)
        elif mode == 0 or (mode == 1 and self.extracted):
            stale.clear_test(self.folder)
            write_crops(self.folder, names.TEST, ())
        if to_join:
            joined.join(to_join, self.config, self.folder)
        if mode != 1:
            dim = self.model.dim if self.model else self.config.d
            comparison = Comparison(
                self.config, self.backend, self.folder, dim, self.progress, self.summary
            )
            comparison.go()
        self._write_config()
        return self.summary

    def _list_test(self) -> Found | None:
        """List the test images first, so that a wrong test_dir is found before extraction."""
        config = self.config
        if config.run_mode not in _READING or not config.test_dir:
            return None
        with self.progress.stage("list"):
            return list_input(
                config.test_dir,
                self.folder,
                tar_only=config.tuning.tar_only,
                bounding_box=config.bounding_box,
                argument="test_dir",
            )

    def _extract(self, given: Input | Found, kind: str) -> None:
        config = self.config
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
                cuda_device=config.tuning.cuda_video_device,
                resume=config.resume,
                sync_s3_to_local=config.tuning.sync_s3_to_local,
                delete_tar=config.tuning.delete_tar,
                delete_img=config.tuning.delete_img,
                part=wanted,
                min_file_size=config.tuning.min_file_size,
                counting=self.progress.counting,
            )
        try:
            source, part = pictures, _positions(wanted, len(pictures.names))
            if self.detector is not None:
                source = self._detect(pictures, self.detector, part, kind)
                part = range(len(source.names))
            write_crops(self.folder, kind, source.crops, detected=self.detector is not None)
            title = _title("extract", kind)
            with self.progress.stage(title), self.progress.counting(title, len(part)) as advance:
                embedder = self._open_model()
                plan = self._extract_plan(kind, part, cut=bool(source.crops))
                done = extract(self.backend, source, embedder, plan, advance)
        finally:
            pictures.close()
        self.extracted |= done.resumed_at < done.rows + sum(done.bad.values())
        self.summary.valid += done.rows
        self.summary.resumed_at += done.resumed_at + done.taken_over
        for reason, count in done.bad.items():
            self.summary.bad[reason] = self.summary.bad.get(reason, 0) + count
        if self.warn and done.bad:
            _log.warning("%s; see %s", done.left_out, self.folder / names.BAD_CSV.format(kind=kind))

    def _open_model(self) -> Embedder:
        """The model, opened once; with compute='auto' that may change the backend."""
        if self.embedder is None:
            backend, self.embedder = open_model(
                self.backend, self._choose_model, self.config.compute, self._batch_size()
            )
            self.backend, self.model = backend, self.embedder.spec
            self.summary.backend = backend.name
            look_ahead(self.config, backend.modes, self.folder, self.model)
        return self.embedder

    def _batch_size(self) -> int:
        """The one that was asked for, 0 = the backend chooses."""
        return self.config.batch_size if self.config.batch_size > 1 else 0

    def _choose_model(self, backend: str) -> ModelSpec:
        config = self.config
        return choose_model(
            config.model_path,
            config.d,
            high_accuracy=config.high_accuracy,
            precision=config.tuning.model_precision,
            backend=backend,
            engine=config.tuning.engine,
        )

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
        """The crops of what is found in `part` of the images."""
        tuning = self.config.tuning
        plan = DetectPlan(
            part=part,
            folder=crops_folder(self.folder, kind),
            record=self.folder / names.DETECTIONS.format(kind=kind),
            margin_x=tuning.augmentation_horiz,
            margin_y=tuning.augmentation_vert,
            threads=self.config.threads,
            resume=self.config.resume,
            min_file_size=tuning.min_file_size,
        )
        title = _title("detect", kind)
        with self.progress.stage(title), self.progress.counting(title, len(part)) as advance:
            done = detect(pictures, detector, plan, advance)
        self.summary.add_search(done)
        return done.source()

    def _extract_plan(self, kind: str, part: range, *, cut: bool) -> ExtractPlan:
        config = self.config
        return ExtractPlan(
            folder=self.folder,
            kind=kind,
            first=part.start,
            last=part.stop,
            batch_size=self._batch_size() or self.backend.batch_size,
            wanted=self._wanted_stats(),
            threads=config.threads,
            resume=config.resume,
            # For crops, the limit applies to the images from which they were cut.
            min_file_size=0 if cut else config.tuning.min_file_size,
        )

    def _wanted_stats(self) -> Wanted:
        if not self.config.tuning.run_stats:
            return "none"
        return "advanced" if self.config.tuning.run_advanced_stats else "basic"

    def _write_config(self) -> None:
        if self._left_as_it_was():
            return  # the existing config.json describes the results in the folder
        runs_on = self.embedder.runs_on if self.embedder else ""
        content = _provenance.describe(self.config, self.backend.name, self.model, runs_on)
        if self.detector is not None:
            content["detector"] = self.detector.describe()
        content["found"] = self.summary.as_dict()
        path = self.folder / names.CONFIG
        if self.config.run_mode in (2, 3, 4):
            _provenance.keep_base(content, read_json(path) or {})
        write_json(path, content)

    def _left_as_it_was(self) -> bool:
        """Whether nothing was extracted, and the results of a whole run stay as they are."""
        if self.config.run_mode != 1 or self.extracted:
            return False
        return all((self.folder / name).is_file() for name in (names.SIMILARITY, names.CONFIG))


def _title(stage: str, kind: str) -> str:
    return stage if kind == names.TRAIN else f"{stage} test"


def _part(config: RunConfig, kind: str) -> Part:
    """The items that min_offset, max_offset and num_images select; test images have no offsets."""
    first = config.min_offset if kind == names.TRAIN else 0
    last = config.max_offset if kind == names.TRAIN else 0
    if config.num_images:
        last = min(last or first + config.num_images, first + config.num_images)
    return Part(first, last or None)


def _positions(part: Part, available: int) -> range:
    """The positions of a part of the input; raises InputError if there are none."""
    positions = part.of(available)
    if not positions:
        raise InputError(
            f"min_offset={part.first} is past the end of the input ({available} images); "
            "offsets start from 0"
        )
    return positions
