"""Turns gRPC's errors into ours, for everyone who calls a model server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import grpc

from serving.errors import (
    BadRequest,
    DeadlineExceeded,
    ModelNotFound,
    ServerUnavailable,
    ServingError,
    VersionNotReady,
)

ERROR_OF_STATUS: Mapping[grpc.StatusCode, type[ServingError]] = {
    grpc.StatusCode.CANCELLED: ServerUnavailable,
    grpc.StatusCode.UNKNOWN: ServingError,
    grpc.StatusCode.INVALID_ARGUMENT: BadRequest,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: ModelNotFound,
    grpc.StatusCode.ALREADY_EXISTS: ServingError,
    grpc.StatusCode.PERMISSION_DENIED: ServingError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ServingError,
    grpc.StatusCode.FAILED_PRECONDITION: BadRequest,  # a signature that the model does not have
    grpc.StatusCode.ABORTED: ServingError,
    grpc.StatusCode.OUT_OF_RANGE: BadRequest,
    grpc.StatusCode.UNIMPLEMENTED: ServingError,
    grpc.StatusCode.INTERNAL: ServingError,
    grpc.StatusCode.UNAVAILABLE: ServerUnavailable,
    grpc.StatusCode.DATA_LOSS: ServingError,
    grpc.StatusCode.UNAUTHENTICATED: ServingError,
}
"""Our error for every status of gRPC but OK."""

_REMEDY_OF_STATUS: Mapping[grpc.StatusCode, str] = {
    grpc.StatusCode.CANCELLED: "the connection was closed before the answer came; ask again",
    grpc.StatusCode.INVALID_ARGUMENT: "see the model's signature for the names, dtypes and shapes it takes",
    grpc.StatusCode.DEADLINE_EXCEEDED: "raise the time limit, or see what keeps the server busy",
    grpc.StatusCode.NOT_FOUND: "`slipline releases` lists the models and versions, `slipline promote` makes one live",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "ask with fewer callers at once, or in smaller messages",
    grpc.StatusCode.FAILED_PRECONDITION: "see the model's metadata for the signatures it has",
    grpc.StatusCode.UNIMPLEMENTED: "check that a model server listens there, and on its gRPC port",
}

_UNKNOWN_LABEL = "Unrecognized servable version label"


@contextmanager
def translated_errors(target: str) -> Iterator[None]:
    """Lets our errors, never gRPC's, out of the block; the gRPC error stays as the cause.

    Args:
      target: `host:port` of the server that the block calls.

    Raises:
      ServingError: As `ERROR_OF_STATUS` says; `VersionNotReady` where the server names the missing version or label.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise _kind(error)(_message(target, error)) from error


def _kind(error: grpc.RpcError) -> type[ServingError]:
    # A server says Latest(...) for a model without any loaded version, Specific(...) for one version of it.
    if error.code() is grpc.StatusCode.NOT_FOUND and "Specific(" in error.details():
        return VersionNotReady
    if _UNKNOWN_LABEL in error.details():
        return VersionNotReady
    return ERROR_OF_STATUS.get(error.code(), ServingError)


def _message(target: str, error: grpc.RpcError) -> str:
    status, words = error.code(), error.details()
    if status is grpc.StatusCode.UNAVAILABLE:
        return f"nothing answers at {target}; start a server with `slipline serve`. gRPC says: {words}"
    # A model that the server does not know has no labels either, and is answered so.
    status = grpc.StatusCode.NOT_FOUND if _UNKNOWN_LABEL in words else status
    remedy = _REMEDY_OF_STATUS.get(status, "the server's log says more")
    return f"{target} answered {error.code().name}: {words}; {remedy}"
