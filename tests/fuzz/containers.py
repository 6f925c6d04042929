"""Models and videos."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from fastdup_gpu.sources.decoding import Reader, VideoError
from fuzz.target import Target


def _model_seeds() -> list[bytes]:
    import onnx_models

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = [
            onnx_models.mean_and_max(folder / "a.onnx", "h", "w", layout="NHWC"),
            onnx_models.flatten(folder / "b.onnx", 8),
            onnx_models.two_inputs(folder / "c.onnx"),
        ]
        return [path.read_bytes() for path in made]


def _model(engine: str) -> Callable[[bytes, Path], None]:
    def call(data: bytes, folder: Path) -> None:
        from fastdup_gpu.fallback_cpu.embed import OnnxModel
        from fastdup_gpu.models.manifest import choose_model

        path = folder / "m.onnx"
        path.write_bytes(data)
        options = {"high_accuracy": False, "precision": "auto", "backend": "cpu", "engine": engine}
        OnnxModel(choose_model(str(path), 6, **options))  # type: ignore[arg-type]

    return call


def _video_seeds() -> list[bytes]:
    import video_files

    with tempfile.TemporaryDirectory() as name:
        kinds = (("a.mp4", "mpeg4"), ("b.avi", "mjpeg"), ("c.mkv", "libx264"), ("d.webm", "libvpx"))
        made = [video_files.video(Path(name) / n, c, pictures=6, gop=3) for n, c in kinds]
        return [path.read_bytes() for path in made]


def _video(data: bytes, _: Path) -> None:
    reader = Reader(io.BytesIO(data), len(data), keyframes_only=False, threads=1)
    try:
        times = [time for time, _ in reader.frames()]
        reader.positions(times)
        for time in times:
            reader.seconds(time)
        reader.why()
    finally:
        reader.close()


def targets() -> list[Target]:
    """Targets of this family."""
    words = (b"Flatten", b"ReduceMean", b"axis", b"keepdims")
    boxes = (b"moov", b"mdat", b"stbl", b"stts", b"tkhd", b"\x1a\x45\xdf\xa3")
    return [
        Target("model.onnx", _model_seeds, _model("onnxruntime"), words, needs="onnx"),
        Target(
            "model.openvino", _model_seeds, _model("openvino"), words, needs="openvino", weight=6
        ),
        Target("video", _video_seeds, _video, boxes, (VideoError,), 600, "av"),
    ]
