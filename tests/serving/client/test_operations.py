"""What a client asks for and what it makes of the answers, with the answers of the test's and its clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from slipline.serving.client import ClientSettings, ServedModel
from slipline.serving.client.effects import Operation, Pause, Rpc
from slipline.serving.client.known_models import Choice
from slipline.serving.client.operations import Operations
from slipline.serving.client.prediction import Class
from slipline.serving.errors import (
    BadRequest,
    ConfigRefused,
    LoadFailed,
    ModelNotFound,
    ServerUnavailable,
    VersionNotReady,
)
from slipline.serving.folders.model_config import to_proto
from slipline.serving.wire import saved_model_pb2, serving_pb2
from slipline.serving.wire.tensors import to_array
from slipline.serving.wire.tensors import to_proto as tensor

X = np.float32([1, 2])
LATEST = Choice()
REQUESTS = {
    Rpc.PREDICT: serving_pb2.PredictRequest,
    Rpc.CLASSIFY: serving_pb2.ClassificationRequest,
    Rpc.REGRESS: serving_pb2.RegressionRequest,
    Rpc.METADATA: serving_pb2.GetModelMetadataRequest,
    Rpc.STATUS: serving_pb2.GetModelStatusRequest,
    Rpc.RELOAD: serving_pb2.ReloadConfigRequest,
}


def info(dtype: int, *shape: int) -> saved_model_pb2.TensorInfo:
    return saved_model_pb2.TensorInfo(dtype=dtype, tensor_shape={"dim": [{"size": size} for size in shape]})


@dataclass
class Server:
    """Answers for the model "double" of one version, and takes time; in the place of a caller.

    Attributes:
      version: Which answers.
      dtype: The number of the dtype that its signature has for x.
      states: What each question for the status is answered with in turn, the last for ever; an error is raised.
      refusal: Raised for a new config.
      asked: The calls, their requests and the time left for them.
    """

    target: str = "s0:1"
    now_s: float = 100.0
    version: int = 1
    dtype: int = 1
    images: bool = True
    states: list[list[tuple[int, int, int]] | Exception] = field(default_factory=list)
    refusal: Exception | None = None
    asked: list[tuple[Rpc, Any, float]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now_s

    def call(self, rpc: Rpc, request: bytes, deadline_s: float) -> Operation[bytes]:
        read = REQUESTS[rpc].FromString(request)
        self.asked.append((rpc, read, deadline_s - self.now_s))
        yield from ()
        message: Any = {
            Rpc.PREDICT: self._predict,
            Rpc.METADATA: self._metadata,
            Rpc.STATUS: self._status,
            Rpc.CLASSIFY: self._classify,
            Rpc.REGRESS: self._regress,
        }[rpc](read)
        return message.SerializeToString()

    def call_each(self, rpc: Rpc, request: bytes, deadline_s: float) -> Operation[list[bytes]]:
        self.asked.append((rpc, REQUESTS[rpc].FromString(request), deadline_s - self.now_s))
        yield from ()
        if self.refusal is not None:
            raise self.refusal
        return []

    def count(self, rpc: Rpc) -> int:
        return sum(each is rpc for each, _, _ in self.asked)

    def _spec(self) -> serving_pb2.ModelSpec:
        return serving_pb2.ModelSpec(name="double", version={"value": self.version})

    def _predict(self, request: serving_pb2.PredictRequest) -> serving_pb2.PredictResponse:
        outputs = {"y": tensor(2 * to_array(request.inputs["x"]))} if "x" in request.inputs else {}
        return serving_pb2.PredictResponse(model_spec=self._spec(), outputs=outputs)

    def _metadata(self, request: serving_pb2.GetModelMetadataRequest) -> serving_pb2.GetModelMetadataResponse:
        signatures = {
            "serving_default": saved_model_pb2.SignatureDef(inputs={"x": info(self.dtype, -1)}),
            "__saved_model_init_op": saved_model_pb2.SignatureDef(),
        }
        if self.images:
            signatures["serving_images"] = saved_model_pb2.SignatureDef(inputs={"encoded": info(7, -1)})
        response = serving_pb2.GetModelMetadataResponse(model_spec=self._spec())
        packed = saved_model_pb2.SignatureDefMap(signature_def=signatures)
        response.metadata["signature_def"].value = packed.SerializeToString()
        return response

    def _status(self, request: serving_pb2.GetModelStatusRequest) -> serving_pb2.GetModelStatusResponse:
        states = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(states, Exception):
            raise states
        response = serving_pb2.GetModelStatusResponse()
        for version, state, code in states:
            status = serving_pb2.StatusProto(error_code=code, error_message="broken" if code else "")
            response.model_version_status.add(version=version, state=state, status=status)
        return response

    def _classify(self, request: serving_pb2.ClassificationRequest) -> serving_pb2.ClassificationResponse:
        of_each = [{"classes": [{"label": "a", "score": 0.75}, {"label": "b", "score": 0.25}]}, {"classes": []}]
        return serving_pb2.ClassificationResponse(model_spec=self._spec(), result={"classifications": of_each})

    def _regress(self, request: serving_pb2.RegressionRequest) -> serving_pb2.RegressionResponse:
        return serving_pb2.RegressionResponse(
            model_spec=self._spec(), result={"regressions": [{"value": 1.5}, {"value": 2.5}]}
        )


@dataclass
class Client:
    """Runs operations against a server of the test's."""

    server: Server
    operations: Operations
    pauses: list[float] = field(default_factory=list)

    def run(self, operation: Operation[Any]) -> Any:
        try:
            effect = next(operation)
            while True:
                assert isinstance(effect, Pause)
                self.pauses.append(effect.seconds)
                self.server.now_s += effect.seconds
                effect = operation.send(None)
        except StopIteration as end:
            return end.value

    def predict(self, inputs: Any, choice: Choice = LATEST, *, signature: str = "", **more: Any) -> Any:
        return self.run(self.operations.predict(inputs, **choice._asdict(), signature=signature, **more))


