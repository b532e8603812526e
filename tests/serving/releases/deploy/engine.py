"""A Docker engine of the test's: its API over HTTP, and containers that are as the test says."""

from __future__ import annotations

import json
import re
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Engine(ThreadingHTTPServer):
    """Listens at once; a context manager that ends it.

    Attributes:
      images: Those it has.
      states: What a container is in turn once it was started, as (state, health); the last stays.
      containers: By name: what it was made of.
      log: What a container printed.
      done: What was done, in order.
      refusal: What every change is refused with; empty for none.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.images: set[str] = set()
        self.states: list[tuple[str, str]] = [("running", "healthy")]
        self.containers: dict[str, Any] = {}
        self.log = "one\ntwo\n"
        self.done: list[str] = []
        self.refusal = ""

    @property
    def url(self) -> str:
        """For DOCKER_HOST."""
        return f"tcp://127.0.0.1:{self.server_port}"

    def told(self, name: str) -> dict[str, Any]:
        """What `docker inspect` says."""
        made = self.containers[name]
        state, health = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        inner = {"Status": state, **({"Health": {"Status": health}} if health else {})}
        config = {"Image": made["Image"], "Labels": made["Labels"], "Tty": False}
        return {"Id": name, "Name": f"/{name}", "State": inner, "Config": config, "Image": "sha256:1"}


class _Handler(BaseHTTPRequestHandler):
    server: Engine
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, code: int, body: object = None, *, content: bytes | None = None) -> None:
        content = json.dumps(body).encode() if content is None else content
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _path(self) -> tuple[str, str]:
        found = re.fullmatch(r"(?:/v[0-9.]+)?(/[^?]*)(?:\?(.*))?", self.path)
        assert found
        return found[1], found[2] or ""

    def do_GET(self) -> None:
        path, _ = self._path()
        if path in ("/_ping", "/version"):
            self._send(200, {"ApiVersion": "1.44"} if path == "/version" else "OK")
        elif path.startswith("/images/"):
            image = path.removeprefix("/images/").removesuffix("/json")
            found = image in self.server.images
            self._send(200 if found else 404, {"Id": "sha256:1"} if found else {"message": f"No such image: {image}"})
        else:
            name, what = path.removeprefix("/containers/").split("/")
            if name not in self.server.containers:
                self._send(404, {"message": f"No such container: {name}"})
            elif what == "json":
                self._send(200, self.server.told(name))
            else:
                text = self.server.log.encode()
                self._send(200, content=struct.pack(">BxxxL", 1, len(text)) + text)

    def do_POST(self) -> None:
        path, query = self._path()
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        if self.server.refusal:
            self._send(500, {"message": self.server.refusal})
            return
        if path == "/images/create":
            image, tag = (re.search(rf"{key}=([^&]*)", query)[1] for key in ("fromImage", "tag"))  # type: ignore[index]
            self.server.images.add(f"{image.replace('%2F', '/')}:{tag}")
            self.server.done.append("pull")
            self._send(200, content=b"{}\n")
        elif path == "/containers/create":
            self.server.containers[query.partition("=")[2]] = body
            self.server.done.append("create")
            self._send(201, {"Id": query.partition("=")[2]})
        else:
            self.server.done.append(path.rpartition("/")[2])
            self._send(204, content=b"")

    def do_DELETE(self) -> None:
        name = self._path()[0].removeprefix("/containers/")
        del self.server.containers[name]
        self.server.done.append("remove")
        self._send(204, content=b"")
