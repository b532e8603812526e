"""What a run's components and their frameworks print, kept in one file up to a limit."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

LIMIT_BYTES = 64 << 20
"""Frameworks print a few megabytes at most; a component that prints without end must not fill the disk."""

CHUNK_BYTES = 1 << 16


class RunLog:
    """A file that whoever works on a run may write to at once; what comes beyond the limit is dropped.

    Args:
      path: The file; made when something is written.
      limit_bytes: How much it takes.
    """

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._left_bytes = limit_bytes
        self._lock = Lock()

    def write(self, text: bytes) -> None:
        """Adds `text`, or as much of it as still fits, with a line that says so; on a full disk, nothing."""
        with self._lock, suppress(OSError):
            if self._left_bytes <= 0:
                return
            kept = text[: self._left_bytes]
            self._left_bytes -= len(text)
            with self.path.open("ab") as log:
                log.write(kept)
                if self._left_bytes <= 0:
                    log.write(b"\n[the log is full; what was printed after this is lost]\n")

    def drain(self, descriptor: int) -> Thread:
        """A thread that takes over all that comes out of a pipe, and closes it when its other ends are closed."""
        thread = Thread(target=self._take_over, args=(descriptor,), daemon=True)
        thread.start()
        return thread

    def _take_over(self, descriptor: int) -> None:
        with open(descriptor, "rb", buffering=0) as pipe:
            while chunk := pipe.read(CHUNK_BYTES):
                self.write(chunk)
