"""CSV: every row arrives as one record, its cells typed by their column, and what is no table is named by its line."""

from __future__ import annotations

import csv
import gzip
import io
import math
import struct
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData
from slipline.components.examples.example_records import parse_example
from slipline.components.sources.column_kinds import merged_kinds, tally_columns
from slipline.components.sources.csv_source import CsvFile, integer, number


def features_of(record: bytes) -> dict[str, list[object]]:
    """By feature its values, whatever their kind."""
    return {
        name: [*feature.int64_list.value, *feature.float_list.value, *feature.bytes_list.value]
        for name, feature in parse_example(record).features.feature.items()
    }


def rows_of(file: Path) -> list[dict[str, list[object]]]:
    """The features of each row, the columns typed by this file alone."""
    kinds = merged_kinds([tally_columns(str(file), BeamSettings())])
    return [features_of(record) for record in CsvFile(path=str(file), kinds=kinds).records()]


@pytest.fixture
def table(tmp_path):
    """Writes a CSV file: `table("a,b\\n1,2\\n")`."""

    def write(content: str | bytes, name: str = "wine.csv") -> Path:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


def test_integers_numbers_and_text_become_features_of_their_kind(table):
    file = table("quality,alcohol,colour\n5,9.5,red\n-6,10,white\n")
    assert rows_of(file) == [
        {"quality": [5], "alcohol": [9.5], "colour": [b"red"]},
        {"quality": [-6], "alcohol": [10.0], "colour": [b"white"]},
    ]


def test_an_empty_cell_is_no_feature(table):
    assert rows_of(table("a,b,c\n1,,x\n ,2,\n")) == [{"a": [1], "c": [b"x"]}, {"b": [2]}]


def test_a_cell_that_does_not_fit_its_column_is_kept_as_text(table):
    """So that validation names this very record."""
    assert [row["a"] for row in rows_of(table("a\n1\ntwo\n3\n"))] == [[1], [b"two"], [3]]
    assert [row["a"] for row in rows_of(table("a\n1.5\ntwo\n3\n"))] == [[1.5], [b"two"], [3.0]]


def test_one_fraction_among_whole_numbers_makes_a_column_of_numbers(table):
    """A table writes 10.0 as 10; which column holds integers is not for its most frequent value to say."""
    assert [row["a"] for row in rows_of(table("a\n1\n2\n3\n4.5\n"))] == [[1.0], [2.0], [3.0], [4.5]]


def test_a_column_with_as_much_text_as_numbers_is_text(table):
    assert [row["a"] for row in rows_of(table("a\n1\nx\n"))] == [[b"1"], [b"x"]]


def test_a_column_that_nobody_filled_has_no_feature(table):
    assert rows_of(table("a,b\n1,\n2,\n")) == [{"a": [1]}, {"a": [2]}]


def test_an_integer_beyond_64_bits_makes_a_column_of_numbers(table):
    assert rows_of(table(f"a\n{2**63}\n1\n")) == [{"a": [2.0**63]}, {"a": [1.0]}]


def test_a_number_beyond_float32_is_kept_as_text(table):
    """It would silently become infinite."""
    assert [row["a"] for row in rows_of(table("a\n1e39\n1.5\n2.5\n"))] == [[b"1e39"], [1.5], [2.5]]
    assert [row["a"] for row in rows_of(table("a\n-1e400\n-inf\n2.5\n"))] == [[b"-1e400"], [-math.inf], [2.5]]


def test_a_cell_of_very_many_digits_or_characters_is_kept_as_text(table):
    digits, text = "9" * 6_000, "x" * 200_000
    assert rows_of(table(f"a,b\n{digits},{text}\n1,y\n2,z\n"))[0] == {"a": [digits.encode()], "b": [text.encode()]}


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends(table):
    assert rows_of(table('a,b\n"x, ""y""\nz",1\n')) == [{"a": [b'x, "y"\nz'], "b": [1]}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_the_header_has_most_of(table, delimiter):
    assert rows_of(table(f"a{delimiter}b{delimiter}c\n1{delimiter}2{delimiter}3\n")) == [{"a": [1], "b": [2], "c": [3]}]


def test_a_byte_order_mark_and_windows_line_ends_and_blank_lines_are_no_content(table):
    assert rows_of(table(b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3,4\r\n\r\n")) == [{"a": [1], "b": [2]}, {"a": [3], "b": [4]}]


def test_a_gz_file_is_read_unpacked(table):
    assert rows_of(table(gzip.compress(b"a\n1\n"), "wine.csv.gz")) == [{"a": [1]}]


def test_a_gz_file_cut_off_is_bad_data(table):
    with pytest.raises(BadData, match=r"wine.csv.gz: the gzip stream is broken"):
        rows_of(table(gzip.compress(b"a\n1\n" * 999)[:-9], "wine.csv.gz"))


def test_a_header_alone_is_no_record(table):
    assert rows_of(table("a,b\n")) == []


def test_a_row_with_too_few_or_too_many_cells_is_named_with_its_line(table):
    with pytest.raises(BadData, match=r"wine.csv: line 4: wanted 2 cells, as the header has, got 1; mend the line"):
        rows_of(table('a,b\n"1\n",2\n3\n'))
    with pytest.raises(BadData, match=r"wine.csv: line 2: wanted 2 cells, as the header has, got 3"):
        rows_of(table("a,b\n1,2,3\n"))


def test_text_of_another_encoding_is_named_with_its_line(table):
    with pytest.raises(BadData, match=r"wine.csv: line 2: wanted UTF-8 text, got byte 0xfc at column 2; save the file"):
        rows_of(table("a\nGrüner\n".encode("latin-1")))


def test_a_quote_that_is_never_closed_is_named_with_its_line(table):
    with pytest.raises(BadData, match=r"wine.csv: line 3: no CSV: unexpected end of data"):
        rows_of(table('a\n1\n"2\n'))


@pytest.mark.parametrize("header", ["", "a,a", "a,,b"])
def test_a_header_without_a_different_name_for_each_column_is_bad_data(table, header):
    with pytest.raises(BadData, match="line 1: wanted a header with a different name for each column"):
        rows_of(table(f"{header}\n1,2,3\n"))


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_int64_is_read_back_from_its_text(value):
    assert integer(f" {value} ") == value


@given(st.floats(width=32))
def test_every_float32_is_read_back_from_its_text(value):
    assert struct.pack("f", number(repr(value))) == struct.pack("f", value) or value != value  # noqa: PLR0124


@pytest.mark.parametrize("text", ["1_000", "0x10", "1.5", "٣", ""])
def test_what_only_python_takes_for_an_integer_is_none(text):
    assert integer(text) is None


CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\0"), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_every_cell_that_a_csv_writer_wrote_arrives_once(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("csv") / "some.csv"
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("a", "b"), *rows])
    file.write_bytes(text.getvalue().encode())
    records = [features_of(record) for record in CsvFile(path=str(file)).records()]
    assert len(records) == len(rows)
    arrived = Counter((name, value) for record in records for name, (value,) in record.items())
    wanted = Counter(
        (name, cell.encode()) for row in rows for name, cell in zip("ab", row, strict=True) if cell.strip()
    )
    assert arrived == wanted
