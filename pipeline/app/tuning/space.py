"""The space of a search: what each setting may be, and which point of it is tried next."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from slipline.pipeline.app.settings.settings_file import explained
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.app.settings.tune_settings import Searched, Value
from slipline.pipeline.core.errors import SettingsError
from slipline.pipeline.report.kit.format import shortened

if TYPE_CHECKING:
    import optuna

HELD_OUT = "train.validation_fraction"
MOST_POINTS_CHECKED = 1000
"""Of a space, for one that a value goes together with; each takes 0.1 ms."""

Values = Mapping[str, Value]
"""One point of a space: for each setting searched, by its name, a value."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One setting that is searched.

    Attributes:
      name: As `--set` takes it.
      searched: What it may be.
      whole: Whether it takes whole numbers only.
    """

    name: str
    searched: Searched
    whole: bool

    @property
    def all_values(self) -> Sequence[Value] | None:
        """Every value there is to try; None if there is no end of them."""
        if not self.searched.ends:
            return self.searched.choices
        low, high = self.searched.ends
        if self.whole:
            return range(int(low), int(high) + 1, self.searched.step or 1)
        return (low,) if low == high else None

    def holds(self, value: object) -> bool:
        """Whether the value is one of those to try."""
        if self.all_values is not None:
            return value in self.all_values
        low, high = self.searched.ends
        return isinstance(value, int | float) and low <= value <= high

    def suggested(self, trial: optuna.Trial) -> Value:
        """The value that Optuna proposes, or that the trial has already."""
        values, log = self.all_values, self.searched.log
        if isinstance(values, range):
            return trial.suggest_int(self.name, values[0], values[-1], step=values.step, log=log)
        if self.searched.choices:
            return cast(Value, trial.suggest_categorical(self.name, self.searched.choices))
        low, high = self.searched.ends
        return trial.suggest_float(self.name, low, high, log=log)

    def __str__(self) -> str:
        if self.searched.choices:
            return f"{self.name} of {', '.join(map(str, self.searched.choices))}"
        low, high = self.searched.ends
        scale = " (log)" if self.searched.log else f" by {self.searched.step}" if self.searched.step else ""
        return f"{self.name} {low} to {high}{scale}"


@dataclass(frozen=True, kw_only=True)
class Space:
    """Everything that may be tried.

    Attributes:
      parameters: In the order of the settings.
      base: The settings as they are, if these are a point of the space.
    """

    parameters: tuple[Parameter, ...]
    base: Values | None

    @property
    def points(self) -> float:
        """How many there are; infinite unless every parameter has a limited number of values."""
        return math.prod(
            math.inf if parameter.all_values is None else len(parameter.all_values) for parameter in self.parameters
        )

    def next_by_rule(self, tried: Sequence[Values], trials: int, seed: int) -> Values | None:
        """The point to try next; None to leave it to the sampler.

        The settings as they are come first, so that the search never ends with worse ones. A space of no more points
        than trials is tried whole, in an order drawn from `seed`.
        """
        if self.base is not None and self.base not in tried:
            return self.base
        if self.points > trials:
            return None
        names = [parameter.name for parameter in self.parameters]
        grid = [
            dict(zip(names, point, strict=True))
            for point in itertools.product(*(parameter.all_values or () for parameter in self.parameters))
        ]
        random.Random(seed).shuffle(grid)
        return next((point for point in grid if point not in tried), None)


def space_of(settings: TrainingSettings, origin: str = "settings") -> Space:
    """The space that the settings describe.

    Args:
      settings: Say what is searched, and all that is not.
      origin: What messages call them.

    Raises:
      SettingsError: A key is unknown, or no trial could have a value.
    """
    parameters = tuple(_parameter(f"{origin}: tune.space", settings, name) for name in settings.tune.space)
    base = {parameter.name: settings.value(parameter.name) for parameter in parameters}
    in_space = all(parameter.holds(base[parameter.name]) for parameter in parameters)
    return Space(parameters=parameters, base=cast(Values, base) if in_space else None)


def for_trial(settings: TrainingSettings, values: Values) -> TrainingSettings:
    """What a trial of these values trains: with records held out to measure it by, if none were.

    Raises:
      ValidationError: The values are not fit for the training, or do not go together.
    """
    held_out = {} if settings.train.validation_fraction else {HELD_OUT: settings.tune.held_out}
    return settings.changed({**held_out, **values})


def _parameter(where: str, settings: TrainingSettings, name: str) -> Parameter:
    """One setting that is searched, if the training takes all its values."""
    searched = settings.tune.space[name]
    if not name.startswith("train."):
        raise SettingsError(f"{where}.{name}: only settings of the training are searched, such as train.epochs")
    try:
        taken = [_fitting(settings, name, value).value(name) for value in searched.told]
    except ValidationError as error:
        raise SettingsError(explained(where, TrainingSettings, error)) from error
    except TypeError as error:
        raise SettingsError(f"{where}.{name}: {error}") from error
    whole = isinstance(taken[0], int)
    if whole and any(isinstance(end, float) for end in searched.ends):
        raise SettingsError(f"{where}.{name}: takes whole numbers, got {list(searched.ends)}")
    if not whole and searched.step is not None:
        raise SettingsError(f"{where}.{name}: a step is for whole numbers; give choices, or leave it out")
    return Parameter(name=name, searched=searched, whole=whole)


def _fitting(settings: TrainingSettings, name: str, value: Value) -> TrainingSettings:
    """The settings of a trial with this value, the others searched as they are, or as they go together with it.

    Raises:
      ValidationError: None does.
    """
    try:
        return for_trial(settings, {name: value})
    except ValidationError:
        others = {other: searched.told for other, searched in settings.tune.space.items() if other != name}
        for point in itertools.islice(itertools.product(*others.values()), MOST_POINTS_CHECKED):
            with suppress(ValidationError):
                return for_trial(settings, {**dict(zip(others, point, strict=True)), name: value})
        raise


REASON_LENGTH = 160
"""A training that fails may name a hundred records; JSON has them all."""


def short_name(name: str) -> str:
    """`train.batch_size` without its section: all that is searched is of the training."""
    return name.removeprefix("train.")


def values_words(values: Values) -> str:
    """Such as `learning_rate=0.001 batch_size=64`."""
    return " ".join(f"{short_name(name)}={value_words(value)}" for name, value in values.items())


def value_words(value: Value) -> str:
    """A value as a person reads it: of a drawn number, four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def importance_words(importance: Mapping[str, float]) -> str:
    """Such as `learning_rate 80 %, batch_size 20 %`; empty if nothing is known."""
    return ", ".join(f"{short_name(name)} {share * 100:.0f} %" for name, share in importance.items())


def reason_words(reason: str) -> str:
    """Why a trial failed, in a line."""
    return shortened(" ".join(reason.split()), REASON_LENGTH)
