"""Who acts: the name written beside a release, a promotion or a roll-back."""

from __future__ import annotations

import getpass
import os


def current_person() -> str:
    """The login name of this process's user; `uid 1234` where that user has none, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid {os.getuid()}"
