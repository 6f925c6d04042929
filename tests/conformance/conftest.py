"""The backends that every test of this folder runs over."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from onnx_models import flatten
from pixels import PLAN, SIDE, as_encoded

from fastdup_gpu._errors import BackendUnavailable, MissingDependency
from fastdup_gpu._registry import open_backend
from fastdup_gpu.protocol import ModelSpec, Status


@pytest.fixture(scope="session", params=["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def compute(request):
    """'cpu' and 'gpu', each where it can be opened."""
    try:
        open_backend(request.param)
    except (BackendUnavailable, MissingDependency) as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture(scope="session")
def backend(compute):
    return open_backend(compute)


@pytest.fixture(autouse=True)
def no_warnings_of_numpy():
    """Odd values are no news to whoever calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.fixture(scope="module")
def seen(backend, tmp_path_factory):
    """What the model is given of good files: u8[n, SIDE, SIDE, 3] RGB."""
    path = flatten(tmp_path_factory.mktemp("model") / "flatten.onnx", SIDE, layout="NHWC")
    model = backend.open_model(ModelSpec(path, 3 * SIDE * SIDE))

    def pixels(*files: bytes) -> np.ndarray:
        batch = backend.decode(as_encoded(list(files)), PLAN)
        assert [o.status for o in batch.outcomes] == [Status.OK] * len(files)
        return backend.embed(model, batch).reshape(-1, SIDE, SIDE, 3)

    return pixels
