"""Figures of measured values with their intervals, and of how far confidence can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.results import ReliabilityBin
from slipline.pipeline.report.kit.figures import (
    ACCENT,
    INK,
    LETTER_INCHES,
    LINE,
    MUTED,
    ROW_HEIGHT_INCHES,
    Margins,
    drawn,
    quiet,
)
from slipline.pipeline.report.kit.format import NARROW_SPACE, percent, shortened

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

MARKERS = "osD^"
OFFSET_ROWS = 0.22
AXIS_INCHES = 0.45
LEGEND_INCHES = 0.25
RELIABILITY_HEIGHT_INCHES = 3.0
SHADES = (ACCENT, INK, MUTED)


def intervals_figure(
    title: str,
    rows: Sequence[str],
    series: Mapping[str, Sequence[Estimate]],
    *,
    reference: float | None = None,
    written: Callable[[float], str] = percent,
) -> Markup:
    """Dots with whiskers, a row for each name and a marker for each series.

    Args:
      title: What is shown, in words.
      rows: Names, the first on top.
      series: By name, the value of each row, None where it is not defined; shares unless `written` says otherwise.
      reference: Where to draw a line to hold the values against; None for none.
      written: How a value is told in words.

    Returns:
      An `<svg>` element.
    """

    def draw(axes: Axes) -> None:
        for number, (name, estimates) in enumerate(series.items()):
            shift = OFFSET_ROWS * (number - (len(series) - 1) / 2)
            look = {"color": SHADES[number % len(SHADES)], "marker": MARKERS[number % len(MARKERS)]}
            _draw_series(axes, name, estimates, shift, **look)
        if reference is not None:
            axes.axvline(reference, color=MUTED, linewidth=1, linestyle=(0, (3, 2)), zorder=0)
        _dress(axes, rows, shares=written is percent)
        if len(series) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(series), frameon=False, borderaxespad=0.2)

    widest = max((len(shortened(name)) for name in rows), default=0)
    row_inches = ROW_HEIGHT_INCHES * (1 + 0.3 * (len(series) - 1))
    height = row_inches * len(rows) + AXIS_INCHES + (LEGEND_INCHES if len(series) > 1 else 0)
    margins = Margins(left=LETTER_INCHES * widest + 0.1, bottom=AXIS_INCHES - 0.1, right=0.2)
    top = LEGEND_INCHES + 0.05 if len(series) > 1 else 0.05
    return drawn(f"{title}: {_told(rows, series, written)}", height, margins, draw, top_inches=top)


def reliability_figure(bins: Sequence[ReliabilityBin]) -> Markup:
    """The share of right answers by the model's confidence, with whiskers, against the diagonal; an `<svg>` element.

    The bars below, to the scale of the axis, are the share of the records in each bin.
    """

    def draw(axes: Axes) -> None:
        records = sum(each.records for each in bins)
        axes.bar(
            [(each.low + each.high) / 2 for each in bins],
            [each.records / records for each in bins],
            width=[(each.high - each.low) * 0.9 for each in bins],
            color=LINE,
            zorder=0,
        )
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 2)))
        ends, places = _ends([each.accuracy for each in bins]), np.array([each.confidence for each in bins])
        whole = ~np.isnan(ends).any(axis=1)
        axes.vlines(places[whole], *ends[whole, 1:].T, color=ACCENT, linewidth=1.2)
        axes.plot(places, ends[:, 0], "o", color=ACCENT, markersize=5, clip_on=False)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("confidence")
        quiet(axes, "y")
        _in_percent(axes, both=True)

    told = ", ".join(
        f"at {percent(each.confidence)} {percent(each.accuracy.value or 0.0)} of {each.records:,}" for each in bins
    )
    margins = Margins(left=0.55, bottom=0.45, right=0.2)
    return drawn(f"Right answers by confidence: {told}", RELIABILITY_HEIGHT_INCHES, margins, draw)


def _ends(estimates: Sequence[Estimate]) -> NDArray[np.float64]:
    """Value, low and high of each, float64 [N, 3]; what is not defined is NaN, which Matplotlib passes over."""
    return np.array([(each.value, each.low, each.high) for each in estimates], np.float64).reshape(-1, 3)


def _draw_series(
    axes: Axes, name: str, estimates: Sequence[Estimate], shift: float, *, color: str, marker: str
) -> None:
    ends, places = _ends(estimates), np.arange(len(estimates)) + shift
    whole = ~np.isnan(ends).any(axis=1)
    axes.hlines(places[whole], *ends[whole, 1:].T, color=color, linewidth=1.2, alpha=0.7)
    axes.plot(ends[:, 0], places, marker, color=color, markersize=4.5, label=name, clip_on=False)


def _dress(axes: Axes, rows: Sequence[str], *, shares: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_yticks(range(len(rows)), [shortened(name) for name in rows], color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    quiet(axes, "x")
    axes.margins(x=0.03)
    if shares:
        _in_percent(axes, both=False)


def _in_percent(axes: Axes, *, both: bool) -> None:
    from matplotlib.ticker import PercentFormatter

    for axis in (axes.xaxis, axes.yaxis) if both else (axes.xaxis,):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=None, symbol=f"{NARROW_SPACE}%"))


def _told(rows: Sequence[str], series: Mapping[str, Sequence[Estimate]], written: Callable[[float], str]) -> str:
    def words(estimate: Estimate) -> str:
        return "not defined" if estimate.value is None else written(estimate.value)

    return "; ".join(
        f"{name} " + ", ".join(f"{one} {words(estimates[row])}" for one, estimates in series.items())
        for row, name in enumerate(rows)
    )
