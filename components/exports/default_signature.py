"""The SavedModel's default signature, for converters that take a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipline.components.exports.source import INPUT, OUTPUT, SIGNATURE, ExportSource

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction


@dataclass(frozen=True)
class DefaultSignature:
    """From `images`, float32 [batch, height, width, channels], to `probabilities` alone, float32 [batch, classes].

    Attributes:
      function: The function.
      owner: The model that its weights belong to: they go when it does.
    """

    function: ConcreteFunction
    owner: Any


def default_signature(source: ExportSource, *, batch_size: int | None) -> DefaultSignature:
    """The signature, for batches of one size, or of any if that is None."""
    import tensorflow as tf

    model = tf.saved_model.load(str(source.saved_model))
    signature = model.signatures[SIGNATURE]
    shape = [batch_size, source.image.height, source.image.width, source.image.channels]

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT: signature(**{INPUT: images})[OUTPUT]}

    function = tf.function(answer, input_signature=[tf.TensorSpec(shape, tf.float32, INPUT)])
    return DefaultSignature(function.get_concrete_function(), model)
