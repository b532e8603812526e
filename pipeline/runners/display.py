"""Shows a person how a run goes: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.local import Display
from slipline.pipeline.runners.plain_lines import PlainDisplay


@contextmanager
def open_display(pipeline: Pipeline, *, quiet: bool = False) -> Iterator[Display]:
    """The display that suits standard output; it shows its last state when the block ends."""
    if quiet or not sys.stdout.isatty():
        yield PlainDisplay(quiet=quiet)
        return
    from slipline.pipeline.runners.live_table import open_table

    with open_table([step.name for step in (*pipeline.steps, *filter(None, [pipeline.last]))]) as table:
        yield table
