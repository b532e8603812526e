"""Beam runners that lose or repeat work, as real ones have done."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam.pipeline import PTransformOverride
from apache_beam.runners.portability.fn_api_runner import FnApiRunner


class _Altered(PTransformOverride):  # type: ignore[misc]
    """Replaces the jobs that a pipeline starts from; transforms of Beam's own create single values."""

    def __init__(self, alter: Any) -> None:
        self._alter = alter

    def matches(self, applied: Any) -> bool:
        transform = applied.transform
        return isinstance(transform, beam.Create) and len(transform.values) > 1 and not hasattr(transform, "altered")

    def get_replacement_transform_for_applied_ptransform(self, applied: Any) -> Any:
        replacement = beam.Create(self._alter(list(applied.transform.values)))
        replacement.altered = True
        return replacement


class LosingRunner(FnApiRunner):  # type: ignore[misc]
    """Loses the last job."""

    def run_pipeline(self, pipeline: Any, options: Any) -> Any:
        pipeline.replace_all([_Altered(lambda values: values[:-1])])
        return super().run_pipeline(pipeline, options)


class RepeatingRunner(FnApiRunner):  # type: ignore[misc]
    """Does the first job twice."""

    def run_pipeline(self, pipeline: Any, options: Any) -> Any:
        pipeline.replace_all([_Altered(lambda values: [values[0], *values])])
        return super().run_pipeline(pipeline, options)


class SwappingRunner(FnApiRunner):  # type: ignore[misc]
    """Does the first job in place of the last, too: of jobs of one size, the sums are right."""

    def run_pipeline(self, pipeline: Any, options: Any) -> Any:
        pipeline.replace_all([_Altered(lambda values: [values[0], *values[:-1]])])
        return super().run_pipeline(pipeline, options)
