"""Settings as people write them: TOML files and `--set` options are read here and nowhere else.

What they may say is told by a record: a class declared with `@params`, a dataclass or a pydantic model, whose fields of
such a class are the sections.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from slipline.pipeline.core.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

Location = tuple[str | int, ...]
"""The keys, from the outermost section on, that lead to a value."""


@dataclass(frozen=True)
class SettingsText:
    """Settings as they were read.

    Attributes:
      origin: What messages call them.
      values: The tables of the TOML.
      pipeline: Whose settings they are, as `package.module:attribute`; None if they do not say it.
    """

    origin: str
    values: Mapping[str, Any]
    pipeline: str | None = None

    def fill(self, kind: type[T], overrides: Iterable[str] = ()) -> T:
        """A record of class `kind` with these settings, some overridden, the rest at its defaults.

        Args:
          kind: The record.
          overrides: `section.key=value` each, the value as in TOML; a bare word is a string.

        Raises:
          SettingsError: A key is unknown, or a value is refused; names key and value.
        """
        values = _copied(self.values)
        for override in overrides:
            _override(kind, values, override)
        if unknown := list(_unknown(kind, values)):
            raise SettingsError("\n".join(_unknown_key(self.origin, kind, location) for location in unknown))
        try:
            filled: T = TypeAdapter(kind).validate_python(values)
        except ValidationError as error:
            raise SettingsError(explained(self.origin, kind, error)) from error
        return filled


def read_settings(source: str, *, also: str = "") -> SettingsText:
    """The settings in a TOML file, or in one that Slipline brings.

    Args:
      source: Path of a TOML file, or the name of one of Slipline's own.
      also: What else could have been given, for the message where it is neither.

    Raises:
      SettingsError: The file cannot be read, is no TOML, or names no pipeline by a text; names file and line.
    """
    origin, text = _read(source, also)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{origin}: not valid TOML: {error}") from error
    pipeline = values.pop("pipeline", None)
    if pipeline is not None and not isinstance(pipeline, str):
        raise SettingsError(f'{origin}: pipeline must be a text such as "mine.flow:pipeline", got {pipeline!r}')
    return SettingsText(origin, values, pipeline)


def _read(source: str, also: str) -> tuple[str, str]:
    own = files("slipline.pipeline.app") / "settings"
    path = Path(source)
    if path.suffix != ".toml" and (own / f"{source}.toml").is_file():
        return f"settings {source!r}", (own / f"{source}.toml").read_text("utf-8")
    try:
        return str(path), path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(Path(file.name).stem for file in own.iterdir() if file.name.endswith(".toml")))
        raise SettingsError(
            f"{path}: cannot be read as settings ({getattr(error, 'strerror', None) or error}); "
            f"give a TOML file{also}, or one of {names}"
        ) from error


def put(values: dict[str, Any], name: str, value: object) -> None:
    """Sets one setting, named `section.key`.

    Raises:
      TypeError: What should be a section is a value.
    """
    *sections, key = name.split(".")
    table = values
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise TypeError(f"{section} is a value, not a section")
    table[key] = value


def explained(origin: str, kind: type[Any], error: ValidationError) -> str:
    """What is wrong with settings, a line for each of them."""
    return "\n".join(_explain_one(origin, kind, problem) for problem in error.errors(include_url=False))


def _override(kind: type[Any], values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise SettingsError(f"--set {override}: wanted SECTION.KEY=VALUE, such as train.seed=2")
    try:
        put(values, name.strip(), _value(text.strip()))
    except TypeError as error:
        sections = ", ".join(sorted(key for key, held in _types(kind).items() if _types(held))) or "none"
        raise SettingsError(f"--set {override}: {error}; the sections are: {sections}") from error


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _explain_one(origin: str, kind: type[Any], problem: Mapping[str, Any]) -> str:
    location: Location = problem["loc"]
    key = ".".join(map(str, location))
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return _unknown_key(origin, kind, location)
    if problem["type"] in ("missing", "missing_keyword_only_argument", "missing_argument"):
        return f"{origin}: {key} is not set, and has no default"
    message = str(problem["msg"]).removeprefix("Value error, ")
    got = "" if problem["type"] == "value_error" else f", got {problem['input']!r}"  # our own messages say it
    return ": ".join(filter(None, (origin, key, f"{message[:1].lower()}{message[1:]}{got}")))


def _unknown_key(origin: str, kind: type[Any], location: Location) -> str:
    """The nearest key that there is, and all of them."""
    held: Any = kind
    for part in location[:-1]:
        held = _held(held, part)
    known = sorted(_types(held))
    near = get_close_matches(str(location[-1]), known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ";"
    return f"{origin}: unknown key {'.'.join(map(str, location))}{hint} Known here: {', '.join(known) or 'none'}"


def _unknown(kind: Any, values: object, at: Location = ()) -> Iterator[Location]:
    """Where values have keys that a record passes over; those that refuse them say so themselves."""
    entries = enumerate(values) if isinstance(values, list) else values.items() if isinstance(values, Mapping) else ()
    types = _types(kind)
    for key, value in entries:
        if types and key not in types and _extra(kind) is None:
            yield (*at, key)
        else:
            yield from _unknown(_held(kind, key), value, (*at, key))


def _extra(kind: Any) -> str | None:
    """What pydantic is told to do about unknown keys."""
    record = _record(kind)
    config: Any = getattr(record, "model_config", None) or getattr(record, "__pydantic_config__", None) or {}
    extra: str | None = config.get("extra")
    return extra


def _held(kind: Any, part: str | int) -> Any:
    """The type of what lies under a key, or at a place in a list; None if the type does not tell."""
    kind = _stripped(kind)
    if get_origin(kind) in (list, tuple) or (
        isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping)
    ):
        of_each = [argument for argument in get_args(kind) if argument is not ...]
        return of_each[-1] if of_each else None
    return _types(kind).get(str(part))


def _types(kind: Any) -> Mapping[str, Any]:
    """The type of each key of a record; empty if it is none."""
    record = _record(kind)
    if record is None:
        return {}
    if issubclass(record, BaseModel):
        return {field.alias or name: field.annotation for name, field in record.model_fields.items()}
    hints = get_type_hints(record)
    return {name: hints[name] for name, field in record.__dataclass_fields__.items() if field.init}


def _record(kind: Any) -> Any:
    kind = _stripped(kind)
    return kind if isinstance(kind, type) and (issubclass(kind, BaseModel) or is_dataclass(kind)) else None


def _stripped(kind: Any) -> Any:
    """The type without what is added to it: `Annotated`, and `| None`."""
    if get_origin(kind) is Annotated:
        return _stripped(get_args(kind)[0])
    others = [argument for argument in get_args(kind) if argument is not type(None)]
    return _stripped(others[0]) if len(others) == 1 and type(None) in get_args(kind) else kind
