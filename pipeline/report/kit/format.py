"""How the report writes numbers, times and digests for people."""

from __future__ import annotations

import math
from datetime import datetime

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
SHORT_DIGEST = 12
LARGE = 10_000
"""From here on thousands are set apart: below, a number may be a year."""
HUGE = 1e9
NAME_LENGTH = 18


def count(value: int) -> str:
    """Such as `60,000`."""
    return f"{value:,}"


def percent(share: float) -> str:
    """A share in 0..1, such as `99.12 %`."""
    return f"{share * 100:.2f}{NARROW_SPACE}%"


def points(difference: float) -> str:
    """A difference of two shares, such as `+0.12 points`: percentage points."""
    return f"{signed(difference * 100, 2)} points"


def nats(loss: float) -> str:
    """A log loss, such as `0.0297`."""
    return f"{loss:.4f}"


def significant(value: float, digits: int = 3) -> str:
    """A measured number, such as `33.3`, `1999`, `0.00014` or `1.23e+09`; whole if it is, or if it is large."""
    if not math.isfinite(value):
        return str(value)
    whole = value == round(value) or abs(value) >= LARGE
    if whole and abs(value) < HUGE:
        return f"{value:{',' if abs(value) >= LARGE else ''}.0f}".replace("-", MINUS)
    return f"{value:.{digits}g}".replace("-", MINUS)


def signed(value: float, digits: int) -> str:
    """A number with its sign; no sign for one that rounds to zero."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def seconds(value_s: float) -> str:
    """A duration, such as `0.42 s`, `61.3 s` or `2 min 04 s`."""
    if value_s < 119.95:
        return f"{value_s:.{2 if value_s < 9.995 else 1}f}{NARROW_SPACE}s"
    minutes, rest = divmod(round(value_s), 60)
    return f"{minutes}{NARROW_SPACE}min {rest:02}{NARROW_SPACE}s"


def moment(iso: str) -> str:
    """A time in UTC from ISO 8601, such as `2026-11-22 13:45 UTC`."""
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M} UTC"


def short(digest: str) -> str:
    """The head of a digest: enough to tell two apart."""
    return digest[:SHORT_DIGEST]


def shortened(text: str, length: int = NAME_LENGTH) -> str:
    """The text, cut where it is longer; by default one that fits beside a figure."""
    return text if len(text) <= length else text[: length - 1] + "…"


def plural(number: int, noun: str) -> str:
    """Such as `1 epoch` or `5 epochs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
