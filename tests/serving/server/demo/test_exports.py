"""Which files of a version folder a browser may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipline.serving.server.demo.exports import LARGEST_BYTES, Unusable, read_web_model
from tests.serving.server.demo.picture_model import add_web_model


def test_the_files_are_the_model_and_its_weights_and_the_digest_is_of_both(tmp_path: Path) -> None:
    add_web_model(tmp_path / "1")
    add_web_model(tmp_path / "2", weights=b"\1")
    first, second = read_web_model(tmp_path / "1"), read_web_model(tmp_path / "2")
    assert list(first.files) == ["model.json", "group1-shard1of1.bin"]
    assert first.digest == read_web_model(tmp_path / "1").digest != second.digest
    assert first.size_bytes == second.size_bytes + 3


@pytest.mark.parametrize("name", ["../../saved_model.pb", "/etc/hostname", "..", "", "link.bin", "missing.bin"])
def test_weights_that_lie_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    folder = add_web_model(tmp_path / "1", name=name)
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"x")
    (folder / "link.bin").symlink_to(tmp_path / "1" / "saved_model.pb")
    with pytest.raises(Unusable, match="cannot be read"):
        read_web_model(tmp_path / "1")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weightsManifest": 3}', '{"weightsManifest": [{"paths": 1}]}'])
def test_a_broken_model_is_refused(tmp_path: Path, text: str) -> None:
    (add_web_model(tmp_path / "1") / "model.json").write_text(text)
    with pytest.raises(Unusable, match="cannot be read"):
        read_web_model(tmp_path / "1")


def test_a_model_too_large_for_a_page_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = add_web_model(tmp_path / "1")
    with (folder / "group1-shard1of1.bin").open("wb") as file:
        file.truncate(LARGEST_BYTES)
    with pytest.raises(Unusable, match=f"more than the {LARGEST_BYTES}"):
        read_web_model(tmp_path / "1")
