"""Asks a model server over gRPC, waiting for each answer: TensorFlow Serving, or the embedded server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

import grpc

from slipline.serving.client.blocking import BlockingTransport
from slipline.serving.client.channels import addresses_of, opened_channel
from slipline.serving.client.client_settings import ClientSettings
from slipline.serving.client.effects import Operation
from slipline.serving.client.operations import Operations, told_as

P = ParamSpec("P")
T = TypeVar("T")


def _waits_for(
    operation: Callable[Concatenate[Operations, P], Operation[T]],
) -> Callable[Concatenate[PredictClient, P], T]:
    """A method that waits for the outcome of an operation."""

    def method(client: PredictClient, /, *args: P.args, **named: P.kwargs) -> T:
        return client._run(operation(client._operations, *args, **named))

    return told_as(operation, method)


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
        channels = [opened_channel(grpc, address, settings) for address in addresses]
        client = cls.__new__(cls)
        client._begin(channels, addresses, model, settings)
        client._owned = channels
        return client

    def _begin(
        self, channels: Sequence[grpc.Channel], addresses: Sequence[str], model: str, settings: ClientSettings
    ) -> None:
        self._operations = Operations.at(addresses, model, settings)
        self._run = BlockingTransport(channels, settings.compression).run
        self.model = model
        self.target = self._operations.target

    predict = _waits_for(Operations.predict)
    predict_images = _waits_for(Operations.predict_images)
    classify = _waits_for(Operations.classify)
    regress = _waits_for(Operations.regress)
    metadata = _waits_for(Operations.metadata)
    signature = _waits_for(Operations.signature)
    status = _waits_for(Operations.status)
    wait_until_available = _waits_for(Operations.wait_until_available)
    reload_config = _waits_for(Operations.reload_config)

    def close(self) -> None:
        """Closes the connections if they are the client's own."""
        for channel in self._owned:
            channel.close()

    def __enter__(self) -> PredictClient:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()
