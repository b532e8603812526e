"""Chooses the label that answers a call, such as for a canary release."""

from __future__ import annotations

from typing import Protocol


class Router(Protocol):
    """Which label a key goes to; always the same one for the same key, and quickly, as every call asks it.

    Any function from text to text is one, for example:

        router=lambda key: "canary" if crc32(key.encode()) % 100 < 5 else "stable"
    """

    def __call__(self, key: str, /) -> str:
        """The label for `key`, which names what must not hop between versions: a user, a session."""
