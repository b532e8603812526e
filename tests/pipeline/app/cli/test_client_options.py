"""The options that commands which ask a server have in common."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from slipline.pipeline.app.cli.client_options import AskedServer, client_options
from slipline.serving.client import ClientSettings, Tls
from slipline.serving.errors import BadRequest


def said(*arguments: object) -> AskedServer:
    """What a command with these options takes from them."""
    taken: list[AskedServer] = []

    @click.command()
    @client_options
    def ask(asked: AskedServer) -> None:
        taken.append(asked)

    CliRunner().invoke(ask, list(map(str, arguments)), catch_exceptions=False)
    return taken[0]


def test_who_says_nothing_asks_the_server_on_this_machine_in_plain_text() -> None:
    assert said() == AskedServer(
        targets=["127.0.0.1:8500"], version=None, label=None, signature=None, timeout_s=10.0, settings=ClientSettings()
    )


def test_several_servers_share_the_load() -> None:
    assert said("--target", "a:1,b:2").targets == ["a:1", "b:2"]


def test_a_token_is_what_its_file_holds(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    assert said("--token-file", tmp_path / "token").settings == ClientSettings(bearer_token="secret")


@pytest.mark.parametrize("names", [["ca"], ["key", "cert"], ["ca", "key", "cert"]])
def test_any_file_of_tls_has_the_connection_encrypted(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text(name)
    given = {name: name.encode() for name in names}
    assert said(*(part for name in names for part in (f"--tls-{name}", tmp_path / name))).settings.tls == Tls(
        root_certificates=given.get("ca"), private_key=given.get("key"), certificate=given.get("cert")
    )


@pytest.mark.parametrize("name", ["key", "cert"])
def test_a_key_goes_with_its_certificate(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(BadRequest, match="give --tls-key and --tls-cert"):
        said(f"--tls-{name}", tmp_path / name)
