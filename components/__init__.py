"""The steps of a pipeline, what they hand to each other, and what a component of one's own reads that with.

What is named here is for the public, and loaded when it is first used:

    from slipline.components import Examples, IngestParams, compute_statistics, ingest
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipline.pipeline.core.public_names import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, and read by lazy_names
    from slipline.components.artifacts import Anomalies as Anomalies
    from slipline.components.artifacts import Baseline as Baseline
    from slipline.components.artifacts import Evaluation as Evaluation
    from slipline.components.artifacts import Examples as Examples
    from slipline.components.artifacts import ExportedFile as ExportedFile
    from slipline.components.artifacts import InfraCheck as InfraCheck
    from slipline.components.artifacts import LiveModel as LiveModel
    from slipline.components.artifacts import Release as Release
    from slipline.components.artifacts import Schema as Schema
    from slipline.components.artifacts import ServableModel as ServableModel
    from slipline.components.artifacts import Shard as Shard
    from slipline.components.artifacts import SliceMetrics as SliceMetrics
    from slipline.components.artifacts import Split as Split
    from slipline.components.artifacts import Statistics as Statistics
    from slipline.components.artifacts import TrainedModel as TrainedModel
    from slipline.components.beam.beam_options import BeamSettings as BeamSettings
    from slipline.components.errors import BadData as BadData
    from slipline.components.errors import BeamFailed as BeamFailed
    from slipline.components.errors import DatasetNotFound as DatasetNotFound
    from slipline.components.errors import PushFailed as PushFailed
    from slipline.components.errors import ReleaseDamaged as ReleaseDamaged
    from slipline.components.errors import TrainingFailed as TrainingFailed
    from slipline.components.errors import TrialFailed as TrialFailed
    from slipline.components.evaluation.evaluate_settings import EvaluateParams as EvaluateParams
    from slipline.components.evaluation.evaluate_settings import Limit as Limit
    from slipline.components.evaluation.evaluate_settings import RobustnessParams as RobustnessParams
    from slipline.components.examples.example_records import encode_example as encode_example
    from slipline.components.examples.example_records import parse_example as parse_example
    from slipline.components.examples.examples_io import Batch as Batch
    from slipline.components.examples.examples_io import read_batches as read_batches
    from slipline.components.examples.examples_io import read_split as read_split
    from slipline.components.exports.convert_settings import ConvertParams as ConvertParams
    from slipline.components.features.schema_io import ExampleSpec as ExampleSpec
    from slipline.components.features.schema_io import ImageFeature as ImageFeature
    from slipline.components.features.schema_io import LabelFeature as LabelFeature
    from slipline.components.features.schema_io import example_spec as example_spec
    from slipline.components.features.schema_io import read_schema as read_schema
    from slipline.components.features.schema_io import write_schema as write_schema
    from slipline.components.files.tfrecord_files import read_records as read_records
    from slipline.components.files.tfrecord_files import write_records as write_records
    from slipline.components.statistics.statistics_io import read_statistics as read_statistics
    from slipline.components.statistics.statistics_io import split_statistics as split_statistics
    from slipline.components.steps.compare_serving import compare_serving as compare_serving
    from slipline.components.steps.compute_statistics import ComputeStatisticsParams as ComputeStatisticsParams
    from slipline.components.steps.compute_statistics import compute_statistics as compute_statistics
    from slipline.components.steps.convert import convert as convert
    from slipline.components.steps.evaluate import evaluate as evaluate
    from slipline.components.steps.export import ExportParams as ExportParams
    from slipline.components.steps.export import export as export
    from slipline.components.steps.find_baseline import BaselineParams as BaselineParams
    from slipline.components.steps.find_baseline import find_baseline as find_baseline
    from slipline.components.steps.find_live import find_live as find_live
    from slipline.components.steps.infer_schema import infer_schema as infer_schema
    from slipline.components.steps.infra_validate import InfraParams as InfraParams
    from slipline.components.steps.infra_validate import infra_validate as infra_validate
    from slipline.components.steps.ingest import IngestParams as IngestParams
    from slipline.components.steps.ingest import ingest as ingest
    from slipline.components.steps.push import push as push
    from slipline.components.steps.release_settings import ReleaseParams as ReleaseParams
    from slipline.components.steps.set_aside import set_aside as set_aside
    from slipline.components.steps.train import train as train
    from slipline.components.steps.validate import validate as validate
    from slipline.components.training.train_settings import AugmentParams as AugmentParams
    from slipline.components.training.train_settings import TrainParams as TrainParams
    from slipline.components.validation.anomalies_io import read_anomalies as read_anomalies
    from slipline.components.validation.validate_settings import ValidateParams as ValidateParams

_get, __all__ = lazy_names(__name__, __file__)

if not TYPE_CHECKING:  # else a type checker would believe in every name
    __getattr__ = _get


def __dir__() -> list[str]:
    return __all__
