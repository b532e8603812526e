"""Shows a person how a search goes: a line for each trial that ended, and on a terminal how far the current one is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from slipline.pipeline.app.settings.tune_settings import Metric
from slipline.pipeline.app.tuning.space import Space, reason_words, values_words
from slipline.pipeline.app.tuning.study import Begun, Trial
from slipline.pipeline.core.visible import visible
from slipline.pipeline.runners.execute import Outcome


@contextmanager
def open_search_display(metric: Metric, *, quiet: bool = False) -> Iterator[SearchDisplay]:
    """The display of a search, for the block."""
    console = Console(quiet=quiet)
    with console.status("looking at the data") as status:
        yield SearchDisplay(console, status, metric)


class SearchDisplay:
    """Prints what ended; tells beside a spinner, where there is a terminal, what is under way."""

    def __init__(self, console: Console, status: Status, metric: Metric) -> None:
        self._console = console
        self._status = status
        self._metric = metric
        self._wanted = 0
        self._current = ""

    def search_waits(self) -> None:
        """Says so."""
        self._print("waiting for another process that is at this search")

    def search_begins(self, name: str, space: Space, done: int, wanted: int) -> None:
        """Prints what is searched, and what is left to do."""
        self._wanted = wanted
        told = ", ".join(map(str, space.parameters))
        self._print(f"search {name}: {told}; {done} of {wanted} trials done")

    def trial_begins(self, begun: Begun) -> None:
        """Prints nothing, unless the trial was cut short before."""
        self._current = f"trial {begun.number}/{self._wanted}  {values_words(begun.values)}"
        self._status.update(Text(visible(self._current)))
        if begun.taken_up:
            self._print(f"trial {begun.number:>3}  taken up where it was cut short")

    def trial_ended(self, trial: Trial, *, is_best: bool) -> None:
        """Prints what came of it."""
        came = f"failed: {reason_words(trial.reason)}" if trial.score is None else f"{self._metric} {trial.score:.4f}"
        best = "  best so far" if is_best else ""
        self._print(f"trial {trial.number:>3}  {values_words(trial.values)}  {trial.seconds:.1f} s  {came}{best}")

    def step_started(self, step: str) -> None:
        """Shows nothing: most steps are cached."""

    def step_said(self, step: str, line: str) -> None:
        """Shows how far the trial's training is, or the data on its way to the first."""
        self._status.update(Text(visible(f"{self._current or step}  {line}")))

    def step_ended(self, outcome: Outcome) -> None:
        """Shows nothing: the end of a trial says it."""

    def _print(self, line: str) -> None:
        self._console.print(Text(visible(line)), soft_wrap=True)
