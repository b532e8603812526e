"""The report's figures, drawn with Matplotlib as SVG that takes its colours and its font from the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from slipline.pipeline.report.kit.format import NARROW_SPACE, count, nats, percent, shortened

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True)
class Margins:
    """Room for what is written beside the axes, in inches; the page's font decides how much of it is taken."""

    left: float
    bottom: float
    right: float = 0.0


WIDTH_INCHES = 4.6
TOP_MARGIN_INCHES = 0.05
CURVE_HEIGHT_INCHES = 2.6
CURVE_MARGINS = Margins(left=0.55, bottom=0.45, right=0.65)
ROW_HEIGHT_INCHES = 0.24
LETTER_INCHES = 0.085
MOST_MARKERS = 30

# Stand-ins of the page's colours: drawn like any other, then replaced, so that they follow light and dark.
PAGE_COLOURS = {
    "#010101": "currentColor",
    "#020202": "var(--muted)",
    "#030303": "var(--accent)",
    "#040404": "var(--line)",
}
INK, MUTED, ACCENT, LINE = PAGE_COLOURS

# Besides what must be escaped, what the page looks for in tags.
_AS_ENTITY = {ord(character): f"&#{ord(character)};" for character in "&<>\"'(#"}

STYLE: Any = {  # Any: Matplotlib's releases do not agree on the type of its settings
    "svg.fonttype": "none",  # text stays text: small, selectable, in the page's font
    "svg.hashsalt": "slipline",
    "text.parse_math": False,  # a class may be called "$x$"
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
}


def label_counts_figure(names: Sequence[str], counts: Sequence[int]) -> Markup:
    """Horizontal bars: how many records have each label.

    Args:
      names: Of the labels, the first on top.
      counts: Records of each.

    Returns:
      An `<svg>` element.
    """

    def draw(axes: Axes) -> None:
        places = range(len(names))
        bars = axes.barh(places, counts, height=0.68, color=ACCENT)
        axes.bar_label(bars, [count(number) for number in counts], padding=4, color=INK)
        axes.set_yticks(places, [shortened(name) for name in names], color=INK)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0, max([*counts, 1]) * 1.16)
        axes.tick_params(length=0)
        axes.set_xticks([])
        axes.spines[:].set_visible(False)

    told = ", ".join(f"{name}: {count(number)}" for name, number in zip(names, counts, strict=True))
    widest = max((len(shortened(name)) for name in names), default=0)
    margins = Margins(left=LETTER_INCHES * widest + 0.1, bottom=0.05)
    return drawn(f"Records by label: {told}", ROW_HEIGHT_INCHES * len(names) + 0.1, margins, draw)


def epochs_figure(
    title: str, values: Sequence[float], held_out: Sequence[float] = (), *, written: Callable[[float], str] = nats
) -> Markup:
    """Curves by epoch, dashed of records held out.

    Args:
      title: What is shown, in words.
      values: Of each epoch; losses in nats, drawn from zero up, unless `written` says otherwise.
      held_out: The same of records held out.
      written: How a value is told in words; shares have an axis in percent.

    Returns:
      An `<svg>` element.
    """

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import PercentFormatter

        _draw_curve(axes, values, written)
        axes.plot(range(1, len(held_out) + 1), held_out, color=MUTED, linewidth=1.5, linestyle="--", clip_on=False)
        if written is percent:
            axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1, symbol=f"{NARROW_SPACE}%"))
        else:
            axes.set_ylim(bottom=0)

    told = ", ".join(f"{epoch}: {written(value)}" for epoch, value in enumerate(values, start=1))
    return drawn(f"{title} by epoch: {told}", CURVE_HEIGHT_INCHES, CURVE_MARGINS, draw)


def _draw_curve(axes: Axes, values: Sequence[float], written: Callable[[float], str]) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = range(1, len(values) + 1)
    axes.plot(
        epochs,
        values,
        color=ACCENT,
        linewidth=2,
        marker="o" if len(values) <= MOST_MARKERS else "",
        markersize=5,
        clip_on=False,
    )
    axes.annotate(
        written(values[-1]),
        (len(values), values[-1]),
        xytext=(9, 0),
        textcoords="offset points",
        va="center",
        color=INK,
    )
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    axes.margins(y=0.1)
    axes.set_xlim(max(0.5, 1 - 0.05 * len(values)), len(values))  # no tick at an epoch 0
    axes.set_xlabel("epoch")
    quiet(axes, "y")


def drawn(
    alternative: str,
    height_inches: float,
    margins: Margins,
    draw: Callable[[Axes], None],
    *,
    top_inches: float = TOP_MARGIN_INCHES,
) -> Markup:
    """A figure of one pair of axes, as an `<svg>` element.

    Args:
      alternative: What it shows, in words.
      height_inches: Of the figure; its width is the same for all.
      margins: Room beside the axes.
      draw: Draws on them.
      top_inches: Room above them.
    """
    # Not pyplot: it takes longer to import and keeps every figure.
    import matplotlib
    from matplotlib.figure import Figure

    stream = io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Names in scripts that Matplotlib's own font lacks are drawn by the browser's.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH_INCHES, height_inches))
        left, right = margins.left / WIDTH_INCHES, 1 - margins.right / WIDTH_INCHES
        bottom, top = margins.bottom / height_inches, 1 - top_inches / height_inches
        draw(figure.add_axes((left, bottom, right - left, top - bottom)))
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    return _for_page(stream.getvalue(), alternative)


def _for_page(document: str, alternative: str) -> Markup:
    """The `<svg>` element of a document, in the page's colours: safe, as Matplotlib has escaped its texts."""
    from markupsafe import Markup

    def of_page(tag: str) -> str:
        tag = re.sub(r' xmlns(:\w+)?="[^"]*"', "", tag).replace("xlink:href", "href")
        for stand_in, colour in PAGE_COLOURS.items():
            tag = tag.replace(stand_in, colour)
        return tag

    svg = in_tags(document[document.index("<svg") :], of_page)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{alternative.translate(_AS_ENTITY)}"', 1))


def quiet(axes: Axes, grid: Literal["x", "y"]) -> None:
    """Leaves of the axes a grid behind what is drawn, and along `x` their line if the grid crosses it."""
    axes.grid(axis=grid)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(grid == "y")


def in_tags(svg: str, change: Callable[[str], str]) -> str:
    """An SVG with its tags changed and the text between them as it was."""
    return re.sub(r"<[^>]*>", lambda found: change(found[0]), svg)
