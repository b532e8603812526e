"""The HTTP side of the REST API: an ASGI application that reads requests, and hands calls to worker threads.

Besides TensorFlow Serving's URLs it answers `/healthz` (the process lives) and `/readyz` (every model has a version
up).
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from slipline.serving.errors import DeadlineExceeded, Overloaded, ServingError
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.metrics.monitoring import Metrics, read_monitoring_config
from slipline.serving.server.rest import replies
from slipline.serving.server.rest.api import JSON, Body, BodyTooLarge, RestApi, refusal
from slipline.serving.server.rest.urls import Call, UnreadableName, parse_call
from slipline.serving.server.security.auth import HEADER, REFUSAL, Tokens
from slipline.serving.server.versions.manager import VersionManager
from slipline.serving.wire.grpc_errors import code_of

if TYPE_CHECKING:
    from slipline.serving.server.demo.site import DemoSite

log = logging.getLogger(__name__)

PLAIN, HTML = {"content-type": "text/plain"}, {"content-type": "text/html"}
NOT_FOUND_PAGE = b"<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n"
Result = TypeVar("Result")

_UNDER_V1 = re.compile(r"/v1/", re.IGNORECASE)
_WEB_ORIGIN = re.compile(r"https?://", re.IGNORECASE)


class RestApp:
    """The ASGI application; serves one event loop."""

    def __init__(
        self,
        options: ServerOptions,
        api: RestApi,
        versions: VersionManager,
        metrics: Metrics,
        tokens: Tokens | None = None,
    ) -> None:
        """`tokens` open everything but what asks for health; everything is open if None.

        Raises:
          ConfigRefused: The monitoring's config cannot be used.
        """
        self._options = options
        self._api = api
        self._versions = versions
        self._metrics = metrics
        self._tokens = tokens
        self._demo = _demo_site(versions) if options.enable_demo_page else None
        monitoring = options.monitoring_config_file
        self._metrics_path = read_monitoring_config(Path(monitoring)) if monitoring else None
        threads = options.rest_api_num_threads or 4 * (os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="REST request")
        self._slots = threading.Semaphore(options.max_concurrent_requests or sys.maxsize)  # read, waiting, or worked on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        if self._options.rest_api_enable_cors_support:
            response.headers["access-control-allow-origin"] = "*"
            response.headers["access-control-allow-methods"] = "POST, GET"
            response.headers["access-control-allow-headers"] = (
                "Content-Type, Authorization" if self._tokens else "Content-Type"
            )
        await response(scope, receive, send)

    def close(self) -> None:
        """Lets the worker threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _respond(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii")
        query = request.scope["query_string"].decode("ascii")
        under_v1 = _UNDER_V1.match(path) is not None
        if path == "/healthz":
            return Response(b"ok\n", headers=PLAIN)
        if path == "/readyz":
            views = self._versions.models()
            return Response(replies.readiness(views), 200 if replies.is_ready(views) else 503, media_type=JSON)
        if request.method == "OPTIONS" and under_v1:
            is_web = _WEB_ORIGIN.match(request.headers.get("origin", ""))
            return Response(b"", 200 if is_web else 400, media_type=JSON)
        if self._tokens is not None and not self._tokens.accept(request.headers.get(HEADER)):
            self._metrics.count("", "UNAUTHENTICATED")
            return Response(replies.error(REFUSAL), 401, {"www-authenticate": "Bearer"}, media_type=JSON)
        if path == self._metrics_path:
            return await self._show_metrics(query)
        if self._demo is not None and self._demo.owns(path):
            return await self._show_page(self._demo, request, path)
        if under_v1:
            return await self._call(request, f"{path}?{query}" if query else path)
        return Response(NOT_FOUND_PAGE, 404, HTML)

    async def _show_metrics(self, query: str) -> Response:
        if query:
            return Response(f"no query is taken here, got ?{query}\n", 400, PLAIN)
        text = await asyncio.get_running_loop().run_in_executor(None, self._metrics.render)
        return Response(text, headers=PLAIN)

    async def _show_page(self, demo: DemoSite, request: Request, path: str) -> Response:
        known = request.headers.get("if-none-match", "")
        deadline_s = self._deadline_s()
        try:
            self._take_slot()
            return await self._worked(lambda: demo.answer(request.method, path, known), deadline_s)
        except ServingError as error:
            return refusal(error)

    async def _call(self, request: Request, target: str) -> Response:
        model, status = "", "OK"
        try:
            call = parse_call(request.method, target)
            model = call.spec.name
            reply = await self._answer(call, request)
        except ServingError as error:
            status = code_of(error).name
            reply = Response(b"", 400, media_type=JSON) if isinstance(error, UnreadableName) else refusal(error)
        except ClientDisconnect:
            status, reply = "CANCELLED", Response(b"", 499)  # nobody reads it
        except Exception as error:  # whatever it is, it must not end the connection without an answer
            log.exception("%s %s failed", request.method, target)
            text = replies.error(f"internal error: {error!r}")
            status, reply = "INTERNAL", Response(text, 500, media_type=JSON)
        self._metrics.count(model, status)
        return reply

    async def _answer(self, call: Call, request: Request) -> Response:
        """Reads the body and has a worker answer, both within the time limit."""
        deadline_s = self._deadline_s()
        self._take_slot()
        try:
            body = await _within(_read_body(request, self._options.rest_api_max_body_bytes), deadline_s)
        except BaseException:
            self._slots.release()
            raise
        return await self._worked(
            lambda: self._api.answer(call, body, lambda: time.monotonic() < deadline_s), deadline_s
        )

    def _deadline_s(self) -> float:
        """When the answer to a request whose head has come is due, the arrival of its body included."""
        return time.monotonic() + self._options.rest_api_timeout_in_ms / 1000

    def _take_slot(self) -> None:
        if not self._slots.acquire(blocking=False):
            raise Overloaded(f"more than {self._options.max_concurrent_requests} requests at once; try again later")

    async def _worked(self, work: Callable[[], Response], deadline_s: float) -> Response:
        """What a worker answers; the slot that was taken for it is free again at its end, whoever still waits."""
        begun = self._pool.submit(work)
        begun.add_done_callback(lambda done: self._slots.release())
        return await _within(asyncio.wrap_future(begun), deadline_s)


def _demo_site(versions: VersionManager) -> DemoSite:
    from slipline.serving.server.demo.site import DemoSite  # it reads the page, which few servers show

    return DemoSite(versions)


async def _within(awaitable: Awaitable[Result], deadline_s: float) -> Result:
    try:
        return await asyncio.wait_for(awaitable, deadline_s - time.monotonic())
    except asyncio.TimeoutError as error:
        raise DeadlineExceeded("Timed out: the request was not answered within --rest_api_timeout_in_ms") from error


async def _read_body(request: Request, max_bytes: int) -> Body:
    if request.method != "POST":
        return Body(content=b"")
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise BodyTooLarge(f"the body is larger than the {max_bytes} bytes that this server takes")
    is_gzip = request.headers.get("content-encoding", "").lower() == "gzip"
    return Body(content=b"".join(parts), is_gzip=is_gzip)
