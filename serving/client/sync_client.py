"""Asks a model server over gRPC, waiting for each answer: TensorFlow Serving, or the embedded server."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import grpc

from slipline.serving.client.balancer import Balancer
from slipline.serving.client.blocking import BlockingTransport
from slipline.serving.client.caller import Caller
from slipline.serving.client.channels import addresses_of, channel_credentials, channel_options, check_token
from slipline.serving.client.client_settings import ClientSettings
from slipline.serving.client.control import VersionStatus
from slipline.serving.client.example_input import Example
from slipline.serving.client.image_inputs import Image
from slipline.serving.client.operations import Operations
from slipline.serving.client.prediction import Classification, Prediction, Regression
from slipline.serving.client.signature import Inputs, Signature
from slipline.serving.folders.model_config import ServedModel
from slipline.serving.wire import saved_model_pb2


class PredictClient:
    """Asks one model; for use from any thread, and a context manager that closes connections of its own.

    `AsyncPredictClient` has the same methods to await.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        model: str,
        *,
        timeout_s: float | None = None,
        target: str = "the model server",
        settings: ClientSettings | None = None,
    ) -> None:
        """Uses a channel that its owner closes.

        Args:
          channel: To the server; its message size limits hold, and its encryption.
          model: The model's name.
          timeout_s: For each call, in place of the settings'.
          target: What error messages call the server.
          settings: How to ask; those of the connection have no effect.
        """
        self._begin([channel], [target], model, ClientSettings.given(settings, timeout_s))
        self._owned: Sequence[grpc.Channel] = ()

    @classmethod
    def connect(
        cls,
        target: str | Sequence[str],
        model: str,
        *,
        timeout_s: float | None = None,
        settings: ClientSettings | None = None,
    ) -> PredictClient:
        """A client with connections of its own, made when first used.

        Args:
          target: `host:port`, or several that serve the same models; the load is shared among them, and those that
            fail are left alone for a while.
          model: The model's name.
          timeout_s: For each call, in place of the settings' 10 s.
          settings: How to connect and ask.

        Raises:
          AccessDenied: A bearer token would be sent in plain text to another machine.
          ValueError: There is no target.
        """
        addresses, settings = addresses_of(target), ClientSettings.given(settings, timeout_s)
        channels = [_channel(address, settings) for address in addresses]
        client = cls.__new__(cls)
        client._begin(channels, addresses, model, settings)
        client._owned = channels
        return client

    def _begin(
        self, channels: Sequence[grpc.Channel], addresses: Sequence[str], model: str, settings: ClientSettings
    ) -> None:
        caller = Caller(model, Balancer(addresses, settings.ejection, random=settings.random), settings)
        self.model = model
        self.target = caller.target
        self._operations = Operations(model, caller, settings)
        self._run = BlockingTransport(channels, settings.compression).run

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
    ) -> Prediction:
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
        choice = self._operations.choice(version, label, key)
        return self._run(
            self._operations.predict(
                inputs, choice, signature=signature, output_filter=output_filter, timeout_s=timeout_s
            )
        )

    def predict_images(
        self,
        images: Sequence[Image],
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        signature: str | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
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
        choice = self._operations.choice(version, label, key)
        return self._run(self._operations.predict_images(images, choice, signature=signature, timeout_s=timeout_s))

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
    ) -> Classification:
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
        choice = self._operations.choice(version, label, key)
        return self._run(
            self._operations.classify(examples, choice, signature=signature, context=context, timeout_s=timeout_s)
        )

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
    ) -> Regression:
        """A number for each example, by a signature made for Regress; as `classify` else."""
        choice = self._operations.choice(version, label, key)
        return self._run(
            self._operations.regress(examples, choice, signature=signature, context=context, timeout_s=timeout_s)
        )

    def metadata(
        self,
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        timeout_s: float | None = None,
    ) -> Mapping[str, saved_model_pb2.SignatureDef]:
        """The model's signatures by name, as messages; asks the server each time.

        Raises:
          ServingError: As in `predict`.
        """
        choice = self._operations.choice(version, label, key)
        return self._run(self._operations.metadata(choice, timeout_s=timeout_s))

    def signature(
        self,
        name: str = "",
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        timeout_s: float | None = None,
    ) -> Signature:
        """What one signature takes and gives, in NumPy's terms; `serving_default` if no other is named.

        Raises:
          BadRequest: The model has no such signature.
          ServingError: As in `predict`.
        """
        choice = self._operations.choice(version, label, key)
        return self._run(self._operations.signature(name, choice, timeout_s=timeout_s))

    def status(self, *, timeout_s: float | None = None) -> tuple[VersionStatus, ...]:
        """How far the server, or one of several, is with each version that it remembers, the highest first.

        Raises:
          ModelNotFound: It knows no version of the model.
          ServingError: As in `predict`.
        """
        return self._run(self._operations.status(timeout_s=timeout_s))

    def wait_until_available(self, version: int | None = None, *, timeout_s: float = 60.0) -> int:
        """The version that is up, on one server of several at least, once it is; the highest if none is asked for.

        Args:
          version: Its number.
          timeout_s: In all; a server that does not listen yet is waited for, too.

        Raises:
          LoadFailed: The server gave up loading it.
          VersionNotReady: It was not up within the time limit.
        """
        return self._run(self._operations.wait_until_available(version, timeout_s=timeout_s))

    def reload_config(self, models: Sequence[ServedModel], *, timeout_s: float | None = None) -> None:
        """Makes `models` the whole config of every target, one after another; never repeated by itself.

        Args:
          models: What to serve; models left out are unloaded.
          timeout_s: In all; give more where a model is new, as a server then answers once it is loaded.

        Raises:
          ConfigRefused: A server cannot follow this config; those behind it were not asked.
          ServingError: As in `predict`.
        """
        self._run(self._operations.reload_config(models, timeout_s=timeout_s))

    def close(self) -> None:
        """Closes the connections if they are the client's own."""
        for channel in self._owned:
            channel.close()

    def __enter__(self) -> PredictClient:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()


def _channel(address: str, settings: ClientSettings) -> grpc.Channel:
    check_token(address, settings)
    credentials = channel_credentials(settings)
    if credentials is None:
        return grpc.insecure_channel(address, channel_options(settings))
    return grpc.secure_channel(address, credentials, channel_options(settings))
