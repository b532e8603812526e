"""What every way in (gRPC, REST) asks of the models: the five calls of PredictionService, without any transport."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from slipline.serving.errors import BadRequest
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.server.methods.methods import Methods
from slipline.serving.server.methods.predict_calls import Asked, PredictCall
from slipline.serving.server.methods.request_messages import check_spec
from slipline.serving.server.routing import Served
from slipline.serving.server.versions.manager import VersionManager
from slipline.serving.wire import saved_model_pb2, serving_pb2
from slipline.serving.wire.tensors import Array

METADATA_FIELD = "signature_def"


class Inference:
    """Runs the version of a model that a request means, and says in each answer which one that was. Thread-safe.

    Every method raises BadRequest for a request that the model or the server does not take, ModelNotFound or
    VersionNotReady for a version that is not up, and TensorFlowError where an operation failed for another reason.
    """

    def __init__(
        self,
        versions: VersionManager,
        methods: Methods,
        observe_runtime: Callable[[str, str, float], None],
    ) -> None:
        """Runs nothing yet.

        Args:
          versions: What is served.
          methods: How models are run.
          observe_runtime: Told of each run of a model: its name, the method and the time, waiting included.
        """
        self._versions = versions
        self._methods = methods
        self._observe_runtime = observe_runtime

    def predict(
        self,
        spec: serving_pb2.ModelSpec,
        read: Callable[[LoadedModel], Mapping[str, Array]],
        is_active: Callable[[], bool],
    ) -> tuple[Mapping[str, Array], int]:
        """Runs one signature; its outputs by name, and the version that they are of.

        Args:
          spec: Which version, and which signature.
          read: Gives the inputs by name, once the version is known, as its signature says how to read what was sent.
          is_active: Whether somebody still waits for the answer; asked just before the model is run.

        Raises:
          SignatureNotFound: The model has no such signature.
          DeadlineExceeded: Nobody waits any more.
        """
        with self._versions.using(spec) as served:
            arrays = read(served.model)
            call = PredictCall(Asked.by(spec, arrays), lambda: arrays)
            with self._observed(spec, "Predict"):
                return self._methods.predict(served.model, call, is_active), served.version

    async def predict_soon(self, call: PredictCall) -> tuple[bytes, int]:
        """Runs one signature, in the event loop of the models; to cancel it is to withdraw the request.

        Returns:
          The serialized answer, and the version that it is of.
        """
        asked = call.asked
        served = self._versions.entered(asked.meant)
        try:
            run = self._methods.planned(served.model, call)
            begin_s = time.perf_counter()
            computed = await served.model.compute_soon(run.feeds, run.fetches)
            self._observe_runtime(asked.meant.model, "Predict", time.perf_counter() - begin_s)
            return self._methods.reply(call, run, computed, served.version), served.version
        finally:
            served.leave()

    def classify(self, request: serving_pb2.ClassificationRequest) -> serving_pb2.ClassificationResponse:
        """Runs one signature that classifies Examples."""
        check_spec(request)
        with self._running(request.model_spec, "Classify") as served:
            response = self._methods.classify(served.model, request)
        _resolve(response.model_spec, request.model_spec, served.version)
        return response

    def regress(self, request: serving_pb2.RegressionRequest) -> serving_pb2.RegressionResponse:
        """Runs one signature that gives a number for each Example."""
        check_spec(request)
        with self._running(request.model_spec, "Regress") as served:
            response = self._methods.regress(served.model, request)
        _resolve(response.model_spec, request.model_spec, served.version)
        return response

    def multi_inference(self, request: serving_pb2.MultiInferenceRequest) -> serving_pb2.MultiInferenceResponse:
        """Runs several signatures of one version on the same Examples, once.

        Raises:
          Unsupported: A task's method is neither classify nor regress.
        """
        if not request.tasks or not request.tasks[0].model_spec.name:
            raise BadRequest("ModelSpec has no name specified.")
        spec = request.tasks[0].model_spec
        with self._running(spec, "MultiInference") as served:
            response = self._methods.multi_inference(served.model, request)
        for result in response.results:
            _resolve(result.model_spec, spec, served.version)
        return response

    @contextmanager
    def _running(self, spec: serving_pb2.ModelSpec, api: str) -> Iterator[Served]:
        with self._versions.using(spec) as served, self._observed(spec, api):
            yield served

    @contextmanager
    def _observed(self, spec: serving_pb2.ModelSpec, api: str) -> Iterator[None]:
        begin_s = time.perf_counter()
        yield
        self._observe_runtime(spec.name, api, time.perf_counter() - begin_s)

    def metadata(self, request: serving_pb2.GetModelMetadataRequest) -> serving_pb2.GetModelMetadataResponse:
        """All signatures of one version, as a SignatureDefMap."""
        _check_fields(request)
        check_spec(request)
        response = serving_pb2.GetModelMetadataResponse()
        with self._versions.using(request.model_spec) as served:
            signatures = saved_model_pb2.SignatureDefMap(signature_def=served.model.signatures)
            _resolve(response.model_spec, request.model_spec, served.version)
        packed = response.metadata[METADATA_FIELD]
        packed.type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
        packed.value = signatures.SerializeToString()
        return response


def _check_fields(request: serving_pb2.GetModelMetadataRequest) -> None:
    if not request.metadata_field:
        raise BadRequest("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != METADATA_FIELD:
            raise BadRequest(f"Metadata field {field} is not supported")


def _resolve(answered: serving_pb2.ModelSpec, asked: serving_pb2.ModelSpec, version: int) -> None:
    answered.name = asked.name
    answered.version.value = version
