"""All that a client can be asked for, as operations: what is sent, and what the answers mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from slipline.serving.client.caller import Caller
from slipline.serving.client.client_settings import ClientSettings
from slipline.serving.client.control import VersionStatus, version_status
from slipline.serving.client.effects import Operation, Pause, Rpc
from slipline.serving.client.example_input import Example, example_input
from slipline.serving.client.image_inputs import DEFAULT_SIGNATURE, IMAGES_SIGNATURE, Image, image_inputs
from slipline.serving.client.known_models import Choice, KnownModels, KnownVersion
from slipline.serving.client.prediction import Class, Classification, Prediction, Regression
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
from slipline.serving.wire.decode_reply import AnswerReader
from slipline.serving.wire.encode_request import predict_request
from slipline.serving.wire.tensors import Array

_POLL_S = 0.05


class Operations:
    """The operations of one client; those that wait are carried out by it."""

    def __init__(self, model: str, caller: Caller, settings: ClientSettings) -> None:
        """`caller` makes the calls."""
        self.model = model
        self._caller = caller
        self._settings = settings
        self._known = KnownModels()
        self._reader = AnswerReader()
        self._specs: dict[tuple[Choice, str], bytes] = {}

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

    def predict(
        self,
        inputs: Inputs,
        choice: Choice,
        *,
        signature: str,
        output_filter: Collection[str],
        timeout_s: float | None,
    ) -> Operation[Prediction]:
        """Runs the model."""
        deadline_s = self._deadline_s(timeout_s)
        arrays = yield from self._arrays(inputs, choice, signature, deadline_s)
        return (yield from self._predict(arrays, choice, signature, output_filter, deadline_s))

    def arrays(
        self, inputs: Inputs, choice: Choice, *, signature: str, timeout_s: float | None
    ) -> Operation[dict[str, Array]]:
        """The inputs as arrays, held against the signature unless the settings say otherwise."""
        return (yield from self._arrays(inputs, choice, signature, self._deadline_s(timeout_s)))

    def predict_arrays(
        self,
        arrays: dict[str, Array],
        choice: Choice,
        *,
        signature: str,
        output_filter: Collection[str],
        timeout_s: float | None,
    ) -> Operation[Prediction]:
        """Runs the model on what `arrays` returned."""
        return (yield from self._predict(arrays, choice, signature, output_filter, self._deadline_s(timeout_s)))

    def predict_images(
        self, images: Sequence[Image], choice: Choice, *, signature: str | None, timeout_s: float | None
    ) -> Operation[Prediction]:
        """Runs the model on images."""
        deadline_s = self._deadline_s(timeout_s)
        known = self._known.get(choice) or (yield from self._learn(choice, deadline_s))
        name = signature or (IMAGES_SIGNATURE if IMAGES_SIGNATURE in known.signatures else DEFAULT_SIGNATURE)
        try:
            inputs = image_inputs(images, self._signature_of(known, name))
        except BadRequest as error:
            raise BadRequest(f"{self._where(known)}: {error}") from error
        return (yield from self._predict(inputs, choice, name, (), deadline_s))

    def classify(
        self,
        examples: Sequence[Example],
        choice: Choice,
        *,
        signature: str,
        context: Example | None,
        timeout_s: float | None,
    ) -> Operation[Classification]:
        """Which classes each example belongs to."""
        request = serving_pb2.ClassificationRequest(
            model_spec=self._model_spec(choice, signature), input=example_input(examples, context)
        )
        answer = yield from self._call(Rpc.CLASSIFY, request.SerializeToString(), timeout_s)
        response = serving_pb2.ClassificationResponse.FromString(answer)
        classes = tuple(
            tuple(Class(each.label, each.score) for each in of_example.classes)
            for of_example in response.result.classifications
        )
        return Classification(classes, response.model_spec.version.value)

    def regress(
        self,
        examples: Sequence[Example],
        choice: Choice,
        *,
        signature: str,
        context: Example | None,
        timeout_s: float | None,
    ) -> Operation[Regression]:
        """A number for each example."""
        request = serving_pb2.RegressionRequest(
            model_spec=self._model_spec(choice, signature), input=example_input(examples, context)
        )
        answer = yield from self._call(Rpc.REGRESS, request.SerializeToString(), timeout_s)
        response = serving_pb2.RegressionResponse.FromString(answer)
        values = np.array([each.value for each in response.result.regressions], np.float32)
        return Regression(values, response.model_spec.version.value)

    def metadata(
        self, choice: Choice, *, timeout_s: float | None
    ) -> Operation[Mapping[str, saved_model_pb2.SignatureDef]]:
        """The model's signatures as it describes them."""
        _, signatures = yield from self._metadata(choice, self._deadline_s(timeout_s))
        return signatures

    def signature(self, name: str, choice: Choice, *, timeout_s: float | None) -> Operation[Signature]:
        """One signature."""
        known = yield from self._learn(choice, self._deadline_s(timeout_s))
        try:
            return self._signature_of(known, name)
        except BadRequest as error:
            raise BadRequest(f"{self._where(known)}: {error}") from None

    def status(self, *, timeout_s: float | None) -> Operation[tuple[VersionStatus, ...]]:
        """How far a server is with each version."""
        request = serving_pb2.GetModelStatusRequest(model_spec=self._model_spec(Choice(), ""))
        answer = yield from self._call(Rpc.STATUS, request.SerializeToString(), timeout_s)
        response = serving_pb2.GetModelStatusResponse.FromString(answer)
        return tuple(map(version_status, response.model_version_status))

    def wait_until_available(self, version: int | None, *, timeout_s: float) -> Operation[int]:
        """The version that is up, once it is."""
        end_s = self._caller.clock() + timeout_s
        which = "a version" if version is None else f"version {version}"
        wanted = f"{self._caller.target}: {which} of {self.model!r}"
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

    def reload_config(self, models: Sequence[ServedModel], *, timeout_s: float | None) -> Operation[None]:
        """Makes `models` the whole config of every target."""
        request = serving_pb2.ReloadConfigRequest(config=to_proto(models)).SerializeToString()
        try:
            yield from self._caller.call_each(Rpc.RELOAD, request, self._deadline_s(timeout_s))
        except BadRequest as error:
            raise ConfigRefused(f"the model config was refused: {error}") from error

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

    def _predict(
        self,
        arrays: Mapping[str, Array],
        choice: Choice,
        signature: str,
        output_filter: Collection[str],
        deadline_s: float,
    ) -> Operation[Prediction]:
        request = predict_request(self._spec(choice, signature), arrays, tuple(output_filter))
        outputs, version = self._reader.read((yield from self._caller.call(Rpc.PREDICT, request, deadline_s)))
        self._known.answered(choice, version)
        return Prediction(outputs, version)

    def _arrays(self, inputs: Inputs, choice: Choice, signature: str, deadline_s: float) -> Operation[dict[str, Array]]:
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

    def _call(self, rpc: Rpc, request: bytes, timeout_s: float | None) -> Operation[bytes]:
        return (yield from self._caller.call(rpc, request, self._deadline_s(timeout_s)))

    def _learn(self, choice: Choice, deadline_s: float) -> Operation[KnownVersion]:
        version, signatures = yield from self._metadata(choice, deadline_s)
        return self._known.learn(choice, version, signatures)

    def _metadata(
        self, choice: Choice, deadline_s: float
    ) -> Operation[tuple[int, Mapping[str, saved_model_pb2.SignatureDef]]]:
        request = serving_pb2.GetModelMetadataRequest(
            model_spec=self._model_spec(choice, ""), metadata_field=["signature_def"]
        )
        answer = yield from self._caller.call(Rpc.METADATA, request.SerializeToString(), deadline_s)
        response = serving_pb2.GetModelMetadataResponse.FromString(answer)
        packed = response.metadata["signature_def"].value
        signatures = dict(saved_model_pb2.SignatureDefMap.FromString(packed).signature_def)
        return response.model_spec.version.value, signatures

    def _signature_of(self, known: KnownVersion, name: str) -> Signature:
        signature = known.signatures.get(name or DEFAULT_SIGNATURE)
        if signature is None:
            # Those that begin so are TensorFlow's own, not for clients.
            names = ", ".join(repr(each) for each in sorted(known.signatures) if not each.startswith("__saved_model"))
            raise BadRequest(f"its signatures are {names}; got {name or DEFAULT_SIGNATURE!r}")
        return signature

    def _where(self, known: KnownVersion) -> str:
        return f"{self._caller.target}: version {known.version} of {self.model!r}"

    def _deadline_s(self, timeout_s: float | None) -> float:
        return self._caller.clock() + (self._settings.timeout_s if timeout_s is None else timeout_s)

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


def _as_they_are(inputs: Inputs) -> dict[str, Array]:
    if not isinstance(inputs, Mapping):
        raise BadRequest("inputs without a name take a look at the signature; give them by name")
    try:
        return {name: to_array(value) for name, value in inputs.items()}
    except (TypeError, ValueError) as error:
        raise BadRequest(f"an input is no array: {error}") from error
