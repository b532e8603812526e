"""Preparing MNIST anew: what is missing is named before anything is touched."""

from __future__ import annotations

import pytest

from slipline.components.errors import DatasetNotFound
from slipline.components.sources.prepare_dataset import prepare_mnist


def test_missing_archives_are_named(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"")
    with pytest.raises(DatasetNotFound, match=r"missing train-labels-idx1-ubyte\.gz, t10k"):
        prepare_mnist(tmp_path, tmp_path / "data")
    assert not (tmp_path / "data").exists()
