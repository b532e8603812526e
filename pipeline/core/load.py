"""Finds a pipeline by its name, `package.module:attribute`, or says in one sentence why there is none."""

from __future__ import annotations

import difflib
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from slipline.pipeline.core.errors import LoadError, PipelineError, SettingsError, StoreError
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.core.plain_values import is_record
from slipline.pipeline.core.signature import resolved
from slipline.pipeline.core.visible import short_path

SHAPE = "write it as package.module:attribute, such as mine.flow:pipeline"


@dataclass(frozen=True)
class Loaded:
    """What a name leads to: a pipeline, or a function that returns one.

    Attributes:
      name: `package.module:attribute`.
      settings_class: The record of settings, or pydantic model, that the function takes; None if it takes nothing.
      file: The file of the module, and of a function its line.
    """

    name: str
    settings_class: type[Any] | None
    file: str
    _found: Pipeline | Callable[..., object]
    _offered: Mapping[str, object] = field(default_factory=dict)

    def pipeline(self, settings: object = None) -> Pipeline:
        """The pipeline.

        Args:
          settings: Of class `settings_class`; None if that is None.

        Raises:
          LoadError: The function failed, or returned something else.
        """
        if isinstance(self._found, Pipeline):
            return self._found
        taken = () if self.settings_class is None else (settings,)
        with _explaining(f"{self.name} fails"):
            made = self._found(*taken, **self._offered)
        if isinstance(made, Pipeline):
            return made
        raise LoadError(f"{self.name} must return a Pipeline, but it returned {_kind(made)} ({self.file})")


def load(name: str, *offers: object) -> Loaded:
    """The pipeline called `name`, or the function that returns it.

    Args:
      name: `package.module:attribute`, found from `sys.path`.
      *offers: What the function may take besides its settings, each by a parameter annotated with its class.

    Raises:
      LoadError: There is none; the message names the file and line at fault.
    """
    module_name, _, attribute = name.partition(":")
    if not attribute.isidentifier() or not all(part.isidentifier() for part in module_name.split(".")):
        raise LoadError(f"{name!r} names no pipeline; {SHAPE}")
    module = _imported(module_name)
    file = short_path(getattr(module, "__file__", None) or module_name)
    found = _attribute(module, attribute, file)
    if isinstance(found, Pipeline):
        return Loaded(name, None, file, found)
    if not inspect.isfunction(found):
        raise LoadError(
            f"{name} must be a Pipeline or a function that returns one, but it is {_kind(found)} ({file}); "
            f"{_pipelines_in(module)}"
        )
    where = f"{short_path(found.__code__.co_filename)}:{found.__code__.co_firstlineno}"
    settings_class, offered = _parameters(name, found, where, {type(offer): offer for offer in offers})
    return Loaded(name, settings_class, where, found, offered)


def _imported(name: str) -> ModuleType:
    try:
        with _explaining(f"{name} cannot be imported"):
            return import_module(name)
    except LoadError as error:
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and missing.name and f"{name}.".startswith(f"{missing.name}."):
            raise LoadError(
                f"there is no module {missing.name!r} to find {name!r} in, searched from {Path.cwd()}; {SHAPE}"
            ) from missing
        raise


def _attribute(module: ModuleType, name: str, file: str) -> object:
    try:
        return getattr(module, name)
    except AttributeError:
        near = difflib.get_close_matches(name, vars(module), n=1)
        hint = f"did you mean {near[0]!r}?" if near else _pipelines_in(module)
        raise LoadError(f"{module.__name__} has no {name!r} ({file}); {hint}") from None


def _pipelines_in(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, Pipeline)]
    return f"it has {', '.join(names)}" if names else "it has no Pipeline of another name"


def _parameters(
    name: str, function: Callable[..., object], where: str, offers: Mapping[type, object]
) -> tuple[type[Any] | None, Mapping[str, object]]:
    """The class of a function's settings, None if it has none, and what is offered of all else it takes."""
    taken = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)
    kinds = {
        parameter: resolved(function, f"parameter {parameter!r}", each.annotation)
        for parameter, each in taken.parameters.items()
    }
    offered = {parameter: offers[kind] for parameter, kind in kinds.items() if kind in offers}
    settings = [parameter for parameter in kinds if parameter not in offered]
    if not settings:
        return None, offered
    first = next(iter(taken.parameters.values()))
    if settings == [first.name] and first.kind is first.POSITIONAL_OR_KEYWORD and _is_settings(kinds[first.name]):
        return kinds[first.name], offered
    also = "".join(f", then what is annotated {kind.__name__}" for kind in offers)
    raise LoadError(
        f"{name} must take nothing, or one parameter annotated with a @params class, a dataclass or a pydantic model"
        f"{also}, but it takes {taken} ({where})"
    )


def _is_settings(kind: object) -> bool:
    pydantic = sys.modules.get("pydantic")  # a model of it cannot be there before it
    return is_record(kind) or (isinstance(kind, type) and pydantic is not None and issubclass(kind, pydantic.BaseModel))


@contextmanager
def _explaining(what: str) -> Iterator[None]:
    """Lets LoadErrors out of the block that say which line of a person's own code is at fault."""
    try:
        yield
    except (SettingsError, StoreError):  # the code is not at fault
        raise
    except (Exception, SystemExit) as error:
        words = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
        kind = "" if isinstance(error, PipelineError) else f"{type(error).__name__}: "
        raise LoadError(f"{what}: {kind}{words} ({_place(error)})") from error


def _place(error: BaseException) -> str:
    """File and line: of a syntax error its own, of others the last line of code that is not somebody else's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{short_path(error.filename)}:{error.lineno}"
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<frozen ")]
    installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    others = tuple(f"{folder}/" for folder in (*installed, Path(__file__).parents[2]))
    own = [each for each in frames if not each.filename.startswith(others)]
    last = (own or frames)[-1]
    return f"{short_path(last.filename)}:{last.lineno}"


def _kind(value: object) -> str:
    return "a class" if isinstance(value, type) else f"{type(value).__name__}"
