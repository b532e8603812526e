"""All that a client can be asked for, as operations: what is sent, and what the answers mean."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from google.protobuf.message import Message

from slipline.serving.client.balancer import Balancer
from slipline.serving.client.caller import Caller
from slipline.serving.client.client_settings import ClientSettings
from slipline.serving.client.effects import Operation, Pause, Rpc
from slipline.serving.client.example_input import Example, example_input
from slipline.serving.client.image_inputs import DEFAULT_SIGNATURE, IMAGES_SIGNATURE, Image, image_inputs
from slipline.serving.client.known_models import Choice, KnownModels, KnownVersion
from slipline.serving.client.prediction import Class, Classification, Prediction, Regression, VersionStatus
from slipline.serving.client.signature import Inputs, Signature, to_array
from slipline.serving.errors import (
    BadRequest,
    ConfigRefused,
    LoadFailed,
    ModelNotFound,
    ServerUnavailable,
    VersionNotReady,
)
from slipline.serving.folders.model_config import ServedModel, to_proto
from slipline.serving.wire import saved_model_pb2, serving_pb2
from slipline.serving.wire.decode_predict import AnswerReader
from slipline.serving.wire.encode_predict import predict_request
from slipline.serving.wire.tensors import Array

_POLL_S = 0.05

Method = TypeVar("Method", bound=Callable[..., Any])


class Operations:
    """What one client can be asked for; `PredictClient` waits for the outcomes, `AsyncPredictClient` awaits them."""

    def __init__(self, model: str, caller: Caller, settings: ClientSettings) -> None:
        """`caller` makes the calls."""
        self.model = model
        self.target = caller.target
        self._caller = caller
        self._settings = settings
        self._known = KnownModels()
        self._reader = AnswerReader()
        self._specs: dict[tuple[Choice, str], bytes] = {}

    @classmethod
    def at(cls, addresses: Sequence[str], model: str, settings: ClientSettings) -> Operations:
        """Those of a model that is served at each of these addresses."""
        caller = Caller(model, Balancer(addresses, settings.ejection, random=settings.random), settings)
        return cls(model, caller, settings)

    def predict(
        self,
        inputs: Inputs,
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        signature: str = "",
        output_filter: Collection[str] = (),
        timeout_s: float | None = None,
    ) -> Operation[Prediction]:
        """Runs the model.

        Args:
          inputs: By input name, with the signature's dtypes; the first axis is the batch. Lists and numbers become
            arrays of the dtype that is wanted. A signature with one input takes that without its name, too.
          version: Which version is to answer; by default the highest that is up.
          label: The same by label.
          key: The same by the settings' `router`, which makes a label of it.
          signature: Its name; empty for `serving_default`.
          output_filter: The outputs wanted; by default all.
          timeout_s: For the whole call, retries included; by default the client's.

        Raises:
          BadRequest: The model takes other inputs, or has no such signature; says what was wanted and what came.
          ModelNotFound: No version of the model is up.
          VersionNotReady: That version is not up, or no version has that label.
          DeadlineExceeded: No answer within the time limit.
          ServerUnavailable: Nothing listens there, or the connection broke.
          MessageTooLarge: The request or the answer is beyond a limit of one side.
          AccessDenied: The server wants a token or certificate, or another one.
          ServingError: The server failed in another way; the cause is gRPC's error.
        """
        choice, deadline_s = self.choice(version, label, key), self.deadline_s(timeout_s)
        arrays = yield from self.arrays(inputs, choice, signature, deadline_s)
        return (yield from self.predict_arrays(arrays, choice, signature, output_filter, deadline_s))

    def predict_images(
        self,
        images: Sequence[Image],
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        signature: str | None = None,
        timeout_s: float | None = None,
    ) -> Operation[Prediction]:
        """Runs the model on images, which it decodes and scales itself.

        Args:
          images: Each the bytes of a PNG or JPEG file, its path, or pixels, uint8 [height, width] or [height, width,
            channels].
          version: As in `predict`.
          label: As in `predict`.
          key: As in `predict`.
          signature: With one input that takes image files, or pixels as uint8; by default `serving_images` if the model
            has it, else `serving_default`.
          timeout_s: As in `predict`.

        Raises:
          BadRequest: The signature takes no images, or one is none.
          ServingError: As in `predict`.
        """
        choice, deadline_s = self.choice(version, label, key), self.deadline_s(timeout_s)
        known = self._known.get(choice) or (yield from self._learn(choice, deadline_s))
        name = signature or (IMAGES_SIGNATURE if IMAGES_SIGNATURE in known.signatures else DEFAULT_SIGNATURE)
        try:
            inputs = image_inputs(images, self._signature_of(known, name))
        except BadRequest as error:
            raise BadRequest(f"{self._where(known)}: {error}") from error
        return (yield from self.predict_arrays(inputs, choice, name, (), deadline_s))

    def classify(
        self,
        examples: Sequence[Example],
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        signature: str = "",
        context: Example | None = None,
        timeout_s: float | None = None,
    ) -> Operation[Classification]:
        """Which classes each example belongs to, by a signature made for Classify.

        Args:
          examples: At least one: feature values by name, or a serialized `tf.Example`.
          version: As in `predict`.
          label: As in `predict`.
          key: As in `predict`.
          signature: As in `predict`.
          context: Features that all examples share.
          timeout_s: As in `predict`.

        Raises:
          ServingError: As in `predict`.
        """
        spec = self._model_spec(self.choice(version, label, key), signature)
        request = serving_pb2.ClassificationRequest(model_spec=spec, input=example_input(examples, context))
        answer = yield from self._call(Rpc.CLASSIFY, request, timeout_s)
        response = serving_pb2.ClassificationResponse.FromString(answer)
        classes = tuple(
            tuple(Class(each.label, each.score) for each in of_example.classes)
            for of_example in response.result.classifications
        )
        return Classification(classes, response.model_spec.version.value)

    def regress(
        self,
        examples: Sequence[Example],
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        signature: str = "",
        context: Example | None = None,
        timeout_s: float | None = None,
    ) -> Operation[Regression]:
        """A number for each example, by a signature made for Regress; as `classify` else."""
        spec = self._model_spec(self.choice(version, label, key), signature)
        request = serving_pb2.RegressionRequest(model_spec=spec, input=example_input(examples, context))
        answer = yield from self._call(Rpc.REGRESS, request, timeout_s)
        response = serving_pb2.RegressionResponse.FromString(answer)
        values = np.array([each.value for each in response.result.regressions], np.float32)
        return Regression(values, response.model_spec.version.value)

    def metadata(
        self,
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        timeout_s: float | None = None,
    ) -> Operation[Mapping[str, saved_model_pb2.SignatureDef]]:
        """The model's signatures by name, as messages; asks the server each time.

        Raises:
          ServingError: As in `predict`.
        """
        _, signatures = yield from self.described(self.choice(version, label, key), self.deadline_s(timeout_s))
        return signatures

    def signature(
        self,
        name: str = "",
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        timeout_s: float | None = None,
    ) -> Operation[Signature]:
        """What one signature takes and gives, in NumPy's terms; `serving_default` if no other is named.

        Raises:
          BadRequest: The model has no such signature.
          ServingError: As in `predict`.
        """
        known = yield from self._learn(self.choice(version, label, key), self.deadline_s(timeout_s))
        try:
            return self._signature_of(known, name)
        except BadRequest as error:
            raise BadRequest(f"{self._where(known)}: {error}") from None

    def status(self, *, timeout_s: float | None = None) -> Operation[tuple[VersionStatus, ...]]:
        """How far the server, or one of several, is with each version that it remembers, the highest first.

        Raises:
          ModelNotFound: It knows no version of the model.
          ServingError: As in `predict`.
        """
        request = serving_pb2.GetModelStatusRequest(model_spec=self._model_spec(Choice(), ""))
        answer = yield from self._call(Rpc.STATUS, request, timeout_s)
        response = serving_pb2.GetModelStatusResponse.FromString(answer)
        return tuple(map(VersionStatus.of, response.model_version_status))

    def wait_until_available(self, version: int | None = None, *, timeout_s: float = 60.0) -> Operation[int]:
        """The version that is up, on one server of several at least, once it is; the highest if none is asked for.

        Args:
          version: Its number.
          timeout_s: In all; a server that does not listen yet is waited for, too.

        Raises:
          LoadFailed: The server gave up loading it.
          VersionNotReady: It was not up within the time limit.
        """
        end_s = self._caller.clock() + timeout_s
        which = "a version" if version is None else f"version {version}"
        wanted = f"{self.target}: {which} of {self.model!r}"
        while True:
            states, found = yield from self._states(version, end_s)
            for state in states:
                if state.state == "AVAILABLE":
                    return state.version
            if states and all(state.state == "END" and state.error_code for state in states):
                raise LoadFailed(f"{wanted} cannot be loaded: {found}")
            if self._caller.clock() > end_s:
                raise VersionNotReady(f"{wanted} was to be up within {timeout_s:g} s; found: {found}")
            yield Pause(_POLL_S)

    def reload_config(self, models: Sequence[ServedModel], *, timeout_s: float | None = None) -> Operation[None]:
        """Makes `models` the whole config of every target, one after another; never repeated by itself.

        Args:
          models: What to serve; models left out are unloaded.
          timeout_s: In all; give more where a model is new, as a server then answers once it is loaded.

        Raises:
          ConfigRefused: A server cannot follow this config; those behind it were not asked.
          ServingError: As in `predict`.
        """
        request = serving_pb2.ReloadConfigRequest(config=to_proto(models)).SerializeToString()
        try:
            yield from self._caller.call_each(Rpc.RELOAD, request, self.deadline_s(timeout_s))
        except BadRequest as error:
            raise ConfigRefused(f"the model config was refused: {error}") from error

    def choice(self, version: int | None, label: str | None, key: str | None) -> Choice:
        """What a call asks for.

        Raises:
          BadRequest: That is more than one of the three, or a key without a router.
        """
        if version is not None and label is not None:
            raise BadRequest(f"a request names a version or a label, got version {version} and label {label!r}")
        if key is None:
            return Choice(version, label)
        if version is not None or label is not None:
            raise BadRequest(f"a key chooses the label, got key {key!r} and version {version} or label {label!r}")
        if self._settings.router is None:
            raise BadRequest(f"a key takes a router to choose the label, got key {key!r} and no router in the settings")
        return Choice(None, self._settings.router(key))

    def deadline_s(self, timeout_s: float | None) -> float:
        """When a call that begins now has to be over, by the clock of the calls."""
        return self._caller.clock() + (self._settings.timeout_s if timeout_s is None else timeout_s)

    def arrays(self, inputs: Inputs, choice: Choice, signature: str, deadline_s: float) -> Operation[dict[str, Array]]:
        """The inputs as arrays, held against the signature unless the settings say otherwise."""
        if not self._settings.check_signature:
            return _as_they_are(inputs)
        known = self._known.get(choice) or (yield from self._learn(choice, deadline_s))
        try:
            return self._signature_of(known, signature).arrays(inputs)
        except BadRequest as error:
            if choice.version is None:
                # The newest version, or the label's, may be another by now, with another signature.
                latest = yield from self._learn(choice, deadline_s)
                if latest.version != known.version:
                    return self._signature_of(latest, signature).arrays(inputs)
            raise BadRequest(f"{self._where(known)}: {error}") from None

    def predict_arrays(
        self,
        arrays: Mapping[str, Array],
        choice: Choice,
        signature: str,
        output_filter: Collection[str],
        deadline_s: float,
    ) -> Operation[Prediction]:
        """Runs the model on what `arrays` returned."""
        request = predict_request(self._spec(choice, signature), arrays, tuple(output_filter))
        outputs, version = self._reader.read((yield from self._caller.call(Rpc.PREDICT, request, deadline_s)))
        self._known.answered(choice, version)
        return Prediction(outputs, version)

    def described(
        self, choice: Choice, deadline_s: float
    ) -> Operation[tuple[int, Mapping[str, saved_model_pb2.SignatureDef]]]:
        """The version that answers to a choice, and its signatures as messages."""
        request = serving_pb2.GetModelMetadataRequest(
            model_spec=self._model_spec(choice, ""), metadata_field=["signature_def"]
        )
        answer = yield from self._caller.call(Rpc.METADATA, request.SerializeToString(), deadline_s)
        response = serving_pb2.GetModelMetadataResponse.FromString(answer)
        packed = response.metadata["signature_def"].value
        signatures = dict(saved_model_pb2.SignatureDefMap.FromString(packed).signature_def)
        return response.model_spec.version.value, signatures

    def _states(self, version: int | None, end_s: float) -> Operation[tuple[tuple[VersionStatus, ...], str]]:
        """The states of the version or of all, and the same in words."""
        left_s = max(end_s - self._caller.clock(), _POLL_S)
        try:
            every = yield from self.status(timeout_s=min(left_s, self._settings.timeout_s))
        except (ModelNotFound, ServerUnavailable) as error:
            return (), str(error)
        states = tuple(state for state in every if version in (None, state.version))
        words = [f"version {state.version} is {state.state} {state.error_message}".strip() for state in states]
        return states, "; ".join(words) or "no such version"

    def _call(self, rpc: Rpc, request: Message, timeout_s: float | None) -> Operation[bytes]:
        return (yield from self._caller.call(rpc, request.SerializeToString(), self.deadline_s(timeout_s)))

    def _learn(self, choice: Choice, deadline_s: float) -> Operation[KnownVersion]:
        version, signatures = yield from self.described(choice, deadline_s)
        return self._known.learn(choice, version, signatures)

    def _signature_of(self, known: KnownVersion, name: str) -> Signature:
        signature = known.signatures.get(name or DEFAULT_SIGNATURE)
        if signature is None:
            # Those that begin so are TensorFlow's own, not for clients.
            names = ", ".join(repr(each) for each in sorted(known.signatures) if not each.startswith("__saved_model"))
            raise BadRequest(f"its signatures are {names}; got {name or DEFAULT_SIGNATURE!r}")
        return signature

    def _where(self, known: KnownVersion) -> str:
        return f"{self.target}: version {known.version} of {self.model!r}"

    def _spec(self, choice: Choice, signature: str) -> bytes:
        spec = self._specs.get((choice, signature))
        if spec is None:
            spec = self._specs[choice, signature] = self._model_spec(choice, signature).SerializeToString()
        return spec

    def _model_spec(self, choice: Choice, signature: str) -> serving_pb2.ModelSpec:
        spec = serving_pb2.ModelSpec(name=self.model, signature_name=signature)
        if choice.version is not None:
            spec.version.value = choice.version
        if choice.label is not None:
            spec.version_label = choice.label
        return spec


def told_as(operation: Callable[..., Any], method: Method) -> Method:
    """A client's method, which carries an operation out, with the operation's signature and words."""
    signature = inspect.signature(operation)
    outcome = str(signature.return_annotation).removeprefix("Operation[").removesuffix("]")
    functools.update_wrapper(method, operation)
    method.__annotations__ = {**operation.__annotations__, "return": outcome}
    method.__signature__ = signature.replace(return_annotation=outcome)  # type: ignore[attr-defined]
    return method


def _as_they_are(inputs: Inputs) -> dict[str, Array]:
    if not isinstance(inputs, Mapping):
        raise BadRequest("inputs without a name take a look at the signature; give them by name")
    try:
        return {name: to_array(value) for name, value in inputs.items()}
    except (TypeError, ValueError) as error:
        raise BadRequest(f"an input is no array: {error}") from error