@pytest.fixture
def client_with() -> Callable[..., Client]:
    def make(server: Server | None = None, **settings: Any) -> Client:
        server = server or Server()
        return Client(server, Operations("double", server, ClientSettings(**settings)))  # type: ignore[arg-type]

    return make


MakeClient = Callable[..., Client]


@pytest.mark.parametrize(
    ("choice", "spec"),
    [
        (Choice(), {}),
        (Choice(version=3), {"version": {"value": 3}}),
        (Choice(version=0), {"version": {"value": 0}}),
        (Choice(label="stable"), {"version_label": "stable"}),
    ],
)
def test_a_call_asks_for_the_version_the_signature_and_the_outputs_that_are_wanted(
    client_with: MakeClient, choice: Choice, spec: dict[str, Any]
) -> None:
    client = client_with(check_signature=False, timeout_s=7.0)
    for _ in range(2):  # the second time from what is remembered
        answer = client.predict({"x": [1.0, 2.0]}, choice, signature="greet", output_filter=["y", "z"])
        rpc, request, left_s = client.server.asked.pop()
        assert (rpc, left_s) == (Rpc.PREDICT, 7.0)
        assert request.model_spec == serving_pb2.ModelSpec(name="double", signature_name="greet", **spec)
        assert list(request.output_filter) == ["y", "z"]
        assert to_array(request.inputs["x"]).tolist() == [1, 2]
        assert (answer["y"].tolist(), answer.version) == ([2, 4], 1)
    assert client.server.asked == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"version": 1, "label": "a"}, "names a version or a label, got version 1 and label 'a'"),
        ({"version": 0, "label": ""}, "names a version or a label"),
        ({"key": "k", "version": 1}, "a key chooses the label, got key 'k' and version 1"),
        ({"key": "k", "label": "a"}, "a key chooses the label, .* label 'a'"),
    ],
)
def test_a_call_names_one_of_version_label_and_key(client_with: MakeClient, asked: dict[str, Any], words: str) -> None:
    whole = {"version": None, "label": None, "key": None, **asked}
    with pytest.raises(BadRequest, match=words):
        client_with(router=str.upper).operations.choice(**whole)


def test_a_key_takes_a_router(client_with: MakeClient) -> None:
    assert client_with(router=str.upper).operations.choice(None, None, "k") == Choice(label="K")
    with pytest.raises(BadRequest, match="no router in the settings"):
        client_with().operations.choice(None, None, "k")


