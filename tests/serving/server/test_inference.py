"""Classify, Regress and MultiInference of the embedded server, as the official client library sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.process import Server
from tests.serving.example_models import CLASSIFY, PREDICT, REGRESS, save_half_plus, save_tf2_classifier

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def models(tf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example models")
    save_half_plus(tf, folder / "half" / "1")
    save_tf2_classifier(tf, folder / "tf2" / "7")
    return folder


def config(folder: Path) -> Path:
    file = folder / "models.config"
    models = (
        f'config {{ name: "{n}" base_path: "{folder / n}" model_platform: "tensorflow" }}' for n in ("half", "tf2")
    )
    file.write_text(f"model_config_list {{ {' '.join(models)} }}")
    return file


def stub_of(server: Server, channel: grpc.Channel) -> Any:
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    for model in ("half", "tf2"):
        PredictClient(channel, model).wait_until_available()
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def stub(models: Path) -> Iterator[Any]:
    options = ServerOptions(port=0, model_config_file=str(config(models)), max_num_load_retries=0)
    with Server(options) as server, grpc.insecure_channel(server.address) as channel:
        yield stub_of(server, channel)


@pytest.fixture(scope="module")
def strict_stub(models: Path) -> Iterator[Any]:
    """On a server with the flags that change answers."""
    options = ServerOptions(
        port=0,
        model_config_file=str(config(models)),
        enable_signature_method_name_check=True,
        enable_serialization_as_tensor_content=True,
    )
    with Server(options) as server, grpc.insecure_channel(server.address) as channel:
        yield stub_of(server, channel)


def example(**features: Any) -> Any:
    from tensorflow.core.example.example_pb2 import Example

    message = Example()
    for name, value in features.items():
        kind = "int64_list" if isinstance(value, int) else "float_list"
        getattr(message.features.feature[name], kind).value.append(value)
    return message


def examples_of(sent: Any, *xs: float, context: Any = None) -> None:
    examples = [example(x=float(x)) for x in xs]
    if context is None:
        sent.example_list.examples.extend(examples)
    else:
        sent.example_list_with_context.examples.extend(examples)
        sent.example_list_with_context.context.CopyFrom(context)


def classification(signature: str, *xs: float, model: str = "half", context: Any = None) -> Any:
    from tensorflow_serving.apis.classification_pb2 import ClassificationRequest

    request = ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    examples_of(request.input, *xs, context=context)
    return request


def regression(signature: str, *xs: float, model: str = "half", context: Any = None) -> Any:
    from tensorflow_serving.apis.regression_pb2 import RegressionRequest

    request = RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    examples_of(request.input, *xs, context=context)
    return request


def several(*tasks: tuple[str, str], xs: tuple[float, ...] = (2, 4), model: str = "half") -> Any:
    from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest

    request = MultiInferenceRequest()
    for signature, method in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = model, signature
    examples_of(request.input, *xs)
    return request


def classes(result: Any) -> list[list[tuple[str, float]]]:
    return [[(entry.label, entry.score) for entry in row.classes] for row in result.classifications]


def values(result: Any) -> list[float]:
    return [regression.value for regression in result.regressions]


def spec(answer: Any) -> tuple[str, int, str]:
    return (answer.model_spec.name, answer.model_spec.version.value, answer.model_spec.signature_name)


def refusal(call: Callable[[Any], Any], request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request)
    return caught.value.code(), caught.value.details()


def test_classify_gives_each_examples_classes_with_label_and_score(stub: Any) -> None:
    response = stub.Classify(classification("classify", 2, 4))
    assert classes(response.result) == [[("1.0", 1), ("-1.0", -1)], [("2.0", 2), ("-2.0", -2)]]
    assert spec(response) == ("half", 1, "classify")


def test_what_a_signature_does_not_give_is_empty_in_a_classification(stub: Any) -> None:
    assert classes(stub.Classify(classification("classify_scores", 2)).result) == [[("", 1), ("", -1)]]
    assert classes(stub.Classify(classification("classify_classes", 2)).result) == [[("1.0", 0), ("-1.0", 0)]]


def test_regress_gives_one_value_an_example(stub: Any) -> None:
    for signature in ("regress", "regress_flat"):
        response = stub.Regress(regression(signature, 2, 4))
        assert (values(response.result), spec(response)) == ([1, 2], ("half", 1, signature))


def test_signatures_of_a_tensorflow_2_model_work_by_their_form(stub: Any) -> None:
    response = stub.Regress(regression("", 2, model="tf2"))
    assert (values(response.result), spec(response)) == ([6], ("tf2", 7, "serving_default"))
    assert classes(stub.Classify(classification("classify", 2, model="tf2")).result) == [[("", 6)]]


def test_context_is_added_to_each_example_and_yields_to_it(stub: Any) -> None:
    context = example(c=10.0, x=99.0)
    assert values(stub.Regress(regression("regress", 2, 4, context=context)).result) == [11, 12]
    assert classes(stub.Classify(classification("classify", 2, context=context)).result)[0][0] == ("11.0", 11)


@pytest.mark.parametrize(
    ("signature", "xs", "words"),
    [
        ("nix", (1,), "No signature was found with the name: nix"),
        ("classify", (), "Input is empty."),
        ("two_inputs", (1,), "Expected one input Tensor."),
        ("three_outputs", (1,), "Expected one or two output Tensors, found 3"),
        ("other_input_classes", (1,), "No classification inputs found in SignatureDef: "),
        ("other_output", (1,), "Expected classification signature outputs to contain classes or scores"),
        ("flat", (1,), "Expected scores Tensor shape: [1 num_classes]. Got: [1]"),
        ("first", (1, 2), "Expected scores Tensor shape: [2 num_classes]. Got: [1, 2]"),
        ("text", (1,), "Expected scores Tensor of float32. Got: string"),
        ("uneven", (1,), "Tensors class and score should match in dim_size(1). Got 2 vs. 1"),
    ],
)
def test_classification_that_a_signature_cannot_give_is_refused(
    stub: Any, signature: str, xs: tuple[float, ...], words: str
) -> None:
    status, details = refusal(stub.Classify, classification(signature, *xs))
    assert (status, words in details) == (INVALID, True), details


@pytest.mark.parametrize(
    ("signature", "xs", "words"),
    [
        ("nix", (1,), "No signature was found with the name: nix"),
        ("regress", (), "Input is empty."),
        ("two_inputs", (1,), "Expected one input Tensor."),
        ("classify", (1,), "Expected one output Tensor."),
        ("other_input", (1,), "No regression inputs found in SignatureDef: "),
        ("other_output", (1,), "No regression outputs found in SignatureDef: "),
        ("wide", (1,), "Expected output Tensor shape: [1] or [1 1]. Got: [1, 2]"),
        ("mean", (1,), "Expected output Tensor shape: [1] or [1 1]. Got: []"),
        ("double", (1,), "Expected output Tensor of float32. Got: float64"),
    ],
)
def test_regression_that_a_signature_cannot_give_is_refused(
    stub: Any, signature: str, xs: tuple[float, ...], words: str
) -> None:
    status, details = refusal(stub.Regress, regression(signature, *xs))
    assert (status, words in details) == (INVALID, True), details


def test_missing_and_mistyped_features_are_refused_in_tensorflows_words(stub: Any) -> None:
    request = regression("regress")
    request.input.example_list.examples.append(example(c=1.0))
    status, details = refusal(stub.Regress, request)
    assert (status, "Feature: x (data type: float) is required but could not be found." in details) == (INVALID, True)
    request.input.example_list.examples[0].CopyFrom(example(x=1))
    status, details = refusal(stub.Regress, request)
    assert (status, "Data types don't match." in details) == (INVALID, True)


def test_model_and_version_are_resolved_as_for_predict(stub: Any) -> None:
    not_found = grpc.StatusCode.NOT_FOUND
    assert refusal(stub.Classify, classification("", 1, model=""))[1] == "ModelSpec has no name specified."
    assert refusal(stub.Regress, regression("", 1, model="nix"))[0] is not_found
    request = classification("classify", 1)
    request.model_spec.version.value = 9
    assert refusal(stub.Classify, request) == (not_found, "Servable not found for request: Specific(half, 9)")
    request.ClearField("model_spec")
    assert refusal(stub.Classify, request) == (INVALID, "Missing ModelSpec")


def test_multi_inference_answers_all_tasks_in_order(stub: Any) -> None:
    response = stub.MultiInference(several(("regress", REGRESS), ("classify", CLASSIFY), ("regress_flat", REGRESS)))
    first, second, third = response.results
    assert values(first.regression_result) == values(third.regression_result) == [1, 2]
    assert classes(second.classification_result)[1] == [("2.0", 2), ("-2.0", -2)]
    assert [spec(result) for result in response.results] == [
        ("half", 1, "regress"),
        ("half", 1, "classify"),
        ("half", 1, "regress_flat"),
    ]


def test_multi_inference_takes_the_version_of_its_first_task(stub: Any) -> None:
    request = several(("regress", REGRESS), ("classify", CLASSIFY))
    request.tasks[1].model_spec.version.value = 99
    assert spec(stub.MultiInference(request).results[1]) == ("half", 1, "classify")
    request.tasks[0].model_spec.version.value = 99
    assert refusal(stub.MultiInference, request)[0] is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("tasks", "xs", "words"),
    [
        ([], (1,), "ModelSpec has no name specified."),
        ([("regress", REGRESS), ("regress", REGRESS)], (1,), "Duplicate evaluation of signature: regress"),
        ([("nix", REGRESS)], (1,), "Requested signature not found in model graph: nix"),
        ([("regress", REGRESS)], (), "Input is empty."),
        ([("classify", REGRESS)], (1,), "Expected one output Tensor."),
    ],
)
def test_multi_inference_that_cannot_be_is_refused(stub: Any, tasks: Any, xs: tuple[float, ...], words: str) -> None:
    status, details = refusal(stub.MultiInference, several(*tasks, xs=xs))
    assert (status, words in details) == (INVALID, True), details


def test_multi_inference_of_another_method_is_unimplemented(stub: Any) -> None:
    status, details = refusal(stub.MultiInference, several(("serving_default", PREDICT)))
    assert (status, f"Unsupported signature method_name: {PREDICT}" in details) == (grpc.StatusCode.UNIMPLEMENTED, True)


def test_multi_inference_of_several_models_is_refused(stub: Any) -> None:
    request = several(("regress", REGRESS), ("classify", CLASSIFY))
    request.tasks[1].model_spec.name = "tf2"
    assert "must access the same model name" in refusal(stub.MultiInference, request)[1]
    request.tasks[1].model_spec.name = ""
    assert refusal(stub.MultiInference, request) == (INVALID, "Found ModelSpec with an empty model name.")


def predict_request(tf: Any, signature: str = "", model: str = "half") -> Any:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[2.0], [4.0]]))
    return request


def test_predict_answers_two_outputs_that_are_one_tensor(stub: Any, tf: ModuleType) -> None:
    outputs = stub.Predict(predict_request(tf)).outputs
    assert list(outputs["y"].float_val) == list(outputs["same"].float_val) == [1, 2]


def test_predict_runs_a_signature_made_to_classify_or_regress(stub: Any, tf: ModuleType) -> None:
    request = predict_request(tf, "classify")
    request.inputs["inputs"].CopyFrom(tf.make_tensor_proto([example(x=2.0).SerializeToString()]))
    del request.inputs["x"]
    assert list(stub.Predict(request).outputs["classes"].string_val) == [b"1.0", b"-1.0"]


def test_numbers_are_packed_if_the_server_is_told_so(strict_stub: Any, tf: ModuleType) -> None:
    y = strict_stub.Predict(predict_request(tf)).outputs["y"]
    assert (list(y.float_val), tf.make_ndarray(y).tolist()) == ([], [[1], [2]])


def test_signatures_of_another_method_are_refused_if_the_server_is_told_so(strict_stub: Any, tf: ModuleType) -> None:
    assert values(strict_stub.Regress(regression("regress", 2)).result) == [1]
    status, details = refusal(strict_stub.Regress, regression("regress_flat", 2))
    assert (status, details) == (
        INVALID,
        f"Expected regression signature method_name to be {REGRESS}. Was: of our own",
    )
    status, details = refusal(strict_stub.Classify, classification("classify_classes", 2))
    assert (status, "Expected classification signature method_name to be" in details) == (INVALID, True)
    status, details = refusal(strict_stub.Predict, predict_request(tf, "regress_flat"))
    assert status is grpc.StatusCode.INTERNAL
    assert "Expected prediction signature method_name to be one of {" in details


@pytest.mark.parametrize("call", ["Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"])
def test_bytes_that_are_no_message_are_an_invalid_argument(stub: Any, models: Path, call: str) -> None:
    with (
        Server(ServerOptions(port=0, model_base_path=str(models))) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        asked = channel.unary_unary(f"/tensorflow.serving.PredictionService/{call}")
        status, details = refusal(lambda sent: asked(sent, timeout=10), b"\x0a\xff")
    assert (status, "or is cut off" in details) == (INVALID, True)
