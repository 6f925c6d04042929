"""Decoding of videos by an NVIDIA GPU (NVDEC), through the FFmpeg in PyAV."""

from __future__ import annotations

from typing import Any

from fastdup_gpu._errors import BackendUnavailable, MissingDependency

_ASKED = "turi_param video_decoder=cuda"


def accelerator(device: int) -> Any:
    """PyAV's HWAccel for the visible GPU `device`; each video needs a new one."""
    try:
        from av.codec.hwaccel import HWAccel
    except ImportError as error:
        raise MissingDependency(
            f"{_ASKED} needs PyAV 14.1 or newer ({error}): pip install 'av>=14.1'"
        ) from error
    return HWAccel(device_type="cuda", device=str(device), allow_software_fallback=False)


def check(device: int) -> None:
    """Raise BackendUnavailable if that GPU cannot be opened, before any video is opened."""
    from av import Codec
    from av.error import FFmpegError

    made = accelerator(device)
    try:
        made.create(Codec("h264", "r"))
    except (FFmpegError, NotImplementedError) as error:
        raise BackendUnavailable(
            f"{_ASKED} needs an NVIDIA driver and GPU {device}, which cannot be opened ({error}); "
            "leave out video_decoder to decode on the CPU"
        ) from error
