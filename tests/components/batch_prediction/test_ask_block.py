"""Asking about a block: whatever the model refuses, every record is answered or failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.components.batch_prediction.ask_block import ask_block
from slipline.components.batch_prediction.blocks import Block, Failure, Record
from slipline.components.batch_prediction.contract import EXAMPLES, Contract
from slipline.components.errors import BadData
from slipline.components.examples.example_records import encode_example
from slipline.serving.errors import BadRequest
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.wire.saved_model_pb2 import SignatureDef

CONTRACT = Contract(inputs={EXAMPLES: "examples"}, image_shape=(28, 28, 1), class_names=("a", "b"))


class LengthModel(LoadedModel):
    """Answers with the length of each record, and refuses a batch with one that holds `refused`."""

    def __init__(self, classes: int = 2) -> None:
        signature = SignatureDef()
        signature.inputs["examples"].name = "examples:0"
        signature.outputs["probabilities"].name = "probabilities:0"
        super().__init__(Path("lengths"), {EXAMPLES: signature})
        self._classes = classes

    def compute(self, feeds, fetches):
        records = feeds["examples:0"].tolist()
        if any(b"refused" in record for record in records):
            raise BadRequest("one record is refused\n[[node]]")
        lengths = np.array([[len(record)] * self._classes for record in records], np.float32)
        return dict.fromkeys(fetches, lengths)

    def close(self):
        pass


def block(contents, failed=()):
    records = [
        Record(content=content, file="f", number=number, key=None, label=None)
        for number, content in enumerate(contents)
    ]
    return Block(first=0, signature=EXAMPLES, records=tuple(records), failed=tuple(failed))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.binary(max_size=20), st.booleans()), max_size=30))
def test_each_record_has_its_own_answer_or_the_reason_of_its_failure(drawn):
    contents = [encode_example(image + b"refused" * bad, 1) for image, bad in drawn]
    answers = ask_block(LengthModel(), block(contents), CONTRACT)
    assert [record.number for record in answers.records] == [n for n, (_, bad) in enumerate(drawn) if not bad]
    assert answers.probabilities.shape == (len(answers.records), 2)
    assert answers.probabilities[:, 0].tolist() == [len(record.content) for record in answers.records]
    assert [failure.record for failure in answers.failed] == [n for n, (_, bad) in enumerate(drawn) if bad]


def test_an_image_that_looks_wrong_is_answered_if_the_model_takes_it_and_else_says_why(png):
    odd = png(27, 28)
    contents = [encode_example(odd, 1), encode_example(odd + b"refused", 1), encode_example(b"refused", 1)]
    answers = ask_block(LengthModel(), block(contents), CONTRACT)
    assert [record.number for record in answers.records] == [0]
    assert [failure.reason for failure in answers.failed] == [
        "image: wanted 28 x 28 x 1 pixels, got 27 x 28 x 1",
        "one record is refused",
    ]


def test_records_that_could_not_be_read_stay_failed():
    failure = Failure(file="f", record=7, key=None, reason="cut off")
    answers = ask_block(LengthModel(), block([], [failure]), CONTRACT)
    assert (answers.failed, answers.probabilities.shape) == ((failure,), (0, 2))


def test_a_model_with_another_number_of_classes_is_refused():
    with pytest.raises(BadData, match=r"wanted probabilities of shape 1 x 2 from signature .*, got 1 x 3"):
        ask_block(LengthModel(classes=3), block([encode_example(b"", 1)]), CONTRACT)
