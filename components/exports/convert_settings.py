"""Which formats a model may be kept in, and how near each must come."""

from __future__ import annotations

from slipline.pipeline.core.component import params

FORMAT_NAMES = (
    "keras",
    "h5",
    "tflite",
    "tflite_float16",
    "tflite_dynamic",
    "tflite_int8",
    "litert_web",
    "tfjs_layers",
    "tfjs_graph",
)
"""Of all formats, in the order of `formats.py`, which loads what they are made with."""

CALIBRATED = "tflite_int8"

DEFAULT_FORMATS = ("keras", "tflite", "tfjs_layers")
"""What costs least beside a training, under a second each; int8 and its like take twice as long."""


@params
class ConvertParams:
    """Which formats are made, and how near to the SavedModel each must come.

    Attributes:
      formats: Out of `FORMAT_NAMES`.
      split: Whose images every format is asked about.
      calibration_split: Whose first images int8 takes the ranges of its numbers from.
      calibration_images: How many.
      max_difference: Largest difference of a probability, for formats that compute in float32.
      min_agreement: Smallest share of images with the same likeliest class, for every format, in 0..1.
    """

    formats: tuple[str, ...] = DEFAULT_FORMATS
    split: str = "test"
    calibration_split: str = "train"
    calibration_images: int = 200
    max_difference: float = 1e-4
    min_agreement: float = 0.99

    def __post_init__(self) -> None:
        for name in self.formats:
            if name not in FORMAT_NAMES:
                raise ValueError(f"formats: wanted some of {', '.join(FORMAT_NAMES)}, got {name!r}")
        if len(set(self.formats)) < len(self.formats):
            raise ValueError(f"formats must be different, got {', '.join(self.formats)}")
        if self.calibration_images <= 0:
            raise ValueError(f"calibration_images must be greater than 0, got {self.calibration_images}")
        if not self.max_difference >= 0:
            raise ValueError(f"max_difference must be at least 0, got {self.max_difference}")
        if not 0 <= self.min_agreement <= 1:
            raise ValueError(f"min_agreement must be from 0 to 1, got {self.min_agreement}")
