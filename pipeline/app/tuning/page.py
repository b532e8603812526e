"""The page that shows a search: the metric by trial and by each setting, and every trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipline.pipeline.app import report_format
from slipline.pipeline.app.report_figures import ACCENT, CURVE_HEIGHT_INCHES, CURVE_MARGINS, drawn, shortened
from slipline.pipeline.app.tuning.search import Search
from slipline.pipeline.app.tuning.space import Parameter
from slipline.pipeline.app.tuning.study import Trial
from slipline.pipeline.app.tuning.words import importance_words, reason_words, short_name, value_words, values_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A title and an `<svg>` element."""

    title: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One trial, as it is written."""

    number: int
    score: str
    values: tuple[str, ...]
    seconds: str
    reason: str
    execution: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything on the page."""

    name: str
    space: str
    metric: str
    best: str
    best_number: int
    best_values: str
    settings: str
    done: str
    importance: str
    figures: tuple[Figure, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def page_html(search: Search, settings: Path) -> str:
    """The page of a search whose best settings lie in the file `settings`, as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("slipline.pipeline.app"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("tune.html.j2").render(page=_page(search, settings))


def _page(search: Search, settings: Path) -> Page:
    metric = search.metric.replace("_", " ")
    parameters = search.space.parameters
    return Page(
        name=search.name,
        space=", ".join(map(str, parameters)),
        metric=metric,
        best=f"{search.best.score:.4f}",
        best_number=search.best.number,
        best_values=values_words(search.best.values),
        settings=str(settings),
        done=f"{len(search.trials)} of {report_format.plural(search.wanted, 'trial')}",
        importance=importance_words(search.importance),
        figures=_figures(search, metric),
        columns=tuple(short_name(parameter.name) for parameter in parameters),
        lines=tuple(map(_line, search.ranking)),
    )


def _line(trial: Trial) -> Line:
    return Line(
        number=trial.number,
        score="failed" if trial.score is None else f"{trial.score:.4f}",
        values=tuple(map(value_words, trial.values.values())),
        seconds=report_format.seconds(trial.seconds),
        reason=reason_words(trial.reason),
        execution=trial.execution_id or "",
    )


def _figures(search: Search, metric: str) -> tuple[Figure, ...]:
    """The metric by trial, and by the values of each setting searched."""
    good = [trial for trial in search.trials if trial.score is not None]
    numbers = _points("trial", [trial.number for trial in good], good, (1, search.wanted))
    by_setting = [
        _by_setting(f"setting-{number}", parameter, good) for number, parameter in enumerate(search.space.parameters)
    ]
    titles = [f"{metric} by trial", *(f"by {short_name(parameter.name)}" for parameter in search.space.parameters)]
    return tuple(Figure(title=title, svg=svg) for title, svg in zip(titles, [numbers, *by_setting], strict=True))


def _by_setting(identity: str, parameter: Parameter, trials: Sequence[Trial]) -> str:
    values = [trial.values[parameter.name] for trial in trials]
    if choices := parameter.searched.choices:
        ends, places = (-0.5, len(choices) - 0.5), [float(choices.index(value)) for value in values]
        return _points(identity, places, trials, ends, tuple(map(str, choices)))
    return _points(identity, list(map(float, values)), trials, parameter.searched.ends, log=parameter.searched.log)


def _points(
    identity: str,
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
        axes.grid(axis="y")
        axes.tick_params(length=0)
        axes.spines["left"].set_visible(False)
        axes.set_axisbelow(True)

    told = ", ".join(
        f"{names[int(place)] if names else f'{place:.4g}'}: {score:.4f}"
        for place, score in zip(places, scores, strict=True)
    )
    return drawn(identity, told, CURVE_HEIGHT_INCHES, CURVE_MARGINS, draw)
