"""Numbers, times and digests as the report writes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.pipeline.report.kit.format import (
    MINUS,
    NARROW_SPACE,
    count,
    moment,
    nats,
    percent,
    plural,
    points,
    seconds,
    signed,
    significant,
)


def plain(text: str) -> str:
    return text.replace(NARROW_SPACE, " ").replace(MINUS, "-")


def test_counts_shares_and_losses_are_written_for_people() -> None:
    assert count(60000) == "60,000"
    assert plain(percent(0.99123)) == "99.12 %"
    assert nats(0.02967) == "0.0297"
    assert plural(1, "epoch") == "1 epoch"
    assert plural(1500, "record") == "1,500 records"


def test_a_difference_of_shares_is_in_percentage_points_with_its_sign() -> None:
    assert points(0.0012) == "+0.12 points"
    assert plain(points(-0.0076)) == "-0.76 points"


@pytest.mark.parametrize("tiny", [-0.0004, 0.0, 0.0004])
def test_what_rounds_to_zero_has_no_sign(tiny: float) -> None:
    assert signed(tiny, 2) == "0.00"


@pytest.mark.parametrize(
    ("value_s", "text"), [(0.4211, "0.42 s"), (61.32, "61.3 s"), (119.96, "2 min 00 s"), (3604.4, "60 min 04 s")]
)
def test_a_duration_keeps_the_digits_that_matter(value_s: float, text: str) -> None:
    assert plain(seconds(value_s)) == text


@given(st.floats(0, 1e6))
def test_a_duration_reads_back_to_within_its_last_digit(value_s: float) -> None:
    text = plain(seconds(value_s))
    minutes, rest = re.fullmatch(r"(?:(\d+) min )?([\d.]+) s", text).groups()  # type: ignore[union-attr]
    assert float(rest) < (120 if minutes is None else 60)
    assert int(minutes or 0) * 60 + float(rest) == pytest.approx(value_s, abs=0.5)


def test_a_time_is_written_to_the_minute_in_utc() -> None:
    assert moment("2026-11-22T13:45:59.123+00:00") == "2026-11-22 13:45 UTC"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (1999.0, "1999"),
        (60_000.0, "60,000"),
        (-3.0, "\N{MINUS SIGN}3"),
        (0.00014, "0.00014"),
        (33.318, "33.3"),
        (12_345.6, "12,346"),
        (1.2345e12, "1.23e+12"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_a_measured_number_has_its_first_digits_and_a_whole_one_all(value: float, written: str) -> None:
    assert significant(value) == written
