"""Turns gRPC's errors into ours, for everyone who calls a model server, and ours into its statuses."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from slipline.serving.errors import (
    AccessDenied,
    BadRequest,
    DeadlineExceeded,
    MessageTooLarge,
    ModelNotFound,
    Overloaded,
    ServerUnavailable,
    ServingError,
    Unsupported,
    VersionNotReady,
)

ERROR_OF_STATUS: Mapping[grpc.StatusCode, type[ServingError]] = {
    grpc.StatusCode.CANCELLED: ServerUnavailable,
    grpc.StatusCode.UNKNOWN: ServingError,
    grpc.StatusCode.INVALID_ARGUMENT: BadRequest,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: ModelNotFound,
    grpc.StatusCode.ALREADY_EXISTS: ServingError,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.FAILED_PRECONDITION: BadRequest,  # a signature that the model does not have
    grpc.StatusCode.ABORTED: ServingError,
    grpc.StatusCode.OUT_OF_RANGE: BadRequest,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
    grpc.StatusCode.INTERNAL: ServingError,
    grpc.StatusCode.UNAVAILABLE: ServerUnavailable,
    grpc.StatusCode.DATA_LOSS: ServingError,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
}
"""Our error for every status of gRPC but OK."""

_REMEDY_OF_KIND: Mapping[type[ServingError], str] = {
    ServerUnavailable: "the connection was closed before the answer came; ask again",
    BadRequest: "see the model's signature for the names, dtypes and shapes it takes",
    MessageTooLarge: "send fewer rows in each request, or raise the limit of the side that refused: a channel's "
    "grpc.max_receive_message_length is 4 MiB by default, and none where `PredictClient.connect` made it",
    AccessDenied: "give the client a token or certificate that the server takes (`bearer_token`, `tls`)",
    DeadlineExceeded: "raise the time limit, or see what keeps the server busy",
    ModelNotFound: "`slipline releases` lists the models and versions, `slipline promote` makes one live",
    VersionNotReady: "`slipline releases` lists the models and versions, `slipline promote` makes one live",
    Overloaded: "ask with fewer callers at once",
    Unsupported: "check that a model server listens there, and on its gRPC port",
}

UNKNOWN_LABEL = "Unrecognized servable version label"
"""In what a server says of a label that it does not know; it says nothing else of a model that it does not know."""

TOO_LARGE = "larger than max"
"""In what gRPC says on either side when a message is beyond a limit."""

_STATUS_OF_NUMBER = {status.value[0]: status for status in grpc.StatusCode}
_QUEUE_FULL = "batch scheduling queue"


def code_of(error: ServingError) -> grpc.StatusCode:
    """The status with which a server tells a client of `error`."""
    return _STATUS_OF_NUMBER.get(error.code, grpc.StatusCode.UNKNOWN)


def serving_error(target: str, error: grpc.RpcError) -> ServingError:
    """Our error for one of gRPC's.

    It is as `ERROR_OF_STATUS` says, or narrower where the words tell more: `VersionNotReady` where the server names the
    missing version or label, `MessageTooLarge`, or `Overloaded` where a queue is full.

    Args:
      target: What to call the server that was asked.
      error: With a status and the server's words.
    """
    status, words = error.code(), error.details() or ""
    kind = _kind(status, words)
    if status is grpc.StatusCode.UNAVAILABLE and kind is ServerUnavailable:
        return kind(f"nothing answers at {target}; start a server with `slipline serve`. gRPC says: {words}")
    remedy = _REMEDY_OF_KIND.get(kind, "the server's log says more")
    return kind(f"{target} answered {status.name}: {words}; {remedy}")


def _kind(status: grpc.StatusCode, words: str) -> type[ServingError]:
    # A server says Latest(...) for a model without any loaded version, Specific(...) for one version of it.
    if (status is grpc.StatusCode.NOT_FOUND and "Specific(" in words) or UNKNOWN_LABEL in words:
        return VersionNotReady
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED and TOO_LARGE in words:
        return MessageTooLarge
    if status is grpc.StatusCode.UNAVAILABLE and _QUEUE_FULL in words:
        return Overloaded
    return ERROR_OF_STATUS.get(status, ServingError)
