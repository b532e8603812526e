"""`slipline serve`."""

from __future__ import annotations

import logging
import os

import click

from pipeline.app.config import home_from_environment
from serving.options import ServerOptions
from serving.releases.ledger import Ledger
from serving.server import serve as serve_until_told

CONFIG_POLL_S = 1.0


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="Port for gRPC; 0 picks a free one."
)
def serve(host: str, port: int) -> None:
    """Serve the releases over gRPC until told to stop.

    Promotions and roll-backs take effect at once. Ctrl-C stops it once every request has its answer.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    home = home_from_environment()
    with Ledger(home.ledger_url, home.releases) as ledger:
        options = ServerOptions(
            host=host,
            port=port,
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
            click.echo(f"serving on {address}: {_live_releases(ledger)}")

        try:
            serve_until_told(options, on_ready=on_ready)
        finally:
            ledger.unregister_server(target)
    click.echo("stopped")


def _live_releases(ledger: Ledger) -> str:
    live = [f"{release.model} version {release.version}" for release in ledger.releases() if release.state == "live"]
    return ", ".join(live) or "no releases yet; the first is served as soon as `slipline run` has made it"
