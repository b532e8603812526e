"""The config that a server follows: the last one that came, whether from its file or by a call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from slipline.serving.server.versions.sources import ModelSource


class ConfigInForce:
    """Puts one config in force at a time, whoever brings it."""

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
