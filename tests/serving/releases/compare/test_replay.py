"""Recorded requests sent to two versions, with a real server whose versions are functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from slipline.serving.client.known_models import Choice
from slipline.serving.errors import PromotionFailed
from slipline.serving.folders.prediction_log import SAMPLE_NAME, WARM_UP_FILE, write_predict_requests
from slipline.serving.releases.compare.comparison import Limits, Replay
from slipline.serving.releases.compare.replay import PairCaller, compare_versions, inputs_of, sample_for
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import to_array, to_proto

Request = serving_pb2.PredictRequest
LABELS = {"stable": 1, "canary": 2}


def request(*values: float, signature: str = "") -> Request:
    made = Request(inputs={"x": to_proto(np.float32(values), packed=True)})
    made.model_spec.name, made.model_spec.signature_name = "as recorded", signature
    made.model_spec.version.value = 99
    return made


class Multiplying(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Version N multiplies by `factors[N]`, and refuses where that is None; notes what it is asked."""

    def __init__(self) -> None:
        self.factors: dict[int, float | None] = {1: 10.0, 2: 10.0}
        self.asked: list[Request] = []
        self.versions: list[int] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(
            self._predict, Request.FromString, serving_pb2.PredictResponse.SerializeToString
        )

    def _predict(self, sent: Request, context: grpc.ServicerContext) -> serving_pb2.PredictResponse:
        version = sent.model_spec.version.value or LABELS[sent.model_spec.version_label]
        self.asked.append(sent)
        self.versions.append(version)
        factor = self.factors[version]
        if factor is None:
            context.abort(grpc.StatusCode.INTERNAL, f"version {version} is broken")
        response = serving_pb2.PredictResponse(outputs={"y": to_proto(factor * to_array(sent.inputs["x"]))})
        response.model_spec.version.value = version
        return response


@pytest.fixture
def serve() -> Iterator[Callable[[], tuple[Multiplying, str]]]:
    running: list[grpc.Server] = []

    def begin() -> tuple[Multiplying, str]:
        handler = Multiplying()
        running.append(grpc.server(futures.ThreadPoolExecutor(2), handlers=(handler,)))
        port = running[-1].add_insecure_port("127.0.0.1:0")
        running[-1].start()
        return handler, f"127.0.0.1:{port}"

    yield begin
    for server in running:
        server.stop(None)


Serve = Callable[[], tuple[Multiplying, str]]
ANY = Replay(limits=Limits(max_disagreement=1.0, max_error_rate=1.0), min_requests=1)


@pytest.mark.parametrize(
    "choices", [(Choice(1), Choice(2)), (Choice(label="stable"), Choice(label="canary"))], ids=["numbers", "labels"]
)
def test_both_are_asked_the_same_and_which_is_first_alternates(serve: Serve, choices: tuple[Choice, Choice]) -> None:
    handler, target = serve()
    handler.factors[2] = None
    with PairCaller(target, "mnist", choices) as caller:
        for _ in range(3):
            first, second = caller.ask(request(1.0, signature="greet"), 30.0)
            assert (first.version, first.error) == (1, "")
            assert first.outputs["y"].tolist() == [10.0]
            assert second.version is None
            assert "version 2 is broken" in second.error
            assert target in second.error
            assert min(first.seconds, second.seconds) > 0
    assert handler.versions == [2, 1, 1, 2, 2, 1]
    assert {each.model_spec.name for each in handler.asked} == {"mnist"}
    assert {each.model_spec.signature_name for each in handler.asked} == {"greet"}
    assert all(to_array(each.inputs["x"]).tolist() == [1.0] for each in handler.asked)


def test_the_sample_is_sent_to_every_server_until_so_many_were(serve: Serve) -> None:
    servers = [serve() for _ in range(2)]
    sample = [request(value) for value in (1.0, 2.0, 3.0)]
    found = compare_versions(
        [target for _, target in servers], "mnist", (1, 2), sample, Replay(limits=ANY.limits, min_requests=5)
    )
    assert (found.requests, found.inputs, found.disagreements, found.errors) == (10, 3, 0, 0)
    for handler, _ in servers:
        asked = [to_array(each.inputs["x"]).tolist() for each in handler.asked]
        assert asked == [[value] for value in (1, 1, 1, 1, 2, 2, 3, 3, 1, 1, 2, 2)]


def test_all_of_a_larger_sample_is_sent(serve: Serve) -> None:
    _, target = serve()
    found = compare_versions([target], "mnist", (1, 2), [request(float(value)) for value in range(7)], ANY)
    assert (found.requests, found.inputs) == (7, 7)


def test_no_more_are_sent_after_a_time_but_for_one(serve: Serve) -> None:
    _, target = serve()
    hasty = Replay(limits=ANY.limits, min_requests=50, max_s=0.0)
    assert compare_versions([target], "mnist", (1, 2), [request(1.0)], hasty).requests == 1


@pytest.mark.parametrize(
    ("factor", "limits", "words"),
    [
        (99.0, Limits(), "on 30 recorded requests, version 2 of .mnist. is beyond its limits: it answered 30 of 30"),
        (None, Limits(), "it failed 30 of 30 requests .* Its first error: .*version 2 is broken"),
    ],
)
def test_a_version_beyond_its_limits_is_told_with_what_was_measured(
    serve: Serve, factor: float | None, limits: Limits, words: str
) -> None:
    handler, target = serve()
    handler.factors[2] = factor
    with pytest.raises(PromotionFailed, match=words):
        compare_versions(
            [target], "mnist", (1, 2), [request(float(n)) for n in range(1, 31)], Replay(limits=limits, min_requests=30)
        )


def test_the_sample_is_the_one_given_or_stored_or_that_came_along(tmp_path: Path) -> None:
    folder, given = tmp_path / "mnist" / "3", tmp_path / "given"
    (folder / WARM_UP_FILE).parent.mkdir(parents=True)
    assert sample_for(folder) == ()
    for value, file in ((1.0, folder / WARM_UP_FILE), (2.0, folder.parent / SAMPLE_NAME), (3.0, given)):
        write_predict_requests(file, [request(value)])
        (found,) = sample_for(folder, given if file == given else None)
        assert inputs_of(found)["x"].tolist() == [value]


def test_inputs_are_told_by_name() -> None:
    found: dict[str, Any] = inputs_of(request(1.0, 2.0))
    assert (list(found), found["x"].tolist()) == (["x"], [1.0, 2.0])
