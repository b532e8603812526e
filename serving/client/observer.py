"""What is told of each call; metrics and traces hang on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class CallStarted:
    """A call that is about to be made, once however often it is tried.

    Attributes:
      model: The model's name.
      method: The full name, such as `tensorflow.serving.PredictionService/Predict`.
      target: Where it may go, `host:port`; several separated by commas.
      request_bytes: The size of the request.
      headers: An observer may add what is to go with the request, keys in lower case.
    """

    model: str
    method: str
    target: str
    request_bytes: int
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CallEnded:
    """How it ended.

    Attributes:
      code: gRPC's name of the status, such as OK or UNAVAILABLE; CANCELLED where the caller gave up.
      seconds: From the start, pauses included.
      attempts: How many requests were sent, hedges included.
      target: Who answered last; empty if nobody was asked.
      response_bytes: The size of the answer; 0 if there was none.
    """

    code: str
    seconds: float
    attempts: int
    target: str
    response_bytes: int


class Observer(Protocol):
    """Is told of each call; `PrometheusObserver` and `OpenTelemetryObserver` are two.

    It is called in the thread or event loop of the call, so it must be quick and must not raise.
    """

    def begin(self, call: CallStarted, /) -> Callable[[CallEnded], None]:
        """Notes the begin; what is returned is called at the end."""
