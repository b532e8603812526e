"""One call from begin to end, in a world of the test's: its servers, its clock, its dice."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from grpc import RpcError, StatusCode
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.client import CallEnded, CallStarted, ClientSettings, Ejection, Hedging, RetryPolicy
from slipline.serving.client.balancer import Balancer
from slipline.serving.client.caller import Caller
from slipline.serving.client.effects import Attempt, Effect, Operation, Pause, Race, Rpc, Won
from slipline.serving.client.retry import Again, was_sent, where_again
from slipline.serving.errors import BadRequest, DeadlineExceeded, ServerUnavailable, ServingError
from tests.serving.rpc_failure import RpcFailure

GONE = RpcFailure(StatusCode.UNAVAILABLE, "gone")
UNREACHED = RpcFailure(StatusCode.UNAVAILABLE, "failed to connect")
HUNG = RpcFailure(StatusCode.DEADLINE_EXCEEDED, "")
LACKING = RpcFailure(StatusCode.NOT_FOUND, "Latest(double)")
REFUSED = RpcFailure(StatusCode.INVALID_ARGUMENT, "input size")


class Outcome(NamedTuple):
    """What comes of an attempt, and after how long."""

    answer: bytes | RpcFailure
    seconds: float = 0.0


class Highest(random.Random):
    """Draws the highest number there is."""

    def uniform(self, a: float, b: float) -> float:
        return b


@dataclass
class World:
    """Carries operations out, and notes what they do; attempts end as `outcomes` say, the last of them for ever."""

    outcomes: Sequence[Outcome]
    now_s: float = 100.0
    done: list[tuple[Attempt | Pause, float]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s

    @property
    def attempts(self) -> list[Attempt]:
        return [effect for effect, _ in self.done if isinstance(effect, Attempt)]

    def outcome_of(self, number: int) -> Outcome:
        return self.outcomes[min(number, len(self.outcomes) - 1)]

    def run(self, operation: Operation[Any]) -> Any:
        try:
            effect = next(operation)
            while True:
                try:
                    outcome = self._perform(effect)
                except RpcError as error:
                    effect = operation.throw(error)
                else:
                    effect = operation.send(outcome)
        except StopIteration as end:
            return end.value

    def _perform(self, effect: Effect) -> bytes | Won | None:
        if isinstance(effect, Race):
            return self._race(effect)
        self.done.append((effect, self.now_s))
        if isinstance(effect, Pause):
            self.now_s += effect.seconds
            return None
        return self._end(self.outcome_of(len(self.attempts) - 1))

    def _end(self, outcome: Outcome) -> bytes:
        self.now_s += outcome.seconds
        if isinstance(outcome.answer, RpcFailure):
            raise outcome.answer
        return outcome.answer

    def _race(self, race: Race) -> Won:
        """The second request, if there is one, ends before the first."""
        self.done.append((race.first, self.now_s))
        first = self.outcome_of(len(self.attempts) - 1)
        second = None
        if first.seconds > race.delay_s:
            self.now_s += race.delay_s
            second = race.second()
        if second is not None:
            self.done.append((second, self.now_s))
            try:
                return Won(second, self._end(self.outcome_of(len(self.attempts) - 1)))
            except RpcError as error:
                race.failed(second, error)
        try:
            return Won(race.first, self._end(first))
        except RpcError as error:
            race.failed(race.first, error)
            raise


def caller_in(world: World, servers: int = 1, **settings: Any) -> tuple[Caller, Balancer]:
    """One that counts failures in a row, and leaves no server alone unless the settings say so."""
    settings = {"ejection": Ejection(failures=1000), "random": Highest(), **settings}
    made = ClientSettings(**settings)
    balancer = Balancer([f"s{n}:1" for n in range(servers)], made.ejection, random=random.Random(1), clock=world)
    return Caller("double", balancer, made, clock=world), balancer


def answer_of(world: World, operation: Operation[bytes]) -> tuple[bytes | None, ServingError | None]:
    """The answer, or the error raised."""
    try:
        return world.run(operation), None
    except ServingError as error:
        return None, error


OUTCOMES = st.lists(
    st.builds(
        Outcome,
        st.sampled_from([b"answer", GONE, GONE, UNREACHED, HUNG, LACKING, LACKING, REFUSED]),
        st.sampled_from([0.0, 0.0, 0.5, 3.0]),
    ),
    min_size=1,
    max_size=8,
)


@dataclass(frozen=True)
class Rules:
    """When a call is tried again, as the settings' documentation says it."""

    policy: RetryPolicy
    servers: int
    deadline_s: float

    def pause_s(self, asked: Sequence[int]) -> float:
        """Before an attempt on a server that was asked before."""
        return float(min(self.policy.first_pause_s * 2 ** (len(asked) - 1), self.policy.longest_pause_s))

    def go_on(self, asked: Sequence[int], error: RpcFailure, now_s: float, spent: int) -> bool:
        """Whether there is another attempt after this error."""
        again, others = where_again(error), set(range(self.servers)) - set(asked)
        return (
            again is not Again.NOWHERE
            and len(asked) < self.policy.max_attempts
            and bool(others or again is Again.ANYWHERE)
            and (not was_sent(error) or spent < self.policy.budget_reserve)
            and now_s + (0.0 if others else self.pause_s(asked)) < self.deadline_s
        )


