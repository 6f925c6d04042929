"""One file in a child process of its own, under limits of time and memory: by this library, by
Pillow, by OpenCV. A crash is the file's own, and the rest goes on."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from fastdup_gpu.pictures import PILLOW_FORMATS
from fastdup_gpu.protocol import PixelPlan, Refused
from fastdup_gpu.shrink import shrink

SECONDS = 30
MEMORY = 6 << 30
_PLAN = PixelPlan(160, 160)
# All of Pillow's but those that run other programs.
_PILLOW = sorted({*PILLOW_FORMATS, *Image.OPEN} - {"EPS", "WMF"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """`end`: 'read', 'refused', 'crash' or 'hang'; `why` of a refusal, or the signal; `width` and
    `height` of what was read; `seconds`, `mb`: time and memory; `noise`: bytes on stderr."""

    end: str
    why: str = ""
    detail: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    mb: int = 0
    noise: int = 0


def by_library(data: bytes) -> dict[str, Any]:
    """What fastdup_gpu makes of a picture."""
    try:
        small = shrink(data, _PLAN)
    except Refused as refused:
        return {"end": "refused", "why": refused.status.value, "detail": refused.detail}
    return {"end": "read", "width": small.width, "height": small.height}


def by_pillow(data: bytes) -> dict[str, Any]:
    """What Pillow makes of it: the first frame, loaded."""
    try:
        with Image.open(io.BytesIO(data), formats=_PILLOW) as image:
            size, kind = image.size, str(image.format)
            image.load()
    except Exception as error:
        return {"end": "refused", "why": type(error).__name__, "detail": str(error)}
    return {"end": "read", "width": size[0], "height": size[1], "why": kind}


def by_opencv(data: bytes) -> dict[str, Any]:
    """What OpenCV makes of it."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        return {"end": "refused", "why": "cv2.error", "detail": str(error)}
    if pixels is None:
        return {"end": "refused", "why": "None"}
    return {"end": "read", "width": pixels.shape[1], "height": pixels.shape[0]}


def alone(reader: Callable[[bytes], dict[str, Any]], data: bytes) -> Verdict:
    """Call a reader in a fork of this process."""
    with tempfile.TemporaryFile() as result, tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        child = os.fork()
        if not child:
            _in_child(reader, data, result.fileno(), errors.fileno())
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - begin
        told: dict[str, Any] = {"mb": usage.ru_maxrss >> 10, "seconds": round(seconds, 3)}
        told["noise"] = os.fstat(errors.fileno()).st_size
        if status:
            number = os.WTERMSIG(status)
            hang = number in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL)
            return Verdict("hang" if hang else "crash", f"wait status {status}", **told)
        result.seek(0)
        return Verdict(**json.loads(result.read()), **told)


def _in_child(
    reader: Callable[[bytes], dict[str, Any]], data: bytes, result: int, errors: int
) -> None:
    """Never returns."""
    code = 1
    try:
        os.dup2(errors, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(10 * SECONDS)
        os.write(result, json.dumps(reader(data)).encode())
        code = 0
    finally:
        os._exit(code)
