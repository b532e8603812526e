"""What is printed on the terminal: text, whatever stands in it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from slipline.pipeline.core.visible import visible

if TYPE_CHECKING:
    from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 240


def say(text: str, *, end: str = "\n", err: bool = False) -> None:
    """Prints text of one line or more; control characters other than their ends are written out.

    Args:
      text: What to print.
      end: What follows it.
      err: Whether to print on standard error.
    """
    click.echo(visible(text, keep="\n\t") + end, nl=False, err=err)


def say_json(value: object) -> None:
    """Prints a value as JSON; numbers that JSON lacks, such as NaN, as texts."""
    say(json.dumps(_finite(value), indent=1, allow_nan=False))


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def as_text(text: str) -> Text:
    """Text for what Rich prints: shown as it is, whatever stands in it."""
    from rich.text import Text

    return Text(visible(text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table, as wide as the terminal, or as wide as it needs to be where there is none.

    The last column alone is broken into lines where it has to be.
    """
    try:
        from rich.console import Console
        from rich.table import Table
    except ModuleNotFoundError:  # `slipline predict` after an installation without extras
        for row in (columns, *rows):
            say("\t".join(map(visible, row)))
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(as_text(column), no_wrap=column != columns[-1])
    for row in rows:
        table.add_row(*map(as_text, row))
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)).print(table)
