"""The conformance tests of pictures and models over the GPU backend's own logic."""

from __future__ import annotations

import numpy as np
import pytest
from conformance.test_decode import *  # noqa: F403
from conformance.test_decode_refusals import *  # noqa: F403
from conformance.test_embed import *  # noqa: F403
from conformance.test_stats import *  # noqa: F403
from onnx_models import flatten
from pixels import PLAN, SIDE, as_encoded

from fastdup_gpu.protocol import ModelSpec, Status

# Whole models on the host, in fp16, which it has to emulate.
del test_int8_and_fp16_features_can_be_mixed, test_the_batch_does_not_matter  # noqa: F821
# Of the CPU backend alone.
del test_openvino_gives_what_onnxruntime_gives  # noqa: F821


@pytest.fixture
def compute():
    return "gpu"


@pytest.fixture(autouse=True)
def on_host(host_engine):
    """Models run on the host's onnxruntime, bound as on a GPU."""


@pytest.fixture
def seen(backend, tmp_path):
    """As in the conformance suite."""
    path = flatten(tmp_path / "flatten.onnx", SIDE, layout="NHWC")
    model = backend.open_model(ModelSpec(path, 3 * SIDE * SIDE))

    def pixels(*files: bytes) -> np.ndarray:
        batch = backend.decode(as_encoded(list(files)), PLAN)
        assert [o.status for o in batch.outcomes] == [Status.OK] * len(files)
        return backend.embed(model, batch).reshape(-1, SIDE, SIDE, 3)

    return pixels
