"""What `slipline tune` searches, and how long."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Value = bool | int | float | str
"""Of one setting."""

Metric = Literal["validation_accuracy", "validation_loss"]


class Searched(BaseModel):
    """The values one setting may take: from `low` to `high`, or one of `choices`.

    Attributes:
      low: The least.
      high: The greatest.
      step: Between the values tried; of whole numbers only.
      log: Whether values are drawn evenly on a logarithmic scale, as suits learning rates.
      choices: Every value there is to try.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: int | float | None = None
    high: int | float | None = None
    step: Annotated[int, Field(ge=1, strict=True)] | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()

    @field_validator("low", "high", mode="before")
    @classmethod
    def _is_number(cls, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise ValueError(f"must be a number, got {value!r}")
        return value

    @field_validator("choices", mode="before")
    @classmethod
    def _are_plain(cls, choices: object) -> object:
        if not isinstance(choices, list | tuple) or not all(isinstance(value, Value) for value in choices):
            raise ValueError(f"must be a list of numbers, texts, true or false, got {choices!r}")
        return choices

    @model_validator(mode="after")
    def _is_choices_or_range(self) -> Searched:
        ends = (self.low, self.high)
        if self.choices:
            if ends != (None, None) or self.step is not None or self.log:
                raise ValueError("give either choices, or low and high")
            if len({repr(value) for value in self.choices}) < len(self.choices):
                raise ValueError(f"choices must differ, got {list(self.choices)}")
            return self
        low, high = ends
        if low is None or high is None:
            raise ValueError("give low and high, or choices")
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ValueError(f"low must be at most high, and both finite, got low={low}, high={high}")
        if self.log and (low <= 0 or self.step is not None):
            raise ValueError(f"log wants low greater than 0 and no step, got low={low}, step={self.step}")
        return self

    @property
    def ends(self) -> tuple[int | float, ...]:
        """Low and high; empty if there are choices."""
        return () if self.low is None or self.high is None else (self.low, self.high)

    @property
    def told(self) -> tuple[Value, ...]:
        """Every choice, or both ends: if the setting takes these, it takes all there is to try."""
        return self.choices or self.ends


DEFAULT_SPACE: Mapping[str, Searched] = {
    "train.learning_rate": Searched(low=1e-4, high=1e-2, log=True),
    "train.batch_size": Searched(choices=(32, 64, 128)),
}


class TuneSettings(BaseModel):
    """The search for better settings of the training.

    Attributes:
      trials: Trainings in all, those of an earlier call included.
      metric: What makes one better, measured on records held out of the training split, never on those of the test.
      held_out: Their share, where `train.validation_fraction` is 0.
      timeout_s: No trial is begun so long after the command.
      seed: Decides what is tried.
      space: By `train.KEY`, the values each may take.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: Annotated[int, Field(ge=1)] = 10
    metric: Metric = "validation_accuracy"
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    timeout_s: Annotated[float, Field(gt=0)] = math.inf
    seed: Annotated[int, Field(ge=0)] = 1
    space: Annotated[Mapping[str, Searched], Field(min_length=1)] = DEFAULT_SPACE

    @field_validator("space", mode="before")
    @classmethod
    def _flat(cls, space: object) -> object:
        return dict(_named(space, "")) if isinstance(space, Mapping) else space


def _named(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    """Every entry by its full name: TOML makes `train.epochs = {...}` a table in a table."""
    for name, value in table.items():
        if isinstance(value, Mapping) and value and not set(value) & set(Searched.model_fields):
            yield from _named(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
