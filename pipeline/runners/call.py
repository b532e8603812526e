"""A call of a component: what goes wrong in it comes out in words for a person.

Apart from `execute.py`, as worker processes call components and need no store for it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import Component, ComponentError, Say
from slipline.pipeline.core.errors import PipelineError, StepError
from slipline.pipeline.core.visible import MOST_CHARACTERS, told

Call = Callable[[Component[Any, Any], Mapping[str, object], Say], Artifact]
"""Calls a component with its arguments, here or in another process."""

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def call_here(component: Component[Any, Any], arguments: Mapping[str, object], say: Say) -> Artifact:
    """Calls `component` in this process; `say` is passed on if it takes one.

    Raises:
      ComponentError: It failed; of a failure that it did not foresee, the cause says where.
    """
    service = {"say": say} if "say" in component.services else {}
    with only_component_errors(component):
        made: Artifact = component(**arguments, **service)
        return made


def place_of(component: Component[Any, Any]) -> str:
    """The file and line of its function."""
    code = getattr(component.function, "__code__", None)
    return f"{code.co_filename}, line {code.co_firstlineno}" if code else component.module


@contextmanager
def only_component_errors(component: Component[Any, Any]) -> Iterator[None]:
    """Lets foreseen failures out of the block as they are, others in words for a person and the cause kept."""
    try:
        yield
    except (ComponentError, StepError):
        raise
    except SystemExit as error:
        where = _line_of(error, component)
        raise ComponentError(f"it called sys.exit({error.code!r}); raise an error instead ({where})") from error
    except Exception as error:
        if _is_disk_full(error):
            raise ComponentError(
                "no space left to write its result; nothing half-written was kept. "
                "Free space, or move the home with SLIPLINE_HOME, and run again"
            ) from error
        if isinstance(error, PipelineError):
            raise
        raise ComponentError(unexpected(error, component)) from error


def unexpected(error: BaseException, component: Component[Any, Any] | None) -> str:
    """What nobody foresaw, in words; with the line, where the component is known."""
    words = told(_words(error), MOST_CHARACTERS // 2)
    where = f" ({_line_of(error, component)})" if component else ""
    return f"unexpected {type(error).__name__}{': ' if words else ''}{words}{where}; the run's log has the traceback"


def _words(error: BaseException) -> str:
    """All that an error says; empty if it cannot say it."""
    try:
        return str(error)
    except (Exception, SystemExit):
        return ""


def _line_of(error: BaseException, component: Component[Any, Any]) -> str:
    """The line of the component's file that was under way; that of its function if none was."""
    code = getattr(component.function, "__code__", None)
    lines, traceback = [], error.__traceback__
    while traceback is not None:
        if code is not None and traceback.tb_frame.f_code.co_filename == code.co_filename:
            lines.append(traceback.tb_lineno)
        traceback = traceback.tb_next
    return f"{code.co_filename}, line {lines[-1]}" if code is not None and lines else place_of(component)


def _is_disk_full(error: BaseException) -> bool:
    """Whether the disk is full; Beam, TensorFlow and SQLite say so only in the text of errors of their own."""
    words = ("No space left on device", "database or disk is full")
    return (isinstance(error, OSError) and error.errno in DISK_FULL) or any(text in _words(error) for text in words)
