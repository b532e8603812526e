"""A bare gRPC server that sends back what it was sent: `python -m tests.bench.grpc_echo`, until its input ends."""

from __future__ import annotations

import asyncio
import sys

import grpc


async def echo(message: bytes, context: grpc.aio.ServicerContext) -> bytes:
    """The same message."""
    return message


async def serve() -> None:
    """Says where it listens, and ends with its standard input."""
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", {"Echo": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
