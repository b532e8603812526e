from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.server.batching.rows import agree, are_equal, even_parts, joined, rows_of, split


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6), surplus=st.integers(0, 4), width=st.integers(0, 3))
def test_parts_come_apart_as_they_were_joined(sizes: list[int], surplus: int, width: int) -> None:
    random = np.random.default_rng(sum(sizes))
    parts = [{"x": random.random((n, width)), "s": np.array([b"%d" % n] * n, object)} for n in sizes]
    rows = sum(sizes) + surplus
    whole = joined(parts, rows)
    assert rows_of(whole) == rows
    assert all(np.array_equal(row, parts[-1]["x"][-1]) for row in whole["x"][sum(sizes) :])
    apart = split(whole, sizes, rows)
    assert apart is not None
    assert all(are_equal(part, again) for part, again in zip(parts, apart, strict=True))


def test_arrays_are_equal_where_names_and_all_numbers_are() -> None:
    x = np.float32([1, 2])
    assert are_equal({"x": x, "y": x}, {"x": x.copy(), "y": x})
    assert not are_equal({"x": x, "y": x}, {"x": x, "y": x + 1})
    assert not are_equal({"x": x}, {"x": x, "y": x})
    assert not are_equal({"x": x}, {"x": x[:1]})


def test_array_with_another_number_of_rows_is_not_split() -> None:
    assert split({"y": np.zeros(3)}, [1, 1], 2) is None
    assert split({"y": np.float32(3)}, [1, 1], 2) is None


def test_arrays_without_a_common_first_dimension_have_no_rows() -> None:
    assert rows_of({"x": np.zeros((2, 3)), "y": np.zeros(3)}) == 0
    assert rows_of({"x": np.zeros(())}) == 0


def test_arrays_agree_up_to_rounding_and_no_further() -> None:
    assert agree({"y": np.float32([1, np.nan, np.inf])}, {"y": np.float32([1.0000005, np.nan, np.inf])})
    assert agree({"y": np.float32([1000])}, {"y": np.float32([1000.0005])})
    assert not agree({"y": np.float32([1, 0])}, {"y": np.float32([1, 2e-6])})
    assert not agree({"y": np.int64([1])}, {"y": np.int64([2])})
    assert not agree({"y": np.array([b"a"], object)}, {"y": np.array([b"b"], object)})
    assert agree({"y": np.array([b"a"], object)}, {"y": np.array([b"a"], object)})
    assert not agree({"y": np.float32([[1]])}, {"y": np.float32([1])})
    assert not agree({"y": np.float32([1])}, {"z": np.float32([1])})
    assert not agree({"y": np.float32([1]), "z": np.float32([1])}, {"y": np.float32([1]), "z": np.float32([2])})
    assert agree({"y": np.complex64([1j])}, {"y": np.complex64([1.0000005j])})
    assert not agree({"y": np.float32([np.inf, 1000])}, {"y": np.float32([np.inf, 1000.002])})


@given(rows=st.integers(1, 40), number=st.integers(1, 5))
def test_even_parts_differ_by_one_row_at_most_and_are_the_whole(rows: int, number: int) -> None:
    whole = {"x": np.arange(rows * 2).reshape(rows, 2)}
    parts = even_parts(whole, number)
    sizes = [len(part["x"]) for part in parts]
    assert len(parts) == number
    assert max(sizes) - min(sizes) <= 1
    assert np.array_equal(np.concatenate([part["x"] for part in parts]), whole["x"])
