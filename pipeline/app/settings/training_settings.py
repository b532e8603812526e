"""Settings: TOML files and `--set` options are read here and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.steps.compute_statistics import ComputeStatisticsParams
from slipline.components.steps.convert import CALIBRATED, ConvertParams
from slipline.components.steps.export import ExportParams
from slipline.components.steps.infra_validate import InfraParams
from slipline.components.steps.ingest import IngestParams
from slipline.components.steps.train import TrainParams
from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.app.settings.home import Home as Home  # noqa: PLC0414  (who reads settings finds the home here, too)
from slipline.pipeline.app.settings.home import home_from_environment as home_from_environment  # noqa: PLC0414
from slipline.pipeline.app.settings.tune_settings import TuneSettings, Value
from slipline.pipeline.core.errors import SettingsError
from slipline.pipeline.core.source_code import Sources
from slipline.serving.errors import PublishFailed
from slipline.serving.folders.version_folder import check_model_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_SETTINGS = "mnist"
OWN = "settings"
"""What messages call the settings that Slipline brings."""


class ReleaseSettings(BaseModel):
    """How long servers may take at a release; the rest of its settings is the home's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ready_timeout_s: Annotated[float, Field(gt=0)] = 120.0


class TrainingSettings(BaseModel):
    """All settings of the training pipeline, a section for each component."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = "mnist"
    schema_path: Annotated[Path, Field(alias="schema")] = Path("data/schema/mnist.pbtxt")
    serving_data: tuple[str, ...] = ()
    ingest: IngestParams = IngestParams()
    statistics: ComputeStatisticsParams = ComputeStatisticsParams()
    validation: Annotated[ValidateParams, Field(alias="validate")] = ValidateParams()
    train: TrainParams = TrainParams()
    tune: TuneSettings = TuneSettings()
    export: ExportParams = ExportParams()
    convert: ConvertParams = ConvertParams()
    evaluate: EvaluateParams = EvaluateParams()
    infra_validate: InfraParams = InfraParams()
    release: ReleaseSettings = ReleaseSettings()
    beam: BeamSettings = BeamSettings()

    @model_validator(mode="after")
    def _every_split_is_ingested(self) -> TrainingSettings:
        named = {
            f"{each}.split": getattr(self, each).split for each in ("train", "convert", "evaluate", "infra_validate")
        }
        if CALIBRATED in self.convert.formats:
            named["convert.calibration_split"] = self.convert.calibration_split
        for key, split in named.items():
            if split not in self.ingest.split_names:
                raise ValueError(
                    f"{key} must be one of the splits brought in, {list(self.ingest.split_names)}, got {split!r}"
                )
        return self

    @field_validator("train")
    @classmethod
    def _network_is_there(cls, train: TrainParams) -> TrainParams:
        try:
            Sources().code_named(train.network.partition(":")[0])
        except ModuleNotFoundError as error:
            raise ValueError(f"network={train.network}: {error}") from error
        return train

    @field_validator("name")
    @classmethod
    def _name_fits_the_ledger(cls, name: str) -> str:
        try:
            check_model_name(name)
        except PublishFailed as error:
            raise ValueError(str(error)) from error
        return name

    def changed(self, values: Mapping[str, Value]) -> TrainingSettings:
        """These settings with some, named as `--set` does, changed and checked as if they had been read so.

        Raises:
          ValidationError: A key is unknown, or a value is refused.
        """
        plain = self.model_dump(by_alias=True)
        for name, value in values.items():
            _put(plain, name, value)
        return TrainingSettings.model_validate(plain)

    def value(self, name: str) -> object:
        """The value of one setting, named as `--set` does."""
        *sections, key = name.split(".")
        table = self.model_dump(by_alias=True)
        for section in sections:
            table = table[section]
        return table[key]


def load_settings(source: str = DEFAULT_SETTINGS, overrides: Iterable[str] = ()) -> TrainingSettings:
    """The settings in a TOML file, or in one that Slipline brings, with some overridden.

    Args:
      source: Path of a TOML file, or the name of one of Slipline's own.
      overrides: `section.key=value` each, the value as in TOML; a bare word is a string.

    Returns:
      The settings, each checked.

    Raises:
      SettingsError: The file cannot be read, a key is unknown, or a value is refused; names file and key.
    """
    origin, text = _read(source)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{origin}: not valid TOML: {error}") from error
    for override in overrides:
        _override(values, override)
    try:
        settings = TrainingSettings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(explained(origin, error)) from error
    return _with_shipped_data(settings) if origin.startswith(OWN) else settings


def _with_shipped_data(settings: TrainingSettings) -> TrainingSettings:
    """Slipline's own settings, with the data and the schema that come with it where the working directory has none."""
    root = Path(str(files("slipline")))
    schema, data_dir = settings.schema_path, settings.ingest.data_dir
    if not schema.exists() and (root / schema).exists():
        settings = settings.model_copy(update={"schema_path": root / schema})
    prepared = data_dir / settings.ingest.dataset.partition(":")[0]
    if not prepared.exists() and (root / prepared).exists():
        settings = settings.model_copy(update={"ingest": replace(settings.ingest, data_dir=root / data_dir)})
    return settings


