"""Where a server's models come from: its config, and the version folders below each base path."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipline.serving.errors import ConfigRefused
from slipline.serving.folders.model_config import PLATFORM
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.text_proto import read_text_proto


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """Where one model's versions lie, and which of them are wanted.

    Attributes:
      name: As clients ask for it.
      base_path: The folder that holds the version folders.
      newest: How many of the highest numbers are wanted; None for all.
      only: If not None, exactly these numbers are wanted, whatever `newest` says.
      labels: From label to version number.
    """

    name: str
    base_path: Path
    newest: int | None = 1
    only: frozenset[int] | None = None
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def wants_nothing(self) -> bool:
        """Whether the config orders every version away, rather than the folder being empty."""
        return self.only is not None and not self.only

    def wanted(self, found: Mapping[int, Path]) -> dict[int, Path]:
        """Those of the versions `found` that the policy asks for."""
        if self.only is not None:
            return {number: path for number, path in found.items() if number in self.only}
        return {number: found[number] for number in sorted(found, reverse=True)[: self.newest]}


def folder_stamp(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Path, size in bytes and time of change of every file below `folder`: differs once something was copied there."""
    stamps = set()
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                stat = os.stat(os.path.join(parent, name))  # noqa: PTH116, PTH118
            except OSError:
                continue  # gone since it was listed
            stamps.add((f"{parent}/{name}", stat.st_size, stat.st_mtime_ns))
    return frozenset(stamps)


def read_config(config: serving_pb2.ModelServerConfig) -> dict[str, ModelSource]:
    """The models of a config by name, each checked before any is used.

    Raises:
      ConfigRefused: A server cannot follow it.
    """
    if config.WhichOneof("config") == "custom_model_config":
        raise ConfigRefused("a model config must be a model_config_list; custom_model_config is not supported")
    sources: dict[str, ModelSource] = {}
    for model in config.model_config_list.config:
        if model.name in sources:
            raise ConfigRefused(f"Illegal to list model {model.name} multiple times in config list")
        sources[model.name] = _source(model)
    return sources


def config_of(sources: Mapping[str, ModelSource]) -> serving_pb2.ModelServerConfig:
    """The config that `read_config` reads as `sources`."""
    config = serving_pb2.ModelServerConfig()
    config.model_config_list.SetInParent()
    for source in sources.values():
        model = config.model_config_list.config.add(
            name=source.name,
            base_path=str(source.base_path),
            model_platform=PLATFORM,
            version_labels=source.labels,
        )
        policy = model.model_version_policy
        if source.only is not None:
            policy.specific.versions.extend(sorted(source.only))
            policy.specific.SetInParent()
        elif source.newest is None:
            policy.all.SetInParent()
        else:
            policy.latest.num_versions = source.newest
    return config


def read_config_file(file: Path) -> dict[str, ModelSource]:
    """The models of a `ModelServerConfig` in text form.

    Raises:
      ConfigRefused: The file cannot be read, or a server cannot follow it.
    """
    return read_config(read_text_proto(file, serving_pb2.ModelServerConfig()))


class ConfigInForce:
    """The config that a server follows: the last one that came, whether from its file or by a call, one at a time."""

    def __init__(self, configure: Callable[[Mapping[str, ModelSource]], set[str]]) -> None:
        """`configure` puts a config in force, and gives the names of the models that are new in it."""
        self._configure = configure
        self._lock = threading.Lock()
        self._followed: Mapping[str, ModelSource] | None = None

    def replace(self, sources: Mapping[str, ModelSource]) -> set[str]:
        """Puts `sources` in force; the names of the models that are new."""
        with self._lock:
            return self._configure(sources)

    def follow(self, read: Callable[[], Mapping[str, ModelSource]]) -> None:
        """Puts in force what `read` gives, unless it gave the same before: a call since then stays in force.

        Raises:
          ConfigRefused: From `read`; the config before stays in force.
        """
        with self._lock:  # while reading, too, or a call in between would be undone by what is older
            sources = read()
            if sources != self._followed:
                self._configure(sources)
                self._followed = sources


def _source(model: serving_pb2.ModelConfig) -> ModelSource:
    if not model.name:
        raise ConfigRefused(f"every model in a config needs a name; the one at {model.base_path!r} has none")
    if not model.base_path.startswith("/"):
        raise ConfigRefused(
            f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}. "
            "This server reads local folders only"
        )
    _check_platform(model)
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    return ModelSource(
        name=model.name,
        base_path=Path(model.base_path),
        newest=None if choice == "all" else policy.latest.num_versions or 1,
        only=frozenset(policy.specific.versions) if choice == "specific" else None,
        labels=dict(model.version_labels),
    )


def _check_platform(model: serving_pb2.ModelConfig) -> None:
    old_style = model.model_type != serving_pb2.MODEL_TYPE_UNSPECIFIED
    if old_style == bool(model.model_platform):
        which = "both" if old_style else "neither"
        raise ConfigRefused(
            f"Illegal setting {which} model_type (deprecated) and model_platform of model {model.name}; "
            f'set model_platform: "{PLATFORM}"'
        )
    platform = model.model_platform or serving_pb2.ModelType.Name(model.model_type).lower()
    if platform != PLATFORM:
        raise ConfigRefused(f"Model {model.name} requests unsupported platform {platform}; this server has {PLATFORM}")
