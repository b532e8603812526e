"""Which pipeline is to run, with its settings filled in: the one that comes with Slipline, or any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.app.settings.settings_file import SettingsText, read_settings
from slipline.pipeline.app.settings.training_settings import TRAINING
from slipline.pipeline.core.errors import SettingsError
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.core.load import load


def find_pipeline(target: str, settings: str | None, overrides: Sequence[str], home: Home) -> Pipeline:
    """The pipeline that is asked for, checked and ready to run.

    Args:
      target: `package.module:attribute`, or settings that name their pipeline: a TOML file, or the name of one that
        Slipline brings.
      settings: A TOML file of settings for a `target` that is no such file itself.
      overrides: `section.key=value` each.
      home: Where it runs, for pipelines that ask for it.

    Raises:
      SettingsError: The settings cannot be read, or are not what the pipeline takes.
      LoadError: There is no such pipeline.
      GraphError: Its steps do not fit together.
    """
    if names_pipeline(target):
        text = SettingsText(target, {}) if settings is None else read_settings(settings)
        return _filled(target, text, overrides, home)
    if settings is not None:
        raise SettingsError(f"{target} is settings itself, so --settings {settings} is one too many; leave one out")
    text = read_settings(target, also=", a pipeline as package.module:attribute")
    return _filled(text.pipeline or TRAINING, text, overrides, home)


def names_pipeline(target: str) -> bool:
    """Whether it reads `package.module:attribute`, rather than being a file's path."""
    return ":" in target and not target.endswith(".toml") and not Path(target).exists()


def _filled(name: str, text: SettingsText, overrides: Sequence[str], home: Home) -> Pipeline:
    found = load(name, home)
    if found.settings_class is not None:
        return found.pipeline(text.fill(found.settings_class, overrides))
    if given := [*text.values, *(f"--set {override}" for override in overrides)]:
        raise SettingsError(
            f"{name} takes no settings, got {', '.join(given)}; make it a function of a settings record that returns "
            "the Pipeline, or leave them out"
        )
    return found.pipeline()
