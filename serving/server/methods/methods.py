"""The ways to run a loaded model that TensorFlow Serving has, on the messages of its API.

Requests for a server and the requests recorded for a model's warm-up take the same path from here on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slipline.serving.errors import BadRequest, DeadlineExceeded, ServingError, Unsupported
from slipline.serving.models.loaded_model import DEFAULT_SIGNATURE, PREDICT_METHOD, LoadedModel, Run
from slipline.serving.server.methods.example_tasks import (
    CLASSIFY_METHOD,
    REGRESS_METHOD,
    TASKS,
    Classification,
    Regression,
)
from slipline.serving.server.methods.predict_calls import PredictCall
from slipline.serving.server.methods.request_messages import serialized_examples
from slipline.serving.wire import saved_model_pb2, serving_pb2
from slipline.serving.wire.encode_predict import predict_reply
from slipline.serving.wire.tensors import Array

PREDICTING = (PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD)


class WrongMethod(ServingError):
    """A signature is made for another method."""

    code = 13


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
        self, model: LoadedModel, call: PredictCall, is_active: Callable[[], bool] = lambda: True
    ) -> dict[str, Array]:
        """The outputs of one signature by name; it is not run if nobody waits any more."""
        run = self.planned(model, call)
        if not is_active():
            raise DeadlineExceeded("the client's deadline passed before the model was run")
        return run.renamed(model.compute(run.feeds, run.fetches))

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
        result, spec = self._alone(model, request, Classification)
        return serving_pb2.ClassificationResponse(result=result, model_spec=spec)

    def regress(self, model: LoadedModel, request: serving_pb2.RegressionRequest) -> serving_pb2.RegressionResponse:
        """Runs one signature that gives a number for each Example."""
        result, spec = self._alone(model, request, Regression)
        return serving_pb2.RegressionResponse(result=result, model_spec=spec)

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
        results = [
            serving_pb2.InferenceResult(
                model_spec=serving_pb2.ModelSpec(signature_name=name),
                **{f"{task.kind}_result": task.result(computed, len(examples))},  # type: ignore[arg-type]
            )
            for name, task in tasks.items()
        ]
        return serving_pb2.MultiInferenceResponse(results=results)

    def _alone(
        self, model: LoadedModel, request: Any, kind: type[Classification] | type[Regression]
    ) -> tuple[Any, serving_pb2.ModelSpec]:
        """What the signature gives that a request names, and its name."""
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        signature = model.signatures.get(name)
        if signature is None:
            raise BadRequest(f"No signature was found with the name: {name}")
        task = self._checked(kind, signature)
        examples = serialized_examples(request.input)
        computed = model.compute({task.examples: examples}, task.fetches)
        return task.result(computed, len(examples)), serving_pb2.ModelSpec(signature_name=name)

    def _task(self, model: LoadedModel, name: str, method: str) -> Classification | Regression:
        signature = model.signatures.get(name)
        if signature is None:
            raise BadRequest(f"Requested signature not found in model graph: {name}")
        if method not in TASKS:
            wanted = " or ".join(TASKS)
            raise Unsupported(f"Unsupported signature method_name: {method}; send {wanted}")
        return self._checked(TASKS[method], signature)

    def _checked(
        self, kind: type[Classification] | type[Regression], signature: saved_model_pb2.SignatureDef
    ) -> Classification | Regression:
        if self.check_method_names and signature.method_name != kind.method:
            raise BadRequest(
                f"Expected {kind.kind} signature method_name to be {kind.method}. Was: {signature.method_name}"
            )
        return kind.of(signature)


def _check_names(request: serving_pb2.MultiInferenceRequest) -> None:
    first = request.tasks[0].model_spec.name if request.tasks else ""
    for task in request.tasks:
        if not task.model_spec.name:
            raise BadRequest("Found ModelSpec with an empty model name.")
        if task.model_spec.name != first:
            raise BadRequest("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
