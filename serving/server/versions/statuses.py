"""Which of gRPC's status codes stands for each of our errors."""

from __future__ import annotations

import grpc

from slipline.serving.errors import (
    BadRequest,
    ConfigRefused,
    DataLoss,
    DeadlineExceeded,
    ModelNotFound,
    Overloaded,
    ServerUnavailable,
    ServingError,
    Unsupported,
    VersionNotReady,
)
from slipline.serving.models.loaded_model import SignatureNotFound
from slipline.serving.models.tensorflow.native import TensorFlowError
from slipline.serving.server.methods.methods import WrongMethod

# The most specific class first.
_STATUS_OF_ERROR: tuple[tuple[type[ServingError], grpc.StatusCode], ...] = (
    (SignatureNotFound, grpc.StatusCode.FAILED_PRECONDITION),
    (BadRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (ConfigRefused, grpc.StatusCode.INVALID_ARGUMENT),
    (ModelNotFound, grpc.StatusCode.NOT_FOUND),
    (VersionNotReady, grpc.StatusCode.NOT_FOUND),
    (DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED),
    (ServerUnavailable, grpc.StatusCode.UNAVAILABLE),
    (Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Unsupported, grpc.StatusCode.UNIMPLEMENTED),
    (DataLoss, grpc.StatusCode.DATA_LOSS),
    (WrongMethod, grpc.StatusCode.INTERNAL),
)
_STATUS_OF_NUMBER = {status.value[0]: status for status in grpc.StatusCode}


def code_of(error: ServingError) -> grpc.StatusCode:
    """The status that tells a client of `error`; UNKNOWN for one that is none of a request's."""
    if isinstance(error, TensorFlowError):
        return _STATUS_OF_NUMBER.get(error.code, grpc.StatusCode.UNKNOWN)
    return next((status for kind, status in _STATUS_OF_ERROR if isinstance(error, kind)), grpc.StatusCode.UNKNOWN)
