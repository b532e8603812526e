"""gRPC's health service (grpc.health.v1) for a model server: of the whole, and of each model by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import grpc
from grpc_health.v1 import health, health_pb2

# The names under which probes ask for the whole server.
WHOLE_SERVER = ("", "PredictionService", "ModelService")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
LAST_WORD_S = 0.2


class Health(health.aio.HealthServicer):  # type: ignore[misc]  # grpc has no types
    """Says what is ready; those who watch are told of the end, and then let go. Not thread-safe."""

    def __init__(self) -> None:
        super().__init__()
        self._probed: set[str] = set()
        self._ended = asyncio.Event()

    async def show(self, ready: Mapping[str, bool]) -> None:
        """Says of each model whether it is ready, of the whole whether all are, and no more of models left out."""
        answers = {name: SERVING if is_ready else NOT_SERVING for name, is_ready in ready.items()}
        answers.update(dict.fromkeys(WHOLE_SERVER, SERVING if all(ready.values()) else NOT_SERVING))
        answers.update(dict.fromkeys(self._probed - answers.keys(), SERVICE_UNKNOWN))
        self._probed.update(answers)
        for name, answer in answers.items():
            await self.set(name, answer)

    async def end(self) -> None:
        """Says NOT_SERVING of everything from now on."""
        await self.enter_graceful_shutdown()
        self._ended.set()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext) -> None:  # noqa: N802
        """Tells of each change, until the server ends: a stream left open would use up the time for its end."""
        watching = asyncio.ensure_future(super().Watch(request, context))
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({watching, ended}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({watching}, timeout=LAST_WORD_S)
        finally:
            watching.cancel()
            ended.cancel()
