"""A process that is told to stop does, whichever of its threads the system tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

WAIT = """
import os, signal, threading, time
from slipline.serving.server.stop_request import stop_request
before = signal.getsignal(signal.SIGTERM)
with stop_request(at_stdin_end={at_stdin_end}) as wait:
    other = threading.Thread(target=time.sleep, args=(600,), daemon=True)
    other.start()
    threading.Timer(0.1, lambda: {tell}).start()
    wait()
assert signal.getsignal(signal.SIGTERM) == before
"""


@pytest.mark.parametrize(
    ("tell", "at_stdin_end"),
    [
        ("os.kill(os.getpid(), signal.SIGTERM)", False),
        ("os.kill(os.getpid(), signal.SIGINT)", False),
        ("signal.pthread_kill(other.ident, signal.SIGTERM)", False),
        ("None", True),
    ],
)
def test_wait_ends_once_any_thread_is_told(tell: str, at_stdin_end: bool) -> None:
    """Or once standard input ends, if that is wanted; signals are handled as before then."""
    code = WAIT.format(tell=tell, at_stdin_end=at_stdin_end)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, input="", timeout=60, check=False)
    assert done.returncode == 0