def test_the_look_at_the_signature_and_the_call_share_one_time_limit(client_with: MakeClient) -> None:
    client = client_with()
    client.predict({"x": X}, timeout_s=3.0)
    client.predict({"x": X}, timeout_s=0.0)
    assert [(rpc, left_s) for rpc, _, left_s in client.server.asked] == [
        (Rpc.METADATA, 3.0),
        (Rpc.PREDICT, 3.0),
        (Rpc.PREDICT, 0.0),
    ]
    assert list(client.server.asked[0][1].metadata_field) == ["signature_def"]


def test_a_version_that_answers_first_is_looked_at_before_the_next_call(client_with: MakeClient) -> None:
    client = client_with()
    for version, looks in ((1, 1), (1, 1), (2, 1), (2, 2), (1, 2), (1, 2), (2, 2), (2, 2)):
        client.server.version = version
        client.predict({"x": X})
        assert client.server.count(Rpc.METADATA) == looks


def test_inputs_that_are_refused_are_held_against_a_newer_version_once(client_with: MakeClient) -> None:
    client = client_with()
    client.predict({"x": X})
    with pytest.raises(
        BadRequest, match=r"s0:1: version 1 of 'double': signature 'serving_default' takes 'x' as float32"
    ):
        client.predict({"x": np.int64([1])})
    client.server.version, client.server.dtype = 2, 9
    assert client.predict({"x": np.int64([3])})["y"].tolist() == [6]
    assert client.server.count(Rpc.METADATA) == 3
    with pytest.raises(BadRequest, match="version 2 of 'double'"):
        client.predict({"x": X}, Choice(version=2))
    assert client.server.count(Rpc.METADATA) == 3  # a version does not change
    with pytest.raises(BadRequest, match="takes 'x' as int64"):
        client.predict({"x": X}, Choice(label="stable"))


@pytest.mark.parametrize("check", [True, False])
def test_inputs_that_are_no_arrays_are_refused(client_with: MakeClient, check: bool) -> None:
    client = client_with(check_signature=check)
    with pytest.raises(BadRequest, match="got something else" if check else "an input is no array"):
        client.predict({"x": [[1], [1, 2]]})


def test_inputs_without_a_name_take_a_look_at_the_signature(client_with: MakeClient) -> None:
    assert client_with().predict([1, 2])["y"].tolist() == [2, 4]
    with pytest.raises(BadRequest, match="take a look at the signature; give them by name"):
        client_with(check_signature=False).predict([1, 2])


def test_a_signature_is_described_or_those_there_are_are_named(client_with: MakeClient) -> None:
    client = client_with()
    found = client.run(client.operations.signature())
    assert (found.name, str(found.inputs["x"])) == ("serving_default", "float32 [?]")
    metadata = client.run(client.operations.metadata(timeout_s=5.0))
    assert metadata["serving_images"].inputs["encoded"].dtype == 7
    assert client.server.asked[-1][2] == 5.0
    words = r"s0:1: version 1 of 'double': its signatures are 'serving_default', 'serving_images'; got 'nix'"
    with pytest.raises(BadRequest, match=words):
        client.run(client.operations.signature("nix"))


@pytest.mark.parametrize(
    ("images", "signature", "used"),
    [
        (True, None, "serving_images"),
        (True, "serving_images", "serving_images"),
        (False, None, "serving_default"),
    ],
)
def test_images_go_to_the_signature_for_images(
    client_with: MakeClient, images: bool, signature: str | None, used: str
) -> None:
    client = client_with(Server(images=images, dtype=7))
    for _ in range(2):
        client.run(client.operations.predict_images([b"png"], signature=signature, timeout_s=4.0))
    assert [(rpc, left_s) for rpc, _, left_s in client.server.asked] == [
        (Rpc.METADATA, 4.0),
        (Rpc.PREDICT, 4.0),
        (Rpc.PREDICT, 4.0),
    ]
    assert {request.model_spec.signature_name for rpc, request, _ in client.server.asked if rpc is Rpc.PREDICT} == {
        used
    }


def test_a_signature_without_images_is_named(client_with: MakeClient) -> None:
    client = client_with()
    with pytest.raises(BadRequest, match="s0:1: version 1 of 'double': "):
        client.run(client.operations.predict_images([b"png"], signature="serving_default"))


