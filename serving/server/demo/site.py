"""Answers requests for the page, for what the page is made of, and for the models that run in it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from starlette.responses import Response

from slipline.serving.server.demo.live import LiveModels
from slipline.serving.server.versions.manager import VersionManager

STATIC = Path(__file__).with_name("static")
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
PATH = "/demo"
MODELS = f"{PATH}/models/"
ALWAYS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "referrer-policy": "no-referrer",
    "service-worker-allowed": PATH,  # the page itself, which lies above what it is made of
    "x-content-type-options": "nosniff",
}
FOR_A_YEAR, ASK_EACH_TIME = "max-age=31536000, immutable", "no-cache"


class DemoSite:
    """Everything below `/demo`; it gives out what it has in memory, so no path leads to any other file. Thread-safe."""

    def __init__(self, versions: VersionManager) -> None:
        """Reads the page; models are read when they are asked for."""
        self._page = {f"{PATH}/{file.name}": file.read_bytes() for file in sorted(STATIC.iterdir())}
        index = self._page.pop(f"{PATH}/index.html")
        self._page |= {PATH: index, f"{PATH}/": index}
        self._page[f"{PATH}/files.json"] = json.dumps([path for path in self._page if path != f"{PATH}/"]).encode()
        self._models = LiveModels(versions)
        self._reading = threading.Lock()

    def owns(self, path: str) -> bool:
        """Whether the path is of the page rather than of the API."""
        return path in ("/", PATH) or path.startswith(f"{PATH}/")

    def answer(self, method: str, path: str, known: str) -> Response:
        """The reply to a request; it may read a model's files first.

        Args:
          method: `GET` or `HEAD`; others are refused.
          path: As it came, escaped, without the query.
          known: The header `if-none-match`, empty if there is none.
        """
        if method not in ("GET", "HEAD"):
            return Response(b"only GET and HEAD here\n", 405, {**ALWAYS, "allow": "GET, HEAD"})
        if path == "/":
            return Response(b"", 307, {**ALWAYS, "location": PATH})
        path = unquote(path)
        content = self._find(path)
        if content is None:
            return Response(b"there is no such file\n", 404, {**ALWAYS, "content-type": "text/plain"})
        lasts = path.startswith(MODELS)  # such a path never means anything else, so that a browser need not ask again
        etag = f'"{hashlib.sha256(path.encode() if lasts else content).hexdigest()[:32]}"'
        suffix = Path("index.html" if path in (PATH, f"{PATH}/") else path).suffix
        headers = {
            **ALWAYS,
            "cache-control": FOR_A_YEAR if lasts else ASK_EACH_TIME,
            "content-type": MEDIA_TYPES.get(suffix, "application/octet-stream"),
            "etag": etag,
        }
        if etag in known:
            return Response(b"", 304, headers)
        return Response(content, 200, headers)

    def _find(self, path: str) -> bytes | None:
        if path == f"{PATH}/live.json":
            with self._reading:
                return json.dumps({"models": [live.described(MODELS) for live in self._models.read()]}).encode()
        if path.startswith(MODELS):
            digest, _, name = path.removeprefix(MODELS).partition("/")
            with self._reading:
                models = [live.web_model for live in self._models.read() if live.web_model]
            return next((model.files.get(name) for model in models if model.digest == digest), None)
        return self._page.get(path)
