"""The page that shows a search: the metric by trial and by each setting, and every trial."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slipline.pipeline.app.tuning.search import Search
from slipline.pipeline.app.tuning.space import (
    Parameter,
    importance_words,
    reason_words,
    short_name,
    value_words,
    values_words,
)
from slipline.pipeline.app.tuning.study import Trial
from slipline.pipeline.report.kit import page as kit_page
from slipline.pipeline.report.kit.figures import ACCENT, CURVE_HEIGHT_INCHES, CURVE_MARGINS, drawn, quiet
from slipline.pipeline.report.kit.format import plural, seconds, shortened
from slipline.pipeline.report.kit.page import Page
from slipline.pipeline.report.kit.section import (
    Cell,
    Column,
    Columns,
    Figure,
    Figures,
    Row,
    Section,
    Table,
    Text,
    number,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def page_html(search: Search, settings: Path) -> str:
    """The page of a search whose best settings lie in the file `settings`, as HTML."""
    metric, parameters = search.metric.replace("_", " "), search.space.parameters
    told = (
        f"{len(search.trials)} of {plural(search.wanted, 'trial')}, measured on records held out of the training split."
    )
    if importance := importance_words(search.importance):
        told += f" What the metric depends on: {importance}."
    names = [number(short_name(parameter.name)) for parameter in parameters]
    columns: Columns = ("Trial", number(metric), *names, number("Time"), Column("Training", "long"))
    table = Table(columns, [_row(trial) for trial in search.ranking], "From best to worst.")
    return kit_page.page_html(
        Page(
            title=f"Search {search.name}",
            heading=f"Search {search.name}",
            below=", ".join(map(str, parameters)),
            headline=f"{metric} {search.best.score:.4f} in trial {search.best.number}",
            standing=f"{values_words(search.best.values)}; written to {settings}",
            sections=(Section("Trials", (Text(told, "lead"), Figures(_figures(search, metric)), table)),),
        )
    )


def _row(trial: Trial) -> Row:
    return (
        str(trial.number),
        "failed" if trial.score is None else f"{trial.score:.4f}",
        *map(value_words, trial.values.values()),
        seconds(trial.seconds),
        Cell(reason_words(trial.reason), "bad") if trial.reason else trial.execution_id or "",
    )


def _figures(search: Search, metric: str) -> tuple[Figure, ...]:
    """The metric by trial, and by the values of each setting searched."""
    good = [trial for trial in search.trials if trial.score is not None]
    numbers = _points([trial.number for trial in good], good, (1, search.wanted))
    by_setting = [_by_setting(parameter, good) for parameter in search.space.parameters]
    titles = [f"{metric} by trial", *(f"by {short_name(parameter.name)}" for parameter in search.space.parameters)]
    return tuple(Figure(title, svg) for title, svg in zip(titles, [numbers, *by_setting], strict=True))


def _by_setting(parameter: Parameter, trials: Sequence[Trial]) -> str:
    values = [trial.values[parameter.name] for trial in trials]
    if choices := parameter.searched.choices:
        ends, places = (-0.5, len(choices) - 0.5), [float(choices.index(value)) for value in values]
        return _points(places, trials, ends, tuple(map(str, choices)))
    return _points(list(map(float, values)), trials, parameter.searched.ends, log=parameter.searched.log)


def _points(
    places: Sequence[float],
    trials: Sequence[Trial],
    ends: tuple[float, ...],
    names: tuple[str, ...] = (),
    *,
    log: bool = False,
) -> str:
    """The metric of each trial at its place between both ends; `names` are those of the places 0, 1 and so on."""
    scores = [trial.score or 0.0 for trial in trials]

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        axes.scatter(places, scores, color=ACCENT, s=28, clip_on=False)
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda place, _: f"{place:g}")
            axes.xaxis.set_minor_formatter(lambda place, _: "")
        elif names:
            axes.set_xticks(range(len(names)), [shortened(name) for name in names])
        else:
            whole = all(place == int(place) for place in (*ends, *places))
            axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=whole))
        if ends[0] < ends[1]:
            axes.set_xlim(*ends)
        axes.ticklabel_format(axis="y", useOffset=False)
        quiet(axes, "y")

    told = ", ".join(
        f"{names[int(place)] if names else f'{place:.4g}'}: {score:.4f}"
        for place, score in zip(places, scores, strict=True)
    )
    return drawn(told, CURVE_HEIGHT_INCHES, CURVE_MARGINS, draw)
