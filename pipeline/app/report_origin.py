"""What the report says about where things came from: executions, given artifacts, settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.runners.local import RunReport
from slipline.pipeline.store.lineage import Made, Taken, flat_settings, trace
from slipline.pipeline.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: its name as `--set` takes it, and its value."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One execution, with its settings in readable form."""

    made: Made
    settings: tuple[Setting, ...]


def origins_of(run: RunReport, store: Store) -> tuple[Origin, ...]:
    """Every execution behind what the run made or found, upstream first."""
    reached: dict[str, Made] = {}
    # The last one's lineage is nearly all of it; a blocked run has gates beside it that nothing took.
    for outcome in reversed(run.outcomes):
        if outcome.made is not None and outcome.made.execution_id not in reached:
            for made in trace(store, outcome.made.execution_id).executions:
                reached.setdefault(made.execution_id, made)
    ordered = sorted(reached.values(), key=lambda made: made.ended_at)
    return tuple(Origin(made=made, settings=_settings_of(made)) for made in ordered)


def _settings_of(made: Made) -> tuple[Setting, ...]:
    return tuple(Setting(name=name, value=_plain(value)) for name, value in flat_settings(made.settings))


def given_to(origins: tuple[Origin, ...]) -> tuple[Taken, ...]:
    """The artifacts that came from outside, each once."""
    given = {taken.digest: taken for origin in origins for taken in origin.made.taken if taken.execution_id is None}
    return tuple(given.values())


def settings_in_force(settings: TrainingSettings) -> tuple[Setting, ...]:
    """Every setting of the run, defaults included."""
    return tuple(_flat(settings.model_dump(mode="json", by_alias=True), ""))


def _flat(values: dict[str, object], prefix: str) -> Iterator[Setting]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield Setting(name=prefix + name, value=_plain(value))


def _plain(value: object) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
