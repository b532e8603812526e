"""The embedded server as a process of its own, on free ports."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass
class EmbeddedServer:
    """Started with its flags; a context manager that ends it.

    Attributes:
      flags: All but the ports.
      port: For gRPC.
      rest_port: For REST.
      program: What is started; TensorFlow Serving's binary takes the same flags.
    """

    flags: tuple[str, ...]
    port: int
    rest_port: int
    program: tuple[str, ...] = (sys.executable, "-m", "slipline.serving.server")
    process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        ports = (f"--port={self.port}", f"--rest_api_port={self.rest_port}")
        log = subprocess.DEVNULL
        self.process = subprocess.Popen([*self.program, *ports, *self.flags], cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        """Ends it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def embedded_server(*flags: str, **other: Any) -> EmbeddedServer:
    """A server that is yet to be started."""
    return EmbeddedServer(flags, free_port(), free_port(), **other)


def free_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
