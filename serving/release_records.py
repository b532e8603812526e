"""What the ledger tells: its releases, and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MoveKind = Literal["promoted", "rolled_back", "undone"]
State = Literal["published", "live", "superseded", "withdrawn"]


@dataclass(frozen=True, kw_only=True)
class Move:
    """One move of a model's label `stable`.

    Attributes:
      model: Whose label.
      number: 1, 2, 3... for each model.
      kind: `undone` takes the move before it back, as a server would not follow it.
      version: Live from now on; for `undone`, the version that is not.
      former: Live until now; None where nothing was.
      at: UTC, ISO 8601.
      by: Who moved it.
      reason: Why.
    """

    model: str
    number: int
    kind: MoveKind
    version: int
    former: int | None
    at: str
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LivePeriod:
    """A time during which a release was live.

    Attributes:
      since: UTC, ISO 8601.
      until: The same; None while it lasts.
      by: Who made it live.
      reason: Why it was made live.
      until_reason: Why it was replaced; None while it lasts.
    """

    since: str
    until: str | None
    by: str
    reason: str
    until_reason: str | None


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
      state: withdrawn, if it was live and a roll-back replaced it; superseded, if a promotion did.
      live_periods: When it was live, oldest first.
      warnings: What a promotion or roll-back passed over, one sentence each.
    """

    path: Path
    state: State
    live_periods: tuple[LivePeriod, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RegisteredServer:
    """A server that follows the ledger's model config.

    Attributes:
      target: `host:port` of its gRPC port.
      pid: Its process, by the count of `host`; None if that is not known.
      host: Name of the machine that registered it.
      since: UTC, ISO 8601.
    """

    target: str
    pid: int | None
    host: str
    since: str
