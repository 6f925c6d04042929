"""How rows and affinities stand in this backend; which rows are usable: indexing/rows.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

FAR = 1e38  # minus this is the affinity to an unusable row: finite, below any other
