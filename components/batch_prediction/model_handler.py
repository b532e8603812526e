"""A released SavedModel as Beam's RunInference takes models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipline.components.batch_prediction.ask_block import AnsweredBlock, ask_block
from slipline.components.batch_prediction.blocks import Block
from slipline.components.batch_prediction.contract import Contract
from slipline.components.beam.jobs import Problem
from slipline.components.errors import BadData
from slipline.serving.errors import LoadFailed

if TYPE_CHECKING:
    from slipline.serving.models.tensorflow.saved_model import SavedModel


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
