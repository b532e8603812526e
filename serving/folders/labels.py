"""Which requests go to the canary: decided by the client, from a key of the request alone."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path

from slipline.serving.folders.model_config import write_for_servers

STABLE = "stable"
"""The label of the live version."""

CANARY = "canary"
"""The label of the version on trial; of the live one where none is, so that asking for it never fails."""

SHARES_NAME = "canary.json"


def label_for(key: str, percent: float) -> str:
    """The label to ask for: `canary` for that share of all keys, else `stable`.

    The same key gets the same label everywhere and at any time, and raising the share only moves keys to `canary`.

    Args:
      key: What belongs together, such as a user's or a session's id; a fresh random one where nothing does.
      percent: The canary's share of the keys, 0 to 100.

    Raises:
      ValueError: The share is none.
    """
    if not 0.0 <= percent <= 100.0:
        raise ValueError(f"percent must be from 0 to 100, got {percent}")
    # The first 53 bits are exact in a float; Python's own hash differs from process to process.
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 11
    return CANARY if place * 100.0 < percent * 2.0**53 else STABLE


class CanaryShares:
    """Each model's share for the canary, as the ledger last wrote it to `canary.json`, for clients that can read it.

    Safe to use from several threads.
    """

    def __init__(self, releases: Path, *, reread_after_s: float = 1.0) -> None:
        """Reads nothing yet.

        Args:
          releases: The ledger's root.
          reread_after_s: How old the file's content may be.
        """
        self._file = releases / SHARES_NAME
        self._reread_after_s = reread_after_s
        self._read_at_s = -math.inf
        self._shares: dict[str, float] = {}

    def label_for(self, model: str, key: str) -> str:
        """As the function of that name, with the share of the model's trial under way; `stable` where there is none."""
        return label_for(key, self.percent(model))

    def percent(self, model: str) -> float:
        """The canary's share of the model's requests, 0 to 100; what was known before while the file is unreadable."""
        now_s = time.monotonic()
        if now_s - self._read_at_s > self._reread_after_s:
            self._read_at_s = now_s
            try:
                shares = json.loads(self._file.read_text())
                self._shares = {str(name): min(100.0, max(0.0, float(share))) for name, share in shares.items()}
            except (OSError, ValueError, TypeError, AttributeError):
                pass  # which version answers is not worth failing a request
        return self._shares.get(model, 0.0)


def write_shares(releases: Path, shares: Mapping[str, float]) -> None:
    """Replaces the file of shares in one step.

    Args:
      releases: The ledger's root.
      shares: By model, 0 to 100.

    Raises:
      ConfigRefused: It cannot be written; the old one stays.
    """
    write_for_servers(releases / SHARES_NAME, json.dumps(dict(shares), sort_keys=True))
