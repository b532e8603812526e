"""Which records brought a step's loss beyond the finite numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from slipline.components.artifacts import Examples
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.training.batches import Batches
from slipline.components.training.steps import Steps
from slipline.components.training.train_settings import TrainParams


def why_not_finite(
    steps: Steps, batches: Batches, examples: Examples, params: TrainParams, epoch: int, step: int
) -> str:
    """What a person needs to know of a step that was not taken, as its loss or gradients were not finite.

    Each example of the batch is tried alone, with the weights from before the step: if some are not finite by
    themselves, it is they that are to be looked at, else it is the training as a whole.
    """
    images, labels = batches.whole(epoch, step)
    loss = float(steps.finite(images, labels)[0])
    numbers = batches.examples(epoch, step).tolist()
    finite = [bool(steps.finite(images[i : i + 1], labels[i : i + 1])[1]) for i in range(len(numbers))]
    guilty = [number for number, well in zip(numbers, finite, strict=True) if not well]
    what = f"the gradients of loss {loss:.4g} are" if math.isfinite(loss) else f"the loss is {loss},"
    where = f"epoch {epoch + 1}, step {step + 1} of {batches.steps}: {what} no longer a number"
    batch = f"The batch: {places_of(examples, params.split, sorted(numbers))}"
    if 0 < len(guilty) < len(numbers):
        return (
            f"{where}, and so it is for {places_of(examples, params.split, guilty)} alone; look at what is there, and "
            f"at what {params.network} makes of it. {batch}"
        )
    return (
        f"{where}, {'for each record alone' if guilty else 'but for no record alone'}; lower train.learning_rate, now "
        f"{params.learning_rate:g}, or set train.clip_norm. {batch}"
    )


def places_of(examples: Examples, split: str, numbers: Sequence[int]) -> str:
    """Where examples of a split came from, file by file, such as `digits.tfrecord records 3, 7 (counted from 0)`."""
    shards = examples.split(split).shards
    ends = list(accumulate(shard.records for shard in shards))
    places = [RecordPlaces(examples.path / shard.file, shard) for shard in shards]
    by_file: dict[str, list[int]] = {}
    for number in numbers:
        shard = next(index for index, end in enumerate(ends) if number < end)
        file, record = places[shard].source(number - ends[shard] + shards[shard].records)
        by_file.setdefault(file, []).extend([] if record is None else [record])
    return "; ".join(_of_file(file, records) for file, records in by_file.items())


def _of_file(file: str, records: list[int]) -> str:
    if not records:
        return file
    many = "s" if len(records) > 1 else ""
    return f"{file} record{many} {', '.join(map(str, records))} (counted from 0)"
