from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from slipline.serving.errors import ConfigRefused
from slipline.serving.server.versions.sources import ConfigInForce, ModelSource


def sources(version: int) -> dict[str, ModelSource]:
    return {"m": ModelSource(name="m", base_path=Path("/m"), only=frozenset({version}))}


class Applied:
    """Keeps every config that was put in force."""

    def __init__(self) -> None:
        self.configs: list[Mapping[str, ModelSource]] = []

    def configure(self, config: Mapping[str, ModelSource]) -> set[str]:
        self.configs.append(config)
        return set(config)


@pytest.fixture
def applied() -> Applied:
    return Applied()


@pytest.fixture
def config(applied: Applied) -> ConfigInForce:
    return ConfigInForce(applied.configure)


def test_file_that_stays_the_same_does_not_undo_a_call(applied: Applied, config: ConfigInForce) -> None:
    config.follow(lambda: sources(1))
    assert config.replace(sources(2)) == {"m"}
    config.follow(lambda: sources(1))
    assert applied.configs == [sources(1), sources(2)]


def test_file_that_changed_is_followed(applied: Applied, config: ConfigInForce) -> None:
    config.follow(lambda: sources(1))
    config.follow(lambda: sources(2))
    config.follow(lambda: sources(1))
    assert applied.configs == [sources(1), sources(2), sources(1)]


def test_call_that_comes_while_the_file_is_read_has_the_last_word(applied: Applied, config: ConfigInForce) -> None:
    call = threading.Thread(target=config.replace, args=(sources(2),))

    def read() -> Mapping[str, ModelSource]:
        call.start()
        call.join(0.1)  # time for it to overtake, if it could
        return sources(1)

    config.follow(read)
    call.join()
    assert applied.configs == [sources(1), sources(2)]


def test_file_that_cannot_be_followed_is_read_again_next_time(applied: Applied, config: ConfigInForce) -> None:
    def broken() -> Mapping[str, ModelSource]:
        raise ConfigRefused("broken")

    with pytest.raises(ConfigRefused):
        config.follow(broken)
    config.follow(lambda: sources(1))
    assert applied.configs == [sources(1)]
