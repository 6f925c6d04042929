"""Frames of one video, decoded by PyAV.

Videos are hostile input: they are read through a file that is already open, with demuxers of plain
containers only, so that no playlist can lead to another file or to the network.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from fastdup_gpu.sources import hardware
from fastdup_gpu.sources.containers import missing_bytes

# Objects of PyAV are `Any` here: its types differ from version to version.
CONTAINERS = "mov,avi,matroska,mpegts,mpeg,flv,asf,ogg,m4v"
MAX_PIXELS = 8192 * 8192
_MAX_SIDE = 65_500  # of a JPEG
# Tables of samples may list the same bytes over and over. At most this many times the size of the
# file is read, which is enough for compressed tracks.
_MAX_REPEAT = 100
_ATTACHED_PICTURE = 0x400
# Signs of a, b, c, d; a pixel at x, y is shown at ax + cy, bx + dy.
_TURNS: dict[tuple[int, ...], str] = {
    (0, 1, -1, 0): "ROTATE_270",
    (-1, 0, 0, -1): "ROTATE_180",
    (0, -1, 1, 0): "ROTATE_90",
    (-1, 0, 0, 1): "FLIP_LEFT_RIGHT",
    (1, 0, 0, -1): "FLIP_TOP_BOTTOM",
    (0, 1, 1, 0): "TRANSPOSE",
    (0, -1, -1, 0): "TRANSVERSE",
}
_TURNED: dict[int, tuple[int, ...]] = {90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}


class VideoError(Exception):
    """Why a video has no readable frame."""


class Reader:
    """An open video. Raises VideoError if it has no readable frames.

    `file` of `size` bytes is read and not closed. With `keyframes_only` the first frame and each
    keyframe are decoded. `threads`: of the decoder. `cuda_device`: the GPU that decodes, without
    falling back to the CPU; frames are copied to the host.
    """

    def __init__(
        self,
        file: BinaryIO,
        size: int,
        *,
        keyframes_only: bool,
        threads: int,
        cuda_device: int | None = None,
    ) -> None:
        self._keyframes_only = keyframes_only
        self._missing, self._size = missing_bytes(file, size), size
        self._file = _Steady(file)
        self._container = self._open(cuda_device)
        try:
            self._stream = self._choose(threads)
        except Exception:
            self._container.close()
            raise
        self._times = array("q")
        self._found = self._packets = self._refused = self._left_out = 0
        self._problems: list[str] = []
        self._reason = ""

    def close(self) -> None:
        """Free the decoder; must be called by the thread that decoded."""
        self._container.close()

    def frames(self) -> Iterator[tuple[int | None, Image.Image]]:
        """Upright RGB images in order of time, each with its time stamp in units of the stream
        (None if unknown). Frames that cannot be decoded are left out and reported by `why`."""
        try:
            yield from self._decode()
        except Exception as error:  # hostile bytes: PyAV raises other errors than its own, too
            self._problems.append(f"{type(error).__name__}: {error}")

    def why(self) -> str:
        """What was lost, after `frames` has ended; '' for a complete video."""
        problems = [self._cut()] if self._missing else []
        problems += [_text(self._file.error)] if self._file.error else []
        problems += self._problems
        if self._refused:
            problems.append(
                f"{self._refused} of {self._packets} packets could not be decoded; the first: "
                f"{self._reason}"
            )
        if self._left_out:
            problems.append(f"{self._left_out} damaged or too large frames were left out")
        if not self._found and not self._stream.codec_context.width:
            problems.append(f"its frames have no size, or more than {MAX_PIXELS} pixels")
        return "; ".join(problems or ([] if self._found else ["no frame could be decoded"]))

    def positions(self, times: list[int | None]) -> list[int]:
        """The numbers of frames in the video, from 0, derived from their time stamps."""
        every = np.sort(np.asarray(self._times))
        return [
            i if time is None else int(np.searchsorted(every, time)) for i, time in enumerate(times)
        ]

    def seconds(self, time: int | None) -> float | None:
        """A time stamp in seconds since the beginning of the video."""
        if time is None or self._stream.time_base is None:
            return None
        start = (self._container.start_time or 0) / 1_000_000
        return float(time * self._stream.time_base) - start

    def _open(self, cuda_device: int | None) -> Any:
        import av

        options = {"format_whitelist": CONTAINERS, "max_pixels": str(MAX_PIXELS)}
        more: dict[str, Any] = (
            {} if cuda_device is None else {"hwaccel": hardware.accelerator(cuda_device)}
        )
        if int(av.__version__.partition(".")[0]) < 19:  # from 19 on, titles may have any bytes
            more["metadata_errors"] = "replace"
        try:
            return av.open(self._file, options=options, **more)
        except av.error.FFmpegError as error:
            if self._file.error:
                raise self._file.error from error
            text = self._cut() if self._missing else "not a video of a known format"
            raise VideoError(f"{text} ({_text(error)})") from error

    def _choose(self, threads: int) -> Any:
        """The first video stream that is not a cover image."""
        streams = [s for s in self._container.streams.video if not _is_cover(s)]
        if not streams:
            kinds = sorted({str(s.type) for s in self._container.streams})
            raise VideoError(f"it contains no video, only {', '.join(kinds) or 'a header'}")
        context = streams[0].codec_context
        if context is None:
            raise VideoError("its codec is unknown")
        if _is_too_large(context.width, context.height):
            raise VideoError(
                f"its frames of {context.width} x {context.height} pixels exceed the limit of "
                f"{MAX_PIXELS}"
            )
        context.options = {"max_pixels": str(MAX_PIXELS)}
        context.thread_type, context.thread_count = "AUTO", threads
        return streams[0]

    def _decode(self) -> Iterator[tuple[int | None, Image.Image]]:
        from av.error import FFmpegError
        from av.video.reformatter import VideoReformatter

        reformatter = VideoReformatter()
        for packet in self._demux():
            try:
                frames = self._frames_of(packet)
            except FFmpegError as error:
                self._reason = self._reason or _text(error)
                self._refused += packet is not None
                continue
            for frame in frames:
                if self._wanted(frame):
                    self._found += 1
                    yield frame.pts, _upright(reformatter.reformat(frame, format="rgb24"), frame)

    def _frames_of(self, packet: Any) -> list[Any]:
        """The frames that the decoder gives for a packet."""
        frames: list[Any] = self._stream.decode(packet)
        if self._keyframes_only and packet is not None and packet.is_keyframe:
            # In an open GOP, a decoder that goes on without the frames between two keyframes
            # drops the second one.
            try:
                frames += self._stream.decode(None)
            finally:
                self._stream.codec_context.flush_buffers()
        return frames

    def _demux(self) -> Iterator[Any]:
        """The packets to decode, and None at the end, to flush the decoder."""
        from av.error import FFmpegError

        taken = 0
        try:
            for packet in self._container.demux(self._stream):
                taken += packet.size
                if taken > _MAX_REPEAT * self._size:
                    self._problems.append("it lists the same bytes again and again")
                    break
                if packet.size and self._take(packet):  # an empty packet would flush too early
                    yield packet
        except FFmpegError as error:
            self._problems.append(_text(error))
        yield None

    def _take(self, packet: Any) -> bool:
        time = packet.dts if packet.pts is None else packet.pts
        if time is not None and not packet.is_discard:
            self._times.append(time)
        wanted = packet.is_keyframe or not (self._keyframes_only and self._found)
        self._packets += wanted
        return wanted

    def _wanted(self, frame: Any) -> bool:
        if frame.is_corrupt or _is_too_large(frame.width, frame.height):
            self._left_out += 1
            return False
        return bool(frame.key_frame) or not (self._keyframes_only and self._found)

    def _cut(self) -> str:
        return f"truncated: {self._missing} of {self._size + self._missing} bytes are missing"


class _Steady:
    """A file that ends at its first error; otherwise demuxers would try again and again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None
        self.tell = file.tell
        self.seek = file.seek
        self.seek(0)

    def read(self, size: int = -1) -> bytes:
        """The result of `file.read`; b"" after an error."""
        try:
            return b"" if self.error else self._file.read(size)
        except OSError as error:
            self.error = error
            return b""