def _read(source: str) -> tuple[str, str]:
    own = files("slipline.pipeline.app") / "settings"
    path = Path(source)
    if path.suffix != ".toml" and (own / f"{source}.toml").is_file():
        return f"{OWN} {source!r}", (own / f"{source}.toml").read_text("utf-8")
    try:
        return str(path), path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(Path(file.name).stem for file in own.iterdir() if file.name.endswith(".toml")))
        raise SettingsError(
            f"{path}: cannot be read as settings ({getattr(error, 'strerror', None) or error}); "
            f"give a TOML file, or one of {names}"
        ) from error


def _override(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise SettingsError(f"--set {override}: wanted SECTION.KEY=VALUE, such as train.seed=2")
    try:
        _put(values, name.strip(), _value(text.strip()))
    except TypeError as error:
        raise SettingsError(f"--set {override}: {error}") from error


def _put(values: dict[str, Any], name: str, value: object) -> None:
    """Sets one setting, named `section.key`.

    Raises:
      TypeError: What should be a section is a value.
    """
    *sections, key = name.split(".")
    table = values
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise TypeError(f"{section} is a value, not a section")
    table[key] = value


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def explained(origin: str, error: ValidationError) -> str:
    """What is wrong with settings, a line for each of them."""
    return "\n".join(_explain_one(origin, problem) for problem in error.errors(include_url=False))


def _explain_one(origin: str, problem: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{origin}: unknown key {key}{_suggestion(problem['loc'])}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    got = "" if problem["type"] == "value_error" else f", got {problem['input']!r}"  # our own messages say it
    return ": ".join(filter(None, (origin, key, f"{message[:1].lower()}{message[1:]}{got}")))


def _suggestion(location: tuple[str, ...]) -> str:
    """The nearest key that there is, and all of them."""
    from difflib import get_close_matches

    known = _keys(location[:-1])
    near = get_close_matches(str(location[-1]), known, n=1)
    return (f"; did you mean {near[0]}?" if near else ";") + f" Known here: {', '.join(known)}"


def _keys(location: tuple[str, ...]) -> list[str]:
    """The keys of the section that lies there."""
    kind: Any = TrainingSettings
    for part in location:
        kind = get_args(kind)[1] if get_origin(kind) is Mapping else _types(kind)[part]
    return sorted(_types(kind))


def _types(section: type[Any]) -> dict[str, Any]:
    """The type of each key of a section."""
    if issubclass(section, BaseModel):
        return {field.alias or name: field.annotation for name, field in section.model_fields.items()}
    return get_type_hints(section)
