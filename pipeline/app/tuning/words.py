"""How a search is told to people."""

from __future__ import annotations

from collections.abc import Mapping

from slipline.pipeline.app.settings.tune_settings import Value
from slipline.pipeline.app.tuning.space import Values

REASON_LENGTH = 160
"""A training that fails may name a hundred records; JSON has them all."""


def short_name(name: str) -> str:
    """`train.batch_size` without its section: all that is searched is of the training."""
    return name.removeprefix("train.")


def values_words(values: Values) -> str:
    """Such as `learning_rate=0.001 batch_size=64`."""
    return " ".join(f"{short_name(name)}={value_words(value)}" for name, value in values.items())


def value_words(value: Value) -> str:
    """A value as a person reads it: of a drawn number, four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def importance_words(importance: Mapping[str, float]) -> str:
    """Such as `learning_rate 80 %, batch_size 20 %`; empty if nothing is known."""
    return ", ".join(f"{short_name(name)} {share * 100:.0f} %" for name, share in importance.items())


def reason_words(reason: str) -> str:
    """Why a trial failed, in a line."""
    line = " ".join(reason.split())
    return line if len(line) <= REASON_LENGTH else line[: REASON_LENGTH - 1] + "…"
