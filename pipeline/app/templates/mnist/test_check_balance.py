"""A component is a function: a test calls it."""

from pathlib import Path

import pytest
from PROJECT.check_balance import check_balance

from slipline.components import Examples, Schema, Shard, Split, encode_example, write_records

SCHEMA = Schema(path=Path(__file__).with_name("schema.pbtxt"))


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    """Five examples of each digit, but one of the 9."""
    labels = [label for label in range(9) for _ in range(5)] + [9]
    records = write_records(
        tmp_path / "train.tfrecord", [encode_example(b"no pixels needed", label) for label in labels]
    )
    shard = Shard(file="train.tfrecord", records=records, source="train.tfrecord")
    return Examples(path=tmp_path, splits=(Split(name="train", shards=(shard,)),))


def test_a_rare_label_is_named_with_its_count(examples: Examples, tmp_path: Path) -> None:
    balance = check_balance(examples, SCHEMA, least=5, out=tmp_path)
    assert not balance.passed
    assert balance.reasons == ("label 9: 1 examples to learn from, at least 5 are wanted",)


def test_enough_of_each_label_pass(examples: Examples, tmp_path: Path) -> None:
    assert check_balance(examples, SCHEMA, least=1, out=tmp_path).passed
