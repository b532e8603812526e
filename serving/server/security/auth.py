"""Lets in only who brings a token: `Authorization: Bearer TOKEN`, in REST's headers or gRPC's metadata."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import grpc
from google.protobuf.message import Message

from slipline.serving.errors import ConfigRefused

HEADER = "authorization"
REFUSAL = "this server wants a token; send the header `Authorization: Bearer TOKEN`"
HEALTH_SERVICE = "/grpc.health.v1.Health/"


class Tokens:
    """The tokens that open a server; several, so that one can be replaced while the old one still works."""

    def __init__(self, tokens: Sequence[str]) -> None:
        """Keeps `tokens`, none of them empty."""
        self._tokens = [token.encode() for token in tokens]

    @classmethod
    def read(cls, file: Path) -> Tokens:
        """Those of a file, one a line; blank lines are none.

        Raises:
          ConfigRefused: The file cannot be read, or holds none.
        """
        try:
            tokens = file.read_text().split()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigRefused(f"the token file {file} cannot be read: {error}") from error
        if not tokens:
            raise ConfigRefused(f"the token file {file} is empty; write at least one token to it, one a line")
        return cls(tokens)

    def accept(self, header: str | None) -> bool:
        """Whether a request with that `Authorization` header may pass; takes equally long for each wrong token."""
        scheme, _, token = (header or "").partition(" ")
        sent = token.strip().encode("utf-8", "surrogateescape")
        found = [hmac.compare_digest(sent, known) for known in self._tokens]
        return any(found) and scheme.lower() == "bearer"


class TokenCheck(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Lets no call to a gRPC server pass without a token, but those that ask for its health."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._refusal = grpc.unary_unary_rpc_method_handler(_refuse)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """The handler of a call, or one that refuses it."""
        header = next((value for key, value in details.invocation_metadata if key == HEADER), None)
        if details.method.startswith(HEALTH_SERVICE) or self._tokens.accept(header):
            return await continuation(details)
        return self._refusal


async def _refuse(request: bytes, context: grpc.aio.ServicerContext) -> Message:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, REFUSAL)
    raise AssertionError("abort raises")
