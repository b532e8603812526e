"""Which values a proposal allows: what lies in the nature of those that were seen, and no less."""

from __future__ import annotations

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.schemas.schema_domains import TYPES, Seen, few_and_frequent, propose_domain
from tests.components.made_statistics import feature, images


def proposed(*statistics):
    """The feature, and the comments but those on its limits, for one with such statistics in train, test, ..."""
    seen = [
        Seen(split=name, records=100, statistics=each)
        for name, each in zip(("train", "test", "more"), statistics, strict=False)
    ]
    made = schema_pb2.Feature(name="x", type=TYPES[statistics[0].type])
    comments = list(propose_domain(made, seen))
    return made, [comment for comment in comments if " limit " not in comment]


def of_values(*values, **numbers):
    return proposed(*(feature("x", found, **numbers) for found in values))


def bounds(domain):
    return tuple(getattr(domain, end) if domain.HasField(end) else None for end in ("min", "max"))


@pytest.mark.parametrize(
    ("values", "low", "high", "categorical"),
    [
        ([0, 1, 2] * 10, 0, 2, True),
        ([0, 1, 2], 0, 2, True),
        ([3, 8] * 10, 3, 8, False),
        ([3, 8] * 5, 3, 8, False),
        ([3] * 4 + [8] * 6, 0, 8, False),
        ([3] * 6 + [8] * 4, 3, None, False),
        ([3, 8] * 4, 0, None, False),
        ([-1, 1] * 10, -1, 1, False),
        ([2**63 - 1, -(2**63)] * 10, -(2**63), 2**63 - 1, False),
        ([0] * 20, 0, 0, False),
        ([17, 90], 0, None, False),
        ([17, 40] * 50 + [90], 17, None, False),
        (list(range(1, 101)) * 5, 1, 100, False),
        (list(range(1, 102)) * 5, 0, None, False),
        (list(range(1, 2_000)), 0, None, False),
        ([-5, 90], None, None, False),
    ],
)
def test_integers_are_classes_or_codes_or_have_the_bounds_of_their_nature(values, low, high, categorical):
    found, comments = of_values(values)
    assert found.int_domain.name == "x"
    assert bounds(found.int_domain) == (low, high)
    assert found.int_domain.is_categorical is categorical
    seen = f"{float(min(values)):.0f} to {float(max(values)):.0f} was seen: set the limits that right values keep"
    assert [comment.partition(",")[0] for comment in comments] == ([] if categorical else [seen])


def test_integers_are_seen_in_all_splits():
    found, comments = of_values([3, 8] * 10, [2, 9] * 10)
    assert bounds(found.int_domain) == (2, 9)
    assert "2 to 9 was seen" in comments[0]


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([0.1, 0.9], 0, 1),
        ([0.0, 1.0], 0, 1),
        ([0.1, 1.5], 0, None),
        ([-0.1, 0.5], None, None),
        ([-2.0, -1.0], None, None),
    ],
)
def test_floats_get_only_the_bounds_of_their_nature_and_what_was_seen_is_said(values, low, high):
    found, comments = of_values(values)
    assert found.float_domain.name == "x"
    assert bounds(found.float_domain) == (low, high)
    assert comments[0] == (
        f"{values[0]:.6g} to {values[1]:.6g} was seen: set the limits that right values keep, if you know better ones"
    )


def test_not_a_number_is_refused_unless_it_was_seen():
    found, _ = of_values([0.5])
    assert (found.float_domain.disallow_nan, found.float_domain.disallow_inf) == (True, True)
    odd, comments = of_values([0.5], not_finite=2000)
    assert (odd.float_domain.disallow_nan, odd.float_domain.disallow_inf) == (False, False)
    assert comments[0] == "values in train that are NaN or infinite: 2,000"


def test_text_of_few_values_gets_them_as_its_domain_and_a_slip_is_pointed_out():
    found, comments = of_values(["red", "blue"] * 300 + ["rde"])
    assert (found.string_domain.name, list(found.string_domain.value)) == ("x", ["blue", "rde", "red"])
    assert comments == ["rare values, slips perhaps: rde (1)"]
    assert found.drift_comparator.HasField("infinity_norm")


SLIP = "rare values, slips perhaps: b (%d)"


@pytest.mark.parametrize(
    ("others", "slips", "comments"),
    [(5000, 4, [SLIP % 4]), (5000, 5, []), (200, 2, [SLIP % 2]), (100, 2, [])],
)
def test_a_slip_is_rare_in_its_number_and_in_its_share(others, slips, comments):
    assert of_values(["a"] * others + ["b"] * slips)[1] == comments


