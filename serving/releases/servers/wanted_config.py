"""What servers are to do, as the ledger's moves say it: one model config for each place that releases are found at."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from slipline.serving.folders.labels import CANARY, STABLE
from slipline.serving.folders.model_config import ServedModel, write_config
from slipline.serving.folders.version_folder import CONFIG_NAME
from slipline.serving.releases.store.move_history import canary_version, live_version, loaded_versions
from slipline.serving.releases.store.records import Move


def wanted_models(
    moves: Mapping[str, Sequence[Move]], root: Path | str, beside: tuple[str, int] | None = None
) -> tuple[ServedModel, ...]:
    """The models to serve, by name.

    Where no version is on trial, `canary` names the live one: clients may ask for their share of it at all times.

    Args:
      moves: Each model's, oldest first.
      root: Where the version folders lie.
      beside: A model and the version of it that is to be loaded, too.
    """
    models = []
    for name in sorted({*moves, *([beside[0]] if beside else [])}):
        made = moves.get(name, ())
        added = beside[1] if beside is not None and beside[0] == name else None
        if versions := loaded_versions(made, beside=added):
            models.append(ServedModel(name=name, base_path=f"{root}/{name}", versions=versions, labels=_labels(made)))
    return tuple(models)


def at_root(models: Iterable[ServedModel], root: str | None) -> tuple[ServedModel, ...]:
    """The same models as a server finds them that has the releases at `root`; unchanged where that is None."""
    if root is None:
        return tuple(models)
    return tuple(replace(model, base_path=f"{root.rstrip('/')}/{model.name}") for model in models)


def narrowed(model: ServedModel, versions: Collection[int], labelled: Collection[int]) -> ServedModel:
    """The model with those of its versions alone that are among `versions`, and labels that name one of `labelled`."""
    kept = tuple(version for version in model.versions if version in versions)
    labels = {label: version for label, version in model.labels.items() if version in kept and version in labelled}
    return replace(model, versions=kept, labels=labels)


def config_file(folder: Path, root: str | None) -> Path:
    """The model config file, in the ledger's `folder`, for servers that have the releases at `root`."""
    if root is None:
        return folder / CONFIG_NAME
    place = re.sub(r"[^A-Za-z0-9]+", "-", root).strip("-") or "root"
    return folder / f"models.{place}.config"


def write_configs(folder: Path, models: Sequence[ServedModel], roots: Iterable[str | None]) -> None:
    """Replaces the config file of the ledger's own root, and those for other `roots`.

    Raises:
      ConfigRefused: One cannot be written.
    """
    for root in {None, *roots}:
        write_config(config_file(folder, root), at_root(models, root))


def _labels(moves: Sequence[Move]) -> dict[str, int]:
    live = live_version(moves)
    if live is None:
        return {}
    on_trial = canary_version(moves)
    return {STABLE: live, CANARY: live if on_trial is None else on_trial}
