"""What the commands that move releases have in common: the ledger, and options for limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from functools import reduce, wraps
from pathlib import Path
from typing import Any

import click

from slipline.pipeline.app.cli.terminal import say
from slipline.pipeline.app.settings.home import home_from_environment
from slipline.serving.releases.compare.comparison import Limits
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.store.records import ReleaseRow, current_person

Command = Callable[..., None]

DEFAULTS = Limits()
_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def open_ledger() -> Ledger:
    """The ledger of this home."""
    home = home_from_environment()
    return Ledger(home.ledger_url, home.releases)


class Duration(click.ParamType[float]):
    """A time such as 90s, 10m or 2h, as a number of seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds in `value`."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
        if not match or not float(match[1]):
            self.fail(f"wanted a time such as 90s, 10m or 2h, got {value!r}", param, ctx)
        return float(match[1]) * _UNITS_S[match[2]]


def by_option(command: Command) -> Command:
    """Adds `--by`."""
    return click.option(
        "--by", default=current_person, show_default=False, help="Who; the user of this machine by default."
    )(command)


def sample_option(command: Command) -> Command:
    """Adds `--sample`."""
    return click.option(
        "--sample",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Requests to ask both versions: a TFRecord file of PredictionLog. By default those kept with the model.",
    )(command)


def limit_options(command: Command) -> Command:
    """Adds the options of `Limits`, each by its field's name, to a command that takes them as `limits`."""

    @wraps(command)
    def told(**given: Any) -> None:
        limits = Limits(**{limit.name: given.pop(limit.name) for limit in fields(Limits)})
        command(limits=limits, **given)

    rate = click.FloatRange(0.0, 1.0)
    options = (
        click.option(
            "--max-error-rate",
            type=rate,
            default=DEFAULTS.max_error_rate,
            help="Share of the requests answered by the live version that the new one may fail.",
        ),
        click.option(
            "--max-disagreement",
            type=rate,
            default=DEFAULTS.max_disagreement,
            help="Share of different inputs that the new version may answer otherwise; judged from 20 inputs on.",
        ),
        click.option(
            "--max-latency-ratio",
            type=click.FloatRange(0.0, min_open=True),
            default=DEFAULTS.max_latency_ratio,
            help="The new version's median latency to the live one's; 5 ms more are always allowed.",
        ),
        click.option(
            "--tolerance",
            type=click.FloatRange(0.0),
            default=DEFAULTS.tolerance,
            help="By how much single numbers may differ and still agree.",
        ),
    )
    return reduce(lambda adding, option: option(adding), reversed(options), told)


def say_warnings(release: ReleaseRow) -> None:
    """Prints what was passed over, on standard error."""
    for warning in release.warnings:
        say(f"warning: {warning}", err=True)
