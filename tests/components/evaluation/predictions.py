"""Predictions made up for tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

CLASSES = 4


def some_predictions(records, seed):
    """Probabilities float32 [records, CLASSES] that favour the label, and the labels int64 [records]."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, records)
    logits = rng.normal(0, 2, (records, CLASSES)) + 2 * (labels[:, np.newaxis] == np.arange(CLASSES))
    powers = np.exp(logits)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), labels


predictions = st.builds(some_predictions, st.integers(1, 60), st.integers(0, 2**32))
