"""A released SavedModel as Beam's RunInference takes models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipline.components.batch_prediction.ask_block import ask_block
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
    inference is `Answers`, or a `Problem` where the worker cannot ask the model at all.

    Args:
      folder: The version folder, as workers see it.
      contract: How the model is asked.
    """
    from apache_beam.ml.inference.base import KeyedModelHandler, ModelHandler, PredictionResult

    class ReleaseHandler(ModelHandler):  # type: ignore[misc]
        """Asks through TensorFlow's C API, as the embedded server does."""

        def load_model(self) -> _Loaded:
            return _Loaded(folder)

        def run_inference(self, batch: Sequence[Block], model: _Loaded, inference_args: Any = None) -> Iterator[Any]:
            return (PredictionResult(block, model.ask(block, contract), str(folder)) for block in batch)

        def get_num_bytes(self, batch: Sequence[Block]) -> int:
            return sum(len(record.content) for block in batch for record in block.records)

        def get_metrics_namespace(self) -> str:
            return "predict_batch"

    return KeyedModelHandler(ReleaseHandler()).with_no_batching()


class _Loaded:
    """A model in memory, or why it is not; Beam buries exceptions in tracebacks."""

    def __init__(self, folder: Path) -> None:
        from slipline.serving.models.tensorflow.saved_model import SavedModel

        self._model: SavedModel | None = None
        self._problem = Problem("")
        try:
            self._model = SavedModel.load(folder)
        except LoadFailed as error:
            self._problem = Problem(
                f"a Beam worker cannot load the release: {error}; let SLIPLINE_HOME lie where all workers reach it, "
                "under the same path"
            )

    def ask(self, block: Block, contract: Contract) -> Any:
        """`Answers`, or a `Problem`."""
        if self._model is None:
            return self._problem
        try:
            return ask_block(self._model, block, contract)
        except BadData as error:
            return Problem(str(error))
