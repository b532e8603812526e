"""Reads off a function's signature what a component takes and makes, or says what is wrong with it."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeGuard, Union, get_args, get_origin, get_type_hints

from slipline.pipeline.core.artifact import Artifact, RunOutcome, Verdict
from slipline.pipeline.core.errors import DeclarationError
from slipline.pipeline.core.plain_values import Misfit, fitted, unplain, words_for

Say = Callable[[str], None]
"""Shows one short line of progress, replacing the last."""

SERVICES: Mapping[str, str] = {"out": "Path", "scratch": "Path", "say": "Say"}
"""Parameters that the runner fills, and how each is annotated."""

TAKEN = frozenset({"name", "only_if", "unless", "retries", "timeout_s"})
"""What `Pipeline.add` takes for itself."""


@dataclass(frozen=True)
class Input:
    """What an artifact parameter takes.

    Attributes:
      kind: The class of artifacts.
      optional: Whether it may be None.
      many: Whether it is a tuple of them.
    """

    kind: type[Artifact]
    optional: bool = False
    many: bool = False

    def __str__(self) -> str:
        """As its annotation is written."""
        name = self.kind.__name__
        return f"tuple[{name}, ...]" if self.many else f"{name} | None" if self.optional else name


@dataclass(frozen=True)
class Signature:
    """What a component takes and makes.

    Attributes:
      inputs: Artifact parameters, and what each takes.
      settings: Settings parameters and their annotations.
      defaults: Of inputs and settings, those that may be left out, and their values then; a record whose fields all
        have defaults is one of them.
      services: Which of `out`, `scratch` and `say` it takes.
      outcome: The parameter that takes how the run ended; None if there is none.
      output: The class of what it makes.
    """

    inputs: Mapping[str, Input]
    settings: Mapping[str, Any]
    defaults: Mapping[str, object]
    services: frozenset[str]
    outcome: str | None
    output: type[Artifact]


def read_signature(function: Callable[..., object]) -> Signature:
    """The signature of `function`.

    Raises:
      DeclarationError: It cannot be a component's; the message names the function and the parameter.
    """
    _can_be_found_again(function)
    inputs: dict[str, Input] = {}
    settings: dict[str, Any] = {}
    services: list[str] = []
    outcomes: list[str] = []
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        kind = _annotation(function, parameter)
        if name in SERVICES:
            _is_service(function, name, kind)
            services.append(name)
        elif kind is RunOutcome:
            outcomes.append(name)
        elif taken := _input(kind):
            inputs[name] = taken
        elif wrong := unplain(kind):
            part = f" with {wrong} in it" if wrong != words_for(kind) else ""
            raise _wrong(function, name, f"must be annotated with {KINDS}; got {words_for(kind)}{part}")
        else:
            settings[name] = kind
    if len(outcomes) > 1:
        raise _wrong(function, outcomes[1], f"is annotated RunOutcome, but {outcomes[0]!r} is already")
    given = {name: parameters[name].default for name in (*inputs, *settings)}
    return Signature(
        inputs=inputs,
        settings=settings,
        defaults={
            **_records_of_defaults(settings),
            **{
                name: _default(function, name, inputs.get(name, settings.get(name)), value)
                for name, value in given.items()
                if value is not inspect.Parameter.empty
            },
        },
        services=frozenset(services),
        outcome=next(iter(outcomes), None),
        output=_output(function),
    )


def _records_of_defaults(settings: Mapping[str, Any]) -> dict[str, object]:
    """A record for each parameter whose class has a default for every field."""
    records = {name: kind for name, kind in settings.items() if isinstance(kind, type) and is_dataclass(kind)}
    return {name: kind() for name, kind in records.items() if not any(map(_is_required, fields(kind)))}


def _is_required(field: Field[Any]) -> bool:
    return field.init and field.default is MISSING and field.default_factory is MISSING


KINDS = (
    "an Artifact class X, X | None or tuple[X, ...]; with bool, int, float, str, Path, an Enum, a Literal, or a tuple, "
    f"list or mapping of these; with a @params class; or be one of {', '.join(SERVICES)}"
)


def _can_be_found_again(function: Callable[..., object]) -> None:
    """A worker process finds a component by its module and name."""
    if not inspect.isfunction(function):
        raise DeclarationError(f"a component must be a function, got {type(function).__name__} {function!r}")
    if (
        inspect.isgeneratorfunction(function)
        or inspect.iscoroutinefunction(function)
        or inspect.isasyncgenfunction(function)
    ):
        raise DeclarationError(
            f"{_words(function)}: a component must be a plain function that returns its artifact; take out `yield`, "
            "`async` and `await`, and run what needs an event loop with asyncio.run()"
        )
    if not function.__qualname__.isidentifier():  # a lambda, a method, or `outer.<locals>.inner`
        raise DeclarationError(
            f"{_words(function)}: a component must be a function at the top level of its module, where another "
            "process finds it by name; move it there"
        )


def _annotation(function: Callable[..., object], parameter: inspect.Parameter) -> Any:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        raise _wrong(
            function, parameter.name, f"is {parameter.kind.description}, but each must have a name it is passed by"
        )
    if parameter.name in TAKEN:
        raise _wrong(function, parameter.name, "has a name that add() takes for itself; call it another")
    if parameter.annotation is parameter.empty:
        raise _wrong(function, parameter.name, f"has no annotation; it must be annotated with {KINDS}")
    return resolved(function, f"parameter {parameter.name!r}", parameter.annotation)


def resolved(function: Callable[..., object], what: str, annotation: object) -> Any:
    """What an annotation stands for, which may be written as text.

    Args:
      function: Has the annotation.
      what: Is annotated; for the message.
      annotation: As written.

    Raises:
      DeclarationError: It names something that is not there.
    """
    alone = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return get_type_hints(alone, globalns=getattr(function, "__globals__", {}))["it"]
    except (Exception, SystemExit) as error:  # it is code of whoever wrote it
        raise DeclarationError(
            f"{_words(function)}: {what} is annotated {annotation!r}, which cannot be read: {error}; import what it "
            "names at the top of the module, not under TYPE_CHECKING"
        ) from error


def _is_service(function: Callable[..., object], name: str, kind: object) -> None:
    is_say = get_args(kind) == get_args(Say) and get_origin(kind) is get_origin(Say)
    if not (is_say if name == "say" else kind is Path):
        raise _wrong(function, name, f"must be annotated {SERVICES[name]}, got {words_for(kind)}")


def _input(kind: object) -> Input | None:
    """What an artifact parameter takes; None if the annotation is of no such kind."""
    if _is_artifact(kind):
        return Input(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    artifacts = [argument for argument in arguments if _is_artifact(argument)]
    if len(artifacts) == 1 and origin in (Union, types.UnionType) and set(arguments) == {*artifacts, types.NoneType}:
        return Input(artifacts[0], optional=True)
    if artifacts and origin is tuple and arguments[1:] == (...,):
        return Input(artifacts[0], many=True)
    return None


def _is_artifact(kind: object) -> TypeGuard[type[Artifact]]:
    return isinstance(kind, type) and issubclass(kind, Artifact)


def _default(function: Callable[..., object], name: str, kind: Any, value: object) -> object:
    if isinstance(kind, Input):
        if (kind.optional and value is None) or (kind.many and value == ()):
            return value
        raise _wrong(function, name, f"takes {kind}, whose default can only be None or (), got {value!r}")
    try:
        return fitted(kind, value)
    except Misfit as misfit:
        raise _wrong(function, name, f"has a default that does not fit: it {misfit}") from None


def _output(function: Callable[..., object]) -> type[Artifact]:
    annotation = inspect.signature(function).return_annotation
    if annotation is inspect.Signature.empty:
        raise DeclarationError(f"{_words(function)}: the return annotation must be one Artifact class, got none")
    kind = resolved(function, "the return", annotation)
    if _is_artifact(kind):
        if wrong := _wrong_in(kind):
            raise DeclarationError(f"{_words(function)}: the return, {words_for(kind)}, {wrong}")
        return kind
    raise DeclarationError(
        f"{_words(function)}: the return annotation must be one Artifact class, got {words_for(kind)}"
    )


def _wrong_in(kind: type[Artifact]) -> str:
    """Why a class of artifacts cannot be kept and found again; empty if it can."""
    if vars(kind).get("__annotations__") and "__dataclass_fields__" not in vars(kind):
        return "has facts, but is no dataclass; put @dataclass(frozen=True, kw_only=True) above it"
    try:
        hints = get_type_hints(kind)
    except Exception as error:  # it is code of whoever wrote it
        return f"has a fact whose annotation cannot be read: {error}; import what it names at the top of its module"
    base = Verdict if issubclass(kind, Verdict) else Artifact
    for name, fact in get_type_hints(base).items():
        if hints[name] != fact:
            return f"has {name} of another type than every {base.__name__}: {words_for(hints[name])}"
    return ""


def _wrong(function: Callable[..., object], name: str, what: str) -> DeclarationError:
    return DeclarationError(f"{_words(function)}: parameter {name!r} {what}")


def _words(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
