"""A file as a browser gets it, and the files of the page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

STATIC = Path(__file__).with_name("static")
MEDIA_TYPES = {
    ".bin": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    """What goes out under one URL.

    Attributes:
      content: Its bytes.
      media_type: For `content-type`.
      lasts: Whether the URL never means anything else, so that a browser need not ask again.
    """

    content: bytes = field(repr=False)
    media_type: str
    lasts: bool = False

    @cached_property
    def etag(self) -> str:
        """Differs where the content does."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'

    @classmethod
    def read(cls, file: Path, *, lasts: bool = False) -> Asset:
        """The file, its type told by its name.

        Raises:
          OSError: It cannot be read.
        """
        return cls(file.read_bytes(), MEDIA_TYPES.get(file.suffix, MEDIA_TYPES[".bin"]), lasts)


def read_page() -> Mapping[str, Asset]:
    """Every file of the page, by its name."""
    return {file.name: Asset.read(file) for file in sorted(STATIC.iterdir())}
