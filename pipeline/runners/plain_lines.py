"""How a run goes, in plain lines."""

from __future__ import annotations

import time

from slipline.pipeline.core.visible import visible
from slipline.pipeline.runners.execute import Outcome, Status

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


class PlainDisplay:
    """A line for each step that ended, and now and then one from a step that takes long."""

    def __init__(self, *, quiet: bool = False) -> None:
        """`quiet` has it print nothing."""
        self._is_quiet = quiet
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
        self._print(f"{outcome.step:<19} {look_of(outcome)[2]:<19} {in_seconds(outcome.seconds)}")

    def _print(self, line: str) -> None:
        if not self._is_quiet:
            print(visible(line), flush=True)


def in_seconds(seconds: float) -> str:
    """A time, as the table and the lines show it."""
    return f"{seconds:.1f} s"
