from __future__ import annotations

from pathlib import Path

import pytest

from slipline.serving.errors import ConfigRefused
from slipline.serving.server.security.auth import Tokens


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("Bearer a", True),
        ("bearer  b ", True),
        ("Bearer é", False),
        ("Bearer", False),
        ("Bearer ab", False),
        ("Basic a", False),
        ("a", False),
        ("", False),
        (None, False),
        ("Bearer \udcff", False),
    ],
)
def test_only_a_known_token_of_a_bearer_is_accepted(header: str | None, accepted: bool) -> None:
    assert Tokens(["a", "b"]).accept(header) is accepted


def test_file_has_one_token_a_line(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("\n a \r\nb\n")
    tokens = Tokens.read(file)
    assert tokens.accept("Bearer a")
    assert tokens.accept("Bearer b")


def test_file_without_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match="cannot be read"):
        Tokens.read(tmp_path / "missing")
    file = tmp_path / "tokens"
    file.write_text("\n")
    with pytest.raises(ConfigRefused, match="is empty; write at least one token"):
        Tokens.read(file)
