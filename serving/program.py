"""Our modules as programs of their own."""

from __future__ import annotations

import sys


def program(module: str) -> list[str]:
    """The command that runs a module with this Python, whatever lies in the working directory.

    `python -m` looks there first, so that a person's `grpc.py` or `numpy.py` would hide the real one.
    """
    code = "import runpy, sys; sys.path = [place for place in sys.path if place]; "
    return [sys.executable, "-c", f"{code}runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"]
