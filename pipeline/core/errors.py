"""Errors of the pipeline.

PipelineError
  DeclarationError       a component's signature cannot be read
  GraphError             the steps do not fit together
  LoadError              a name leads to no pipeline
  SettingsError          a settings file or option is wrong
  StepError              a step could not do its work
    StepCrashed          its process ended without a word
    StepTimedOut         it took longer than its time limit
  StoreError             the record of runs cannot be read or written
"""

from __future__ import annotations


class PipelineError(Exception):
    """Says in one message what was wanted, what came, where, and what to do."""


class DeclarationError(PipelineError):
    """A component's signature cannot be read."""


class GraphError(PipelineError):
    """The steps do not fit together."""


class LoadError(PipelineError):
    """A name leads to no pipeline."""


class SettingsError(PipelineError):
    """A settings file or option is wrong."""


class StepError(PipelineError):
    """A step could not do its work."""


class StepCrashed(StepError):
    """The process of a step ended without a word."""


class StepTimedOut(StepError):
    """A step took longer than its time limit."""


class StoreError(PipelineError):
    """The record of runs cannot be read or written."""
