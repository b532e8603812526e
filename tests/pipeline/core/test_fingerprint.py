import enum
import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.pipeline.core.component import Stated, params
from slipline.pipeline.core.fingerprint import (
    BLOCK_SIZE_BYTES,
    artifact_digest,
    cache_key,
    canonical,
    content_digest,
    files_digest,
    sha256_of,
)
from tests.pipeline.toy import CopyParams, SumParams, Words, WriteParams, add_up, copy, write


class Colour(enum.Enum):
    RED = "red"
    NONE = None


class Loud(enum.Enum):
    RED = "red"


@params
class Pair:
    one: object = None
    two: object = None


@params
class Twin:
    one: object = None
    two: object = None


DIFFERENT: list[object] = [
    *(None, True, False, 0, 1, -1, 0.0, -0.0, 1.0, 0.5, float("inf")),
    *("", "0", "1", "None", "red", "RED", "a/b", Path("a/b"), Path("1"), *Colour, *Loud),
    *((), [], {}, (1,), [1], ((1,),), (1, 2), (2, 1), ("1",), [None]),
    *({"one": 1}, {"two": 1}, {"one": 2}, {1: 1}, {"1": 1}, {"one": 1, "two": 1}),
    *(Pair(one=1), Pair(two=1), Twin(one=1), Pair(one=Pair()), Pair(one="1")),
]
"""Settings of which no two are the same."""

VALUES = st.recursive(
    st.sampled_from(DIFFERENT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(st.sampled_from(["one", "two", 1]), inner, max_size=2),
        st.builds(Pair, one=inner, two=inner),
        st.builds(Twin, one=inner, two=inner),
    ),
    max_leaves=6,
)


def same(a: object, b: object) -> bool:
    """Equal in type as well as in value, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, Pair | Twin) and isinstance(b, Pair | Twin):
        return same(a.one, b.one) and same(a.two, b.two)
    return repr(a) == repr(b)


@given(VALUES, VALUES)
def test_two_settings_have_one_canonical_form_only_if_they_are_the_same_in_type_and_value(a: object, b: object) -> None:
    assert (json.dumps(canonical(a)) == json.dumps(canonical(b))) == same(a, b)


@given(st.dictionaries(st.one_of(st.text(max_size=2), st.integers(), st.booleans(), st.none()), st.integers()))
def test_a_mapping_is_the_same_in_whatever_order_it_was_filled(mapping: dict[object, int]) -> None:
    assert canonical(mapping) == canonical(dict(reversed(mapping.items())))


def test_settings_that_differ_in_type_or_value_are_told_apart() -> None:
    forms = [json.dumps(canonical(value)) for value in DIFFERENT]
    assert len(set(forms)) == len(DIFFERENT)


def test_a_setting_of_a_kind_that_has_no_content_is_refused() -> None:
    with pytest.raises(TypeError, match=r"a setting must be made of plain values, .* got object"):
        canonical(object())


def test_settings_outside_the_cache_key_do_not_change_it() -> None:
    here, there = WriteParams(where=Path("/here")), WriteParams(where=Path("/there"))
    assert cache_key(write, {}, {"params": here}) == cache_key(write, {}, {"params": there})


def test_the_key_changes_with_settings_inputs_and_component() -> None:
    keys = {
        cache_key(add_up, {"words": "d1"}, {"params": SumParams()}).digest,
        cache_key(add_up, {"words": "d2"}, {"params": SumParams()}).digest,
        cache_key(add_up, {"words": "d1"}, {"params": SumParams(factor=2)}).digest,
        cache_key(write, {}, {"params": WriteParams()}).digest,
    }
    assert len(keys) == 4


def test_one_input_several_and_none_are_told_apart() -> None:
    inputs: tuple[str | tuple[str, ...] | None, ...] = ("a", ("a",), ("a", "b"), ("b", "a"), (), None, "")
    assert len({cache_key(add_up, {"words": words}, {}).digest for words in inputs}) == len(inputs)


def test_the_code_that_a_setting_names_is_in_the_key() -> None:
    from slipline.components.steps.train import TrainParams

    another = replace(TrainParams(), network="slipline.components.features.decode_images:decode_image")
    assert canonical(TrainParams()) != canonical(another)
    assert len(canonical(TrainParams())[1]["network"][1][0]) == 64


def test_the_content_digest_is_of_names_and_bytes_not_of_place_or_time(tmp_path: Path) -> None:
    first = tmp_path / "first"
    (first / "deep").mkdir(parents=True)
    (first / "deep" / "file").write_bytes(b"bytes")
    second = tmp_path / "second"
    shutil.copytree(first, second)
    os.utime(second / "deep" / "file", (1, 1))
    assert content_digest(first) == content_digest(second)
    (second / "deep" / "file").rename(second / "deep" / "other")
    assert content_digest(first) != content_digest(second)


def test_an_artifact_is_its_class_its_facts_and_its_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert artifact_digest(Words(path=tmp_path, count=1)) != artifact_digest(Words(path=tmp_path, count=2))


def test_the_digest_of_a_file_is_of_all_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * (BLOCK_SIZE_BYTES + 1))
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"x" * (BLOCK_SIZE_BYTES + 1)).hexdigest()


def test_the_files_a_component_reads_are_in_the_key_by_their_content(tmp_path: Path) -> None:
    keys = []
    for content in ("one", "two"):
        (tmp_path / "file").write_text(content)
        keys.append(cache_key(copy, {}, {"params": CopyParams(source=tmp_path / "file")}))
    nothing = cache_key(copy, {}, {"params": CopyParams(source=tmp_path / "missing")})
    assert len({key.digest for key in (*keys, nothing)}) == 3
    assert (nothing.files, len(keys[0].files)) == ("", 64)


def test_nothing_there_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        content_digest(tmp_path / "missing")


def test_outside_files_count_by_their_place_in_their_folder_wherever_that_lies(tmp_path: Path) -> None:
    for root in ("here", "there", "moved"):
        for label, name in (("a", "1.png"), ("b", "2.png")):
            (tmp_path / root / label).mkdir(parents=True)
            (tmp_path / root / label / name).write_text(name)
    here, there, moved = ([*sorted((tmp_path / root).glob("*/*"))] for root in ("here", "there", "moved"))
    assert files_digest(here) == files_digest(there)
    moved[0] = moved[0].rename(tmp_path / "moved" / "b" / "1.png")
    assert files_digest(moved) != files_digest(here)


def test_what_is_stated_of_a_file_counts_beside_the_content_of_others(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    remote = Stated(name="s3://bucket/file", facts="1 bytes")
    digests = {
        files_digest([tmp_path / "file"]),
        files_digest([remote]),
        files_digest([replace(remote, facts="2 bytes")]),
        files_digest([replace(remote, name="s3://bucket/other")]),
        files_digest([remote, tmp_path / "file"]),
        files_digest([tmp_path / "file", remote]),
    }
    assert len(digests) == 6
