"""Which server is asked, how often again: the rules alone, with a clock and dice of the test's."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.client import Ejection, RetryPolicy
from slipline.serving.client.balancer import Balancer
from slipline.serving.client.retry import RetryBudget, pause_s


class Clock:
    """Tells the time that a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def balancer(clock: Clock, count: int = 3) -> Balancer:
    addresses = [f"s{number}" for number in range(count)]
    ejection = Ejection(failures=2, gone_s=1.0, hung_s=10.0)
    return Balancer(addresses, ejection, random=random.Random(1), clock=clock)


def test_the_least_busy_is_picked() -> None:
    among = balancer(Clock())
    picked = [among.pick() for _ in range(6)]
    assert [target.in_flight for target in among.targets] == [2, 2, 2]
    assert picked[0] is not None
    among.release(picked[0])
    assert among.pick() is picked[0]


def test_one_that_was_tried_comes_after_those_that_were_not() -> None:
    among = balancer(Clock())
    first, second, third = among.targets
    assert among.pick([first, third]) is second
    assert among.pick([first, second, third], untried_only=True) is None


def test_one_that_failed_is_tried_again_after_its_time_with_a_single_request() -> None:
    clock = Clock()
    among = balancer(clock, 2)
    bad, good = among.targets
    among.failed(bad)
    among.failed(bad)
    assert {among.pick() for _ in range(5)} == {good}
    clock.now_s += 1.0
    assert [among.pick() for _ in range(3)] == [bad, good, good]
    among.succeeded(bad)
    among.release(bad)
    assert among.pick() is bad


def test_one_that_hung_is_left_alone_for_longer() -> None:
    clock = Clock()
    among = balancer(clock, 2)
    bad, good = among.targets
    for _ in range(2):
        among.failed(bad, hung=True)
    clock.now_s += 9.9
    assert {among.pick() for _ in range(5)} == {good}
    clock.now_s += 0.1
    assert among.pick() is bad


def test_where_all_failed_all_are_asked() -> None:
    among = balancer(Clock(), 2)
    for target in among.targets * 2:
        among.failed(target)
    assert {among.pick() for _ in range(4)} == set(among.targets)


@given(
    share=st.floats(0, 1),
    reserve=st.integers(0, 20),
    steps=st.lists(st.sampled_from(["call", "retry"]), max_size=200),
)
def test_retries_never_pass_the_reserve_plus_the_share(share: float, reserve: int, steps: list[str]) -> None:
    budget, calls, retries = RetryBudget(share, reserve), 0, 0
    for step in steps:
        if step == "call":
            budget.earn()
            calls += 1
        else:
            retries += budget.spend()
        assert retries <= reserve + share * calls + 1e-6


@given(attempts=st.integers(1, 10_000), seed=st.integers())
def test_pauses_grow_from_the_first_to_the_longest(attempts: int, seed: int) -> None:
    policy = RetryPolicy(first_pause_s=0.02, longest_pause_s=1.0)
    assert 0 <= pause_s(policy, attempts, random.Random(seed)) <= min(0.02 * 2 ** min(attempts - 1, 60), 1.0)
