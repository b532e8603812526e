"""What a call asks of the outside world: each is carried out by waiting in a thread, or by awaiting in an event loop.

An operation is a generator. It yields what is to be done, is sent the outcome, or has the error raised in it, and so is
the same for both kinds of client.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import Enum
from typing import Any, NamedTuple, TypeVar

import grpc

from slipline.serving.client.balancer import Target

T = TypeVar("T")
Headers = tuple[tuple[str, str], ...]


class Rpc(Enum):
    """The calls that a client makes, by their paths."""

    PREDICT = "/tensorflow.serving.PredictionService/Predict"
    CLASSIFY = "/tensorflow.serving.PredictionService/Classify"
    REGRESS = "/tensorflow.serving.PredictionService/Regress"
    METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
    STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
    RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


class Attempt(NamedTuple):
    """One request to one server; its outcome is the answer in wire format, or a `grpc.RpcError`."""

    target: Target
    rpc: Rpc
    request: bytes
    timeout_s: float
    headers: Headers


class Race(NamedTuple):
    """One request, and a second one if the first is late; its outcome is `Won`, or the last error.

    Attributes:
      first: The request.
      delay_s: How late.
      second: Makes the second request, or none if there may be none.
      failed: Told of each request that failed, where the race went on or not.
    """

    first: Attempt
    delay_s: float
    second: Callable[[], Attempt | None]
    failed: Callable[[Attempt, grpc.RpcError], None]


class Won(NamedTuple):
    """The answer that came first, and to what."""

    attempt: Attempt
    answer: bytes


class Pause(NamedTuple):
    """Waits."""

    seconds: float


Effect = Attempt | Race | Pause
Operation = Generator[Effect, Any, T]
