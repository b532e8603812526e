"""What all requests have in common: they parse, name a model, and bring Examples."""

from __future__ import annotations

import pytest

from slipline.serving.errors import BadRequest
from slipline.serving.server.methods.request_messages import check_spec, parsed, serialized_examples
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.example_pb2 import Example

PREDICT = serving_pb2.PredictRequest
ONE = Example(features={"feature": {"x": {"int64_list": {"value": [1]}}}})
TWO = Example(features={"feature": {"x": {"int64_list": {"value": [2]}}}})


def test_a_request_is_parsed_or_refused() -> None:
    request = PREDICT(model_spec={"name": "m"})
    assert parsed(request.SerializeToString(), PREDICT) == request
    with pytest.raises(BadRequest, match=r"the request is no PredictRequest message, or is cut off .*; send one"):
        parsed(b"\xff", PREDICT)


def test_a_request_names_its_model() -> None:
    check_spec(PREDICT(model_spec={"name": "m"}))
    with pytest.raises(BadRequest, match="Missing ModelSpec"):
        check_spec(PREDICT())
    with pytest.raises(BadRequest, match="ModelSpec has no name specified"):
        check_spec(PREDICT(model_spec={"version": {"value": 1}}))


def test_examples_are_serialized_one_by_one() -> None:
    sent = serving_pb2.Input(example_list={"examples": [ONE, TWO]})
    found = serialized_examples(sent)
    assert (found.shape, found.tolist()) == ((2,), [ONE.SerializeToString(), TWO.SerializeToString()])


def test_a_shared_context_comes_before_each_so_that_its_own_features_count() -> None:
    sent = serving_pb2.Input(example_list_with_context={"examples": [ONE, Example()], "context": TWO})
    first, second = (Example.FromString(each) for each in serialized_examples(sent).tolist())
    assert (first, second) == (ONE, TWO)


@pytest.mark.parametrize("sent", [{}, {"example_list": {}}, {"example_list_with_context": {"context": ONE}}])
def test_no_example_is_refused(sent: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match=r"Input is empty\. Send at least one Example"):
        serialized_examples(serving_pb2.Input(**sent))  # type: ignore[arg-type]
