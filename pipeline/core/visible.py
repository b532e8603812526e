"""How text from outside, and paths, are printed for people."""

from __future__ import annotations

import re
from pathlib import Path

# Controls of the terminal, of the direction of writing and of lines, and halves of characters.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def short_path(file: str | Path) -> str:
    """A path as it may be typed in the working directory."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(file)


MOST_CHARACTERS = 4_000
"""Of a message: an error may quote a whole file."""


def told(text: str, most: int = MOST_CHARACTERS) -> str:
    """A message from outside as it goes on record: no longer than can be read, and of whole characters alone."""
    beyond = len(text) - most
    kept = f"{text[:most]}... ({beyond:,} more characters)" if beyond > 0 else text
    return kept.encode("utf-8", "backslashreplace").decode()


def visible(text: str, keep: str = "") -> str:
    r"""Text whose control characters are written out, such as `\x1b` or `\n`, and so do nothing.

    Args:
      text: Any text.
      keep: Of these characters, the ones that are meant.
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else found[0].encode("unicode_escape").decode(), text)
