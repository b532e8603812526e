"""The program of a worker process: imports what it is told to, calls components, and says what came of it.

A program of its own, not a copy of the caller: so a script without a guard is never run again, and a notebook, a prompt
or a script from standard input will do. What they define themselves comes along by value.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import Component, ComponentError
from slipline.pipeline.core.errors import PipelineError
from slipline.pipeline.runners.execute import call_here


@dataclass(frozen=True)
class Request:
    """A component to be called.

    Attributes:
      component: Where it is found; or itself, if it is the main program's.
      arguments: All but `say`.
    """

    component: tuple[str, str] | Component[Any, Any]
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class Said:
    """A line of progress."""

    line: str


@dataclass(frozen=True)
class Made:
    """What the component returned."""

    artifact: Artifact


@dataclass(frozen=True)
class Refused:
    """Why it made nothing, in words for a person."""

    message: str


def request_for(component: Component[Any, Any], arguments: Mapping[str, object]) -> bytes:
    """The message that has a worker call `component`."""
    named = component if component.module == "__main__" else (component.module, component.name)
    return pickled(Request(named, arguments))


def pickled(message: object) -> bytes:
    """A message for another process; what the main program defines is in it by value."""
    packed: bytes = cloudpickle.dumps(message)
    return packed


def serve(requests: int, parent: int, loads: tuple[str, ...]) -> None:
    """Works until there is nobody to work for.

    Args:
      requests: Descriptor of the socket that requests come from and answers go to.
      parent: Descriptor of a pipe whose other end closes with the parent.
      loads: Modules to import before the first request.
    """
    for descriptor in (requests, parent):
        os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    for module in loads:
        with suppress(ImportError):  # the component that needs it says so better
            importlib.import_module(module)
    with Connection(requests) as connection, suppress(EOFError):
        while True:
            _answer(connection)


def _answer(connection: Connection) -> None:
    message = connection.recv_bytes()

    def say(line: str) -> None:
        connection.send_bytes(pickled(Said(line)))

    connection.send_bytes(_outcome(message, say))
    sys.stdout.flush()
    sys.stderr.flush()


def _outcome(message: bytes, say: Callable[[str], None]) -> bytes:
    try:
        request: Request = pickle.loads(message)
        return _packed(call_here(_component(request), request.arguments, say))
    except (ComponentError, PipelineError) as error:
        traceback.print_exc()
        return pickled(Refused(str(error)))
    except BaseException as error:
        traceback.print_exc()
        words = f"unexpected {type(error).__name__}: {error}; the run's log has the traceback"
        return pickled(Refused(words))


def _component(request: Request) -> Component[Any, Any]:
    if isinstance(request.component, Component):
        return request.component
    module, name = request.component
    found: Component[Any, Any] = getattr(importlib.import_module(module), name)
    return found


def _packed(artifact: Artifact) -> bytes:
    try:
        return pickled(Made(artifact))
    except Exception as error:  # whatever its facts raise when they are pickled
        raise ComponentError(
            f"made a {type(artifact).__name__} with a fact that no other process can be given ({error}); "
            "facts are plain values, records and paths"
        ) from error


def _end_with_parent(pipe: int) -> None:
    os.read(pipe, 1)
    os.killpg(0, signal.SIGKILL)
