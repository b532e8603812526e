"""What the options of a server make of a version before it takes requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipline.serving.errors import BadRequest, ConfigRefused
from slipline.serving.server.event_loop import EventLoop
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.methods.methods import Methods
from slipline.serving.server.metrics.monitoring import Metrics
from slipline.serving.server.preparation import Preparation
from tests.serving.models.tflite_models import GraphSpec, save, tflite_bytes

FOUR_ROWS = np.zeros((4, 2), "float32")


@pytest.fixture
def events() -> Iterator[EventLoop]:
    events = EventLoop("test")
    yield events
    events.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A version of a model that adds."""
    return save(tmp_path / "1", tflite_bytes(GraphSpec(signature="serving_default")))


def preparation(**options: Any) -> Preparation:
    return Preparation(ServerOptions(prefer_tflite_model=True, **options), Methods(), Metrics())


def takes_four_rows(folder: Path, events: EventLoop, **options: Any) -> bool:
    """Whether requests of so many rows are taken from a model prepared under these options."""
    with preparation(**options).prepared(folder, events) as model:
        try:
            return model.run({"a": FOUR_ROWS, "b": FOUR_ROWS})["sum"].shape == FOUR_ROWS.shape
        except BadRequest as error:
            return "Task size 4 is larger than maximum input batch size 3" not in str(error)


def test_requests_are_run_together_as_the_file_for_all_models_says(
    folder: Path, events: EventLoop, tmp_path: Path
) -> None:
    (tmp_path / "parameters").write_text("max_batch_size { value: 3 }")
    options = {"enable_batching": True, "batching_parameters_file": str(tmp_path / "parameters")}
    assert not takes_four_rows(folder, events, **options)
    assert takes_four_rows(folder, events, enable_batching=True)
    assert takes_four_rows(folder, events)


def test_each_version_may_bring_its_own_batching_parameters_where_the_server_is_told_so(
    folder: Path, events: EventLoop
) -> None:
    assert takes_four_rows(folder, events, enable_batching=True, enable_per_model_batching_parameters=True)
    (folder / "batching_params.pbtxt").write_text("max_batch_size { value: 3 }")
    assert not takes_four_rows(folder, events, enable_batching=True, enable_per_model_batching_parameters=True)
    assert takes_four_rows(folder, events, enable_batching=True)


def test_batching_parameters_of_a_version_that_cannot_be_used_are_named(folder: Path, events: EventLoop) -> None:
    file = folder / "batching_params.pbtxt"
    file.write_text("max_batch_size { value: -1 }")
    with pytest.raises(ConfigRefused, match=str(file)):
        preparation(enable_batching=True, enable_per_model_batching_parameters=True).prepared(folder, events)


def test_batching_parameters_go_with_batching(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match="--batching_parameters_file without --enable_batching; give both, or"):
        preparation(enable_batching=False, batching_parameters_file=str(tmp_path / "parameters"))
