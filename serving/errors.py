"""Errors of serving, on both sides of the wire.

ServingError
  ModelNotFound          the server does not know the model
  VersionNotReady        known, but that version is not loaded
  BadRequest             wrong input name, dtype or shape
  MessageTooLarge        one side's limit for messages is lower than that
  AccessDenied           no token or certificate, or not one that opens this
  ServerUnavailable      nothing listens, or the connection broke
    DeadlineExceeded     no answer within the time limit
  Overloaded             a server has too much to do
  LoadFailed             a SavedModel cannot be loaded
  ConfigRefused          a model config is not one a server can follow
  Unsupported            a server knows the request, and does nothing of the kind
  DataLoss               a file is cut off or corrupt
  LedgerError
    ReleaseNotFound      the ledger has no such model or version
    NoEarlierRelease     there is nothing to roll back to
    PublishFailed        a model could not be made a version folder
    PromotionFailed      a server would not serve the version; the live one is untouched
    LedgerConflict       somebody else moved the same model meanwhile
  DeploymentFailed       a container engine does not run a server as asked
"""

from __future__ import annotations


class ServingError(Exception):
    """Says in one message what was wanted, what came, where, and what to do.

    Attributes:
      code: Number of the status with which a server answers, gRPC's and TensorFlow's alike.
    """

    code = 2


class ModelNotFound(ServingError):
    """The server does not know the model."""

    code = 5


class VersionNotReady(ServingError):
    """The model is known, but that version is not loaded."""

    code = 5


class BadRequest(ServingError):
    """An input has a wrong name, dtype or shape."""

    code = 3


class MessageTooLarge(ServingError):
    """A request or an answer is larger than one side takes."""


class AccessDenied(ServingError):
    """The caller has not shown who it is, or may not do this."""


class ServerUnavailable(ServingError):
    """Nothing listens there, or the connection broke."""

    code = 14


class DeadlineExceeded(ServerUnavailable):
    """No answer came within the time limit."""

    code = 4


class Overloaded(ServingError):
    """A server has too much to do already."""

    code = 8


class LoadFailed(ServingError):
    """A SavedModel cannot be loaded."""


class ConfigRefused(ServingError):
    """A model config is not one a server can follow."""

    code = 3


class Unsupported(ServingError):
    """A server knows the request, and does nothing of the kind."""

    code = 12


class DataLoss(ServingError):
    """A file is cut off or corrupt."""

    code = 15


class LedgerError(ServingError):
    """The ledger refuses, or cannot do, what was asked."""


class ReleaseNotFound(LedgerError):
    """The ledger has no such model or version."""


class NoEarlierRelease(LedgerError):
    """There is nothing to roll back to."""


class PublishFailed(LedgerError):
    """A model could not be made a version folder."""


class PromotionFailed(LedgerError):
    """A server would not serve the version; the live one is untouched."""


class LedgerConflict(LedgerError):
    """Somebody else moved the same model meanwhile."""


class DeploymentFailed(ServingError):
    """A container engine does not run a server as asked."""
