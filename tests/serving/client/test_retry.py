"""What may be asked again, how often and when, with dice of the test's."""

from __future__ import annotations

import random

import pytest
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.client import RetryPolicy
from slipline.serving.client.retry import Again, RetryBudget, pause_s, was_sent, where_again
from tests.serving.rpc_failure import RpcFailure

LABEL = "Unrecognized servable version label: stable"
LARGE = "Received message larger than max (5 vs. 4)"


@pytest.mark.parametrize(
    ("status", "words", "again"),
    [
        (StatusCode.UNAVAILABLE, "failed to connect", Again.ANYWHERE),
        (StatusCode.UNAVAILABLE, None, Again.ANYWHERE),
        (StatusCode.CANCELLED, "stopping", Again.ANYWHERE),
        (StatusCode.DEADLINE_EXCEEDED, "", Again.ANYWHERE),
        (StatusCode.INTERNAL, "RST_STREAM with error code 2", Again.ANYWHERE),
        (StatusCode.UNKNOWN, "Stream removed", Again.ANYWHERE),
        (StatusCode.INTERNAL, "GOAWAY received", Again.ANYWHERE),
        (StatusCode.UNKNOWN, "Connection reset by peer", Again.ANYWHERE),
        (StatusCode.INTERNAL, "a bug", Again.NOWHERE),
        (StatusCode.UNKNOWN, "a bug", Again.NOWHERE),
        (StatusCode.ABORTED, "RST_STREAM with error code 2", Again.NOWHERE),
        (StatusCode.NOT_FOUND, "Latest(double)", Again.ELSEWHERE),
        (StatusCode.INVALID_ARGUMENT, LABEL, Again.ELSEWHERE),
        (StatusCode.INVALID_ARGUMENT, "input size", Again.NOWHERE),
        (StatusCode.RESOURCE_EXHAUSTED, "too many", Again.ELSEWHERE),
        (StatusCode.RESOURCE_EXHAUSTED, LARGE, Again.NOWHERE),
        (StatusCode.INVALID_ARGUMENT, LARGE, Again.NOWHERE),
        (StatusCode.PERMISSION_DENIED, None, Again.NOWHERE),
        (StatusCode.UNAUTHENTICATED, "no token", Again.NOWHERE),
        (StatusCode.FAILED_PRECONDITION, "no such signature", Again.NOWHERE),
    ],
)
def test_what_would_come_again_is_told_from_what_another_server_may_answer(
    status: StatusCode, words: str | None, again: Again
) -> None:
    assert where_again(RpcFailure(status, words)) is again


@pytest.mark.parametrize(
    ("status", "words", "sent"),
    [
        (StatusCode.UNAVAILABLE, "failed to connect to all addresses", False),
        (StatusCode.UNAVAILABLE, "Socket closed", True),
        (StatusCode.UNAVAILABLE, None, True),
        (StatusCode.INTERNAL, "failed to connect to the database", True),
    ],
)
def test_only_where_no_connection_was_made_no_server_saw_the_request(
    status: StatusCode, words: str | None, sent: bool
) -> None:
    assert was_sent(RpcFailure(status, words)) is sent


class Highest(random.Random):
    """Draws the highest number there is."""

    def uniform(self, a: float, b: float) -> float:
        return b


@given(attempts=st.integers(1, 10_000), seed=st.integers())
def test_pauses_are_drawn_up_to_a_limit_that_doubles_from_the_first_to_the_longest(attempts: int, seed: int) -> None:
    policy = RetryPolicy(first_pause_s=0.02, longest_pause_s=1.0)
    limit_s = pause_s(policy, attempts, Highest())
    assert limit_s == min(0.02 * 2 ** min(attempts - 1, 60), 1.0)
    assert pause_s(policy, attempts, random.Random(seed)) == random.Random(seed).uniform(0, limit_s)


@given(
    share=st.floats(0, 1),
    reserve=st.integers(0, 20),
    steps=st.lists(st.sampled_from(["call", "retry"]), max_size=200),
)
def test_retries_are_allowed_up_to_the_reserve_that_calls_fill_by_their_share(
    share: float, reserve: int, steps: list[str]
) -> None:
    """So there are never more than the reserve plus the share of the calls."""
    budget, left, calls, retries = RetryBudget(share, reserve), float(reserve), 0, 0
    for step in steps:
        if step == "call":
            budget.earn()
            left = min(left + share, float(reserve))
            calls += 1
        else:
            allowed = left >= 1
            assert budget.spend() is allowed
            left -= allowed
            retries += allowed
        assert retries <= reserve + share * calls + 1e-6
