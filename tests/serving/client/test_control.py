import socket
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field

import grpc
import pytest

from slipline.serving.client.control import ServerControl
from slipline.serving.client.prediction import VersionStatus
from slipline.serving.errors import ConfigRefused, DeadlineExceeded, PromotionFailed, ServerUnavailable, ServingError
from slipline.serving.folders.model_config import ServedModel, to_proto
from slipline.serving.wire import serving_pb2

State = serving_pb2.ModelVersionStatus.State
MNIST = ServedModel(name="mnist", base_path="/releases/mnist", versions=(1,), labels={"stable": 1})


@dataclass
class ScriptedServer(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A real gRPC server whose answers are written down: what a model server says while a load fails or drags on.

    Attributes:
      statuses: Answers to GetModelStatus, one for each call; the last stays. None is NOT_FOUND.
      refusal: What every reload is answered with, if anything.
      reloads: The configs received.
    """

    statuses: list[serving_pb2.ModelVersionStatus | None] = field(default_factory=lambda: [None])
    refusal: tuple[grpc.StatusCode, str] | None = None
    reloads: list[serving_pb2.ModelServerConfig] = field(default_factory=list)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method == "/tensorflow.serving.ModelService/GetModelStatus":
            request = serving_pb2.GetModelStatusRequest
            return grpc.unary_unary_rpc_method_handler(self.status, request.FromString, serialized)
        if details.method == "/tensorflow.serving.ModelService/HandleReloadConfigRequest":
            return grpc.unary_unary_rpc_method_handler(
                self.reload, serving_pb2.ReloadConfigRequest.FromString, serialized
            )
        return None

    def status(
        self, request: serving_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> serving_pb2.GetModelStatusResponse:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {request.model_spec.name}")
        return serving_pb2.GetModelStatusResponse(model_version_status=[status])

    def reload(
        self, request: serving_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> serving_pb2.ReloadConfigResponse:
        if self.refusal is not None:
            context.abort(*self.refusal)
        self.reloads.append(request.config)
        return serving_pb2.ReloadConfigResponse()


def serialized(message: serving_pb2.GetModelStatusResponse | serving_pb2.ReloadConfigResponse) -> bytes:
    return message.SerializeToString()


def version_status(version: int, state: int, code: int = 0, message: str = "") -> serving_pb2.ModelVersionStatus:
    status = serving_pb2.StatusProto(error_code=code, error_message=message)
    return serving_pb2.ModelVersionStatus(version=version, state=state, status=status)


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer()


@pytest.fixture
def control(server: ScriptedServer) -> Iterator[ServerControl]:
    running = grpc.server(futures.ThreadPoolExecutor(2), handlers=(server,))
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    with ServerControl(f"127.0.0.1:{port}") as control:
        yield control
    running.stop(None).wait()


def test_status_tells_every_version_in_plain_values(server: ScriptedServer, control: ServerControl) -> None:
    server.statuses = [version_status(3, State.END, 5, "no SavedModel there")]
    assert control.status("mnist") == (VersionStatus(3, "END", 5, "no SavedModel there"),)


def test_connection_ends_with_the_block() -> None:
    with ServerControl("127.0.0.1:1") as control:
        pass
    with pytest.raises(ValueError, match="closed channel"):
        control.status("mnist")


def test_status_of_an_unknown_model_is_empty(control: ServerControl) -> None:
    assert control.status("unknown") == ()


def test_status_where_nothing_listens_names_the_target_and_the_remedy() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{unused.getsockname()[1]}"
        with (
            ServerControl(target) as control,
            pytest.raises(
                ServerUnavailable, match=f"nothing answers at {target}; start a server with `slipline serve`"
            ),
        ):
            control.status("mnist")


def test_server_that_takes_connections_but_never_answers_exceeds_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        with (
            ServerControl(target, timeout_s=0.2) as control,
            pytest.raises(DeadlineExceeded, match="raise the time limit"),
        ):
            control.status("mnist")


def test_reload_hands_over_the_whole_config(server: ScriptedServer, control: ServerControl) -> None:
    control.reload([MNIST])
    assert server.reloads == [to_proto([MNIST])]


@pytest.mark.parametrize("status", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION])
def test_refused_config_says_why(status: grpc.StatusCode, server: ScriptedServer, control: ServerControl) -> None:
    server.refusal = (status, "Request to assign label to version 1 of model mnist")
    with pytest.raises(ConfigRefused, match="refused the model config: Request to assign label to version 1") as caught:
        control.reload([MNIST])
    assert caught.value.__cause__ is not None


def test_reload_that_fails_otherwise_is_a_serving_error(server: ScriptedServer, control: ServerControl) -> None:
    server.refusal = (grpc.StatusCode.UNKNOWN, "1 model(s) did not become available")
    with pytest.raises(ServingError, match="did not become available"):
        control.reload([MNIST])


def test_wait_returns_once_the_version_is_available(server: ScriptedServer, control: ServerControl) -> None:
    states = (State.START, State.LOADING, State.AVAILABLE)
    server.statuses = [None, *(version_status(2, state) for state in states)]
    control.wait_available("mnist", 2, timeout_s=30)
    assert len(server.statuses) == 1


def test_wait_fails_with_the_servers_own_reason(server: ScriptedServer, control: ServerControl) -> None:
    server.statuses = [version_status(2, State.LOADING), version_status(2, State.END, 5, "Op type not registered 'X'")]
    with pytest.raises(PromotionFailed, match="cannot load version 2 of 'mnist': Op type not registered 'X'"):
        control.wait_available("mnist", 2, timeout_s=30)


def test_wait_outlasts_the_end_of_an_earlier_load(server: ScriptedServer, control: ServerControl) -> None:
    """A server tells how the last load ended until it has begun the next."""
    server.statuses = [version_status(2, State.END, 5, "old news"), version_status(2, State.AVAILABLE)]
    control.wait_available("mnist", 2, timeout_s=30)


def test_wait_believes_an_end_that_stays(server: ScriptedServer, control: ServerControl) -> None:
    server.statuses = [version_status(2, State.END, 5, "given up")]
    with pytest.raises(PromotionFailed, match="given up"):
        control.wait_available("mnist", 2, timeout_s=30)


def test_wait_that_runs_out_of_time_says_the_state(server: ScriptedServer, control: ServerControl) -> None:
    server.statuses = [version_status(2, State.LOADING)]
    with pytest.raises(PromotionFailed, match=r"version 2 of 'mnist' was to be AVAILABLE within 0.1 s, it is LOADING"):
        control.wait_available("mnist", 2, timeout_s=0.1)


def test_wait_for_a_version_never_heard_of_says_so(server: ScriptedServer, control: ServerControl) -> None:
    server.statuses = [version_status(1, State.AVAILABLE)]
    with pytest.raises(PromotionFailed, match="it is not known to the server"):
        control.wait_available("mnist", 2, timeout_s=0.1)
