"""What may be asked again, and how often."""

from __future__ import annotations

import random
import threading
from enum import Enum

import grpc

from slipline.serving.client.client_settings import RetryPolicy
from slipline.serving.wire.grpc_errors import TOO_LARGE, UNKNOWN_LABEL


class Again(Enum):
    """Where a request that failed may be sent again, if it changes nothing on a server."""

    NOWHERE = "the same would come again"
    ELSEWHERE = "this server cannot answer it now, but another may"
    ANYWHERE = "the connection or the server went away meanwhile"


_GONE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,  # by a server that stops
        grpc.StatusCode.DEADLINE_EXCEEDED,  # of one attempt; a call past its own deadline is not tried again anyway
    }
)
_BROKEN = ("RST_STREAM", "Stream removed", "GOAWAY", "Connection reset")


def where_again(error: grpc.RpcError) -> Again:
    """Where a request with that outcome may be sent again."""
    status, words = error.code(), error.details() or ""
    if status in _GONE or (
        status in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN) and any(word in words for word in _BROKEN)
    ):
        return Again.ANYWHERE
    if status is grpc.StatusCode.NOT_FOUND or UNKNOWN_LABEL in words:
        return Again.ELSEWHERE
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED and TOO_LARGE not in words:
        return Again.ELSEWHERE
    return Again.NOWHERE


def was_sent(error: grpc.RpcError) -> bool:
    """Whether a server may have seen the request; where no connection could be made, none has."""
    return not (error.code() is grpc.StatusCode.UNAVAILABLE and "failed to connect" in (error.details() or ""))


def pause_s(policy: RetryPolicy, attempts: int, draw: random.Random) -> float:
    """How long to wait after that many attempts: full jitter.

    Source: M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
    """
    limit_s = policy.first_pause_s * 2.0 ** min(attempts - 1, 60)
    return draw.uniform(0, min(limit_s, policy.longest_pause_s))


class RetryBudget:
    """Retries that calls have earned; for use from any thread.

    However calls go, there are never more retries than the reserve plus that share of the calls.
    """

    def __init__(self, share: float, reserve: int) -> None:
        self._share = share
        self._reserve = reserve
        self._left = float(reserve)
        self._lock = threading.Lock()

    def earn(self) -> None:
        """Counts a call."""
        if self._left < self._reserve:  # mostly it is full, and the lock is not needed
            with self._lock:
                self._left = min(self._left + self._share, self._reserve)

    def spend(self) -> bool:
        """Whether one more retry is allowed; it is counted."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True