def _is_cover(stream: Any) -> bool:
    flags = getattr(stream, "disposition", 0) or 0  # an int, or an enum from PyAV 14 to 16
    return bool(getattr(flags, "value", flags) & _ATTACHED_PICTURE)


def _is_too_large(width: int, height: int) -> bool:
    return width * height > MAX_PIXELS or max(width, height) > _MAX_SIDE


def _text(error: Any) -> str:
    return str(error.strerror or error)


def _upright(rgb: Any, frame: Any) -> Image.Image:
    """The frame, rotated by quarter turns and mirrored as its video says."""
    image: Image.Image = rgb.to_image()
    turn = _TURNS.get(_shown_by(frame))
    return image if turn is None else image.transpose(Image.Transpose[turn])


def _shown_by(frame: Any) -> tuple[int, ...]:
    """Signs of the display matrix of a frame; () without one."""
    from av.sidedata import sidedata

    # Not frame.side_data, which forms a reference cycle with the frame: memory would run out.
    container: Any = sidedata.SideDataContainer
    try:
        matrix = container(frame).get("DISPLAYMATRIX")
    except ValueError:  # there is also side data of a kind that PyAV does not know
        return _TURNED.get(getattr(frame, "rotation", 0) % 360, ())
    if matrix is None:
        return ()
    a, b, _, c, d = np.sign(np.frombuffer(matrix, np.int32))[:5].tolist()
    return a, b, c, d
