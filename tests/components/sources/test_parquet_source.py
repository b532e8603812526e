"""Parquet: every row arrives as one record, each value by the type of its column."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData
from slipline.components.examples.example_records import parse_example
from slipline.components.sources.column_kinds import merged_kinds, tally_columns
from slipline.components.sources.csv_source import CsvFile
from slipline.components.sources.parquet_source import ParquetFile
from tests.small_wine import wines, write_csv, write_parquet


@pytest.fixture
def records(tmp_path):
    """Writes columns to a file and reads it: `records({"a": [1, 2]})`."""

    def read(columns, **options):
        file = tmp_path / "some.parquet"
        pq.write_table(pa.table(columns), file, **options)
        return [parse_example(record).features.feature for record in ParquetFile(path=str(file)).records()]

    return read


def test_the_same_table_as_csv_and_as_parquet_gives_the_same_records(tmp_path):
    rows = wines(50)
    table, columns = write_csv(tmp_path / "wine.csv", rows), write_parquet(tmp_path / "wine.parquet", rows)
    kinds = merged_kinds([tally_columns(str(table), BeamSettings())])
    from_csv = list(CsvFile(path=str(table), kinds=kinds).records())
    assert from_csv == list(ParquetFile(path=str(columns)).records())
    assert len(from_csv) == 50


def test_integers_and_truth_values_are_int(records):
    columns = {
        "small": pa.array([1, -2], pa.int8()),
        "large": pa.array([2**63 - 1, 0], pa.uint64()),
        "truth": pa.array([True, False]),
    }
    first, second = records(columns)
    assert [list(first[name].int64_list.value) for name in columns] == [[1], [2**63 - 1], [1]]
    assert [list(second[name].int64_list.value) for name in columns] == [[-2], [0], [0]]


def test_floating_point_numbers_of_all_widths_are_float(records):
    (row,) = records(
        {str(kind): pa.array([np.float16(0.5)], kind) for kind in (pa.float16(), pa.float32(), pa.float64())}
    )
    assert [list(feature.float_list.value) for feature in row.values()] == [[0.5]] * 3


def test_text_bytes_and_categories_are_bytes(records):
    (row,) = records(
        {
            "text": ["grün"],
            "large": pa.array(["x"], pa.large_string()),
            "bytes": [b"\xff"],
            "fixed": pa.array([b"ab"], pa.binary(2)),
            "category": pa.array(["red"]).dictionary_encode(),
        }
    )
    assert {name: list(feature.bytes_list.value) for name, feature in row.items()} == {
        "text": ["grün".encode()],
        "large": [b"x"],
        "bytes": [b"\xff"],
        "fixed": [b"ab"],
        "category": [b"red"],
    }


def test_a_list_is_several_values_and_a_null_or_an_empty_list_none(records):
    rows = records({"a": pa.array([[1, 2], [], None]), "b": pa.array(["x", None, "z"]), "c": pa.nulls(3)})
    assert [list(row["a"].int64_list.value) if "a" in row else None for row in rows] == [[1, 2], None, None]
    assert [sorted(row) for row in rows] == [["a", "b"], [], ["b"]]


def test_rows_of_many_row_groups_arrive_in_order(records):
    rows = records({"n": list(range(2_500))}, row_group_size=700)
    assert [row["n"].int64_list.value[0] for row in rows] == list(range(2_500))


def test_a_column_of_another_type_is_named_with_its_type(records):
    with pytest.raises(BadData, match=r"some.parquet: column 'day' holds date32\[day\]; wanted integers, .* convert"):
        records({"n": [1], "day": [date(2020, 2, 2)]})


def test_a_null_within_a_list_is_bad_data(records):
    with pytest.raises(BadData, match="column 'a': wanted lists of values, got a null within a list"):
        records({"a": [[1, None]]})


def test_an_integer_beyond_int64_is_bad_data(records):
    with pytest.raises(BadData, match=rf"column 'a': wanted integers below 2\^63, got {2**63}"):
        records({"a": pa.array([2**63], pa.uint64())})


@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: content[:-7], lambda content: b"PAR1no"])
def test_a_file_that_is_no_parquet_or_cut_off_is_bad_data(tmp_path, damage):
    file = write_parquet(tmp_path / "wine.parquet", wines(5))
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(BadData, match=r"wine.parquet: cannot be read as Parquet .*; restore the file"):
        list(ParquetFile(path=str(file)).records())


def test_a_flipped_bit_in_the_data_never_passes_for_other_rows_where_pages_have_checksums(tmp_path):
    """Checksums are the writer's choice; where they are, they are checked."""
    file = tmp_path / "some.parquet"
    pq.write_table(pa.table({"n": list(range(1_000))}), file, write_page_checksum=True)
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    with pytest.raises(BadData, match="cannot be read as Parquet"):
        list(ParquetFile(path=str(file)).records())


def test_a_number_beyond_float32_is_bad_data(records):
    """It would silently become infinite; what is infinite already is for validation to find."""
    with pytest.raises(BadData, match=r"column 'a': wanted numbers that float32 can hold, got 1e\+300"):
        records({"a": [1.0, 1e300]})
    assert [row["a"].float_list.value[0] for row in records({"a": [1.0, float("inf")]})] == [1.0, float("inf")]


def test_text_that_is_not_utf_8_is_bad_data(records):
    offsets, characters = np.array([0, 2], np.int32), b"\xff\xfe"
    text = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(characters)])
    with pytest.raises(BadData, match="column 'a': wanted UTF-8 text, got b'"):
        records({"a": text})


def test_two_columns_of_one_name_are_bad_data(tmp_path):
    """One would be mixed into the other, or lost."""
    file = tmp_path / "some.parquet"
    pq.write_table(pa.table([pa.array([1]), pa.array(["x"])], names=["a", "a"]), file)
    with pytest.raises(BadData, match=r"some.parquet: wanted a different name for each column, got 'a' twice"):
        list(ParquetFile(path=str(file)).records())
