from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slipline.serving.folders.model_config import ServedModel, render
from slipline.serving.releases.servers.wanted_config import (
    at_root,
    config_file,
    narrowed,
    wanted_models,
    write_configs,
)
from slipline.serving.releases.store.records import Move, MoveKind

MODEL = ServedModel(name="m", base_path="/here/m", versions=(1, 2, 3), labels={"stable": 2, "canary": 3})


def moves(*made: tuple[MoveKind, int]) -> tuple[Move, ...]:
    live: int | None = None
    found = []
    for number, (kind, version) in enumerate(made, 1):
        former = live if kind in ("promoted", "rolled_back") else None
        live = version if kind in ("promoted", "rolled_back") else live
        move = Move(model="m", number=number, kind=kind, version=version, former=former, at="", by="", reason="")
        found.append(move)
    return tuple(found)


@pytest.mark.parametrize(
    ("made", "beside", "versions", "labels"),
    [
        ([("promoted", 1)], None, (1,), {"stable": 1, "canary": 1}),
        ([("promoted", 1), ("promoted", 2)], None, (1, 2), {"stable": 2, "canary": 2}),
        ([("promoted", 2), ("canary", 3)], None, (2, 3), {"stable": 2, "canary": 3}),
        ([("promoted", 1), ("promoted", 2)], ("m", 3), (2, 3), {"stable": 2, "canary": 2}),
        ([("promoted", 2)], ("other", 7), (2,), {"stable": 2, "canary": 2}),
    ],
)
def test_servers_are_to_load_what_is_live_on_trial_or_kept_and_what_is_to_be(
    made: list[tuple[MoveKind, int]], beside: tuple[str, int] | None, versions: tuple[int, ...], labels: dict[str, int]
) -> None:
    found = {model.name: model for model in wanted_models({"m": moves(*made)}, "/here", beside)}
    assert found["m"] == ServedModel(name="m", base_path="/here/m", versions=versions, labels=labels)
    assert ("other" in found) == (beside == ("other", 7))


def test_a_model_that_was_never_live_is_served_only_beside() -> None:
    assert wanted_models({"m": ()}, "/here") == ()
    assert wanted_models({}, "/here", ("m", 4)) == (ServedModel(name="m", base_path="/here/m", versions=(4,)),)


def test_models_are_listed_by_name() -> None:
    found = wanted_models({"b": moves(("promoted", 1)), "a": moves(("promoted", 1))}, "/here", ("c", 1))
    assert [model.name for model in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("root", "path"), [(None, "/here/m"), ("/there", "/there/m"), ("s3://bucket/models/", "s3://bucket/models/m")]
)
def test_a_server_finds_the_models_at_its_own_root(root: str | None, path: str) -> None:
    (found,) = at_root([MODEL], root)
    assert (found.base_path, found.versions, found.labels) == (path, MODEL.versions, MODEL.labels)


@pytest.mark.parametrize(
    ("versions", "labelled", "wanted"),
    [
        ((1, 2, 3), (1, 2, 3), {"versions": (1, 2, 3), "labels": {"stable": 2, "canary": 3}}),
        ((1, 2), (1, 2, 3), {"versions": (1, 2), "labels": {"stable": 2}}),
        ((1, 2, 3), (3,), {"versions": (1, 2, 3), "labels": {"canary": 3}}),
        ((), (1, 2, 3), {"versions": (), "labels": {}}),
    ],
)
def test_labels_name_only_what_is_there(versions: Any, labelled: Any, wanted: dict[str, Any]) -> None:
    found = narrowed(MODEL, versions, labelled)
    assert {"versions": found.versions, "labels": found.labels} == wanted


def test_every_root_has_a_config_file_of_its_own(tmp_path: Path) -> None:
    names = {root: config_file(tmp_path, root).name for root in (None, "/models", "s3://a/b.c/", "/")}
    assert names == {
        None: "models.config",
        "/models": "models.models.config",
        "s3://a/b.c/": "models.s3-a-b-c.config",
        "/": "models.root.config",
    }
    write_configs(tmp_path, [MODEL], [None, "/models"])
    assert (tmp_path / "models.config").read_text() == render([MODEL])
    assert (tmp_path / "models.models.config").read_text() == render(at_root([MODEL], "/models"))
    assert len(list(tmp_path.iterdir())) == 2
