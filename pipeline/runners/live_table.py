"""How a run goes, as a live table on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.live import Live
from rich.table import Table
from rich.text import Text

from slipline.pipeline.core.visible import visible
from slipline.pipeline.runners.execute import Outcome
from slipline.pipeline.runners.plain_lines import in_seconds, look_of


@contextmanager
def open_table(steps: Sequence[str]) -> Iterator[LiveTable]:
    """The table of these steps; it shows its last state when the block ends."""
    table = LiveTable(steps)
    with Live(get_renderable=table.render, refresh_per_second=8):
        yield table


class LiveTable:
    """A row for each step: how it stands, how long it took or has been going, what it says."""

    def __init__(self, steps: Sequence[str]) -> None:
        self._steps = steps
        self._ended: dict[str, Outcome] = {}
        self._started_s: dict[str, float] = {}
        self._lines: dict[str, str] = {}

    def step_started(self, step: str) -> None:
        """Marks the step as under way."""
        self._started_s[step] = time.monotonic()

    def step_said(self, step: str, line: str) -> None:
        """Shows the line beside the step."""
        self._lines[step] = line

    def step_ended(self, outcome: Outcome) -> None:
        """Shows how the step ended."""
        self._ended[outcome.step] = outcome

    def render(self) -> Table:
        """The table as it stands now."""
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column()
        table.add_column(min_width=18)
        table.add_column(justify="right", min_width=8)
        table.add_column()
        for step in self._steps:
            table.add_row(*self._row(step))
        return table

    def _row(self, step: str) -> tuple[Text, ...]:
        if outcome := self._ended.get(step):
            mark, colour, word = look_of(outcome)
            return Text(mark, colour), Text(step), Text(in_seconds(outcome.seconds)), Text(word, colour)
        if step in self._started_s:
            seconds, line = time.monotonic() - self._started_s[step], self._lines.get(step, "")
            return Text("▸", "bold"), Text(step, "bold"), Text(in_seconds(seconds)), Text(visible(line), "dim")
        return Text(" "), Text(step, "dim"), Text(""), Text("")
