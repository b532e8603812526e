"""Records held out for validation: by content alone, so that none ever changes side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slipline.components.examples.example_records import Cell, ValueKind, encode_cells, encode_example
from slipline.components.sources.content_split import is_held_out
from slipline.serving.wire.example_pb2 import Example

SHARES = st.floats(0, 1)


def row(number: int) -> bytes:
    """A record without an image."""
    return encode_cells([Cell("n", ValueKind.INT, [number]), Cell("grape", ValueKind.BYTES, [b"Syrah"])])


@given(st.binary(), SHARES, SHARES)
def test_a_record_held_out_still_is_with_a_larger_share(record, one, other):
    small, large = sorted((one, other))
    assert is_held_out(record, large) or not is_held_out(record, small)


@given(st.binary())
def test_nothing_is_held_out_for_no_share_and_everything_for_all(record):
    assert not is_held_out(record, 0)
    assert is_held_out(record, 1)


def test_about_the_share_wanted_is_held_out():
    """Of tables, too, where most text is the same in many rows."""
    held_out = sum(is_held_out(row(number), 0.2) for number in range(5_000))
    assert 900 < held_out < 1_100


@given(st.integers(), st.integers(0, 9), st.integers(0, 9), SHARES)
def test_copies_of_an_image_stay_together_under_whatever_label(noise, label, other, share):
    image = b"\x89PNG\r\n\x1a\n" + str(noise).encode()
    assert is_held_out(encode_example(image, label), share) == is_held_out(encode_example(image, other), share)


@given(st.permutations(["a", "b", "c"]), SHARES)
def test_the_order_in_which_features_are_written_does_not_count(names, share):
    features = {name: Example.FromString(row(ord(name))).features.feature["n"] for name in names}
    records = []
    for order in (names, sorted(names)):
        example = Example()
        parts = []
        for name in order:
            one = Example()
            one.features.feature[name].CopyFrom(features[name])
            parts.append(one.SerializeToString())
        example.MergeFromString(b"".join(parts))
        records.append(b"".join(parts))
    assert is_held_out(records[0], share) == is_held_out(records[1], share)