@given(
    outcomes=OUTCOMES,
    servers=st.integers(1, 4),
    timeout_s=st.sampled_from([0.5, 10.0]),
    policy=st.builds(
        RetryPolicy,
        max_attempts=st.integers(1, 7),
        first_pause_s=st.just(0.25),
        longest_pause_s=st.just(1.0),
        attempt_timeout_s=st.sampled_from([None, 2.0]),
        budget_reserve=st.integers(0, 5),
        budget_share=st.just(0.0),
    ),
)
def test_a_call_is_tried_again_exactly_while_the_rules_allow(
    outcomes: list[Outcome], servers: int, timeout_s: float, policy: RetryPolicy
) -> None:
    world = World(outcomes)
    caller, _ = caller_in(world, servers, retry=policy)
    rules = Rules(policy, servers, world.now_s + timeout_s)
    answer, raised = answer_of(world, caller.call(Rpc.PREDICT, b"request", rules.deadline_s))
    asked: list[int] = []
    spent, pauses = 0, []
    for effect, now_s in world.done:
        if isinstance(effect, Pause):
            pauses.append(effect.seconds)
            continue
        assert pauses == ([rules.pause_s(asked)] if effect.target.index in asked else [])
        assert (effect.rpc, effect.request, effect.headers) == (Rpc.PREDICT, b"request", ())
        assert effect.timeout_s == min(rules.deadline_s - now_s, policy.attempt_timeout_s or 1000)
        asked.append(effect.target.index)
        pauses = []
        outcome = world.outcome_of(len(asked) - 1)
        is_last = len(asked) == len(world.attempts)
        if isinstance(outcome.answer, bytes):
            assert (answer, raised, is_last) == (outcome.answer, None, True)
            continue
        goes_on = rules.go_on(asked, outcome.answer, now_s + outcome.seconds, spent)
        spent += goes_on and was_sent(outcome.answer)
        assert is_last == (not goes_on)
        assert not is_last or (raised and raised.__cause__ is outcome.answer)
    assert not pauses
    if raised is not None:
        assert f"s{asked[-1]}:1" in str(raised)
        assert (f"(attempt {len(asked)})" in str(raised)) == (len(asked) > 1)


@given(outcomes=OUTCOMES, servers=st.integers(2, 4))
def test_servers_that_failed_are_noted_and_those_that_lack_what_another_has(
    outcomes: list[Outcome], servers: int
) -> None:
    world = World(outcomes)
    caller, balancer = caller_in(world, servers)
    answer, _ = answer_of(world, caller.call(Rpc.PREDICT, b"request", 1000))
    failures = dict.fromkeys(balancer.targets, 0)
    for number, attempt in enumerate(world.attempts):
        failures[attempt.target] += world.outcome_of(number).answer in (GONE, UNREACHED, HUNG)
    if answer is not None:
        failures[world.attempts[-1].target] = 0
        for number, attempt in enumerate(world.attempts):
            failures[attempt.target] += world.outcome_of(number).answer is LACKING
    assert {target: target.failures for target in balancer.targets} == failures
    assert [target.in_flight for target in balancer.targets] == [0] * servers


