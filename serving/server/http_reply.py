"""What the REST API and the demo page answer, before a web server sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes back to the client."""

    code: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
