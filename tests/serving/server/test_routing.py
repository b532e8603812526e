from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from slipline.serving.errors import BadRequest, ModelNotFound, VersionNotReady
from slipline.serving.server.routing import Meant, Served, Table
from slipline.serving.wire import serving_pb2

TABLE = Table(
    versions={"m": {1: Served(1, None), 3: Served(3, None), 2: Served(2, None)}, "empty": {}},  # type: ignore[arg-type]
    labels={"m": {"stable": 1, "gone": 9}},
)


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ({"name": "m"}, Meant("m")),
        ({"name": "m", "version": {"value": 3}}, Meant("m", 3)),
        ({"name": "m", "version": {"value": 0}}, Meant("m", 0)),
        ({"name": "m", "version_label": "stable"}, Meant("m", None, "stable")),
        ({"name": "m", "version_label": ""}, Meant("m", None, "")),
    ],
)
def test_a_request_means_a_number_a_label_or_the_highest(spec: dict[str, Any], meant: Meant) -> None:
    assert Meant.by(serving_pb2.ModelSpec(**spec)) == meant


@pytest.mark.parametrize(("meant", "number"), [(Meant("m"), 3), (Meant("m", 2), 2), (Meant("m", None, "stable"), 1)])
def test_the_version_that_is_meant_is_found(meant: Meant, number: int) -> None:
    assert TABLE.resolve(meant).version == number


@pytest.mark.parametrize(
    ("meant", "kind", "words"),
    [
        (Meant("m", 9), VersionNotReady, r"Specific\(m, 9\)"),
        (Meant("m", None, "gone"), VersionNotReady, r"Specific\(m, 9\)"),
        (Meant("nix", 1), VersionNotReady, r"Specific\(nix, 1\)"),
        (Meant("m", None, "nix"), BadRequest, "Unrecognized servable version label: nix"),
        (Meant("empty", None, "stable"), BadRequest, "Unrecognized servable version label: stable"),
        (Meant("nix"), ModelNotFound, r"Latest\(nix\)"),
        (Meant("empty"), ModelNotFound, r"Latest\(empty\)"),
    ],
)
def test_what_is_not_up_is_told_as_tensorflow_serving_does(meant: Meant, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        TABLE.resolve(meant)


def test_a_version_is_freed_once_the_last_request_left_and_lets_none_in_before() -> None:
    freed = threading.Event()
    served = Served(1, SimpleNamespace(close=freed.set))  # type: ignore[arg-type]
    assert served.enter()
    assert served.enter()
    closing = threading.Thread(target=served.close)
    closing.start()
    while served.enter():
        served.leave()
    served.leave()
    assert not freed.wait(0.05)
    served.leave()
    assert freed.wait(60)
    closing.join()
    assert not served.enter()


def test_a_version_that_nobody_asks_is_freed_at_once() -> None:
    freed = threading.Event()
    served = Served(1, SimpleNamespace(close=freed.set))  # type: ignore[arg-type]
    assert served.enter()
    served.leave()
    assert not freed.is_set()
    served.close()
    assert freed.is_set()
