from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from slipline.serving.server.grpc.health import NOT_SERVING, SERVICE_UNKNOWN, SERVING, Health


class Context:
    """Of a call without a network."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def set_code(self, code: grpc.StatusCode) -> None:
        self.code = code

    async def abort(self, code: grpc.StatusCode, *details: object) -> None:
        raise LookupError(code)

    async def write(self, response: HealthCheckResponse) -> None:
        self.told.append(response.status)


async def checked(health: Health, service: str) -> Any:
    try:
        return (await health.Check(HealthCheckRequest(service=service), Context())).status
    except LookupError:
        return None


async def all_checked(health: Health) -> dict[str, Any]:
    return {name: await checked(health, name) for name in ("", "PredictionService", "ModelService", "a", "b")}


def test_the_whole_is_ready_where_every_model_is_and_models_left_out_are_unknown() -> None:
    async def main() -> list[dict[str, Any]]:
        health, seen = Health(), []
        for ready in ({"a": True, "b": False}, {"a": True, "b": True}, {"a": True}, {}):
            await health.show(ready)
            seen.append(await all_checked(health))
        await health.end()
        seen.append(await all_checked(health))
        return seen

    whole = ("", "PredictionService", "ModelService")
    assert asyncio.run(main()) == [
        {**dict.fromkeys(whole, NOT_SERVING), "a": SERVING, "b": NOT_SERVING},
        {**dict.fromkeys(whole, SERVING), "a": SERVING, "b": SERVING},
        {**dict.fromkeys(whole, SERVING), "a": SERVING, "b": SERVICE_UNKNOWN},
        {**dict.fromkeys(whole, SERVING), "a": SERVICE_UNKNOWN, "b": SERVICE_UNKNOWN},
        dict.fromkeys((*whole, "a", "b"), NOT_SERVING),
    ]


def test_a_watcher_who_goes_away_leaves_nothing_behind() -> None:
    async def main() -> int:
        health, context = Health(), Context()
        await health.show({"a": True})
        watching = asyncio.ensure_future(health.Watch(HealthCheckRequest(service="a"), context))
        while not context.told:
            await asyncio.sleep(0.001)
        watching.cancel()
        await asyncio.wait([watching])
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


def test_those_who_watch_are_told_of_each_change_and_of_the_end_and_then_let_go() -> None:
    async def main() -> list[int]:
        health, context = Health(), Context()
        await health.show({"a": False})
        watching = asyncio.ensure_future(health.Watch(HealthCheckRequest(service="a"), context))
        for count, ready in enumerate((True, False, True), 2):
            while len(context.told) < count - 1:
                await asyncio.sleep(0.001)
            await health.show({"a": ready})
        while len(context.told) < 4:
            await asyncio.sleep(0.001)
        assert not watching.done()
        await health.end()
        await asyncio.wait_for(watching, 30)
        return context.told

    assert asyncio.run(main()) == [NOT_SERVING, SERVING, NOT_SERVING, SERVING, NOT_SERVING]
