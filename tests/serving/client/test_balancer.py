"""Which server is asked, how often again: the rules alone, with a clock and dice of the test's."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.client import Ejection
from slipline.serving.client.balancer import Balancer, Target


class Clock:
    """Tells the time that a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def balancer(clock: Clock, count: int = 3, seed: int = 1) -> Balancer:
    addresses = [f"s{number}" for number in range(count)]
    ejection = Ejection(failures=2, gone_s=1.0, hung_s=10.0)
    return Balancer(addresses, ejection, random=random.Random(seed), clock=clock)


def test_targets_are_numbered_as_given_and_there_is_one_at_least() -> None:
    assert [(target.address, target.index) for target in balancer(Clock()).targets] == [("s0", 0), ("s1", 1), ("s2", 2)]
    with pytest.raises(ValueError, match="at least one target, got none"):
        balancer(Clock(), 0)


def test_a_single_target_is_asked_whatever_it_did() -> None:
    among = balancer(Clock(), 1)
    (target,) = among.targets
    among.failed(target)
    among.failed(target)
    assert among.pick() is target
    assert among.pick([target]) is target
    assert among.pick(untried_only=True) is target
    assert among.pick([target], untried_only=True) is None
    among.release(target)
    assert target.in_flight == 0


def test_among_equals_chance_decides() -> None:
    firsts = [balancer(Clock(), seed=seed).pick() for seed in range(50)]
    assert {target.address for target in firsts if target} == {"s0", "s1", "s2"}


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


@dataclass
class Known:
    """What the rules say of a target, kept beside the balancer."""

    in_flight: int = 0
    failures: int = 0
    on_trial: bool = False
    until_s: float = 0.0


TARGETS = st.integers(0, 2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pick"), st.sets(TARGETS), st.booleans()),
        st.tuples(st.just("failed"), TARGETS, st.booleans()),
        st.tuples(st.sampled_from(["succeeded", "release"]), TARGETS, st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 1.0, 5.0, 10.0]), st.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_those_not_ejected_go_before_those_not_tried_before_the_least_busy(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    clock = Clock()
    among = balancer(clock)
    known = [Known() for _ in among.targets]

    def rank(target: Target, tried: set[int]) -> tuple[bool, bool, int]:
        of = known[target.index]
        is_open = not of.on_trial or (clock.now_s >= of.until_s and not of.in_flight)
        return (not is_open, target.index in tried, of.in_flight)

    for what, value, flag in steps:
        if what == "wait":
            clock.now_s += value
        elif what == "pick":
            picked = among.pick([among.targets[i] for i in value], untried_only=flag)
            allowed = [target for target in among.targets if not (flag and target.index in value)]
            assert (picked is None) == (not allowed)
            if picked is not None:
                assert rank(picked, value) == min(rank(target, value) for target in allowed)
                known[picked.index].in_flight += 1
        elif what == "release" and known[value].in_flight:
            among.release(among.targets[value])
            known[value].in_flight -= 1
        elif what == "succeeded":
            among.succeeded(among.targets[value])
            known[value].failures, known[value].on_trial = 0, False
        elif what == "failed":
            among.failed(among.targets[value], hung=flag)
            known[value].failures += 1
            if known[value].failures >= 2 and clock.now_s >= known[value].until_s:
                known[value].until_s, known[value].on_trial = clock.now_s + (10.0 if flag else 1.0), True
        assert [target.in_flight for target in among.targets] == [of.in_flight for of in known]