def test_nobody_is_asked_past_the_deadline() -> None:
    world = World([Outcome(b"answer")])
    caller, _ = caller_in(world, 2)
    with pytest.raises(DeadlineExceeded, match="s0:1,s1:1 was not asked"):
        world.run(caller.call(Rpc.PREDICT, b"", world.now_s))
    assert world.attempts == []


def test_calls_earn_retries() -> None:
    world = World([Outcome(GONE)])
    caller, _ = caller_in(world, retry=RetryPolicy(first_pause_s=0.0, budget_share=0.5, budget_reserve=1))
    sent = []
    for _ in range(5):
        with pytest.raises(ServerUnavailable):
            world.run(caller.call(Rpc.PREDICT, b"", world.now_s + 10))
        sent.append(len(world.attempts) - sum(sent))
    assert sent == [2, 1, 2, 1, 2]  # the first from the reserve, and one for every two calls


@pytest.mark.parametrize(("failure", "left_alone_s"), [(GONE, 1.0), (HUNG, 10.0)])
def test_one_that_hangs_is_left_alone_for_longer_than_one_that_is_gone(
    failure: RpcFailure, left_alone_s: float
) -> None:
    world = World([Outcome(failure), Outcome(b"answer")])
    caller, balancer = caller_in(world, 2, ejection=Ejection(failures=1, gone_s=1.0, hung_s=10.0))
    assert world.run(caller.call(Rpc.PREDICT, b"", 1000)) == b"answer"
    assert world.attempts[0].target.ejected_until_s == 100.0 + left_alone_s
    assert [target.on_trial for target in balancer.targets].count(True) == 1


def test_a_call_given_up_in_a_pause_leaves_no_server_busy() -> None:
    world = World([Outcome(GONE)])
    caller, balancer = caller_in(world, 2)
    operation = caller.call(Rpc.PREDICT, b"", 1000)
    effect = next(operation)
    while isinstance(effect, Attempt):
        effect = operation.throw(GONE)
    assert isinstance(effect, Pause)
    operation.close()
    assert [target.in_flight for target in balancer.targets] == [0, 0]


@given(outcomes=OUTCOMES, servers=st.integers(1, 3), reserve=st.integers(0, 3))
def test_a_late_answer_has_a_second_request_where_the_budget_allows(
    outcomes: list[Outcome], servers: int, reserve: int
) -> None:
    world = World(outcomes)
    policy = RetryPolicy(max_attempts=1, budget_reserve=reserve, budget_share=0.0)
    caller, balancer = caller_in(world, servers, hedging=Hedging(delay_s=1.0), retry=policy)
    answer, raised = answer_of(world, caller.call(Rpc.PREDICT, b"request", 1000))
    hedged = outcomes[0].seconds > 1.0 and reserve > 0
    first, *second = world.attempts
    assert [(each.request, each.timeout_s) for each in second] == [(b"request", 899.0)] * hedged
    assert all((each.target is first.target) == (servers == 1) for each in second)
    ended = [(each, world.outcome_of(1).answer) for each in second] + [(first, outcomes[0].answer)]
    came = [(each, outcome) for each, outcome in ended if isinstance(outcome, bytes)]
    assert answer == (came[0][1] if came else None)
    assert came or (raised and raised.__cause__ is outcomes[0].answer)
    if servers > 1:
        noted = (GONE, UNREACHED, HUNG)
        failures = {each.target for each, outcome in ended[: ended.index(came[0]) if came else 2] if outcome in noted}
        assert {target for target in balancer.targets if target.failures} >= failures
        assert [target.in_flight for target in balancer.targets] == [0] * servers


def test_all_targets_are_asked_in_turn_within_one_time_limit() -> None:
    world = World([Outcome(b"a", 4.0), Outcome(b"b", 4.0), Outcome(b"c", 4.0), Outcome(b"d")])
    caller, _ = caller_in(world, 4)
    assert world.run(caller.call_each(Rpc.RELOAD, b"config", world.now_s + 10.0)) == [b"a", b"b", b"c", b"d"]
    assert [(each.target.index, each.timeout_s) for each in world.attempts] == [(0, 10.0), (1, 6.0), (2, 2.0), (3, 0.0)]
    assert {(each.rpc, each.request) for each in world.attempts} == {(Rpc.RELOAD, b"config")}


