"""Turns a typed function into a component: what it takes, what it makes, how it may be run.

A component's parameters are read by their annotation and name:

* `X`, `X | None` or `tuple[X, ...]`, with X an `Artifact` class: an input, made by other steps or given from outside;
* bool, int, float, str, Path, enumerations, literals, and tuples, lists and mappings of these: plain settings;
* a class declared with `@params`: a record of settings;
* `RunOutcome`: how the run ended, for a component that `Pipeline.at_end` takes;
* `out: Path`: an empty folder that belongs to this execution alone;
* `scratch: Path`: a folder that outlives a kill, for work worth resuming;
* `say: Say`: tells the person at the terminal how far the work is.

The return annotation is the artifact it makes. The function stays callable as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar, overload

from typing_extensions import dataclass_transform

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.errors import DeclarationError
from slipline.pipeline.core.signature import Input, Say, Signature, read_signature

__all__ = [
    "NAMES_CODE",
    "OUTSIDE_CACHE_KEY",
    "Component",
    "ComponentError",
    "Input",
    "Reads",
    "Say",
    "Stated",
    "component",
    "params",
]

P = ParamSpec("P")
A = TypeVar("A", bound=Artifact)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What is known, without reading it, of something that a result depends on.

    Attributes:
      name: What it is, such as the address of a remote file.
      facts: What tells it from another of that name, such as its size and time of last change.
    """

    name: str
    facts: str


Reads = Callable[..., Sequence["Path | Stated"]]
"""From those of a component's settings that it names as parameters to what is read besides the inputs.

Files on this machine are given as paths, and known by their content.
"""


class ComponentError(Exception):
    """A failure its component foresaw: the message states what was wanted, what came, where, and the remedy."""


OUTSIDE_CACHE_KEY: Mapping[str, bool] = {"outside_cache_key": True}
"""Field metadata of a setting that says where or how fast, never what comes out: a path, a port, a worker count."""

NAMES_CODE: Mapping[str, bool] = {"names_code": True}
"""Field metadata of a setting `package.module:function`: the code it names is in the cache key."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def params(cls: type[T]) -> type[T]:
    """Declares a frozen record of settings; unknown keys are refused where it is read.

    Every field is in the cache key but those with `field(metadata=OUTSIDE_CACHE_KEY)`.
    """
    cls.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)


@dataclass(frozen=True)
class Component(Signature, Generic[P, A]):
    """A typed function that makes one artifact; what it takes and makes is its `Signature`.

    Attributes:
      output: The class of what it makes.
      function: The function itself.
      cached: Whether an earlier result may stand in for a new execution.
      loads: Slow modules, imported ahead in a process kept for the components that share them.
      runs: Modules and packages that it runs without importing them by name, such as a program it starts.
      reads: The outside files its result depends on, or facts about them, found from its settings.
    """

    output: type[A]
    function: Callable[P, A]
    cached: bool
    loads: tuple[str, ...]
    runs: tuple[str, ...]
    reads: Reads | None

    def __post_init__(self) -> None:
        """Lets `help()` and editors show the function."""
        object.__setattr__(self, "__doc__", self.function.__doc__)
        object.__setattr__(self, "__wrapped__", self.function)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def module(self) -> str:
        """The module that defines it."""
        return self.function.__module__

    def outside_files(self, settings: Mapping[str, object]) -> Sequence[Path | Stated]:
        """The files besides its inputs that its result depends on, under these settings."""
        if self.reads is None:
            return ()
        wanted = inspect.signature(self.reads).parameters
        return self.reads(**{name: settings[name] for name in wanted})

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> A:
        """Calls the function, with nothing around it."""
        return self.function(*args, **kwargs)


@overload
def component(function: Callable[P, A]) -> Component[P, A]: ...
@overload
def component(
    *, cached: bool = True, loads: tuple[str, ...] = (), runs: tuple[str, ...] = (), reads: Reads | None = None
) -> Callable[[Callable[P, A]], Component[P, A]]: ...
def component(
    function: Callable[P, A] | None = None,
    *,
    cached: bool = True,
    loads: tuple[str, ...] = (),
    runs: tuple[str, ...] = (),
    reads: Reads | None = None,
) -> Component[P, A] | Callable[[Callable[P, A]], Component[P, A]]:
    """Declares `function` a component.

    Args:
      function: Typed throughout; see the head of this module.
      cached: False for one whose result depends on more than its inputs, settings and files read.
      loads: Modules worth importing before the step's turn comes.
      runs: Modules and packages whose code counts although it does not import them by name.
      reads: From the settings parameters to the outside files the result depends on.

    Returns:
      The component.

    Raises:
      DeclarationError: The function cannot be found again, or a parameter is of none of the kinds above.
    """

    def declare(function: Callable[P, A]) -> Component[P, A]:
        signature = read_signature(function)
        _options_fit(function, signature, cached=cached, loads=loads, runs=runs, reads=reads)
        return Component(function=function, cached=cached, loads=loads, runs=runs, reads=reads, **vars(signature))

    return declare if function is None else declare(function)


def _options_fit(
    function: Callable[..., object],
    signature: Signature,
    *,
    cached: object,
    loads: object,
    runs: object,
    reads: Reads | None,
) -> None:
    where = f"{function.__module__}.{function.__qualname__}"
    if not isinstance(cached, bool):
        raise DeclarationError(f"{where}: cached must be True or False, got {cached!r}")
    if reads is not None and not inspect.isroutine(reads):
        raise DeclarationError(f"{where}: reads must be a function of the component's settings, got {reads!r}")
    for option, modules in (("loads", loads), ("runs", runs)):
        if not isinstance(modules, tuple) or not all(isinstance(module, str) for module in modules):
            raise DeclarationError(f"{where}: {option} must be a tuple of names of modules, got {modules!r}")
    unknown = [name for name in inspect.signature(reads).parameters if name not in signature.settings] if reads else []
    if unknown:
        raise DeclarationError(
            f"{where}: reads takes {', '.join(unknown)}, but the component's settings are "
            f"{', '.join(signature.settings) or 'none'}"
        )
