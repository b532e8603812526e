"""Shows a person how a run goes: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.core.visible import visible
from slipline.pipeline.runners.execute import Outcome, Status
from slipline.pipeline.runners.local import Display

PLAIN_LINE_EVERY_S = 5.0

LOOKS = {
    Status.DONE: ("✓", "green", "done"),
    Status.CACHED: ("✓", "cyan", "cached"),
    Status.BLOCKED: ("✗", "red", "blocked by a gate"),
    Status.SKIPPED: ("-", "yellow", "not run"),
    Status.FAILED: ("✗", "red", "failed"),
    Status.NOT_NEEDED: ("-", "cyan", "not needed"),
}


def look_of(outcome: Outcome) -> tuple[str, str, str]:
    """Mark, colour and words for how a step ended; one whose verdict did not pass is not just done."""
    mark, colour, words = LOOKS[outcome.status]
    return ("✗", "red", f"{words}, did not pass") if outcome.closed else (mark, colour, words)


@contextmanager
def open_display(pipeline: Pipeline, *, quiet: bool = False) -> Iterator[Display]:
    """The display that suits standard output; it shows its last state when the block ends."""
    steps = [step.name for step in (*pipeline.steps, *filter(None, [pipeline.last]))]
    console = Console(quiet=quiet)
    if not console.is_terminal:
        yield PlainDisplay(console)
        return
    table = LiveTable(steps)
    with Live(get_renderable=table.render, console=console, refresh_per_second=8):
        yield table


class PlainDisplay:
    """A line for each step that ended, and now and then one from a step that takes long."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_line_s = 0.0

    def step_started(self, step: str) -> None:
        """Says nothing yet."""
        self._last_line_s = time.monotonic()

    def step_said(self, step: str, line: str) -> None:
        """Prints the line, unless another was printed a moment ago."""
        if time.monotonic() - self._last_line_s >= PLAIN_LINE_EVERY_S:
            self._last_line_s = time.monotonic()
            self._print(f"{step:<19} {line}")

    def step_ended(self, outcome: Outcome) -> None:
        """Prints how the step ended, and how long it took."""
        self._print(f"{outcome.step:<19} {look_of(outcome)[2]:<19} {_seconds(outcome.seconds)}")

    def _print(self, line: str) -> None:
        self._console.print(Text(visible(line)), soft_wrap=True)


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
            return Text(mark, colour), Text(step), Text(_seconds(outcome.seconds)), Text(word, colour)
        if step in self._started_s:
            seconds, line = time.monotonic() - self._started_s[step], self._lines.get(step, "")
            return Text("▸", "bold"), Text(step, "bold"), Text(_seconds(seconds)), Text(visible(line), "dim")
        return Text(" "), Text(step, "dim"), Text(""), Text("")


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"
