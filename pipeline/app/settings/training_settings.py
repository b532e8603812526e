"""The settings of the built-in training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.exports.convert_settings import CALIBRATED, ConvertParams
from slipline.components.steps.compute_statistics import ComputeStatisticsParams
from slipline.components.steps.export import ExportParams
from slipline.components.steps.infra_validate import InfraParams
from slipline.components.steps.ingest import IngestParams
from slipline.components.steps.train import TrainParams
from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.app.settings.settings_file import put, read_settings
from slipline.pipeline.app.settings.tune_settings import TuneSettings, Value
from slipline.pipeline.core.errors import SettingsError
from slipline.pipeline.core.source_code import Sources
from slipline.serving.errors import PublishFailed
from slipline.serving.folders.version_folder import check_model_name

DEFAULT_SETTINGS = "mnist"
TRAINING = "slipline.pipeline.app.training:training_pipeline"
"""The pipeline of settings that name none."""

MNIST_SCHEMA, PREPARED_DATA = Path("data/schema/mnist.pbtxt"), Path("data")
"""Where the default job's schema and data lie in a checkout, and in what is installed."""


class ReleaseSettings(BaseModel):
    """How long servers may take at a release; the rest of its settings is the home's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ready_timeout_s: Annotated[float, Field(gt=0)] = 120.0


class TrainingSettings(BaseModel):
    """All settings of the training pipeline, a section for each component."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = "mnist"
    schema_path: Annotated[Path, Field(alias="schema", validate_default=True)] = MNIST_SCHEMA
    serving_data: tuple[str, ...] = ()
    ingest: Annotated[IngestParams, Field(validate_default=True)] = IngestParams()
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

    @field_validator("schema_path")
    @classmethod
    def _schema_comes_along(cls, path: Path) -> Path:
        return _shipped(path) if path == MNIST_SCHEMA else path

    @field_validator("ingest")
    @classmethod
    def _data_come_along(cls, ingest: IngestParams) -> IngestParams:
        name = ingest.dataset.partition(":")[0]
        if not name or ingest.data_dir != PREPARED_DATA:
            return ingest
        return replace(ingest, data_dir=_shipped(PREPARED_DATA / name).parent)

    @field_validator("train")
    @classmethod
    def _network_is_there(cls, train: TrainParams) -> TrainParams:
        try:
            Sources().require(train.network.partition(":")[0])
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
            put(plain, name, value)
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
      SettingsError: The file cannot be read or is of another pipeline, a key is unknown, or a value is refused; names
        file and key.
    """
    text = read_settings(source)
    if text.pipeline not in (None, TRAINING):
        raise SettingsError(
            f"{text.origin}: names the pipeline {text.pipeline}, but this command takes settings of the training that "
            "comes with Slipline"
        )
    return text.fill(TrainingSettings, overrides)


def _shipped(path: Path) -> Path:
    """A file or folder that comes with Slipline, where the working directory has none of that name."""
    there = Path(str(files("slipline"))) / path
    return there if there.exists() and not path.exists() else path
