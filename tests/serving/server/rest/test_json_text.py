from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.json_text import parse_object, quoted

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def parse(text: str | bytes, depth: int = 100) -> Any:
    return parse_object(text.encode() if isinstance(text, str) else text, max_depth=depth)


@pytest.mark.slow
@given(value=st.dictionaries(st.text(), VALUES), tail=st.text())
def test_object_reads_back_whatever_follows_it(value: dict[str, object], tail: str) -> None:
    assert parse((" \n" + json.dumps(value) + "\t" + tail).encode("utf-8", "replace")) == value


def test_infinities_and_nan_are_numbers_in_every_spelling() -> None:
    values = parse('{"a": [NaN, Infinity, -Infinity, Inf, -Inf], "Inf": "say \\"Inf\\" Inf"}')
    assert math.isnan(values["a"][0])
    assert values["a"][1:] == [math.inf, -math.inf, math.inf, -math.inf]
    assert values["Inf"] == 'say "Inf" Inf'


@pytest.mark.parametrize("body", ["", " \r\n\t "])
def test_empty_body_is_said_to_be_empty(body: str) -> None:
    with pytest.raises(BadRequest, match="JSON Parse error: The document is empty"):
        parse(body)


@pytest.mark.parametrize(
    ("body", "offset"),
    [('{"a": nix}', 6), ('{"é": ]}', 7), ("{", 1), ('{"a": "x', 6), ('{"a": 01}', 7), ("nix Inf", 0)],
)
def test_broken_json_is_refused_with_the_offset_in_bytes(body: str, offset: int) -> None:
    with pytest.raises(BadRequest, match=f"JSON Parse error: .* at offset: {offset}"):
        parse(body)


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "null", "true", "NaN"])
def test_body_that_is_no_object_is_refused(body: str) -> None:
    with pytest.raises(BadRequest, match="must be a JSON object"):
        parse(body)


@pytest.mark.parametrize("filling", ["", '"[",', '"]",', '"\\"[",', '"",'])
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_depth_is_limited_exactly_whatever_strings_say(limit: int, filling: str) -> None:
    def nested(depth: int) -> str:
        arrays = f"[{filling}" * (depth - 1) + "1" + "]" * (depth - 1)
        return f'{{"pad": {json.dumps(["[]"] * 200) if limit > 1 else 1}, "a": {arrays}}}'

    assert "a" in parse(nested(limit), limit)
    with pytest.raises(BadRequest, match=f"deeper than the {limit} levels"):
        parse(nested(limit + 1), limit)


@pytest.mark.slow
@given(value=st.dictionaries(st.text(), VALUES), limit=st.integers(1, 6))
def test_depth_limit_refuses_exactly_what_is_deeper(value: dict[str, object], limit: int) -> None:
    def depth(found: object) -> int:
        inside = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
        return 1 + max(map(depth, inside), default=0) if isinstance(found, (dict, list)) else 0

    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    if depth(value) <= limit:
        assert parse(text, limit) == json.loads(text)
    else:
        with pytest.raises(BadRequest, match="deeper"):
            parse(text, limit)


@pytest.mark.parametrize("depth", [101, 1000, 100_000, 3_000_000])
def test_hundreds_of_thousands_of_levels_are_refused_and_overflow_nothing(depth: int) -> None:
    with pytest.raises(BadRequest, match="deeper than the 100 levels"):
        parse('{"a": ' + "[" * depth + "]" * depth + "}")


def test_integer_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(BadRequest, match="Number too big"):
        parse('{"a": ' + "1" * 5000 + "}")


def test_strings_keep_bytes_that_are_no_utf8() -> None:
    assert parse(b'{"a": "\xff"}')["a"].encode("utf-8", "surrogateescape") == b"\xff"


def test_quoted_value_is_cut_so_that_an_error_stays_short() -> None:
    assert quoted([1, "é"]) == '[1, "é"]'
    assert len(quoted(list(range(10**6)))) < 100
