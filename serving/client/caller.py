"""One call: which server is asked, whether again, and who is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import grpc

from slipline.serving.client.balancer import Balancer, Target
from slipline.serving.client.client_settings import ClientSettings
from slipline.serving.client.effects import Attempt, Headers, Operation, Pause, Race, Rpc, Won
from slipline.serving.client.observer import CallEnded, CallStarted
from slipline.serving.client.retry import Again, RetryBudget, pause_s, was_sent, where_again
from slipline.serving.errors import DeadlineExceeded
from slipline.serving.wire.grpc_errors import serving_error


class Caller:
    """Makes calls to the targets of one client, as its settings say."""

    def __init__(
        self, model: str, balancer: Balancer, settings: ClientSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` counts the seconds of deadlines."""
        self.clock = clock
        self._model = model
        self._balancer = balancer
        self._settings = settings
        self._budget = RetryBudget(settings.retry.budget_share, settings.retry.budget_reserve)
        self.target = ",".join(target.address for target in balancer.targets)

    def call(self, rpc: Rpc, request: bytes, deadline_s: float) -> Operation[bytes]:
        """The answer to a request that changes nothing on a server, in wire format.

        Raises:
          ServingError: What the last attempt met.
        """
        trial = _Trial(rpc, request, deadline_s, self._headers())
        if not self._settings.observers:
            answer = yield from self._tried(trial)
        else:
            answer = yield from self._observed(trial)
        if self._settings.request_log is not None:
            self._settings.request_log.offer(rpc.value, request, answer)
        return answer

    def call_each(self, rpc: Rpc, request: bytes, deadline_s: float) -> Operation[list[bytes]]:
        """The answers of all targets, one after another; no request is repeated.

        Raises:
          ServingError: What the first that failed met; those behind it are not asked.
        """
        answers = []
        for target in self._balancer.targets:
            timeout_s = max(deadline_s - self.clock(), 0.0)
            try:
                answers.append((yield Attempt(target, rpc, request, timeout_s, self._headers())))
            except grpc.RpcError as error:
                raise serving_error(target.address, error) from error
        return answers

    def _headers(self) -> Headers:
        token = self._settings.bearer_token
        if token is None:
            return ()
        return (("authorization", f"Bearer {token if isinstance(token, str) else token()}"),)

    def _observed(self, trial: _Trial) -> Operation[bytes]:
        started = CallStarted(
            model=self._model,
            method=trial.rpc.value.removeprefix("/"),
            target=self.target,
            request_bytes=len(trial.request),
            headers=list(trial.headers),
        )
        ends = [observer.begin(started) for observer in self._settings.observers]
        trial.headers = tuple(started.headers)
        begin_s = self.clock()
        code, answer = "CANCELLED", b""
        try:
            answer = yield from self._tried(trial)
            code = "OK"
            return answer
        except Exception as error:
            code = error.__cause__.code().name if isinstance(error.__cause__, grpc.RpcError) else "UNKNOWN"
            raise
        finally:
            ended = CallEnded(
                code=code,
                seconds=self.clock() - begin_s,
                attempts=len(trial.asked),
                target=trial.asked[-1].address if trial.asked else "",
                response_bytes=len(answer),
            )
            for end in ends:
                end(ended)

    def _tried(self, trial: _Trial) -> Operation[bytes]:
        if self.clock() >= trial.deadline_s:  # which gRPC's timers may be too coarse to notice
            raise DeadlineExceeded(f"{self.target} was not asked, as the time limit was over before; raise it")
        self._budget.earn()
        target = self._pick(trial)
        while True:
            try:
                answered, answer = yield from self._once(trial, target)
            except grpc.RpcError as error:
                again = self._next(trial, error)
                if again is None:
                    raise serving_error(self._words(trial), error) from error
                target, wait_s = again
                if wait_s:
                    yield from self._pause(target, wait_s)
            else:
                self._balancer.succeeded(answered)
                for lacking in trial.lacking:
                    self._balancer.failed(lacking)
                return answer

    def _pick(self, trial: _Trial) -> Target:
        target = self._balancer.pick(trial.asked)
        assert target is not None  # there is one at least, and all will do
        return target

    def _once(self, trial: _Trial, target: Target) -> Operation[tuple[Target, bytes]]:
        """One attempt, or two side by side; each target is released however it ends."""
        under_way = [target]

        def second() -> Attempt | None:
            if not self._budget.spend():
                return None
            under_way.append(self._pick(trial))
            return self._attempt(trial, under_way[-1])

        try:
            first = self._attempt(trial, target)
            if self._settings.hedging is None:
                try:
                    answer: bytes = yield first
                except grpc.RpcError as error:
                    self._note(trial, first, error)
                    raise
                return target, answer
            won: Won = yield Race(first, self._settings.hedging.delay_s, second, partial(self._note, trial))
            return won.attempt.target, won.answer
        finally:
            for each in under_way:
                self._balancer.release(each)

    def _attempt(self, trial: _Trial, target: Target) -> Attempt:
        trial.asked.append(target)
        timeout_s = max(trial.deadline_s - self.clock(), 0.0)
        limit_s = self._settings.retry.attempt_timeout_s
        if limit_s is not None and limit_s < timeout_s:
            timeout_s = limit_s
        return Attempt(target, trial.rpc, trial.request, timeout_s, trial.headers)

    def _note(self, trial: _Trial, attempt: Attempt, error: grpc.RpcError) -> None:
        where = where_again(error)
        if where is Again.ANYWHERE:
            self._balancer.failed(attempt.target, hung=error.code() is grpc.StatusCode.DEADLINE_EXCEEDED)
        elif where is Again.ELSEWHERE:
            trial.lacking.append(attempt.target)

    def _next(self, trial: _Trial, error: grpc.RpcError) -> tuple[Target, float] | None:
        """Whom to ask next, and after how long; none if the error stands."""
        policy, where = self._settings.retry, where_again(error)
        if where is Again.NOWHERE or len(trial.asked) >= policy.max_attempts:
            return None
        target = self._balancer.pick(trial.asked, untried_only=where is Again.ELSEWHERE)
        if target is None:
            return None
        wait_s = pause_s(policy, len(trial.asked), self._settings.random) if target in trial.asked else 0.0
        # What reached no server adds to the load of none, so it costs nothing of the budget.
        allowed = not was_sent(error) or self._budget.spend()
        if not allowed or self.clock() + wait_s >= trial.deadline_s:
            self._balancer.release(target)
            return None
        return target, wait_s

    def _pause(self, target: Target, seconds: float) -> Operation[None]:
        try:
            yield Pause(seconds)
        except BaseException:
            self._balancer.release(target)
            raise

    def _words(self, trial: _Trial) -> str:
        last = trial.asked[-1].address
        return last if len(trial.asked) == 1 else f"{last} (attempt {len(trial.asked)})"


@dataclass(eq=False, slots=True)
class _Trial:
    """A call that is under way: what is asked, whom it went to, and who lacked what others may have."""

    rpc: Rpc
    request: bytes
    deadline_s: float
    headers: Headers
    asked: list[Target] = field(default_factory=list)
    lacking: list[Target] = field(default_factory=list)
