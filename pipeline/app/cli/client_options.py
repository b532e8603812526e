"""The options of commands that ask a model server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce, wraps
from pathlib import Path
from typing import Any

import click

from slipline.serving.client import ClientSettings, Tls
from slipline.serving.errors import BadRequest

DEFAULT_TARGET = "127.0.0.1:8500"


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

_OPTIONS = (
    click.option(
        "--target",
        default=DEFAULT_TARGET,
        metavar="HOST:PORT",
        help="The server's gRPC port; several separated by commas share the load.",
    ),
    click.option("--version", type=click.IntRange(min=1), help="Ask this version."),
    click.option("--label", default=None, help="Ask the version with this label."),
    click.option("--signature", default=None, help="Ask by this signature of the model."),
    click.option(
        "--timeout", "timeout_s", type=click.FloatRange(min=0.001), default=10.0, help="Seconds to wait for an answer."
    ),
    click.option("--tls-ca", type=_FILE, help="Encrypt; this PEM file says who signs servers' certificates."),
    click.option("--tls-key", type=_FILE, help="Show who asks: a private key, PEM."),
    click.option("--tls-cert", type=_FILE, help="The certificate of that key, PEM."),
    click.option("--token-file", type=_FILE, help="Send the bearer token in this file."),
)


@dataclass(frozen=True, kw_only=True)
class AskedServer:
    """What they say.

    Attributes:
      targets: `host:port` of each server that may answer.
      version: Which version; None if they name none by its number.
      label: The same by label.
      signature: The model's; None for the default.
      timeout_s: For each answer.
      settings: Of the connection.
    """

    targets: Sequence[str]
    version: int | None
    label: str | None
    signature: str | None
    timeout_s: float
    settings: ClientSettings


def client_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds them to a command, which takes what they say as `asked`."""

    @wraps(command)
    def told(*, target: str, token_file: Path | None, **own: Any) -> None:
        files = [own.pop(name) for name in ("tls_ca", "tls_key", "tls_cert")]
        named = {name: own.pop(name) for name in ("version", "label", "signature", "timeout_s")}
        check_choice(named["version"], named["label"])
        try:
            tls = Tls.from_files(*files) if any(files) else None
        except ValueError as error:
            raise BadRequest(f"{error}; give --tls-key and --tls-cert") from error
        token = None if token_file is None else token_file.read_text().strip()
        settings = ClientSettings(tls=tls, bearer_token=token)
        command(asked=AskedServer(targets=target.split(","), settings=settings, **named), **own)

    return reduce(lambda adding, option: option(adding), reversed(_OPTIONS), told)


def check_choice(version: int | None, label: str | None) -> None:
    """Refuses a version together with a label.

    Raises:
      click.UsageError: Both are given.
    """
    if version is not None and label is not None:
        raise click.UsageError("give --version or --label, not both")
