"""Plain settings: which annotations a setting may have, and whether a value fits one.

A value that fits is brought into its annotation's own form, so that the same settings have the same cache key however
they were written: `[1, 2]` for `tuple[int, ...]` becomes `(1, 2)`, `"a/b"` for `Path` a path, `1` for `float` `1.0`.
Nothing else is guessed: no number from a text, no truth value from a number.
"""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from slipline.pipeline.core.artifact import Artifact

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LEAVES = (bool, int, float, str, Path)
CONTAINERS = (tuple, list, dict, Mapping, Sequence)


class Misfit(Exception):
    """A value does not fit its annotation; the message says what was wanted and what came."""


def unplain(kind: Any, inside: tuple[object, ...] = ()) -> str:
    """What keeps settings from being annotated with `kind`; empty if nothing does.

    Plain are bool, int, float, str, Path, enumerations, literals, unions of these, tuples, lists and mappings of these,
    and records all whose fields in the cache key are of these.

    Args:
      kind: An annotation.
      inside: The records that it is part of.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (*LEAVES, None, types.NoneType, *inside) or origin is Literal or _is_class(kind, enum.Enum):
        return ""
    if origin in (Union, types.UnionType, *CONTAINERS):
        return next(filter(None, (unplain(each, inside) for each in arguments if each is not ...)), "")
    if is_record(kind):
        try:
            hints = get_type_hints(kind)
        except (Exception, SystemExit) as error:  # it is code of whoever wrote it
            return f"{words_for(kind)}, whose annotations cannot be read: {error}"
        wrong = ((field.name, unplain(hints[field.name], (*inside, kind))) for field in in_cache_key(kind))
        return next((f"{words_for(kind)}, whose {name} is {what}" for name, what in wrong if what), "")
    return words_for(kind)


def in_cache_key(record: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a record that what comes out depends on."""
    return [field for field in dataclasses.fields(record) if not field.metadata.get("outside_cache_key")]


def is_record(kind: object) -> bool:
    """Whether `kind` is a class of records, such as `@params` makes."""
    return dataclasses.is_dataclass(kind) and not _is_class(kind, Artifact)


def fitted(kind: Any, value: object) -> Any:
    """`value` in the form that `kind` asks for.

    Args:
      kind: A plain annotation.
      value: What was given.

    Raises:
      Misfit: It does not fit.
    """
    if is_record(kind):
        if not isinstance(value, kind):
            raise Misfit(f"must be {words_for(kind)}, got {type(value).__name__} {value!r}")
        _leaves_fit(value)
        return value
    if type(value) is kind:  # without the import below
        return value
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(value)
    except ValidationError:
        raise Misfit(f"must be {words_for(kind)}, got {type(value).__name__} {value!r}") from None


def _leaves_fit(record: Any) -> None:
    """Checks a record's plain fields, which Python itself does not."""
    for name, kind in _leaves(record.__class__):
        value = getattr(record, name)
        is_whole_float = kind is float and type(value) is int
        if not is_whole_float and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise Misfit(f"has {name}={value!r}, but {name} must be {words_for(kind)}")


@cache
def _leaves(record: Any) -> list[tuple[str, type]]:
    hints = get_type_hints(record)
    return [(field.name, hints[field.name]) for field in dataclasses.fields(record) if hints[field.name] in LEAVES]


def words_for(kind: object) -> str:
    """An annotation as a person would write it."""
    return kind.__qualname__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(_strict(kind))


def _strict(kind: Any) -> Any:
    """The annotation for pydantic: leaves exactly as they are, containers from any ordered one, paths from text."""
    from pydantic import BeforeValidator, InstanceOf, Strict

    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (bool, int, float, str):
        return Annotated[kind, Strict()]
    if is_record(kind):
        instance: Any = InstanceOf  # a type checker sees the class itself, which takes no argument
        return instance[kind]
    if origin in (Union, types.UnionType):
        return Union[tuple(map(_strict, arguments))]  # noqa: UP007 - built while it runs
    if origin in CONTAINERS:
        generic: Any = {Sequence: tuple, Mapping: dict}.get(origin, origin)
        inner = tuple(argument if argument is ... else _strict(argument) for argument in arguments)
        inner = (*inner, ...) if origin is Sequence else inner
        return Annotated[generic[inner], BeforeValidator(_ordered)]
    return kind


def _ordered(value: object) -> object:
    """Refuses what has no order of its own, which would give the same settings another key in each run."""
    if isinstance(value, set | frozenset):
        raise ValueError("a set has no order")
    return value


def _is_class(kind: object, parent: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, parent)
