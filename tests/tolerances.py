"""How far two results may lie apart, and why; every test takes its number from here."""

from __future__ import annotations

# Decoding. Levels are of 255.
DECODE_MEAN = 1.0
"""Mean difference of two decoders of one lossy file: each may round its inverse transform."""
DECODE_LEVEL = 3.0
"""Any pixel of the same: nvJPEG and libjpeg differ by so much in a progressive file, on an H100."""
LOSSY_MEAN = 6.0
"""Mean difference of a smooth picture and its copy saved with loss (quality 90 and more)."""
AREA_LEVEL = 1.0
"""Any pixel of an area resize against the exact mean: fixed-point weights, one rounding."""
CMYK_MEAN = 2.0
"""RGB to CMYK and back without a colour profile, both rounded."""

# Statistics of the same pixels.
STATS_RELATIVE = 1e-5
"""Sums of up to 150,528 integers in another order, or in float32 on a GPU."""
STATS_FLOAT32 = 1e-4
"""Absolute, of 255: what float32 leaves of a mean after the same."""
HSV_LEVEL = 0.05
"""Mean of hue or saturation: fixed-point division takes some halves of a level the other way."""
EDGE_DENSITY = 1e-9
"""The share of edge pixels is a count: the same pixels give the same count."""

# Embeddings.
COSINE_FP32 = 0.9999
"""The same model on another runtime in float32: sums of another order."""
COSINE_FP16 = 0.999
"""The same model computed in half precision."""
COSINE_INT8 = 0.994
"""Mean over pictures of the int8 file against the fp16 file (design decision 10)."""
COSINE_INT8_ENGINES = 0.99
"""Any picture, two engines of the int8 file: each rounds between layers in its own way."""
UNIT_LENGTH = 1e-5
"""Length of a normalised float32 row."""
BATCH_COSINE = 0.9999
"""A picture alone against the same in a batch: kernels are chosen by shape."""
PLAIN_MODEL = 1e-2
"""Relative, for small models made in a test whose float16 input is exact up to 2048."""
