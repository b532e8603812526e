"""What the ledger tells: its releases, what happened to them, when, and by whom."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from slipline.serving.releases.compare.comparison import Comparison

MoveKind = Literal["promoted", "rolled_back", "canary", "withdrawn", "undone"]
State = Literal["published", "canary", "live", "superseded", "withdrawn"]


@dataclass(frozen=True, kw_only=True)
class Move:
    """One move of a model's labels.

    Attributes:
      model: Whose labels.
      number: 1, 2, 3... for each model.
      kind: `promoted` and `rolled_back` move `stable`, `canary` puts a version on trial, `withdrawn` ends its trial,
        and `undone` takes the move before it back, as a server would not follow it.
      version: Live from now on, or on trial; for `withdrawn` and `undone`, the version that no longer is.
      former: Live until now; None where nothing was, or where the live version stays.
      at: UTC, ISO 8601.
      by: Who moved it.
      reason: Why.
      percent: Of `canary`, the share of requests that clients are to send there, 0 to 100.
      figures: What was measured before, as JSON of `Comparison`; None where nothing was.
    """

    model: str
    number: int
    kind: MoveKind
    version: int
    former: int | None
    at: str
    by: str
    reason: str
    percent: float | None = None
    figures: str | None = None


@dataclass(frozen=True, kw_only=True)
class Period:
    """A time during which a release was live, or on trial as a canary.

    Attributes:
      since: UTC, ISO 8601.
      until: The same; None while it lasts.
      by: Who began it.
      reason: Why it began.
      until_by: Who ended it; None while it lasts.
      until_reason: Why it ended; None while it lasts.
      percent: Of a trial, the share of requests that clients were to send there.
      figures: What was measured before it began to be live, or before its trial ended; None where nothing was.
    """

    since: str
    until: str | None
    by: str
    reason: str
    until_by: str | None = None
    until_reason: str | None = None
    percent: float | None = None
    figures: Comparison | None = None


@dataclass(frozen=True, kw_only=True)
class NewRelease:
    """One published version of a model, as it is recorded.

    Attributes:
      model: The model's name.
      version: Its number, from 1.
      digest: sha256 of its manifest, in hex.
      size_bytes: Of its files.
      predecessor: The version live when it was published; None if nothing was.
      at: When it was published: UTC, ISO 8601.
      by: Who published it.
      origin: The execution that made it.
    """

    model: str
    version: int
    digest: str
    size_bytes: int
    predecessor: int | None
    at: str
    by: str
    origin: str


@dataclass(frozen=True, kw_only=True)
class ReleaseRow(NewRelease):
    """One published version of a model, and how it stands.

    Attributes:
      path: Its version folder.
      state: withdrawn, if it was live and a roll-back replaced it, or its trial did not end with a promotion;
        superseded, if a promotion replaced it.
      live_periods: When it was live, oldest first.
      canary_periods: When it was on trial, oldest first.
      warnings: What a promotion or roll-back passed over, one sentence each.
    """

    path: Path
    state: State
    live_periods: tuple[Period, ...]
    canary_periods: tuple[Period, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RegisteredServer:
    """A server that follows the ledger's model config.

    Attributes:
      target: `host:port` of its gRPC port.
      pid: Its process, by the count of `host`; None if that is not known.
      host: Name of the machine that registered it.
      since: UTC, ISO 8601.
      root: Where it finds the version folders: another mount of the ledger's root, or a URL of a store that gets a copy
        of them; None for the ledger's own root.
    """

    target: str
    pid: int | None
    host: str
    since: str
    root: str | None = None


def utc_now() -> str:
    """Now, as the ledger writes it down: UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def current_person() -> str:
    """The login name of this process's user; `uid 1234` where that user has none, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid {os.getuid()}"
