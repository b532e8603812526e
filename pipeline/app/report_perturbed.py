"""What changed images look like, as they were shown to the model."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from itertools import islice

import numpy as np

from slipline.components.artifacts import Examples
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.evaluation.perturbations import Images, perturbed
from slipline.components.examples.examples_io import read_batches
from slipline.components.features.schema_io import ExampleSpec

SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class ChangedImages:
    """A few images after one kind of change, as `data:` URIs."""

    kind: str
    uris: tuple[str, ...]


def changed_images(examples: Examples, params: EvaluateParams, spec: ExampleSpec) -> tuple[ChangedImages, ...]:
    """The first records of the split that was measured on, changed in each way that was tried."""
    (first,) = islice(read_batches(examples, params.split, spec, SHOWN), 1)
    images = first.images.astype(np.float32) / np.float32(255)
    numbers = np.arange(len(images))
    return tuple(
        ChangedImages(kind=kind, uris=_uris(perturbed(kind, images, numbers, params.robustness)))
        for kind in params.robustness.kinds
    )


def _uris(images: Images) -> tuple[str, ...]:
    from PIL import Image

    found = []
    for pixels in np.round(images * 255).astype(np.uint8):
        stream = io.BytesIO()
        Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(stream, "PNG")
        found.append(f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}")
    return tuple(found)
