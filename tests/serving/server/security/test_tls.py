from __future__ import annotations

from pathlib import Path

import pytest

from slipline.serving.errors import ConfigRefused
from slipline.serving.server.security.tls import read_ssl_config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('server_key: "/etc/key.pem" server_cert: "/etc/cert.pem"', "must be PEM text, not paths"),
        ("", "must be PEM text, not paths"),
        ("client_verify: true", "client_verify needs custom_ca"),
        ("nix: 1", "Error parsing text-format tensorflow.serving.SSLConfig"),
    ],
)
def test_config_that_makes_no_server_is_refused(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "ssl.config"
    file.write_text(text)
    with pytest.raises(ConfigRefused, match=words):
        read_ssl_config(file)
