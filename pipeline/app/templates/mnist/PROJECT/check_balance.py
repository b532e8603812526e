"""A component of this project's own: are there enough examples of each label to learn from?"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from slipline.components import Examples, Schema, example_spec, parse_example, read_records
from slipline.pipeline import Verdict, component


@dataclass(frozen=True, kw_only=True)
class Balance(Verdict):
    """How often each label occurs, in the order of the labels."""

    counts: tuple[int, ...]


@component
def check_balance(examples: Examples, schema: Schema, least: int, out: Path) -> Balance:
    """Passes if the training split has at least `least` examples of each label in the schema."""
    label = example_spec(schema).label
    found: Counter[int] = Counter()
    for file in examples.files("train"):
        for record in read_records(file):
            example = parse_example(record)
            if example is not None:  # `validate` says which records are broken
                found.update(example.features.feature[label.name].int64_list.value)
    counts = tuple(found[number] for number in range(label.classes))
    rare = tuple(
        f"label {number}: {count} examples to learn from, at least {least} are wanted"
        for number, count in enumerate(counts)
        if count < least
    )
    return Balance(path=out, passed=not rare, reasons=rare, counts=counts)
