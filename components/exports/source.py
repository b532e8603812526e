"""What an export is made of, and what it is read back as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipline.components.features.schema_io import ImageFeature

if TYPE_CHECKING:
    import tensorflow as tf
    from tensorflow.types.experimental import ConcreteFunction

Images = NDArray[np.float32]
"""[N, height, width, channels], in 0..1."""

Probabilities = NDArray[np.float32]
"""[N, classes]."""

Predict = Callable[[Images], Probabilities]
"""A model that was read back from its file, in the program that it is meant for."""

INPUT = "images"
OUTPUT = "probabilities"
SIGNATURE = "serving_default"


@dataclass(frozen=True, kw_only=True)
class ExportSource:
    """A trained model, and what it learnt to do.

    Attributes:
      keras_path: The model as it left training, its optimizer's state included.
      saved_model: Folder of its SavedModel.
      image: What it takes.
      labels: The name of each class.
      calibration: Images of the kind it will see, from which int8 takes the ranges of its numbers.
    """

    keras_path: Path
    saved_model: Path
    image: ImageFeature
    labels: tuple[str, ...]
    calibration: Images

    def default_signature(self, *, batch_size: int | None) -> tuple[ConcreteFunction, Any]:
        """The SavedModel's default signature, for converters that take a function.

        Args:
          batch_size: How many images it takes at once; None for any number.

        Returns:
          From `images`, float32 [batch, height, width, channels], to `probabilities` alone, float32 [batch, classes];
          and the model that its weights belong to: they go when it does.
        """
        import tensorflow as tf

        model = tf.saved_model.load(str(self.saved_model))
        signature = model.signatures[SIGNATURE]

        def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
            return {OUTPUT: signature(**{INPUT: images})[OUTPUT]}

        taken = tf.TensorSpec([batch_size, *self.image.shape], tf.float32, INPUT)
        return tf.function(answer, input_signature=[taken]).get_concrete_function(), model
