"""What an export is made of, and what it is read back as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slipline.components.features.schema_io import ImageFeature

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
