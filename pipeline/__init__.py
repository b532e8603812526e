"""Declares, checks, runs, caches and records pipelines; knows nothing of TensorFlow or Beam.

What is named here is for the public, and loaded when it is first used:

    from slipline.pipeline import Artifact, Pipeline, Verdict, component, run
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipline.pipeline.core.public_names import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, and read by lazy_names
    from slipline.pipeline.app.baseline import earlier_statistics as earlier_statistics
    from slipline.pipeline.app.run_pipeline import run as run
    from slipline.pipeline.app.settings.home import Home as Home
    from slipline.pipeline.core.artifact import Artifact as Artifact
    from slipline.pipeline.core.artifact import RunOutcome as RunOutcome
    from slipline.pipeline.core.artifact import StepOutcome as StepOutcome
    from slipline.pipeline.core.artifact import Verdict as Verdict
    from slipline.pipeline.core.component import NAMES_CODE as NAMES_CODE
    from slipline.pipeline.core.component import OUTSIDE_CACHE_KEY as OUTSIDE_CACHE_KEY
    from slipline.pipeline.core.component import Component as Component
    from slipline.pipeline.core.component import ComponentError as ComponentError
    from slipline.pipeline.core.component import Stated as Stated
    from slipline.pipeline.core.component import component as component
    from slipline.pipeline.core.component import params as params
    from slipline.pipeline.core.errors import DeclarationError as DeclarationError
    from slipline.pipeline.core.errors import GraphError as GraphError
    from slipline.pipeline.core.errors import PipelineError as PipelineError
    from slipline.pipeline.core.errors import SettingsError as SettingsError
    from slipline.pipeline.core.errors import StepError as StepError
    from slipline.pipeline.core.errors import StoreError as StoreError
    from slipline.pipeline.core.graph import Pipeline as Pipeline
    from slipline.pipeline.core.graph import Step as Step
    from slipline.pipeline.core.signature import Say as Say
    from slipline.pipeline.runners.execute import Outcome as Outcome
    from slipline.pipeline.runners.execute import Status as Status
    from slipline.pipeline.runners.run_report import RunReport as RunReport

_get, __all__ = lazy_names(__name__, __file__)

if not TYPE_CHECKING:  # else a type checker would believe in every name
    __getattr__ = _get


def __dir__() -> list[str]:
    return __all__
