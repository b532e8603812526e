"""Which of several servers is asked: the least busy of those that answer."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from slipline.serving.client.client_settings import Ejection


@dataclass(eq=False)
class Target:
    """One server, as this client knows it.

    Attributes:
      address: `host:port`.
      index: Its place among the client's targets.
      in_flight: Requests under way.
      failures: In a row.
      on_trial: Whether it was ejected, and has answered nothing since.
      ejected_until_s: On the balancer's clock.
    """

    address: str
    index: int
    in_flight: int = 0
    failures: int = 0
    on_trial: bool = False
    ejected_until_s: float = 0.0


class Balancer:
    """Picks targets and notes how they do; for use from any thread."""

    def __init__(
        self,
        addresses: Sequence[str],
        ejection: Ejection,
        *,
        random: random.Random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Knows nothing ill of any target yet.

        Raises:
          ValueError: There is no address.
        """
        if not addresses:
            raise ValueError("a client needs at least one target, got none")
        self.targets = tuple(Target(address, index) for index, address in enumerate(addresses))
        self._ejection = ejection
        self._random = random
        self._clock = clock
        self._lock = threading.Lock()

    def pick(self, tried: Collection[Target] = (), *, untried_only: bool = False) -> Target | None:
        """A target, its request counted as under way; none if each was tried and only others will do.

        Those not ejected come first, then those not tried, then the least busy.
        """
        if len(self.targets) == 1:
            return None if untried_only and tried else self.targets[0]
        with self._lock:
            candidates = [target for target in self.targets if not (untried_only and target in tried)]
            if not candidates:
                return None
            now_s = self._clock()
            self._random.shuffle(candidates)
            candidates.sort(key=lambda t: (not self._open(t, now_s), t in tried, t.in_flight))
            candidates[0].in_flight += 1
            return candidates[0]

    def release(self, target: Target) -> None:
        """Notes that a request is over."""
        if len(self.targets) == 1:  # which is asked however busy it is
            return
        with self._lock:
            target.in_flight -= 1

    def succeeded(self, target: Target) -> None:
        """Notes that the target answered."""
        if target.failures or target.on_trial:
            with self._lock:
                target.failures, target.on_trial = 0, False

    def failed(self, target: Target, *, hung: bool = False) -> None:
        """Notes that it did not, at all or in time (`hung`), and ejects it after too many failures in a row."""
        with self._lock:
            target.failures += 1
            now_s = self._clock()
            # Requests that were under way when it was ejected tell nothing new.
            if target.failures >= self._ejection.failures and now_s >= target.ejected_until_s:
                target.ejected_until_s = now_s + (self._ejection.hung_s if hung else self._ejection.gone_s)
                target.on_trial = True

    def _open(self, target: Target, now_s: float) -> bool:
        # One that comes back from an ejection gets a single request at a time until it has answered one.
        return not target.on_trial or (now_s >= target.ejected_until_s and not target.in_flight)
