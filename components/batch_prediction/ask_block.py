"""Asks a release about the records of blocks; one that it refuses costs none of the others its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from slipline.components.batch_prediction.blocks import Block, Failure, Record
from slipline.components.batch_prediction.contract import IMAGES, PROBABILITIES, Contract
from slipline.components.beam.jobs import Problem
from slipline.components.errors import BadData
from slipline.components.features.decode_images import UndecodableImage, decode_image, looks_like_image, shape_text
from slipline.serving.errors import LoadFailed, ServingError
from slipline.serving.wire.example_pb2 import Example

if TYPE_CHECKING:
    from slipline.serving.models.loaded_model import LoadedModel
    from slipline.serving.models.tensorflow.saved_model import SavedModel

Probabilities: TypeAlias = NDArray[np.float32]
Ask: TypeAlias = Callable[[Sequence[Record]], Probabilities]


def release_handler(folder: Path, contract: Contract) -> Any:
    """A `ModelHandler` whose examples are blocks of records, each with a key, and each already a batch.

    The model is loaded once in each process. RunInference gives `(key, PredictionResult)` for each `(key, block)`; the
    inference is an `AnsweredBlock`, or a `Problem` where the worker cannot ask the model at all.

    Args:
      folder: The version folder, as workers see it.
      contract: How the model is asked.
    """
    from apache_beam.ml.inference.base import KeyedModelHandler, ModelHandler, PredictionResult

    class ReleaseHandler(ModelHandler):  # type: ignore[misc]
        """Asks through TensorFlow's C API, as the embedded server does."""

        def load_model(self) -> SavedModel | Problem:
            return _loaded(folder)

        def run_inference(
            self, batch: Sequence[Block], model: SavedModel | Problem, inference_args: Any = None
        ) -> Iterator[Any]:
            return (PredictionResult(block, _answers(model, block, contract), str(folder)) for block in batch)

        def get_num_bytes(self, batch: Sequence[Block]) -> int:
            return sum(len(record.content) for block in batch for record in block.records)

        def get_metrics_namespace(self) -> str:
            return "predict_batch"

    return KeyedModelHandler(ReleaseHandler()).with_no_batching()


def _loaded(folder: Path) -> SavedModel | Problem:
    from slipline.serving.models.tensorflow.saved_model import SavedModel

    try:
        return SavedModel.load(folder)
    except LoadFailed as error:
        return Problem(
            f"a Beam worker cannot load the release: {error}; let SLIPLINE_HOME lie where all workers reach it, "
            "under the same path"
        )


def _answers(model: SavedModel | Problem, block: Block, contract: Contract) -> AnsweredBlock | Problem:
    try:
        return model if isinstance(model, Problem) else ask_block(model, block, contract).without_content
    except BadData as error:
        return Problem(str(error))


@dataclass(frozen=True, kw_only=True, eq=False)
class AnsweredBlock(Block):
    """A block whose records were answered; those that could not be are among the failed ones.

    Attributes:
      probabilities: float32 [records, classes].
    """

    probabilities: Probabilities

    @property
    def without_content(self) -> AnsweredBlock:
        """The same without what the model was asked about."""
        return replace(self, records=tuple(replace(record, content=b"") for record in self.records))


def ask_block(model: LoadedModel, block: Block, contract: Contract) -> AnsweredBlock:
    """The model's answers to all records in one batch; to each suspect alone if it refuses that.

    Raises:
      BadData: The model does not answer with a row of probabilities for each record.
    """
    ask = partial(_ask, model, block.signature, contract)
    try:
        return _answered(block, block.records, ask(block.records), block.failed)
    except ServingError:
        return _ask_apart(ask, block, contract)


def _ask(model: LoadedModel, signature: str, contract: Contract, records: Sequence[Record]) -> Probabilities:
    shape = (len(records), len(contract.class_names))
    if not records:
        return np.zeros(shape, np.float32)
    contents = np.array([record.content for record in records], object)
    answer = model.run({contract.inputs[signature]: contents}, signature, (PROBABILITIES,))
    probabilities = np.asarray(answer[PROBABILITIES], np.float32)
    if probabilities.shape != shape:
        raise BadData(
            f"{model.folder}: wanted {PROBABILITIES} of shape {shape_text(shape)} from signature {signature}, got "
            f"{shape_text(probabilities.shape)}; release a model that answers for each record"
        )
    return probabilities


def _answered(
    block: Block, records: Sequence[Record], probabilities: Probabilities, failed: Sequence[Failure]
) -> AnsweredBlock:
    return AnsweredBlock(
        first=block.first,
        signature=block.signature,
        records=tuple(records),
        probabilities=probabilities,
        failed=tuple(failed),
    )


def _ask_apart(ask: Ask, block: Block, contract: Contract) -> AnsweredBlock:
    """Asks about those that look sound together, and about each of the others alone: the model has the last word."""
    problems = [_problem(record, block.signature, contract) for record in block.records]
    together = _rows_of([record for record, problem in zip(block.records, problems, strict=True) if not problem], ask)
    answered: list[tuple[Record, Probabilities]] = []
    failed = list(block.failed)
    for record, problem in zip(block.records, problems, strict=True):
        if together is not None and not problem:
            answered.append((record, next(together)))
            continue
        try:
            answered.append((record, ask([record])[0]))
        except ServingError as error:
            reason = problem or str(error).partition("\n")[0]  # the names of the graph's nodes follow
            failed.append(Failure(file=record.file, record=record.number, key=record.key, reason=reason))
    rows = [row for _, row in answered]
    return _answered(block, [record for record, _ in answered], np.stack(rows) if rows else ask([]), failed)


def _rows_of(records: Sequence[Record], ask: Ask) -> Iterator[Probabilities] | None:
    try:
        return iter(ask(records))
    except ServingError:
        return None


def _problem(record: Record, signature: str, contract: Contract) -> str:
    """What seems to be wrong with the record's images; empty if nothing does."""
    if signature == IMAGES:
        return _image_problem(record.content, contract)
    features = Example.FromString(record.content).features.feature
    for name in sorted(features):
        for value in features[name].bytes_list.value:
            if looks_like_image(value) and (problem := _image_problem(value, contract)):
                return f"{name}: {problem}"
    return ""


def _image_problem(encoded: bytes, contract: Contract) -> str:
    try:
        shape = decode_image(encoded).shape
    except UndecodableImage as error:
        return f"wanted a PNG or JPEG image, got one that cannot be decoded: {error}"
    # The graph itself turns colours to grey and grey to colours.
    if contract.image_shape and shape[:2] != contract.image_shape[:2]:
        return f"wanted {shape_text(contract.image_shape)} pixels, got {shape_text(shape)}"
    return ""
