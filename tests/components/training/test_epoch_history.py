import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.training.epoch_history import Epoch, LoggedStep, Progress, history_json, progress_from_json

numbers = st.floats(allow_nan=False, allow_infinity=False)
samples = st.lists(st.builds(LoggedStep, st.integers(0, 100), numbers, numbers), max_size=3).map(tuple)
epochs = st.builds(
    Epoch,
    epoch=st.integers(1, 9),
    loss=numbers,
    accuracy=numbers,
    learning_rate=numbers,
    seconds=numbers,
    validation_loss=st.none() | numbers,
    samples=samples,
)
progresses = st.builds(
    Progress,
    history=st.lists(epochs, max_size=3).map(tuple),
    steps=st.integers(0, 9),
    loss_sum=numbers,
    samples=samples,
)


@given(progresses)
def test_progress_comes_back_to_the_last_bit(progress):
    assert progress_from_json(progress.to_json()) == progress


@pytest.mark.parametrize("text", ["", "[]", '{"steps": "many"}'])
def test_other_text_is_no_progress(text):
    with pytest.raises(ValueError, match="Progress"):
        progress_from_json(text)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 8))))
def test_steps_add_up_over_their_examples(steps):
    progress = Progress()
    for loss, correct, examples in steps:
        progress = progress.after(float(loss), correct, examples)
    assert progress == Progress(
        steps=len(steps),
        loss_sum=sum(loss * examples for loss, _, examples in steps),
        correct=sum(correct for _, correct, _ in steps),
        examples=sum(examples for _, _, examples in steps),
    )


EPOCH = Epoch(epoch=1, loss=9.0, accuracy=0.5, learning_rate=0.1, seconds=1.0)


@pytest.mark.parametrize(
    ("losses", "min_improvement", "best"),
    [
        ([1.0, 0.5, 0.7], 0.0, 2),
        ([1.0, 1.0], 0.0, 1),
        ([1.0, 0.95, 0.8], 0.1, 3),
        ([1.0, 0.95, 0.91], 0.1, 1),
        ([3.0, 2.0, 1.0], 1.5, 3),
    ],
)
def test_the_best_epoch_is_the_last_that_was_better_than_the_best_before_by_so_much(losses, min_improvement, best):
    history = tuple(replace(EPOCH, epoch=n, validation_loss=loss) for n, loss in enumerate(losses, 1))
    assert Progress(history=history).best(min_improvement).epoch == best


def test_the_history_has_a_line_for_each_epoch_without_its_steps():
    told = json.loads(history_json((EPOCH, replace(EPOCH, epoch=2, samples=(LoggedStep(1, 2.0, 3.0),)))))
    assert [line["epoch"] for line in told] == [1, 2]
    assert told[0] == {
        "epoch": 1,
        "loss": 9.0,
        "accuracy": 0.5,
        "learning_rate": 0.1,
        "seconds": 1.0,
        "validation_loss": None,
        "validation_accuracy": None,
    }
