"""`slipline serve`."""

from __future__ import annotations

import logging
import os

import click

from slipline.pipeline.app.cli.terminal import say
from slipline.pipeline.app.settings.home import home_from_environment
from slipline.serving.releases.deploy.deployment import REST_PORT
from slipline.serving.releases.ledger import Ledger
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.process import serve as serve_until_told

CONFIG_POLL_S = 1.0


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8500, help="Port for gRPC; 0 picks a free one.")
@click.option(
    "--rest-port",
    type=click.IntRange(1, 65535),
    help=f"Port for REST, TensorFlow Serving's API over HTTP; with --demo {REST_PORT}, else none.",
)
@click.option("--demo", is_flag=True, help="Show a page on which to draw a digit for the live release.")
def serve(host: str, port: int, rest_port: int | None, demo: bool) -> None:
    """Serve the releases over gRPC until told to stop.

    Promotions and roll-backs take effect at once. Ctrl-C stops it once every request has its answer.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    home = home_from_environment()
    if demo and rest_port is None:
        rest_port = REST_PORT
    if rest_port == port:
        raise click.UsageError(f"--port and --rest-port are both {port}; gRPC and REST take a port each")
    with Ledger(home.ledger_url, home.releases) as ledger:
        options = ServerOptions(
            host=host,
            port=port,
            rest_api_port=rest_port or 0,
            enable_demo_page=demo,
            model_config_file=str(ledger.rewrite_config()),
            model_config_file_poll_wait_seconds=CONFIG_POLL_S,
            prefer_tflite_model=True,  # held against the SavedModel by `convert`, and several times as quick
            max_num_load_retries=1,  # a promotion waits for the outcome
            load_retry_interval_micros=1_000_000,
        )
        target = ""

        def on_ready(address: str) -> None:
            nonlocal target
            target = address
            ledger.register_server(address, os.getpid())
            say(f"serving on {address}: {_live_releases(ledger)}")
            if rest_port is not None:
                site = f"http://{_reached_as(host)}:{rest_port}"
                say(f"draw a digit at {site}/demo" if demo else f"REST at {site}/v1/models")

        try:
            serve_until_told(options, on_ready=on_ready)
        finally:
            ledger.unregister_server(target)
    say("stopped")


def _reached_as(host: str) -> str:
    """The host as it stands in a URL that works on this machine."""
    if host in ("0.0.0.0", "::", "[::]"):
        return "localhost"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _live_releases(ledger: Ledger) -> str:
    live = [f"{release.model} version {release.version}" for release in ledger.releases() if release.state == "live"]
    return ", ".join(live) or "no releases yet; the first is served as soon as `slipline run` has made it"
