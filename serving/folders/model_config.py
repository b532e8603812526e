"""The model config file: which versions a server keeps loaded, and what it calls them.

It is TensorFlow Serving's `ModelServerConfig` in text form, read alike by TensorFlow Serving and the embedded server.
TensorFlow Serving checks labels before it loads, so it starts with such a file only under
`--allow_version_labels_for_unavailable_models`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format

from slipline.serving.errors import ConfigRefused
from slipline.serving.folders.whole_file import replaced
from slipline.serving.wire import serving_pb2

PLATFORM = "tensorflow"


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """What a server is to do with one model.

    Attributes:
      name: As clients ask for it.
      base_path: Absolute path, or URI, of the folder that holds the version folders.
      versions: Those to keep loaded.
      labels: From label to version; a label resolves to nothing unless its version is loaded.
    """

    name: str
    base_path: str
    versions: tuple[int, ...]
    labels: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigRefused(f"a model at {self.base_path!r} has no name; give it one")
        if not self.base_path.startswith("/") and "://" not in self.base_path:
            raise ConfigRefused(f"model {self.name!r}: base_path must be absolute, got {self.base_path!r}")
        for label, version in self.labels.items():
            if version not in self.versions:
                raise ConfigRefused(
                    f"model {self.name!r}: label {label!r} points to version {version}, "
                    f"which is not among the versions to load, {list(self.versions)}; add it there"
                )


def to_proto(models: Sequence[ServedModel]) -> serving_pb2.ModelServerConfig:
    """The message for `models`.

    Raises:
      ConfigRefused: Two models have one name.
    """
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ConfigRefused(f"model {name!r} is listed {names.count(name)} times; a server takes a model once")
    configs = serving_pb2.ModelConfigList(config=[_model_proto(model) for model in models])
    return serving_pb2.ModelServerConfig(model_config_list=configs)


def render(models: Sequence[ServedModel]) -> str:
    """The text of the config file for `models`."""
    return text_format.MessageToString(to_proto(models))


def write_config(path: Path, models: Sequence[ServedModel]) -> None:
    """Replaces the config file in one step: a server that polls it sees the old text or the new, never a part.

    Raises:
      ConfigRefused: The file cannot be written; the old one stays.
    """
    write_for_servers(path, render(models))


def write_for_servers(file: Path, text: str) -> None:
    """Replaces a file that servers or clients read, in one step.

    Raises:
      ConfigRefused: It cannot be written; the old one stays.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replaced(file, flush=True) as aside:
            aside.write_text(text)
    except OSError as error:
        raise ConfigRefused(
            f"{file} cannot be written: {error.strerror}; make room or mend the permissions there, then try again"
        ) from error


def _model_proto(model: ServedModel) -> serving_pb2.ModelConfig:
    specific = serving_pb2.ServableVersionPolicy.Specific(versions=model.versions)
    return serving_pb2.ModelConfig(
        name=model.name,
        base_path=model.base_path,
        model_platform=PLATFORM,
        model_version_policy=serving_pb2.ServableVersionPolicy(specific=specific),
        version_labels=model.labels,
    )
