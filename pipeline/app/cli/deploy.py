"""`slipline deploy`."""

from __future__ import annotations

import os
from typing import Any

import click

from slipline.pipeline.app.cli.release_options import open_ledger
from slipline.pipeline.app.cli.terminal import print_table, say
from slipline.pipeline.app.settings.home import home_from_environment
from slipline.serving.client.control import ServerControl
from slipline.serving.errors import ServerUnavailable
from slipline.serving.releases.deploy.deployment import GRPC_PORT, IMAGE, REST_PORT, serving_container, write_settings
from slipline.serving.releases.deploy.docker_engine import DockerEngine
from slipline.serving.releases.ledger import Ledger


@click.command()
@click.option("--to", "place", type=click.Choice(["docker"]), required=True, help="Where; docker is a Docker engine.")
@click.option("--stop", "action", flag_value="stop", help="Stop the container and remove it.")
@click.option("--status", "action", flag_value="status", help="Say how it is, and which versions it has.")
@click.option("--name", default="slipline-serving", help="The container's name.")
@click.option("--image", default=IMAGE, help="TensorFlow Serving's image.")
@click.option("--host", default="127.0.0.1", help="Address of this machine to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=GRPC_PORT, help="Port for gRPC.")
@click.option("--rest-port", type=click.IntRange(1, 65535), default=REST_PORT, help="For REST and metrics.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.001),
    default=120.0,
    help="Seconds for the container to become healthy.",
)
def deploy(place: str, action: str | None, name: str, timeout_s: float, **container_options: Any) -> None:
    """Serve the releases with TensorFlow Serving.

    It is registered with the ledger: promotions and roll-backs move it as they move `slipline serve`. A server that was
    started otherwise is registered by `slipline releases register`.
    """
    with DockerEngine() as engine, open_ledger() as ledger:
        if action == "stop":
            _stop(engine, ledger, name)
        elif action == "status":
            _show(engine, ledger, name)
        else:
            settings = home_from_environment().path / "serving"
            user = f"{os.getuid()}:{os.getgid()}"
            container = serving_container(ledger.root, settings, user=user, name=name, **container_options)
            ledger.rewrite_config()
            write_settings(settings)
            engine.start(container, timeout_s=timeout_s)
            ledger.register_server(container.target, None)
            say(f"{name} serves on {container.target}; REST and metrics on port {container_options['rest_port']}")


def _stop(engine: DockerEngine, ledger: Ledger, name: str) -> None:
    status = engine.status(name)
    engine.stop(name)
    if status is not None and status.target:
        ledger.unregister_server(status.target)
    say(f"{name} is stopped and removed")


def _show(engine: DockerEngine, ledger: Ledger, name: str) -> None:
    status = engine.status(name)
    if status is None:
        say(f"there is no container {name}; `slipline deploy --to docker` starts it")
        return
    say(f"{status.name} ({status.image}): {status.state}, {status.health}, gRPC at {status.target}")
    try:
        with ServerControl(status.target) as control:
            rows = [
                (model.name, str(version.version), version.state, version.error_message)
                for model in ledger.wanted()
                for version in control.status(model.name)
            ]
    except ServerUnavailable as error:
        say(f"no answer: {error}")
    else:
        print_table(("model", "version", "state", "what went wrong"), rows)
