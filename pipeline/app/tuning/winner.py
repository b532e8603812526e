"""The winner's settings as a TOML file that `slipline run` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.core.visible import visible


def settings_toml(settings: TrainingSettings, comments: tuple[str, ...] = ()) -> str:
    """All settings as TOML, below comments of a line each; read again, they are equal."""
    import tomli_w

    head = "".join(f"# {visible(comment)}\n" for comment in comments)
    return f"{head}\n{tomli_w.dumps(_plain(settings.model_dump(by_alias=True)))}"


def _plain(value: Any) -> Any:
    """The value as TOML has it, which knows neither paths nor, for what is not set, a word."""
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value
