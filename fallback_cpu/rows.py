"""Types of rows and affinities in this backend. For usable rows see indexing/rows.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

FAR = 1e38  # minus this is the affinity to an unusable row: finite, but below any other
