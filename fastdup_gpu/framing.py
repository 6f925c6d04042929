"""extract_video_frames: from videos to frames, without the rest of a run."""

from __future__ import annotations

from typing import Any

from fastdup_gpu._arguments import flag
from fastdup_gpu._config import RunConfig, make_config
from fastdup_gpu._errors import InputError
from fastdup_gpu._progress import Progress
from fastdup_gpu._registry import open_backend
from fastdup_gpu._words import count, say
from fastdup_gpu.formats.files import prepare_folder
from fastdup_gpu.models.manifest import choose_model
from fastdup_gpu.sources import find_videos
from fastdup_gpu.sources.video import extract_frames


def extract_video_frames(
    *, resize_video: int | bool, keyframes_only: int | bool, **arguments: Any
) -> None:
    """Write the frames; raises FastdupError if there are none."""
    resize = flag("resize_video", resize_video)
    keyframes = flag("keyframes_only", keyframes_only)
    config = make_config(**arguments, run_mode=1)
    prepare_folder(config.work_dir)
    progress = Progress()
    with progress.stage("list"):
        found = find_videos(config.input_dir, config.work_dir, progress.counting)
    videos = list(dict.fromkeys(found))
    first, last = _range(config, len(videos))
    resize_to = _model_size(config) if resize else None
    with progress.stage("frames"):
        source = extract_frames(
            videos,
            config.work_dir,
            keyframes_only=keyframes,
            cuda_device=config.tuning.cuda_video_device,
            resize_to=resize_to,
            first=first,
            last=last,
            threads=config.threads,
            counting=progress.counting,
        )
    if not source.frames:
        reason = next(iter(source.failed.values()))
        raise InputError(
            f"no frame could be read from {count(last - first, 'video')}; the first is "
            f"{reason.filename!r}: {reason.strerror}"
        )
    if config.verbose:
        frames, all_videos = count(len(source.frames), "frame"), count(last - first, "video")
        say(f"{frames} of {all_videos}, {len(source.failed)} damaged")


def _range(config: RunConfig, available: int) -> tuple[int, int]:
    first = config.min_offset
    last = min(config.max_offset or available, available)
    if config.num_images:
        last = min(last, first + config.num_images)
    if first >= last:
        raise InputError(
            f"min_offset={first} is past the end of the input ({count(available, 'video')}); "
            "offsets start from 0"
        )
    return first, last


def _model_size(config: RunConfig) -> tuple[int, int]:
    """Width and height of the model's input."""
    spec = choose_model(
        config.model_path, config.d, high_accuracy=False, precision="auto", backend="cpu"
    )
    if spec.width and spec.height:
        return spec.width, spec.height
    model = open_backend("cpu").open_model(spec)
    return model.width, model.height
