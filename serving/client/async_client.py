"""Asks a model server over gRPC from an event loop: TensorFlow Serving, or the embedded server."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import grpc
import grpc.aio

from slipline.serving.client.awaiting import AwaitingTransport
from slipline.serving.client.balancer import Balancer
from slipline.serving.client.batching import Asked, Batcher, Batching
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
from slipline.serving.wire.tensors import Array


class AsyncPredictClient:
    """Asks one model; for use from one event loop, and an async context manager that closes connections of its own.

    The methods are those of `PredictClient`, to be awaited.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        model: str,
        *,
        timeout_s: float | None = None,
        target: str = "the model server",
        settings: ClientSettings | None = None,
        batching: Batching | None = None,
    ) -> None:
        """As `PredictClient`; with `batching`, calls of `predict` share requests."""
        self._begin([channel], [target], model, ClientSettings.given(settings, timeout_s), batching)
        self._owned: Sequence[grpc.aio.Channel] = ()

    @classmethod
    def connect(
        cls,
        target: str | Sequence[str],
        model: str,
        *,
        timeout_s: float | None = None,
        settings: ClientSettings | None = None,
        batching: Batching | None = None,
    ) -> AsyncPredictClient:
        """As `PredictClient.connect`; with `batching`, calls of `predict` share requests."""
        addresses, settings = addresses_of(target), ClientSettings.given(settings, timeout_s)
        channels = [_channel(address, settings) for address in addresses]
        client = cls.__new__(cls)
        client._begin(channels, addresses, model, settings, batching)
        client._owned = channels
        return client

    def _begin(
        self,
        channels: Sequence[grpc.aio.Channel],
        addresses: Sequence[str],
        model: str,
        settings: ClientSettings,
        batching: Batching | None,
    ) -> None:
        caller = Caller(model, Balancer(addresses, settings.ejection, random=settings.random), settings)
        self.model = model
        self.target = caller.target
        self._operations = Operations(model, caller, settings)
        self._run = AwaitingTransport(channels, settings.compression).run
        self._timeout_s = settings.timeout_s
        self._batcher = None if batching is None else Batcher(self._send, batching)

    async def predict(
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
        """As `PredictClient.predict`."""
        choice = self._operations.choice(version, label, key)
        if self._batcher is not None:
            asked = Asked(choice, signature, tuple(output_filter))
            timeout_s = self._timeout_s if timeout_s is None else timeout_s
            arrays = await self._run(self._operations.arrays(inputs, choice, signature=signature, timeout_s=timeout_s))
            return await self._batcher.predict(arrays, asked, timeout_s)
        return await self._run(
            self._operations.predict(
                inputs, choice, signature=signature, output_filter=output_filter, timeout_s=timeout_s
            )
        )

    async def _send(self, arrays: dict[str, Array], asked: Asked, timeout_s: float) -> Prediction:
        return await self._run(
            self._operations.predict_arrays(
                arrays, asked.choice, signature=asked.signature, output_filter=asked.output_filter, timeout_s=timeout_s
            )
        )

    async def predict_images(
        self,
        images: Sequence[Image],
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        signature: str | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        """As `PredictClient.predict_images`."""
        choice = self._operations.choice(version, label, key)
        return await self._run(
            self._operations.predict_images(images, choice, signature=signature, timeout_s=timeout_s)
        )

    async def classify(
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
        """As `PredictClient.classify`."""
        choice = self._operations.choice(version, label, key)
        return await self._run(
            self._operations.classify(examples, choice, signature=signature, context=context, timeout_s=timeout_s)
        )

    async def regress(
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
        """As `PredictClient.regress`."""
        choice = self._operations.choice(version, label, key)
        return await self._run(
            self._operations.regress(examples, choice, signature=signature, context=context, timeout_s=timeout_s)
        )

    async def metadata(
        self,
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        timeout_s: float | None = None,
    ) -> Mapping[str, saved_model_pb2.SignatureDef]:
        """As `PredictClient.metadata`."""
        choice = self._operations.choice(version, label, key)
        return await self._run(self._operations.metadata(choice, timeout_s=timeout_s))

    async def signature(
        self,
        name: str = "",
        *,
        version: int | None = None,
        label: str | None = None,
        key: str | None = None,
        timeout_s: float | None = None,
    ) -> Signature:
        """As `PredictClient.signature`."""
        choice = self._operations.choice(version, label, key)
        return await self._run(self._operations.signature(name, choice, timeout_s=timeout_s))

    async def status(self, *, timeout_s: float | None = None) -> tuple[VersionStatus, ...]:
        """As `PredictClient.status`."""
        return await self._run(self._operations.status(timeout_s=timeout_s))

    async def wait_until_available(self, version: int | None = None, *, timeout_s: float = 60.0) -> int:
        """As `PredictClient.wait_until_available`."""
        return await self._run(self._operations.wait_until_available(version, timeout_s=timeout_s))

    async def reload_config(self, models: Sequence[ServedModel], *, timeout_s: float | None = None) -> None:
        """As `PredictClient.reload_config`."""
        await self._run(self._operations.reload_config(models, timeout_s=timeout_s))

    async def close(self) -> None:
        """Sends what waits for others, then closes the connections if they are the client's own."""
        if self._batcher is not None:
            await self._batcher.close()
        for channel in self._owned:
            await channel.close()

    async def __aenter__(self) -> AsyncPredictClient:
        return self

    async def __aexit__(self, *ended: object) -> None:
        await self.close()


def _channel(address: str, settings: ClientSettings) -> grpc.aio.Channel:
    check_token(address, settings)
    credentials = channel_credentials(settings)
    if credentials is None:
        return grpc.aio.insecure_channel(address, channel_options(settings))
    return grpc.aio.secure_channel(address, credentials, channel_options(settings))
