from __future__ import annotations

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
    assert (batching.max_batch_size, batching.max_enqueued_batches, batching.refuses_larger) == (1000, 10, True)


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
