"""Errors of the components.

ComponentError            (slipline.pipeline.core.component) a failure that its component foresaw
  BadData                 the data is broken: names file, record and feature
  BeamFailed              Beam's runner could not do the work
  DatasetNotFound         nothing lies where the settings say the data is
  TrainingFailed          the network or its training cannot work on these data
  TrialFailed             the server that tries a model ended, or did not answer in time
  ReleaseDamaged          a version folder is not what was published
  PushFailed              a model could not be released
"""

from __future__ import annotations

from slipline.pipeline.core.component import ComponentError


class BadData(ComponentError):
    """The data is broken; the message names file, record and feature."""


class BeamFailed(ComponentError):
    """Beam's runner could not do the work, or cannot be reached."""


class DatasetNotFound(ComponentError):
    """Nothing lies where the settings say the data is."""


class TrainingFailed(ComponentError):
    """The network or its training cannot work on these data."""


class TrialFailed(ComponentError):
    """The server that tries a model ended, or did not answer in time."""


class ReleaseDamaged(ComponentError):
    """A version folder is not what was published."""


class PushFailed(ComponentError):
    """A model could not be released; the live release is untouched."""
