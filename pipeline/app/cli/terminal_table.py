"""Tables for people: as wide as the terminal, or as wide as they need to be where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

WIDTH_WITHOUT_TERMINAL = 240


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table whose last column alone is broken into lines where it has to be."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ModuleNotFoundError:  # `slipline predict` after an installation without extras
        for row in (columns, *rows):
            click.echo("\t".join(row))
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column != columns[-1])
    for row in rows:
        table.add_row(*row)
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)).print(table)
