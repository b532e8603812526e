"""Operations carried out by waiting and by awaiting alike, over channels whose calls end when the test says."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import pytest

from slipline.serving.client.awaiting import AwaitingTransport
from slipline.serving.client.balancer import Target
from slipline.serving.client.blocking import BlockingTransport
from slipline.serving.client.effects import Attempt, Operation, Pause, Race, Rpc, Won
from tests.serving.rpc_failure import RpcFailure

GONE = RpcFailure(grpc.StatusCode.UNAVAILABLE, "gone")
REFUSED = RpcFailure(grpc.StatusCode.INVALID_ARGUMENT, "no")
AT_ONCE, SECOND_BEGUN, OTHER_FAILED, NEVER = "at once", "once a second is begun", "once the other failed", "never"


@dataclass(frozen=True)
class Planned:
    """What comes of a call, and when."""

    outcome: bytes | RpcFailure
    when: str = AT_ONCE


class Call:
    """A call under way in a thread's world, as gRPC's futures are; it has one callback."""

    def __init__(self, planned: Planned, is_over: Callable[[], bool]) -> None:
        self.planned = planned
        self.cancelled = False
        self._is_over = is_over

    def add_done_callback(self, callback: Callable[[Call], None]) -> None:
        def wait() -> None:
            while not self._is_over():
                if self.cancelled:
                    return
                time.sleep(0.001)
            callback(self)

        threading.Thread(target=wait).start()

    def exception(self) -> RpcFailure | None:
        return self.planned.outcome if isinstance(self.planned.outcome, RpcFailure) else None

    def result(self) -> bytes:
        assert isinstance(self.planned.outcome, bytes)
        return self.planned.outcome

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Channels:
    """Two channels, of either kind; calls end as planned in the order in which they are made.

    Attributes:
      plans: What comes of each call.
      made: The channel, path and arguments of each call.
      begun: Calls under way, in a thread's world.
      cancelled: Calls that were given up, in an event loop's.
      failed: Whether a call of a race has.
    """

    plans: Sequence[Planned]
    made: list[tuple[int, str, Any]] = field(default_factory=list)
    begun: list[Call] = field(default_factory=list)
    cancelled: int = 0
    failed: bool = False

    def is_over(self, planned: Planned) -> bool:
        now = {AT_ONCE: True, SECOND_BEGUN: len(self.made) > 1, OTHER_FAILED: self.failed, NEVER: False}
        return now[planned.when]

    def _next(self, channel: int, path: str, arguments: Any) -> Planned:
        self.made.append((channel, path, arguments))
        return self.plans[len(self.made) - 1]

    def blocking(self, channel: int) -> Any:
        channels = self

        class Method:
            def __init__(self, path: str) -> None:
                self.path = path

            def __call__(self, request: bytes, timeout: float, metadata: Any, *, compression: Any) -> bytes:
                planned = channels._next(channel, self.path, (request, timeout, metadata, compression))
                if isinstance(planned.outcome, RpcFailure):
                    raise planned.outcome
                return planned.outcome

            def future(self, request: bytes, timeout: float, metadata: Any, *, compression: Any) -> Call:
                planned = channels._next(channel, self.path, (request, timeout, metadata, compression))
                channels.begun.append(Call(planned, partial(channels.is_over, planned)))
                return channels.begun[-1]

        return _Channel(Method)

    def awaiting(self, channel: int) -> Any:
        def method(path: str) -> Any:
            async def call(request: bytes, *, timeout: float, metadata: Any, compression: Any) -> bytes:
                planned = self._next(channel, path, (request, timeout, metadata, compression))
                try:
                    while not self.is_over(planned):
                        await asyncio.sleep(0.001)
                except asyncio.CancelledError:
                    self.cancelled += 1
                    raise
                if isinstance(planned.outcome, RpcFailure):
                    raise planned.outcome
                return planned.outcome

            return call

        return _Channel(method)


@dataclass(frozen=True)
class _Channel:
    unary_unary: Callable[[str], Any]


@dataclass
class Carrier:
    """Carries out operations in one of the two ways."""

    kind: str
    channels: Channels = field(default_factory=lambda: Channels(()))

    def __call__(self, operation: Operation[Any], *plans: Planned) -> Any:
        self.channels = Channels(plans)
        if self.kind == "blocking":
            made = [self.channels.blocking(number) for number in range(2)]
            return BlockingTransport(made, grpc.Compression.Gzip).run(operation)
        made = [self.channels.awaiting(number) for number in range(2)]
        return asyncio.run(AwaitingTransport(made, grpc.Compression.Gzip).run(operation))

    @property
    def given_up(self) -> int:
        """Calls that were cancelled before they ended."""
        late = [call for call in self.channels.begun if call.cancelled and call.planned.when == NEVER]
        return len(late) + self.channels.cancelled


@pytest.fixture(params=["blocking", "awaiting"])
def carrier(request: pytest.FixtureRequest) -> Carrier:
    return Carrier(request.param)


def attempt(channel: int = 0, headers: Any = ()) -> Attempt:
    return Attempt(Target("here", channel), Rpc.PREDICT, b"request", 3.0, headers)


def asking(*effects: Attempt | Race | Pause) -> Operation[list[Any]]:
    """The outcome of each effect, errors included."""
    outcomes: list[Any] = []
    for effect in effects:
        try:
            outcomes.append((yield effect))
        except grpc.RpcError as error:
            outcomes.append(error)
    return outcomes


def race(carrier: Carrier, told: list[Any], *, delay_s: float) -> Race:
    def failed(which: Attempt, error: grpc.RpcError) -> None:
        told.append((which.target.index, error))
        carrier.channels.failed = True

    return Race(attempt(0), delay_s, lambda: attempt(1), failed)


def test_a_request_goes_to_its_target_with_its_time_limit_and_headers(carrier: Carrier) -> None:
    headers = (("authorization", "Bearer x"),)
    assert carrier(asking(attempt(0), attempt(1, headers)), Planned(b"a"), Planned(b"b")) == [b"a", b"b"]
    assert carrier.channels.made == [
        (0, Rpc.PREDICT.value, (b"request", 3.0, None, grpc.Compression.Gzip)),
        (1, Rpc.PREDICT.value, (b"request", 3.0, headers, grpc.Compression.Gzip)),
    ]


def test_an_error_is_raised_in_the_operation_which_goes_on(carrier: Carrier) -> None:
    assert carrier(asking(attempt(), attempt()), Planned(GONE), Planned(b"a")) == [GONE, b"a"]


def test_a_pause_takes_as_long_as_it_says(carrier: Carrier) -> None:
    begin_s = time.monotonic()
    assert carrier(asking(Pause(0.1))) == [None]
    assert 0.1 <= time.monotonic() - begin_s < 30


def test_an_operation_ends_with_its_own_error(carrier: Carrier) -> None:
    closed = []

    def failing() -> Operation[None]:
        try:
            yield attempt()
            raise ValueError("ours")
        finally:
            closed.append(True)

    with pytest.raises(ValueError, match="ours"):
        carrier(failing(), Planned(b"a"))
    assert closed == [True]


def test_an_operation_is_closed_where_something_else_goes_wrong(carrier: Carrier) -> None:
    closed = []

    def waiting() -> Operation[None]:
        try:
            yield attempt()
        finally:
            closed.append(True)

    operation = waiting()
    with pytest.raises(IndexError):  # of the channel: no call is planned
        carrier(operation)
    assert closed == [True]


@pytest.mark.parametrize(
    ("first", "second", "winner", "failures"),
    [
        (Planned(b"a"), None, (0, b"a"), []),
        (Planned(GONE), None, GONE, [(0, GONE)]),  # not late, so nobody else is asked
        (Planned(b"a", NEVER), Planned(b"b"), (1, b"b"), []),
        (Planned(b"a", SECOND_BEGUN), Planned(b"b", NEVER), (0, b"a"), []),
        (Planned(b"a", OTHER_FAILED), Planned(REFUSED), (0, b"a"), [(1, REFUSED)]),
        (Planned(GONE, SECOND_BEGUN), Planned(b"b", OTHER_FAILED), (1, b"b"), [(0, GONE)]),
        (Planned(GONE, OTHER_FAILED), Planned(REFUSED), GONE, [(1, REFUSED), (0, GONE)]),
        (Planned(GONE, SECOND_BEGUN), Planned(REFUSED, OTHER_FAILED), REFUSED, [(0, GONE), (1, REFUSED)]),
    ],
)
def test_the_first_answer_wins_a_race_and_the_last_error_loses_it(
    carrier: Carrier,
    first: Planned,
    second: Planned | None,
    winner: tuple[int, bytes] | RpcFailure,
    failures: list[Any],
) -> None:
    told: list[Any] = []
    delay_s = 60.0 if second is None else 0.01
    (outcome,) = carrier(asking(race(carrier, told, delay_s=delay_s)), first, *([second] if second else []))
    if isinstance(winner, RpcFailure):
        assert outcome is winner
    else:
        assert isinstance(outcome, Won)
        assert (outcome.attempt.target.index, outcome.answer) == winner
    assert told == failures
    sent = (Rpc.PREDICT.value, (b"request", 3.0, None, grpc.Compression.Gzip))
    assert carrier.channels.made == [(0, *sent), (1, *sent)][: 1 + (second is not None)]
    assert carrier.given_up == [first, second].count(Planned(b"a", NEVER)) + [second].count(Planned(b"b", NEVER))


def test_a_late_answer_is_waited_for_where_there_may_be_no_second_request(carrier: Carrier) -> None:
    told: list[Any] = []
    refused: list[Any] = []

    def none() -> None:
        refused.append(True)
        carrier.channels.failed = True

    def late() -> Race:
        return race(carrier, told, delay_s=0.01)._replace(second=none)

    (outcome,) = carrier(asking(late()), Planned(b"a", OTHER_FAILED))
    assert (outcome.answer, told, refused) == (b"a", [], [True])
    (outcome,) = carrier(asking(late()), Planned(GONE, OTHER_FAILED))
    assert (outcome, told) == (GONE, [(0, GONE)])
