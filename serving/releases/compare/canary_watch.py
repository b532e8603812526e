"""Watches a version on trial, and says whether it keeps within its limits.

What is measured are shadow requests: the stored sample, sent to `stable` and to `canary` alike. That works at any
server, and is the only way to see where two versions disagree; TensorFlow Serving's own metrics know no versions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from slipline.serving.client.known_models import Choice
from slipline.serving.errors import ServingError
from slipline.serving.folders.labels import CANARY, STABLE
from slipline.serving.releases.compare.compare_answers import Tally
from slipline.serving.releases.compare.comparison import Comparison, Limits, breaches
from slipline.serving.releases.compare.replay import PairCaller, Request, inputs_of

_TELL_EVERY_S = 1.0


class TrialEnded(ServingError):
    """Somebody else ended the trial that is watched."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How long a version on trial is watched: until the first of both ends.

    Attributes:
      seconds: At most so long; None for no such end.
      requests: At most so many shadow requests; None for no such end.
      limits: Beyond which it is withdrawn, at once.
      pause_s: Between two shadow requests, so that they do not crowd out those of clients.
      timeout_s: For each request.
    """

    seconds: float | None = None
    requests: int | None = None
    limits: Limits = field(default_factory=Limits)
    pause_s: float = 0.02
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if self.seconds is None and self.requests is None:
            raise ValueError("give a time, a number of requests, or both")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a watch came to.

    Attributes:
      figures: What was measured.
      breaches: The limits that were exceeded, one sentence each; nothing if it may go live.
      seconds: How long it was watched.
    """

    figures: Comparison
    breaches: tuple[str, ...]
    seconds: float


def watch_canary(
    targets: Sequence[str],
    model: str,
    versions: tuple[int, int],
    sample: Sequence[Request],
    watch: Watch,
    *,
    is_on_trial: Callable[[], bool],
    say: Callable[[Comparison, float], None] = lambda figures, seconds: None,
) -> Outcome:
    """Sends the sample to both labels over and over, until the watch ends or a limit is exceeded beyond chance.

    Args:
      targets: `host:port` of the servers, asked in turn.
      model: Its name.
      versions: What `stable` and `canary` are to name.
      sample: At least one request.
      watch: How long, and the limits.
      is_on_trial: Asked about once a second: whether the trial still goes on.
      say: Told as often what was measured so far, and after how many seconds.

    Raises:
      TrialEnded: Somebody else ended the trial.
    """
    tally = Tally(watch.limits.tolerance)
    begin_s = time.monotonic()
    told_s = begin_s - _TELL_EVERY_S
    with ExitStack() as stack:
        labels = (Choice(label=STABLE), Choice(label=CANARY))
        callers = [stack.enter_context(PairCaller(target, model, labels)) for target in targets]
        for number, (caller, request) in enumerate(_turns(callers, sample)):
            now_s = time.monotonic()
            if now_s - told_s >= _TELL_EVERY_S:
                told_s = now_s
                _check_on_trial(model, versions[1], is_on_trial)
                say(tally.comparison(), now_s - begin_s)
            if _is_over(watch, number, now_s - begin_s) or (number % 10 == 0 and _broken(tally, watch.limits)):
                break
            _add(tally, caller, request, versions, watch.timeout_s)
            time.sleep(watch.pause_s)
    _check_on_trial(model, versions[1], is_on_trial)
    return Outcome(
        figures=tally.comparison(),
        breaches=_broken(tally, watch.limits) or _nothing_measured(tally.comparison()),
        seconds=time.monotonic() - begin_s,
    )


def _is_over(watch: Watch, sent: int, seconds: float) -> bool:
    by_count = watch.requests is not None and sent >= watch.requests
    return by_count or (watch.seconds is not None and seconds >= watch.seconds)


def _add(tally: Tally, caller: PairCaller, request: Request, versions: tuple[int, int], timeout_s: float) -> None:
    stable, newer = caller.ask(request, timeout_s)
    # While labels move, both may name one version; that says nothing about the other.
    if stable.version in (None, versions[0]) and newer.version in (None, versions[1]):
        tally.add(inputs_of(request), stable, newer)


def _broken(tally: Tally, limits: Limits) -> tuple[str, ...]:
    broken = breaches(tally.comparison(), limits)
    return (*broken, f"its first error: {tally.first_error}") if broken and tally.first_error else broken


def _nothing_measured(found: Comparison) -> tuple[str, ...]:
    if found.requests > found.stable_errors:
        return ()
    return (f"the live version answered none of {found.requests} requests, so there was nothing to compare with",)


def _check_on_trial(model: str, version: int, is_on_trial: Callable[[], bool]) -> None:
    if not is_on_trial():
        raise TrialEnded(f"somebody else ended the trial of {model} version {version}; see `slipline releases {model}`")


def _turns(callers: Sequence[PairCaller], sample: Sequence[Request]) -> Iterator[tuple[PairCaller, Request]]:
    """Every request to every server, over and over."""
    while True:
        for request in sample:
            for caller in callers:
                yield caller, request
