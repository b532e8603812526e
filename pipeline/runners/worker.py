"""The program of a worker process: imports what it is told to, calls components, and says what came of it.

A program of its own, not a copy of the caller: so a script without a guard is never run again, and a notebook, a prompt
or a script from standard input will do. What they define themselves comes along by value.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import Component, ComponentError
from slipline.pipeline.core.errors import PipelineError
from slipline.pipeline.runners.call import call_here, place_of, unexpected


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
    """A message for a worker; what the main program defines is in it by value."""
    return _written(_Pickler, message)


def answer(message: object) -> bytes:
    """A message for the main program; what that defines is in it by name, as it is there."""
    return _written(_Answer, message)


def _written(pickler: type[_Pickler], message: object) -> bytes:
    file = io.BytesIO()
    pickler(file).dump(message)
    return file.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Keeps the mark for a field without a default the one there is; pydantic asks whether it is."""

    def reducer_override(self, obj: Any) -> Any:
        """How pickle is to write `obj`; NotImplemented for as usual."""
        return (_missing, ()) if obj is MISSING else super().reducer_override(obj)


class _Answer(_Pickler):
    """Does not send a class of the main program back: arriving, it would change the one there."""

    def reducer_override(self, obj: Any) -> Any:
        """How pickle is to write `obj`; NotImplemented for as usual."""
        if isinstance(obj, type) and obj.__module__ == "__main__" and obj.__qualname__.isidentifier():
            return _of_main, (obj.__qualname__,)
        return super().reducer_override(obj)


def _missing() -> object:
    return MISSING


def _of_main(name: str) -> object:
    return getattr(sys.modules["__main__"], name)


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
    gc.disable()  # imports leave no garbage, and looking for it takes a fourth of their time
    for module in loads:
        with suppress(ImportError):  # the component that needs it says so better
            importlib.import_module(module)
    gc.enable()
    with Connection(requests) as connection, suppress(EOFError):
        while True:
            _answer(connection)


def _answer(connection: Connection) -> None:
    message, process, one_at_a_time = connection.recv_bytes(), os.getpid(), threading.Lock()

    def say(line: str) -> None:
        with one_at_a_time:  # a component may have threads
            connection.send_bytes(answer(Said(line)))

    outcome = _outcome(message, say)
    if os.getpid() != process:
        os._exit(0)  # a copy of this process that the component made; the answer is not its to give
    with one_at_a_time:
        connection.send_bytes(outcome)
    sys.stdout.flush()
    sys.stderr.flush()


def _outcome(message: bytes, say: Callable[[str], None]) -> bytes:
    component: Component[Any, Any] | None = None
    try:
        request: Request = pickle.loads(message)
        component = _component(request)
        return _packed(call_here(component, request.arguments, say), component)
    except (ComponentError, PipelineError) as error:
        traceback.print_exc()
        return answer(Refused(str(error)))
    except BaseException as error:
        traceback.print_exc()
        return answer(Refused(unexpected(error, component)))


def _component(request: Request) -> Component[Any, Any]:
    if isinstance(request.component, Component):
        return request.component
    module, name = request.component
    found: Component[Any, Any] = getattr(importlib.import_module(module), name)
    return found


def _packed(artifact: Artifact, component: Component[Any, Any]) -> bytes:
    try:
        return answer(Made(artifact))
    except (Exception, SystemExit) as error:  # whatever its facts raise when they are pickled
        raise ComponentError(
            f"made a {type(artifact).__name__} with a fact that no other process can be given ({error}); "
            f"facts are plain values, records and paths ({place_of(component)})"
        ) from error


def _end_with_parent(pipe: int) -> None:
    os.read(pipe, 1)
    os.killpg(0, signal.SIGKILL)
