from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.errors import ConfigRefused
from slipline.serving.server.batching.parameters import Batching, read_batching_parameters


def read(folder: Path, text: str) -> Batching:
    file = folder / "batching.txt"
    file.write_text(text)
    return read_batching_parameters(file)


def test_file_says_how_requests_are_batched(tmp_path: Path) -> None:
    text = """max_batch_size { value: 8 } max_enqueued_batches { value: 3 } num_batch_threads { value: 2 }
              batch_timeout_micros { value: 5000 }
              allowed_batch_sizes: 4 allowed_batch_sizes: 8 enable_large_batch_splitting { value: true }"""
    assert read(tmp_path, text) == Batching(
        max_batch_size=8, max_enqueued_batches=3, concurrent_runs=2, wait_s=0.005, allowed_batch_sizes=(4, 8)
    )


def test_empty_file_means_tensorflow_servings_defaults(tmp_path: Path) -> None:
    batching = read(tmp_path, "")
    assert batching == Batching(max_batch_size=1000, max_enqueued_batches=10, refuses_larger=True)
    assert (batching.concurrent_runs, batching.wait_s, batching.allowed_batch_sizes) == (os.cpu_count(), 0.0, ())


def test_without_a_file_requests_are_batched_as_far_as_pays() -> None:
    assert Batching() == Batching(
        max_batch_size=64,
        refuses_larger=False,
        max_enqueued_batches=None,
        concurrent_runs=os.cpu_count() or 1,
        wait_s=0,
    )


def test_a_single_row_and_no_queue_are_allowed() -> None:
    assert (
        Batching(max_batch_size=1, concurrent_runs=1, max_enqueued_batches=0, allowed_batch_sizes=(1,)).filled(1) == 1
    )


def test_what_has_no_effect_is_said_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(tmp_path, "pad_variable_length_inputs: true")
    assert "pad_variable_length_inputs has no effect" in caplog.text
    caplog.clear()
    read(tmp_path, "batch_timeout_micros { value: 0 }")
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1, got 0"),
        ("num_batch_threads { value: -1 }", "concurrent_runs must be at least 1, got -1"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be at least 0, got -1"),
        ("max_enqueued_batches { value: -1 }", "max_enqueued_batches must be at least 0"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4", "end in max_batch_size, 8; got"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [8, 4, 8]", "ascend"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [0, 8]", "must be positive"),
        ("nix: 1", "Invalid protobuf file"),
    ],
)
def test_value_out_of_range_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigRefused, match=words):
        read(tmp_path, text)


@given(sizes=st.sets(st.integers(1, 50), min_size=1), rows=st.integers(1, 50))
def test_batch_is_filled_up_to_the_next_allowed_size(sizes: set[int], rows: int) -> None:
    batching = Batching(max_batch_size=max(sizes), allowed_batch_sizes=tuple(sorted(sizes)))
    filled = batching.filled(rows)
    assert filled == min((size for size in sizes if size >= rows), default=rows)
