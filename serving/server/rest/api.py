"""Answers the calls of the REST API, one at a time and without any HTTP: a call and a body in, a reply out."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import grpc
from starlette.responses import Response

from slipline.serving.errors import BadRequest, ServingError
from slipline.serving.models.loaded_model import DEFAULT_SIGNATURE, LoadedModel
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.inference import Inference
from slipline.serving.server.metrics.monitoring import Metrics
from slipline.serving.server.rest import replies
from slipline.serving.server.rest.examples_in import read_examples
from slipline.serving.server.rest.json_text import JsonObject, parse_object
from slipline.serving.server.rest.tensors_in import is_by_row, read_tensors, signature_name
from slipline.serving.server.rest.urls import Call, Verb
from slipline.serving.server.versions.manager import VersionManager
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.grpc_errors import code_of
from slipline.serving.wire.tensors import Array

MODEL_HEADER, VERSION_HEADER = "x-model-name", "x-model-version"
JSON = "application/json"
GZIP = 31  # zlib's window bits for a gzip header

HTTP_OF_STATUS: Mapping[grpc.StatusCode, int] = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class BodyTooLarge(BadRequest):
    """A body, or what it unpacks to, is larger than the server takes."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request's body as it came, and whether it is packed with gzip."""

    content: bytes
    is_gzip: bool = False


class RestApi:
    """Runs models for JSON. Thread-safe."""

    def __init__(
        self, options: ServerOptions, inference: Inference, versions: VersionManager, metrics: Metrics
    ) -> None:
        """`metrics` is told of every inference that succeeds."""
        self._options = options
        self._inference = inference
        self._versions = versions
        self._metrics = metrics

    def answer(self, call: Call, body: Body, is_active: Callable[[], bool]) -> Response:
        """The reply to a call.

        Args:
          call: What is asked.
          body: Of a POST.
          is_active: Whether the client still waits; asked just before a model is run.

        Raises:
          ServingError: It cannot be answered; `refusal` makes that a reply.
        """
        if call.verb in (Verb.PREDICT, Verb.CLASSIFY, Verb.REGRESS):
            begin_s = time.perf_counter()
            text = unpacked(body, self._options.rest_api_max_body_bytes)
            sent = parse_object(text, max_depth=self._options.rest_api_max_json_depth)
            version, answer = self._infer(call, sent, is_active)
            elapsed_s = time.perf_counter() - begin_s
            self._metrics.observe(call.spec.name, call.verb.value, "REST", elapsed_s, version=version)
            headers = {MODEL_HEADER: quote(call.spec.name), VERSION_HEADER: str(version)}
            return Response(answer, headers=headers, media_type=JSON)
        return Response(self._describe(call), media_type=JSON)

    def _infer(self, call: Call, sent: JsonObject, is_active: Callable[[], bool]) -> tuple[int, bytes]:
        """The version that answers, and its answer."""
        spec = serving_pb2.ModelSpec()
        spec.CopyFrom(call.spec)
        spec.signature_name = signature_name(sent)
        if call.verb is Verb.PREDICT:
            by_row = is_by_row(sent)
            outputs, version = self._inference.predict(
                spec, lambda model: _inputs(model, spec.signature_name, sent), is_active
            )
            return version, replies.predicted(outputs, by_row=by_row)
        if call.verb is Verb.CLASSIFY:
            request = serving_pb2.ClassificationRequest(model_spec=spec, input=read_examples(sent))
            classified = self._inference.classify(request)
            return classified.model_spec.version.value, replies.classified(classified)
        regressed = self._inference.regress(serving_pb2.RegressionRequest(model_spec=spec, input=read_examples(sent)))
        return regressed.model_spec.version.value, replies.regressed(regressed)

    def _describe(self, call: Call) -> bytes:
        spec = call.spec
        if call.verb is Verb.LIST_MODELS:
            return replies.models(self._versions.models())
        if call.verb is Verb.SHOW_CONFIG:
            return replies.config(self._versions.models())
        if call.verb is Verb.STATUS:
            number = spec.version.value if spec.HasField("version") else None
            return replies.states(self._versions.statuses(spec.name, number))
        request = serving_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        return replies.metadata(self._inference.metadata(request))


def refusal(error: ServingError) -> Response:
    """The reply that tells a client of `error`."""
    code = 413 if isinstance(error, BodyTooLarge) else HTTP_OF_STATUS.get(code_of(error), 500)
    return Response(replies.error(str(error)), code, media_type=JSON)


def unpacked(body: Body, max_bytes: int) -> bytes:
    """The body as JSON text; a gzip body is unpacked no further than `max_bytes`.

    Raises:
      BodyTooLarge: It unpacks to more.
      BadRequest: It is no gzip, or cut off.
    """
    if not body.is_gzip:
        return body.content
    unpacker = zlib.decompressobj(GZIP)
    try:
        text = unpacker.decompress(body.content, max_bytes + 1)
    except zlib.error as error:
        raise BadRequest(f"Content-Encoding is gzip, but the body is none: {error}") from error
    if len(text) > max_bytes:
        raise BodyTooLarge(f"the gzip body unpacks to more than the {max_bytes} bytes that this server takes")
    if not unpacker.eof:
        raise BadRequest("the gzip body is cut off; send all of it")
    return text


def _inputs(model: LoadedModel, name: str, sent: JsonObject) -> dict[str, Array]:
    signature = model.signatures.get(name or DEFAULT_SIGNATURE)
    if signature is None:
        raise BadRequest(f'Serving signature name: "{name or DEFAULT_SIGNATURE}" not found in signature def')
    return read_tensors(sent, signature.inputs)