def test_those_behind_one_that_failed_are_not_asked_and_it_is_not_asked_again() -> None:
    world = World([Outcome(b"a"), Outcome(GONE), Outcome(b"c")])
    caller, _ = caller_in(world, 3)
    with pytest.raises(ServerUnavailable, match="s1:1") as caught:
        world.run(caller.call_each(Rpc.RELOAD, b"", 1000))
    assert caught.value.__cause__ is GONE
    assert [each.target.index for each in world.attempts] == [0, 1]


class Seen:
    """Notes what an observer is told, and sends a header along."""

    def __init__(self) -> None:
        self.started: list[CallStarted] = []
        self.ended: list[CallEnded] = []

    def begin(self, call: CallStarted, /) -> Callable[[CallEnded], None]:
        self.started.append(call)
        call.headers.append(("trace", "1"))
        return self.ended.append


def test_observers_are_told_how_a_call_began_and_ended() -> None:
    world = World([Outcome(GONE, 2.0), Outcome(b"answer", 1.0)])
    seen = Seen()
    caller, _ = caller_in(world, 2, observers=[seen], bearer_token="secret", plain_text_token=True)
    world.run(caller.call(Rpc.PREDICT, b"request", 1000))
    (started,), (ended,) = seen.started, seen.ended
    assert (started.model, started.target, started.request_bytes) == ("double", "s0:1,s1:1", 7)
    assert started.method == "tensorflow.serving.PredictionService/Predict"
    assert [each.headers for each in world.attempts] == [(("authorization", "Bearer secret"), ("trace", "1"))] * 2
    assert (ended.code, ended.seconds, ended.attempts, ended.response_bytes) == ("OK", 3.0, 2, 6)
    assert ended.target == world.attempts[-1].target.address


@pytest.mark.parametrize(
    ("deadline_s", "code", "attempts", "target"), [(1000, "INVALID_ARGUMENT", 1, "s0:1"), (100, "UNKNOWN", 0, "")]
)
def test_observers_are_told_of_failures_too(deadline_s: float, code: str, attempts: int, target: str) -> None:
    world, seen = World([Outcome(REFUSED)]), Seen()
    caller, _ = caller_in(world, observers=[seen])
    with pytest.raises((BadRequest, DeadlineExceeded)):
        world.run(caller.call(Rpc.PREDICT, b"", deadline_s))
    assert [(e.code, e.attempts, e.target, e.response_bytes) for e in seen.ended] == [(code, attempts, target, 0)]


def test_observers_are_told_of_a_call_that_was_given_up() -> None:
    seen = Seen()
    caller, _ = caller_in(World([]), observers=[seen])
    operation = caller.call(Rpc.PREDICT, b"", 1000)
    next(operation)
    operation.close()
    assert [(ended.code, ended.attempts) for ended in seen.ended] == [("CANCELLED", 1)]


def test_the_token_is_asked_for_at_each_call() -> None:
    world, tokens = World([Outcome(b"answer")]), iter(["one", "two", "three"])
    caller, _ = caller_in(world, bearer_token=lambda: next(tokens), plain_text_token=True)
    world.run(caller.call(Rpc.PREDICT, b"", 1000))
    world.run(caller.call_each(Rpc.RELOAD, b"", 1000))
    assert [each.headers for each in world.attempts] == [
        (("authorization", "Bearer one"),),
        (("authorization", "Bearer two"),),
    ]


class Log:
    """Takes what a request log is offered."""

    def __init__(self) -> None:
        self.offered: list[tuple[str, bytes, bytes]] = []

    def offer(self, *what: Any) -> None:
        self.offered.append(what)


def test_the_request_log_is_offered_what_was_answered_and_nothing_else() -> None:
    world, log = World([Outcome(REFUSED), Outcome(b"answer")]), Log()
    caller, _ = caller_in(world, request_log=log)
    with pytest.raises(BadRequest):
        world.run(caller.call(Rpc.PREDICT, b"first", 1000))
    world.run(caller.call(Rpc.PREDICT, b"second", 1000))
    assert log.offered == [(Rpc.PREDICT.value, b"second", b"answer")]
