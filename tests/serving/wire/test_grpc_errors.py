import grpc
import pytest

from slipline.serving.errors import BadRequest, ModelNotFound, ServerUnavailable, ServingError, VersionNotReady
from slipline.serving.wire.grpc_errors import ERROR_OF_STATUS, translated_errors
from tests.serving.rpc_failure import RpcFailure


def translated(failure: RpcFailure) -> ServingError:
    with pytest.raises(ServingError) as caught, translated_errors("host:8500"):
        raise failure
    return caught.value


def test_every_status_but_ok_has_a_counterpart() -> None:
    assert set(ERROR_OF_STATUS) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize("status", sorted(ERROR_OF_STATUS, key=str))
def test_every_message_names_the_target_and_the_servers_words(status: grpc.StatusCode) -> None:
    failure = RpcFailure(status, "the server's words")
    error = translated(failure)
    assert type(error) is ERROR_OF_STATUS[status]
    assert "host:8500" in str(error)
    assert "the server's words" in str(error)
    assert error.__cause__ is failure


def test_nothing_listening_names_the_command_that_helps() -> None:
    error = translated(RpcFailure(grpc.StatusCode.UNAVAILABLE, "connection refused"))
    assert isinstance(error, ServerUnavailable)
    assert "nothing answers at host:8500; start a server with `slipline serve`" in str(error)


def test_missing_version_is_told_from_a_missing_model() -> None:
    specific = RpcFailure(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(mnist, 3)")
    latest = RpcFailure(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(mnist)")
    assert type(translated(specific)) is VersionNotReady
    assert type(translated(latest)) is ModelNotFound


def test_wrong_input_is_a_bad_request() -> None:
    assert type(translated(RpcFailure(grpc.StatusCode.INVALID_ARGUMENT, "input size"))) is BadRequest
    unknown_label = "Unrecognized servable version label: stable"
    assert type(translated(RpcFailure(grpc.StatusCode.INVALID_ARGUMENT, unknown_label))) is VersionNotReady


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(ValueError, match="ours"), translated_errors("host:8500"):
        raise ValueError("ours")
