"""Asks a model server over gRPC from an event loop: TensorFlow Serving, or the embedded server."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

import grpc
import grpc.aio

from slipline.serving.client.awaiting import AwaitingTransport
from slipline.serving.client.batching import Asked, Batcher, Batching
from slipline.serving.client.channels import addresses_of, opened_channel
from slipline.serving.client.client_settings import ClientSettings
from slipline.serving.client.effects import Operation
from slipline.serving.client.operations import Operations, told_as
from slipline.serving.client.prediction import Prediction
from slipline.serving.client.signature import Inputs
from slipline.serving.wire.tensors import Array

P = ParamSpec("P")
T = TypeVar("T")


def _awaits(
    operation: Callable[Concatenate[Operations, P], Operation[T]],
) -> Callable[Concatenate[AsyncPredictClient, P], Coroutine[Any, Any, T]]:
    """A method that awaits the outcome of an operation."""

    async def method(client: AsyncPredictClient, /, *args: P.args, **named: P.kwargs) -> T:
        return await client._run(operation(client._operations, *args, **named))

    return told_as(operation, method)


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
        channels = [opened_channel(grpc.aio, address, settings) for address in addresses]
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
        self._operations = Operations.at(addresses, model, settings)
        self._run = AwaitingTransport(channels, settings.compression).run
        self._timeout_s = settings.timeout_s
        self._batcher = None if batching is None else Batcher(self._send, batching)
        self.model = model
        self.target = self._operations.target

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
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        asked = Asked(self._operations.choice(version, label, key), signature, tuple(output_filter))
        deadline_s = self._operations.deadline_s(timeout_s)
        arrays = await self._run(self._operations.arrays(inputs, asked.choice, signature, deadline_s))
        if self._batcher is not None:
            return await self._batcher.predict(arrays, asked, timeout_s)
        return await self._run(self._operations.predict_arrays(arrays, *asked, deadline_s))

    async def _send(self, arrays: dict[str, Array], asked: Asked, timeout_s: float) -> Prediction:
        deadline_s = self._operations.deadline_s(timeout_s)
        return await self._run(self._operations.predict_arrays(arrays, *asked, deadline_s))

    predict_images = _awaits(Operations.predict_images)
    classify = _awaits(Operations.classify)
    regress = _awaits(Operations.regress)
    metadata = _awaits(Operations.metadata)
    signature = _awaits(Operations.signature)
    status = _awaits(Operations.status)
    wait_until_available = _awaits(Operations.wait_until_available)
    reload_config = _awaits(Operations.reload_config)

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