def test_examples_are_classified_and_regressed(client_with: MakeClient) -> None:
    client = client_with(Server(version=3), timeout_s=6.0)
    asked = {"version": 3, "signature": "s", "context": {"c": 1}}
    classes = client.run(client.operations.classify([{"x": 1}, {"x": 2}], **asked))
    assert (classes.classes, classes.version) == (((Class("a", 0.75), Class("b", 0.25)), ()), 3)
    values = client.run(client.operations.regress([{"x": 1}, {"x": 2}], **asked))
    assert (values.values.tolist(), values.values.dtype, values.version) == ([1.5, 2.5], np.float32, 3)
    assert [(rpc, left_s) for rpc, _, left_s in client.server.asked] == [(Rpc.CLASSIFY, 6.0), (Rpc.REGRESS, 6.0)]
    for _, request, _ in client.server.asked:
        assert request.model_spec == serving_pb2.ModelSpec(name="double", signature_name="s", version={"value": 3})
        assert len(request.input.example_list_with_context.examples) == 2


START, LOADING, AVAILABLE, END = 10, 20, 30, 50


@pytest.mark.parametrize(
    ("version", "states", "found", "pauses"),
    [
        (None, [[(3, AVAILABLE, 0)]], 3, 0),
        (None, [[(3, LOADING, 0)], [(3, LOADING, 0), (2, AVAILABLE, 0)]], 2, 1),
        (3, [[(2, AVAILABLE, 0)], [(2, AVAILABLE, 0), (3, AVAILABLE, 0)]], 3, 1),
        (None, [ModelNotFound("nix"), ServerUnavailable("gone"), [], [(3, START, 0)], [(3, AVAILABLE, 0)]], 3, 4),
        (None, [[(3, END, 0)], [(3, AVAILABLE, 0)]], 3, 1),  # unloaded as it was told to
        (None, [[(3, END, 5), (2, LOADING, 0)], [(2, AVAILABLE, 0)]], 2, 1),
    ],
)
def test_a_version_is_waited_for_until_it_is_up(
    client_with: MakeClient, version: int | None, states: list[Any], found: int, pauses: int
) -> None:
    client = client_with(Server(states=states))
    assert client.run(client.operations.wait_until_available(version, timeout_s=60.0)) == found
    assert client.pauses == [0.05] * pauses
    assert client.server.asked[0][2] == 10.0  # no question takes longer than any other call


@pytest.mark.parametrize(("version", "which"), [(None, "a version"), (3, "version 3")])
def test_a_load_that_was_given_up_ends_the_wait(client_with: MakeClient, version: int | None, which: str) -> None:
    client = client_with(Server(states=[[(3, END, 5)]]))
    words = f"s0:1: {which} of 'double' cannot be loaded: version 3 is END broken"
    with pytest.raises(LoadFailed, match=words):
        client.run(client.operations.wait_until_available(version, timeout_s=60.0))


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([[(3, LOADING, 0), (4, START, 0)]], "version 3 is LOADING; version 4 is START"),
        ([[]], "no such version"),
        ([ServerUnavailable("nothing answers")], "nothing answers"),
    ],
)
def test_a_wait_ends_with_its_time_limit_and_says_what_was_found(
    client_with: MakeClient, states: list[Any], words: str
) -> None:
    client = client_with(Server(states=states))
    with pytest.raises(VersionNotReady, match=rf"a version of 'double' was to be up within 1 s; found: {words}"):
        client.run(client.operations.wait_until_available(None, timeout_s=1.0))
    assert client.server.now_s == pytest.approx(101.0, abs=0.11)
    lefts = [left_s for _, _, left_s in client.server.asked]
    assert lefts[0] == 1.0
    assert lefts[-1] == pytest.approx(0.05)


def test_a_config_goes_to_all_and_a_refusal_is_told_from_other_errors(client_with: MakeClient) -> None:
    client = client_with()
    models = [ServedModel(name="double", base_path="/models/double", versions=(1,))]
    client.run(client.operations.reload_config(models, timeout_s=2.0))
    ((rpc, request, left_s),) = client.server.asked
    assert (rpc, request.config, left_s) == (Rpc.RELOAD, to_proto(models), 2.0)
    client.server.refusal = BadRequest("no such label")
    with pytest.raises(ConfigRefused, match="the model config was refused: no such label"):
        client.run(client.operations.reload_config(models, timeout_s=None))
    client.server.refusal = ServerUnavailable("gone")
    with pytest.raises(ServerUnavailable):
        client.run(client.operations.reload_config(models, timeout_s=None))
