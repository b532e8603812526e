"""What gRPC raises, without a server behind it."""

from __future__ import annotations

import grpc


class RpcFailure(grpc.RpcError):  # type: ignore[misc]
    """An error with a status and a server's words."""

    def __init__(self, code: grpc.StatusCode, details: str | None) -> None:
        super().__init__()
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str | None:
        return self._details