@pytest.mark.parametrize(
    "values", [[f"name {n}" for n in range(101)] * 9, ["a", "b", "c"], [str(n) for n in range(2_000)]]
)
def test_text_of_many_or_seldom_values_gets_no_domain_and_no_limits(values):
    found, comments = of_values(values)
    assert (found.WhichOneof("domain_info"), comments) == (None, [])
    assert not found.HasField("drift_comparator")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (None, False),
        ({}, False),
        ({"a": 5}, True),
        ({"a": 4}, False),
        ({"a": 9, "b": 1}, True),
        ({"a": 8, "b": 1}, False),
        (dict.fromkeys(map(str, range(100)), 5), True),
        (dict.fromkeys(map(str, range(101)), 5), False),
    ],
)
def test_codes_are_few_and_each_is_frequent(counts, expected):
    assert few_and_frequent(counts) is expected


@pytest.mark.parametrize(("train", "test"), [([0, 1] * 50, [0, 1, 2] * 9), (["a", "b"] * 50, ["b", "a", "c"] * 9)])
def test_values_that_the_first_split_lacks_are_pointed_out(train, test):
    assert f"test has values that train has not: {test[2]} (9)" in of_values(train, test)[1]
    assert not [comment for comment in of_values(test, train)[1] if "has not" in comment]


@pytest.mark.parametrize(
    ("others", "left"), [("012", ""), ("0124", ""), ("01245", " and 1 more"), ("01245678", " and 4 more")]
)
def test_of_many_values_the_commonest_are_named(others, left):
    values = [*"3" * 6, *others * 5]
    _, comments = of_values(["z"] * 50, values)
    named = ", ".join(["3 (6)", *(f"{value} (5)" for value in others[:4])])
    assert f"test has values that train has not: {named}{left}" in comments


SIZES = {"decoded_height": {"28": 50}, "decoded_width": {"32": 50}, "decoded_channels": {"3": 50}}
FLAT = [1] * 256
MANY = {"decoded_height": {"28": 10**5}, "decoded_width": {"28": 10**5}, "decoded_channels": {"1": 10**5}}


def test_images_of_one_size_get_it():
    found, comments = proposed(images("x", FLAT, SIZES, undecodable_images=0))
    assert list(found.annotation.tag) == ["decoded_shape:28,32,3"]
    assert found.image_domain.minimum_supported_image_fraction == 1.0
    assert comments == []


def test_images_of_several_sizes_get_the_commonest_and_comments():
    others = {"decoded_height": {"28": 1000, "27": 1}, "decoded_mode": {"RGB": 49, "P": 1}}
    found, comments = proposed(images("x", FLAT, {**SIZES, **others}, undecodable_images=3000))
    assert list(found.annotation.tag) == ["decoded_shape:28,32,3"]
    assert comments == [
        "decoded_height is not always the same: 28 (1,000), 27 (1)",
        "decoded_mode is not always the same: RGB (49), P (1)",
        "values in train that are no readable image: 3,000",
    ]


def test_images_without_a_common_size_get_none():
    found, comments = proposed(images("x", FLAT, {"decoded_width": {"9": 50}, "decoded_channels": {"1": 50}}))
    assert not found.annotation.tag
    assert comments == ["no size is proposed: the images have too many different ones"]


def test_sizes_are_counted_over_all_splits():
    other = {**SIZES, "decoded_height": {"14": 200}}
    found, comments = proposed(images("x", FLAT, SIZES), images("x", FLAT, other))
    assert list(found.annotation.tag) == ["decoded_shape:14,32,3"]
    assert comments[0] == "decoded_height is not always the same: 14 (200), 28 (50)"


@pytest.mark.parametrize(
    "statistics",
    [
        (feature("x", [0, 1] * 500), feature("x", [0, 1] * 400)),
        (feature("x", ["a", "b"] * 500), feature("x", ["a", "b"] * 400)),
        (feature("x", [0.5, 0.25, 3.0] * 300), feature("x", [0.5, 0.25, 3.0] * 200)),
        (feature("x", list(range(5, 400))), feature("x", list(range(5, 300)))),
        (images("x", FLAT, MANY), images("x", FLAT, MANY)),
    ],
    ids=["classes", "words", "floats", "integers", "images"],
)
def test_distributions_get_limits_for_drift_and_skew(statistics):
    found, _ = proposed(*statistics)
    assert found.HasField("drift_comparator")
    assert found.HasField("skew_comparator")


def test_bytes_that_are_neither_text_nor_images_get_no_domain():
    blobs = feature("x", ["a"] * 50)
    blobs.type = blobs.BYTES
    found, comments = proposed(blobs)
    assert (found.WhichOneof("domain_info"), comments) == (None, [])
