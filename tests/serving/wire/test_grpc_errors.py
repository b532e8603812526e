import pytest
from grpc import StatusCode

from slipline.serving.errors import (
    BadRequest,
    MessageTooLarge,
    ModelNotFound,
    Overloaded,
    ServerUnavailable,
    ServingError,
    VersionNotReady,
)
from slipline.serving.wire.grpc_errors import ERROR_OF_STATUS, serving_error
from tests.serving.rpc_failure import RpcFailure


def translated(failure: RpcFailure) -> ServingError:
    return serving_error("host:8500", failure)


def test_every_status_but_ok_has_a_counterpart() -> None:
    assert set(ERROR_OF_STATUS) == set(StatusCode) - {StatusCode.OK}


@pytest.mark.parametrize("status", sorted(ERROR_OF_STATUS, key=str))
def test_every_message_names_the_target_and_the_servers_words(status: StatusCode) -> None:
    error = translated(RpcFailure(status, "the server's words"))
    assert type(error) is ERROR_OF_STATUS[status]
    assert "host:8500" in str(error)
    assert "the server's words" in str(error)


def test_nothing_listening_names_the_command_that_helps() -> None:
    error = translated(RpcFailure(StatusCode.UNAVAILABLE, "connection refused"))
    assert isinstance(error, ServerUnavailable)
    assert "nothing answers at host:8500; start a server with `slipline serve`" in str(error)


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (StatusCode.NOT_FOUND, "Servable not found for request: Specific(mnist, 3)", VersionNotReady),
        (StatusCode.NOT_FOUND, "Servable not found for request: Latest(mnist)", ModelNotFound),
        (StatusCode.INTERNAL, "Specific(mnist, 3)", ServingError),
        (StatusCode.INVALID_ARGUMENT, "input size", BadRequest),
        (StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: stable", VersionNotReady),
        (StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (5 vs. 4)", MessageTooLarge),
        (StatusCode.RESOURCE_EXHAUSTED, "too many callers", Overloaded),
        (StatusCode.INTERNAL, "larger than max", ServingError),
        (StatusCode.UNAVAILABLE, "The batch scheduling queue is full", Overloaded),
        (StatusCode.INTERNAL, "The batch scheduling queue is full", ServingError),
        (StatusCode.UNAVAILABLE, None, ServerUnavailable),
        (StatusCode.CANCELLED, None, ServerUnavailable),
    ],
)
def test_the_servers_words_narrow_the_kind_of_error(
    status: StatusCode, words: str | None, kind: type[ServingError]
) -> None:
    assert type(translated(RpcFailure(status, words))) is kind


@pytest.mark.parametrize(
    ("status", "words", "remedy"),
    [
        (StatusCode.INVALID_ARGUMENT, "", "see the model's signature"),
        (StatusCode.UNAUTHENTICATED, "", "give the client a token or certificate"),
        (StatusCode.NOT_FOUND, "", "`slipline releases` lists the models"),
        (StatusCode.RESOURCE_EXHAUSTED, "larger than max", "send fewer rows in each request"),
        (StatusCode.RESOURCE_EXHAUSTED, "", "ask with fewer callers"),
        (StatusCode.DEADLINE_EXCEEDED, "", "raise the time limit"),
        (StatusCode.UNIMPLEMENTED, "", "check that a model server listens"),
        (StatusCode.CANCELLED, "", "ask again"),
        (StatusCode.INTERNAL, "", "the server's log says more"),
    ],
)
def test_every_message_ends_with_what_to_do(status: StatusCode, words: str, remedy: str) -> None:
    assert remedy in str(translated(RpcFailure(status, words))).partition("; ")[2]
