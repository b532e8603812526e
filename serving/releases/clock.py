"""The time as the ledger writes it down."""

from __future__ import annotations

from datetime import datetime, timezone


def utc_now() -> str:
    """Now: UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")
