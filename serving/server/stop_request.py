"""When a server process is to stop: at SIGTERM, at SIGINT, and if so wanted at the end of standard input."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_STDIN_ENDED = 0  # no signal has that number


@contextmanager
def stop_request(*, at_stdin_end: bool) -> Iterator[Callable[[], None]]:
    """Gives a function that returns once the process is to stop; both from the main thread.

    The system may hand a signal to the thread of a library. Python's handlers run in the main thread alone, once
    something wakes it; so it waits for the signal's number, which Python writes into a socket from whatever thread.
    """
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        handlers = {number: signal.signal(number, lambda number, frame: None) for number in _SIGNALS}
        former = signal.set_wakeup_fd(writer.fileno())
        if at_stdin_end:
            threading.Thread(target=_await_stdin_end, args=(writer,), name="standard input", daemon=True).start()

        def wait() -> None:
            while reader.recv(1)[0] not in (*_SIGNALS, _STDIN_ENDED):
                pass

        try:
            yield wait
        finally:
            signal.set_wakeup_fd(former)
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _await_stdin_end(writer: socket.socket) -> None:
    # A parent's pipe closes even if the parent was killed. Not sys.stdin: its lock, held by a read, breaks the exit.
    try:
        while os.read(0, 4096):
            pass
    except OSError as error:
        log.error("standard input cannot be read, so the server stops: %s", error)
    with suppress(OSError):  # the server has stopped before
        writer.send(bytes([_STDIN_ENDED]))
