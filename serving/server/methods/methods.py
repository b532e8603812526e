"""The ways to run a loaded model that TensorFlow Serving has, on the messages of its API.

Requests for a server and the requests recorded for a model's warm-up take the same path from here on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slipline.serving.errors import BadRequest, DeadlineExceeded, ServingError, Unsupported
from slipline.serving.models.loaded_model import DEFAULT_SIGNATURE, PREDICT_METHOD, LoadedModel, Run
from slipline.serving.server.methods.classification import CLASSIFY_METHOD, Classification
from slipline.serving.server.methods.predict_calls import PredictCall
from slipline.serving.server.methods.regression import REGRESS_METHOD, Regression
from slipline.serving.server.methods.request_messages import serialized_examples
from slipline.serving.wire import saved_model_pb2, serving_pb2
from slipline.serving.wire.encode_predict import predict_reply
from slipline.serving.wire.tensors import Array, write_proto

PREDICTING = (PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD)


class WrongMethod(ServingError):
    """A signature is made for another method; what a server says INTERNAL to."""


@dataclass(frozen=True, kw_only=True)
class Methods:
    """How models are run; the answers name no model and no version yet.

    Attributes:
      check_method_names: Whether a signature must be made for the method that is asked of it; else its form decides.
      packed_outputs: Whether numbers come back in `tensor_content` instead of the typed field (`float_val`, ...).
    """

    check_method_names: bool = False
    packed_outputs: bool = False

    def predict(
        self, model: LoadedModel, request: serving_pb2.PredictRequest, is_active: Callable[[], bool] = lambda: True
    ) -> serving_pb2.PredictResponse:
        """Runs one signature on named tensors; not at all if nobody waits any more."""
        call = PredictCall.of(request)
        run = self.planned(model, call)
        if not is_active():
            raise DeadlineExceeded("the client's deadline passed before the model was run")
        computed = model.compute(run.feeds, run.fetches)
        response = serving_pb2.PredictResponse()
        response.model_spec.signature_name = call.asked.signature
        for alias, array in run.renamed(computed).items():
            write_proto(array, response.outputs[alias], packed=self.packed_outputs)
        return response

    def planned(self, model: LoadedModel, call: PredictCall) -> Run:
        """What is to be computed for a prediction."""
        asked = call.asked
        if self.check_method_names:
            method = model.signature(asked.signature).method_name
            if method not in PREDICTING:
                wanted = ", ".join(PREDICTING)
                raise WrongMethod(f"Expected prediction signature method_name to be one of {{{wanted}}}. Was: {method}")
        return model.plan(asked.signature, asked.inputs, asked.outputs).run(call.arrays())

    def reply(self, call: PredictCall, run: Run, computed: Mapping[str, Array], version: int) -> bytes:
        """The serialized answer to a prediction, of the tensors that were `computed` for it."""
        return predict_reply(
            run.renamed(computed),
            model=call.asked.meant.model,
            version=version,
            signature=call.asked.signature,
            packed=self.packed_outputs,
        )

    def classify(
        self, model: LoadedModel, request: serving_pb2.ClassificationRequest
    ) -> serving_pb2.ClassificationResponse:
        """Runs one signature that classifies Examples."""
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        task = self._classification(_signature(model, name))
        examples = serialized_examples(request.input)
        computed = model.compute({task.examples: examples}, task.fetches)
        return serving_pb2.ClassificationResponse(
            result=task.result(computed, len(examples)), model_spec=serving_pb2.ModelSpec(signature_name=name)
        )

    def regress(self, model: LoadedModel, request: serving_pb2.RegressionRequest) -> serving_pb2.RegressionResponse:
        """Runs one signature that gives a number for each Example."""
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        task = self._regression(_signature(model, name))
        examples = serialized_examples(request.input)
        computed = model.compute({task.examples: examples}, task.fetches)
        return serving_pb2.RegressionResponse(
            result=task.result(computed, len(examples)), model_spec=serving_pb2.ModelSpec(signature_name=name)
        )

    def multi_inference(
        self, model: LoadedModel, request: serving_pb2.MultiInferenceRequest
    ) -> serving_pb2.MultiInferenceResponse:
        """Runs the signatures of all tasks at once, on the same Examples."""
        _check_names(request)
        tasks = {}
        for sent in request.tasks:
            name = sent.model_spec.signature_name or DEFAULT_SIGNATURE
            if name in tasks:
                raise BadRequest(f"Duplicate evaluation of signature: {name}")
            tasks[name] = self._task(model, name, sent.method_name)
        examples = serialized_examples(request.input)
        computed = model.compute(
            {task.examples: examples for task in tasks.values()},
            list(dict.fromkeys(fetch for task in tasks.values() for fetch in task.fetches)),
        )
        results = [_result(name, task, computed, len(examples)) for name, task in tasks.items()]
        return serving_pb2.MultiInferenceResponse(results=results)

    def _task(self, model: LoadedModel, name: str, method: str) -> Classification | Regression:
        signature = model.signatures.get(name)
        if signature is None:
            raise BadRequest(f"Requested signature not found in model graph: {name}")
        if method == CLASSIFY_METHOD:
            return self._classification(signature)
        if method == REGRESS_METHOD:
            return self._regression(signature)
        raise Unsupported(f"Unsupported signature method_name: {method}; send {CLASSIFY_METHOD} or {REGRESS_METHOD}")

    def _classification(self, signature: saved_model_pb2.SignatureDef) -> Classification:
        self._check_method("classification", CLASSIFY_METHOD, signature)
        return Classification.of(signature)

    def _regression(self, signature: saved_model_pb2.SignatureDef) -> Regression:
        self._check_method("regression", REGRESS_METHOD, signature)
        return Regression.of(signature)

    def _check_method(self, kind: str, wanted: str, signature: saved_model_pb2.SignatureDef) -> None:
        if self.check_method_names and signature.method_name != wanted:
            raise BadRequest(f"Expected {kind} signature method_name to be {wanted}. Was: {signature.method_name}")


def _signature(model: LoadedModel, name: str) -> saved_model_pb2.SignatureDef:
    signature = model.signatures.get(name)
    if signature is None:
        raise BadRequest(f"No signature was found with the name: {name}")
    return signature


def _check_names(request: serving_pb2.MultiInferenceRequest) -> None:
    first = request.tasks[0].model_spec.name if request.tasks else ""
    for task in request.tasks:
        if not task.model_spec.name:
            raise BadRequest("Found ModelSpec with an empty model name.")
        if task.model_spec.name != first:
            raise BadRequest("All ModelSpecs in a MultiInferenceRequest must access the same model name.")


def _result(
    name: str, task: Classification | Regression, computed: Mapping[str, Array], batch: int
) -> serving_pb2.InferenceResult:
    spec = serving_pb2.ModelSpec(signature_name=name)
    if isinstance(task, Classification):
        return serving_pb2.InferenceResult(model_spec=spec, classification_result=task.result(computed, batch))
    return serving_pb2.InferenceResult(model_spec=spec, regression_result=task.result(computed, batch))
