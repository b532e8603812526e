"""Answers requests for the page, for what the page is made of, and for the models that run in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from urllib.parse import unquote

from starlette.responses import Response

from slipline.serving.server.demo.assets import Asset, read_page
from slipline.serving.server.demo.live import LiveModels
from slipline.serving.server.versions.manager import VersionManager

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
        page = read_page()
        self._assets = {f"{PATH}/{name}": asset for name, asset in page.items()}
        index = self._assets.pop(f"{PATH}/index.html")
        self._assets |= {PATH: index, f"{PATH}/": index}
        self._assets[f"{PATH}/files.json"] = _json([path for path in self._assets if path != f"{PATH}/"])
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
        asset = self._find(unquote(path))
        if asset is None:
            return Response(b"there is no such file\n", 404, {**ALWAYS, "content-type": "text/plain"})
        headers = {
            **ALWAYS,
            "cache-control": FOR_A_YEAR if asset.lasts else ASK_EACH_TIME,
            "content-type": asset.media_type,
            "etag": asset.etag,
        }
        if asset.etag in known:
            return Response(b"", 304, headers)
        return Response(asset.content, 200, headers)

    def _find(self, path: str) -> Asset | None:
        if path == f"{PATH}/live.json":
            with self._reading:
                return _json({"models": [live.described(MODELS) for live in self._models.read()]})
        if path.startswith(MODELS):
            digest, _, name = path.removeprefix(MODELS).partition("/")
            with self._reading:
                models = [live.web_model for live in self._models.read() if live.web_model]
            return next((model.files.get(name) for model in models if model.digest == digest), None)
        return self._assets.get(path)


def _json(value: object) -> Asset:
    return Asset(json.dumps(value).encode(), "application/json")
