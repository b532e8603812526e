"""Clients of both kinds against servers that fail; real ones, over real connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest

from slipline.serving.client import CallEnded, CallStarted, ClientSettings, Ejection, Hedging, RetryPolicy
from slipline.serving.errors import (
    BadRequest,
    DeadlineExceeded,
    MessageTooLarge,
    ModelNotFound,
    Overloaded,
    ServerUnavailable,
    ServingError,
)

X = np.array([1, 2], "float32")
Connect = Callable[..., Any]
Serve = Callable[..., Any]
NO_CHECK = ClientSettings(check_signature=False)


def abort(code: grpc.StatusCode, words: str, times: int = 10**6) -> Callable[..., None]:
    """Refuses that many Predict calls."""
    left = [times]

    def behave(method: str, request: Any, context: grpc.ServicerContext) -> None:
        if method == "Predict" and left[0] > 0:
            left[0] -= 1
            context.abort(code, words)

    return behave


def test_refused_connection_is_unavailable_and_keeps_the_cause(client_of: Connect, free_port: int) -> None:
    with pytest.raises(ServerUnavailable, match=f"nothing answers at 127.0.0.1:{free_port}") as caught:
        client_of(f"127.0.0.1:{free_port}").predict({"x": X})
    assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_server_that_hangs_is_a_deadline_exceeded(client_of: Connect, serve: Serve) -> None:
    server, end = serve(), threading.Event()
    server.behave = lambda method, request, context: end.wait()
    with pytest.raises(DeadlineExceeded):
        client_of(server.address, timeout_s=0.2).predict({"x": X})
    end.set()


def test_time_limit_of_a_call_goes_before_that_of_the_client(client_of: Connect, serve: Serve) -> None:
    server, end = serve(), threading.Event()
    client = client_of(server.address, timeout_s=1000)
    assert client.predict({"x": X}).outputs["y"].tolist() == [2, 4]
    server.behave = lambda method, request, context: end.wait()
    with pytest.raises(DeadlineExceeded):
        client.predict({"x": X}, timeout_s=0.1)
    end.set()


def test_call_that_was_not_answered_is_sent_again(client_of: Connect, serve: Serve) -> None:
    server = serve()
    server.behave = abort(grpc.StatusCode.UNAVAILABLE, "stopping", times=2)
    assert client_of(server.address, settings=NO_CHECK).predict({"x": X}).outputs["y"].tolist() == [2, 4]
    assert server.count() == 3


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "input size", BadRequest),
        (grpc.StatusCode.INTERNAL, "a bug", ServingError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", Overloaded),
        (grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(double)", ModelNotFound),
    ],
)
def test_answer_that_would_come_again_is_not_asked_for_again(
    code: grpc.StatusCode, words: str, kind: type[ServingError], client_of: Connect, serve: Serve
) -> None:
    server = serve()
    server.behave = abort(code, words)
    with pytest.raises(kind, match=words.replace("(", r"\(").replace(")", r"\)")):
        client_of(server.address, settings=NO_CHECK).predict({"x": X})
    assert server.count() == 1


def test_retries_end_with_the_attempts_and_say_how_many(client_of: Connect, serve: Serve) -> None:
    server = serve()
    server.behave = abort(grpc.StatusCode.UNAVAILABLE, "gone")
    settings = ClientSettings(check_signature=False, retry=RetryPolicy(max_attempts=3, first_pause_s=0.001))
    with pytest.raises(ServerUnavailable, match=r"\(attempt 3\)"):
        client_of(server.address, settings=settings).predict({"x": X})
    assert server.count() == 3


def test_retries_end_with_the_budget(client_of: Connect, serve: Serve) -> None:
    server = serve()
    server.behave = abort(grpc.StatusCode.UNAVAILABLE, "gone")
    policy = RetryPolicy(first_pause_s=0.001, budget_share=0.5, budget_reserve=4)
    client = client_of(server.address, settings=ClientSettings(check_signature=False, retry=policy))
    for _ in range(20):
        with pytest.raises(ServerUnavailable):
            client.predict({"x": X})
    assert 20 < server.count() <= 20 + 4 + 10


def test_config_is_sent_once_to_each_server_and_never_again(client_of: Connect, serve: Serve, free_port: int) -> None:
    first, second = serve(), serve()
    client_of([first.address, second.address]).reload_config([])
    assert [each.count("HandleReloadConfigRequest") for each in (first, second)] == [1, 1]
    first.behave = lambda method, request, context: context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
    with pytest.raises(ServerUnavailable):
        client_of([first.address, second.address]).reload_config([])
    assert [each.count("HandleReloadConfigRequest") for each in (first, second)] == [2, 1]


def test_connection_cut_in_the_middle_of_an_answer_is_made_again(
    client_of: Connect, serve: Serve, proxy: Callable[[int], Any]
) -> None:
    server = serve()
    between = proxy(server.port)
    client = client_of(between.address)
    x = np.ones(100_000, "float32")
    assert client.predict({"x": x}).outputs["y"].sum() == 200_000
    between.cut_after_bytes = 50_000  # of each connection, from now on
    with pytest.raises(ServerUnavailable):
        client.predict({"x": x})
    between.cut_after_bytes = None
    assert client.predict({"x": x}).outputs["y"].sum() == 200_000
    assert between.connections > 1


def test_connections_cut_while_calls_are_under_way_cost_no_answer(
    client_of: Connect, serve: Serve, proxy: Callable[[int], Any]
) -> None:
    server = serve()
    between = proxy(server.port)
    client = client_of(between.address)
    server.behave = lambda method, request, context: server.count() in (10, 30) and between.cut()
    for _ in range(50):
        assert client.predict({"x": X}).outputs["y"].tolist() == [2, 4]
    assert between.connections == 3


@pytest.mark.slow
def test_server_behind_a_dead_line_is_given_up_for_another(
    client_of: Connect, serve: Serve, proxy: Callable[[int], Any]
) -> None:
    between = proxy(serve().port)
    between.hangs = True
    seen = Attempts()
    settings = ClientSettings(
        retry=RetryPolicy(attempt_timeout_s=0.3),
        ejection=Ejection(failures=1, gone_s=60.0, hung_s=60.0),
        observers=[seen],
    )
    client = client_of([between.address, serve().address], settings=settings)
    for _ in range(50):
        client.predict({"x": X})
    assert sum(seen.attempts) <= 52  # with the one for the signature, and one that was waited for


class Attempts:
    """Notes how many requests each call took."""

    def __init__(self) -> None:
        self.attempts: list[int] = []

    def begin(self, call: CallStarted, /) -> Callable[[CallEnded], None]:
        return lambda ended: self.attempts.append(ended.attempts)


@pytest.mark.slow
def test_load_is_shared(client_of: Connect, serve: Serve) -> None:
    servers = [serve() for _ in range(3)]
    client = client_of([server.address for server in servers], settings=NO_CHECK)
    for _ in range(90):
        client.predict({"x": X})
    assert all(server.count() > 10 for server in servers)


def test_server_that_fails_is_left_alone_for_a_while(client_of: Connect, serve: Serve) -> None:
    good, bad = serve(), serve()
    bad.behave = abort(grpc.StatusCode.UNAVAILABLE, "gone")
    settings = ClientSettings(check_signature=False, ejection=Ejection(failures=2, gone_s=60.0, hung_s=60.0))
    client = client_of([good.address, bad.address], settings=settings)
    for _ in range(50):
        client.predict({"x": X})
    assert bad.count() == 2


def test_server_without_the_model_is_passed_over_for_one_that_has_it(client_of: Connect, serve: Serve) -> None:
    """As while it loads after a restart; and it is left alone then, as each try costs from the budget."""
    good, loading = serve(), serve()
    loading.behave = abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(double)")
    settings = ClientSettings(check_signature=False, ejection=Ejection(failures=2, gone_s=60.0, hung_s=60.0))
    client = client_of([good.address, loading.address], settings=settings)
    for _ in range(50):
        client.predict({"x": X})
    assert loading.count() == 2


@pytest.mark.slow
def test_late_answer_is_hedged_by_another_server(client_of: Connect, serve: Serve) -> None:
    fast, slow, end = serve(), serve(), threading.Event()
    slow.behave = lambda method, request, context: method == "Predict" and end.wait()
    settings = ClientSettings(check_signature=False, hedging=Hedging(delay_s=0.05))
    client = client_of([fast.address, slow.address], settings=settings)
    for _ in range(10):
        assert client.predict({"x": X}, timeout_s=30).outputs["y"].tolist() == [2, 4]
    assert slow.count() > 0
    end.set()


def test_hedged_call_fails_once_every_request_has(client_of: Connect, serve: Serve) -> None:
    server = serve()
    refuse = abort(grpc.StatusCode.INVALID_ARGUMENT, "never")

    def refuse_late(method: str, request: Any, context: grpc.ServicerContext) -> None:
        time.sleep(0.05)
        refuse(method, request, context)

    server.behave = refuse_late
    settings = ClientSettings(check_signature=False, hedging=Hedging(delay_s=0.01))
    with pytest.raises(BadRequest, match="never"):
        client_of(server.address, settings=settings).predict({"x": X})
    assert server.count() == 2


@pytest.mark.slow
def test_server_that_begins_late_is_waited_for(client_of: Connect, serve: Serve, free_port: int) -> None:
    client = client_of(f"127.0.0.1:{free_port}")
    timer = threading.Timer(0.1, serve, [free_port])
    timer.start()
    assert client.wait_until_available(timeout_s=60) == 1
    timer.join()
    assert client.predict({"x": X}).version == 1


@pytest.mark.slow
def test_messages_have_no_limit(client_of: Connect, serve: Serve) -> None:
    server = serve(**{"grpc.max_receive_message_length": -1})
    x = np.ones(2 << 20, "float32")
    assert client_of(server.address).predict({"x": x}).outputs["y"].nbytes == 8 << 20


@pytest.mark.slow
def test_limit_for_messages_is_explained_when_it_is_met(client_of: Connect, serve: Serve) -> None:
    x = np.ones(2 << 20, "float32")
    with pytest.raises(MessageTooLarge, match=r"larger than max .*send fewer rows .*raise the limit"):
        client_of(serve().address).predict({"x": x})
    limited = ClientSettings(max_message_bytes=1000)
    with pytest.raises(MessageTooLarge, match="larger than max"):
        client_of(serve().address, settings=limited).predict({"x": x[:1000]})
