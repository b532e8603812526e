"""A proxy that fails as a test wants."""

from __future__ import annotations

import socket
import threading
import time


class Proxy:
    """Passes bytes between clients and a server, until told to cut or hang.

    Attributes:
      cut_after_bytes: From the server, on each connection from now on; then the connection is reset.
      hangs: Whether bytes are kept back for ever.
      connections: How many were made.
      bytes_to_server: On all of them.
    """

    def __init__(self, port: int) -> None:
        self.cut_after_bytes: int | None = None
        self.hangs = False
        self.connections = 0
        self.bytes_to_server = 0
        self._server_port = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Resets all connections."""
        for end in self._open:
            reset(end)
        self._open.clear()

    def stop(self) -> None:
        self.hangs = False
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        passed = 0
        try:
            while data := source.recv(65536):
                while self.hangs:
                    time.sleep(0.01)
                passed += len(data)
                self.bytes_to_server += 0 if from_server else len(data)
                if from_server and self.cut_after_bytes is not None and passed > self.cut_after_bytes:
                    reset(source)
                    reset(sink)
                    return
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()


def reset(end: socket.socket) -> None:
    """Closes a connection as a crash does: with RST."""
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        end.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    end.close()
