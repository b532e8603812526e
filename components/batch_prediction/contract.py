"""What a release takes and gives, as its own files say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from slipline.components.errors import BadData
from slipline.serving.folders.app_contract import class_names
from slipline.serving.models.tensorflow.saved_model import read_signatures
from slipline.serving.wire.saved_model_pb2 import TensorInfo

EXAMPLES, IMAGES, PIXELS = "serving_examples", "serving_images", "serving_default"
PROBABILITIES = "probabilities"


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What batches are asked with, and what comes back.

    Attributes:
      inputs: By signature, the name of its one input.
      image_shape: Height, width and channels of the images, as far as the release says.
      class_names: Of each class, in the order of the probabilities.
    """

    inputs: dict[str, str]
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]


def read_contract(folder: Path, needed: Collection[str]) -> Contract:
    """The contract of the release in `folder`.

    Args:
      folder: The version folder.
      needed: The signatures that will be asked.

    Raises:
      BadData: The model has not these signatures, each of one input, with classes and their probabilities.
      LoadFailed: The folder holds no SavedModel.
    """
    signatures = read_signatures(folder)
    for name in needed:
        if name not in signatures or len(signatures[name].inputs) != 1 or PROBABILITIES not in signatures[name].outputs:
            raise BadData(
                f"{folder}: wanted a signature {name!r} of one input with an output {PROBABILITIES!r} for this kind of "
                f"files, the model has {', '.join(sorted(signatures))}; release a model that `slipline run` exported"
            )
    classes = [sizes for name in needed if (sizes := _sizes(signatures[name].outputs[PROBABILITIES]))]
    pixels = signatures[PIXELS].inputs.values() if PIXELS in signatures else ()
    return Contract(
        inputs={name: next(iter(signatures[name].inputs)) for name in needed},
        image_shape=next((sizes for info in pixels if len(sizes := _sizes(info)) == 3), ()),
        class_names=class_names(folder, classes[0][0] if classes else 0),
    )


def _sizes(info: TensorInfo) -> tuple[int, ...]:
    """All sizes but that of the batch; none where one is left open."""
    sizes = tuple(dim.size for dim in info.tensor_shape.dim)[1:]
    return sizes if all(size > 0 for size in sizes) else ()
