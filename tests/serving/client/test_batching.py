"""Calls that share requests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import numpy as np
import pytest

from slipline.serving.client import AsyncPredictClient, Batching, ClientSettings, Prediction
from slipline.serving.errors import BadRequest, DeadlineExceeded, ServerUnavailable
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import to_array, to_proto
from tests.serving.client.doubling import DoublingServer

Serve = Callable[..., DoublingServer]
SHORT = Batching(max_rows=10, max_delay_s=0.2)
UNCHECKED = ClientSettings(check_signature=False)


def with_client(server: DoublingServer, body: Callable[[AsyncPredictClient], Awaitable[Any]], **more: Any) -> Any:
    async def main() -> Any:
        async with AsyncPredictClient.connect(server.address, "double", batching=SHORT, **more) as client:
            return await body(client)

    return asyncio.run(main())


def rows(*numbers: float) -> dict[str, Any]:
    return {"x": np.array(numbers, "float32")}


def test_calls_at_one_time_become_one_request_and_each_gets_its_own_rows(serve: Serve) -> None:
    server = serve()

    async def body(client: AsyncPredictClient) -> list[Prediction]:
        return await asyncio.gather(*(client.predict(rows(i, i + 0.5)) for i in range(5)))

    answers = with_client(server, body)
    assert [answer.outputs["y"].tolist() for answer in answers] == [[2 * i, 2 * i + 1] for i in range(5)]
    assert server.count() == 1
    assert answers[0].version == 1


def test_request_has_no_more_rows_than_allowed_and_waits_no_longer(serve: Serve) -> None:
    server = serve()

    async def body(client: AsyncPredictClient) -> None:
        await asyncio.gather(*(client.predict(rows(*range(4))) for _ in range(5)))
        await client.predict(rows(*range(30)))
        await client.predict(rows(1))

    with_client(server, body)
    sizes = [len(to_array(request.inputs["x"])) for name, request in server.seen if name == "Predict"]
    assert sorted(sizes) == [1, 4, 8, 8, 30]


def test_different_choices_do_not_share(serve: Serve) -> None:
    server = serve()

    async def body(client: AsyncPredictClient) -> None:
        await asyncio.gather(
            client.predict(rows(1)), client.predict(rows(1), version=1), client.predict(rows(1), label="a")
        )

    with_client(server, body)
    assert server.count() == 3


def test_call_with_wrong_inputs_fails_alone_before_it_is_sent(serve: Serve) -> None:
    server = serve()

    async def body(client: AsyncPredictClient) -> list[Any]:
        wrong = client.predict({"x": np.array([1])})
        calls = [client.predict(rows(1)), wrong, client.predict(rows(2))]
        return await asyncio.gather(*calls, return_exceptions=True)

    first, wrong, second = with_client(server, body)
    assert (first.outputs["y"], second.outputs["y"]) == (2, 4)
    assert isinstance(wrong, BadRequest)
    assert server.count() == 1


def test_call_that_the_model_refuses_fails_alone(serve: Serve) -> None:
    server = serve()

    def picky(method: str, request: Any, context: grpc.ServicerContext) -> None:
        if method == "Predict" and (to_array(request.inputs["x"]) > 100).any():
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "x must be small")

    server.behave = picky

    async def body(client: AsyncPredictClient) -> list[Any]:
        return await asyncio.gather(*(client.predict(rows(i)) for i in (1, 1000, 2)), return_exceptions=True)

    first, refused, second = with_client(server, body)
    assert (first.outputs["y"], second.outputs["y"]) == (2, 4)
    assert "x must be small" in str(refused)
    assert server.count() == 4


def test_model_whose_answers_have_no_rows_is_asked_for_each_call(serve: Serve) -> None:
    class Summing(DoublingServer):
        def _predict(self, request: serving_pb2.PredictRequest) -> serving_pb2.PredictResponse:
            total = to_proto(to_array(request.inputs["x"]).sum())
            return serving_pb2.PredictResponse(outputs={"y": total}, model_spec=self._spec())

    server = Summing()

    async def body(client: AsyncPredictClient) -> list[Prediction]:
        await asyncio.gather(client.predict(rows(1)), client.predict(rows(2)))
        return await asyncio.gather(*(client.predict(rows(*each)) for each in ((1, 2), (3, 4))))

    assert [answer.outputs["y"] for answer in with_client(server, body)] == [3, 7]
    assert server.count() == 1 + 2 + 2
    server.stop()


def test_caller_that_gives_up_leaves_the_others(serve: Serve) -> None:
    server = serve()

    async def body(client: AsyncPredictClient) -> Prediction:
        patient = asyncio.ensure_future(client.predict(rows(1)))
        hasty = asyncio.ensure_future(client.predict(rows(2)))
        await asyncio.sleep(0)
        hasty.cancel()
        return await patient

    assert with_client(server, body).outputs["y"].tolist() == [2]


def test_calls_that_wait_for_company_are_answered_before_the_client_is_closed(serve: Serve) -> None:
    server = serve()
    server.behave = lambda method, request, context: time.sleep(0.1)

    async def main() -> list[Any]:
        patient = Batching(max_delay_s=1000)
        async with AsyncPredictClient.connect(server.address, "double", batching=patient, settings=UNCHECKED) as client:
            waiting = [asyncio.ensure_future(client.predict(rows(number))) for number in (1, 2)]
            await asyncio.sleep(0.05)
        return [each.done() and each.result().outputs["y"].tolist() for each in waiting]

    assert asyncio.run(main()) == [[2], [4]]
    assert server.count() == 1


def test_each_caller_keeps_its_own_time_limit(serve: Serve) -> None:
    server, end = serve(), threading.Event()

    async def body(client: AsyncPredictClient) -> Any:
        await client.predict(rows(1))
        server.behave = lambda method, request, context: end.wait()
        patient = asyncio.ensure_future(client.predict(rows(1), timeout_s=60))
        with pytest.raises(DeadlineExceeded, match=r"no answer within 0.1 s"):
            await client.predict(rows(2), timeout_s=0.1)
        end.set()
        return (await patient).outputs["y"].tolist()

    assert with_client(server, body) == [2]


def test_failure_of_a_shared_request_reaches_every_caller_with_its_cause(serve: Serve) -> None:
    server = serve()
    server.behave = lambda method, request, context: context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async def body(client: AsyncPredictClient) -> list[Any]:
        return await asyncio.gather(*(client.predict(rows(i)) for i in range(3)), return_exceptions=True)

    errors = with_client(server, body, settings=ClientSettings(check_signature=False))
    assert {type(error) for error in errors} == {ServerUnavailable}
    assert len({id(error) for error in errors}) == 3
    assert all(isinstance(error.__cause__, grpc.RpcError) for error in errors)
