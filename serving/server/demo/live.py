"""Which models there are to ask, as the page is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from slipline.serving.errors import ServingError
from slipline.serving.folders.app_contract import class_names
from slipline.serving.folders.labels import STABLE
from slipline.serving.models.loaded_model import DEFAULT_SIGNATURE, LoadedModel
from slipline.serving.server.demo.exports import Unusable, WebModel, read_web_model
from slipline.serving.server.versions.manager import VersionManager
from slipline.serving.server.versions.sources import ModelSource
from slipline.serving.wire import saved_model_pb2, serving_pb2, tensor_pb2
from slipline.serving.wire.tensors import type_text

IMAGE = [28, 28, 1]
"""Height, width and channels of a drawing once it is centred as MNIST's digits are."""

OUTPUT = "probabilities"
NOTHING_UP = "No version of it is up yet; /readyz on this server says what it waits for."


@dataclass(frozen=True, kw_only=True)
class LiveModel:
    """One model that the server is to serve.

    Attributes:
      name: As clients ask for it.
      ask: Path of the URL that predicts with the live version.
      version: The live version; None while none is up.
      problem: Why it cannot be asked about drawings; empty if it can.
      input: Name of the images in the signature.
      labels: What the classes are called, by their number.
      web_model: What runs in the page; None if there is none.
      web_problem: Why there is none; empty if there is one.
    """

    name: str
    ask: str
    version: int | None = None
    problem: str = ""
    input: str = ""
    labels: Sequence[str] = ()
    web_model: WebModel | None = None
    web_problem: str = ""

    def described(self, models_url: str) -> Mapping[str, object]:
        """As JSON has it, with the file to load the model in the page from."""
        web = self.web_model
        return {
            "name": self.name,
            "ask": self.ask,
            "version": None if self.version is None else str(self.version),
            "problem": self.problem,
            "input": self.input,
            "labels": list(self.labels),
            "digest": web.digest if web else None,
            "files": [f"{models_url}{web.digest}/{name}" for name in web.files] if web else [],
            "sizeBytes": web.size_bytes if web else None,
            "inPageProblem": self.web_problem,
        }


class LiveModels:
    """Reads what is live; for one thread at a time."""

    def __init__(self, versions: VersionManager) -> None:
        """Nothing is read yet."""
        self._versions = versions
        self._read: Mapping[tuple[Path, int], WebModel] = {}

    def read(self) -> list[LiveModel]:
        """Every model of the config, by name."""
        kept: dict[tuple[Path, int], WebModel] = {}
        found = [self._live(view.source, kept) for view in self._versions.models() if view.source is not None]
        self._read = kept  # those that are no longer live are forgotten
        return found

    def _live(self, source: ModelSource, kept: dict[tuple[Path, int], WebModel]) -> LiveModel:
        spec = serving_pb2.ModelSpec(name=source.name)
        path = f"/v1/models/{quote(source.name, safe='')}"
        if STABLE in source.labels:  # by the name alone, the answer could be the canary's
            spec.version_label = STABLE
            path += f"/labels/{STABLE}"
        live = LiveModel(name=source.name, ask=f"{path}:predict", problem=NOTHING_UP)
        try:
            with self._versions.using(spec) as served:
                live = replace(_asked(live, served.model), version=served.version)
                folder = served.model.folder
        except ServingError:
            return live
        return live if live.problem else self._with_web_model(live, folder, kept)

    def _with_web_model(self, live: LiveModel, folder: Path, kept: dict[tuple[Path, int], WebModel]) -> LiveModel:
        try:
            key = folder, folder.stat().st_mtime_ns
            kept[key] = self._read.get(key) or read_web_model(folder)
        except (OSError, Unusable) as error:
            return replace(live, web_problem=str(error))
        return replace(live, web_model=kept[key])


def _asked(live: LiveModel, model: LoadedModel) -> LiveModel:
    """How to ask it about a drawing, or why that cannot be."""
    signature = model.signatures.get(DEFAULT_SIGNATURE)
    if signature is None or len(signature.inputs) != 1 or OUTPUT not in signature.outputs:
        return replace(live, problem=f"Its signature {DEFAULT_SIGNATURE} does not turn images into `{OUTPUT}`.")
    ((name, taken),) = signature.inputs.items()
    shape, classes = _shape(taken), _shape(signature.outputs[OUTPUT])[-1:]
    if taken.dtype != tensor_pb2.DT_FLOAT or shape[1:] != IMAGE or classes[0] < 1:
        dtype = type_text(taken.dtype)
        wanted = f"{_size(IMAGE)} in float, as MNIST has them"
        return replace(
            live, problem=f"It takes pictures of {_size(shape[1:])} in {dtype}; this page draws digits of {wanted}."
        )
    return replace(live, problem="", input=name, labels=class_names(model.folder, classes[0]))


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "unknown size"


def _shape(tensor: saved_model_pb2.TensorInfo) -> list[int]:
    return [dim.size for dim in tensor.tensor_shape.dim] or [0]
