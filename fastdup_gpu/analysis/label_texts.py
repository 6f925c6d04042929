"""A label as texts."""

from __future__ import annotations

import pandas as pd

from fastdup_gpu._arguments import has_entries


def as_labels(label: object) -> list[str]:
    """One label or several as a list of texts, without missing and empty ones."""
    if isinstance(label, str):
        return [label] if label else []
    if has_entries(label):
        return [text for entry in label for text in as_labels(entry)]
    return [] if is_missing(label) else [str(label)]


def is_missing(label: object) -> bool:
    """Whether a value, which is not an array, stands for no label: None, pandas' NA, or nan."""
    return label is None or label is pd.NA or bool(label != label)  # nan is not equal to itself
