from __future__ import annotations

from pathlib import Path

import pytest

from slipline.serving.errors import ConfigRefused
from slipline.serving.wire.settings_pb2 import PrometheusConfig
from slipline.serving.wire.text_proto import read_text_proto


def test_file_fills_the_message(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text('enable: true path: "/m"')
    assert read_text_proto(file, PrometheusConfig()) == PrometheusConfig(enable=True, path="/m")


@pytest.mark.parametrize("content", [b"nix", b"\xff\xff", None])
def test_file_that_is_no_such_message_is_refused_by_name(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "config"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigRefused, match=f"Invalid protobuf file: '{file}'"):
        read_text_proto(file, PrometheusConfig())
