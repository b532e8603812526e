"""Settings as people write them: TOML files and `--set` options are read here and nowhere else.

What they may say is told by a record: a class declared with `@params`, a dataclass or a pydantic model, whose fields of
such a class are the sections.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema

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
        record: TypeAdapter[T] = TypeAdapter(kind)
        try:
            return record.validate_python(values, extra="forbid")
        except ValidationError as error:
            if wrong := explained(self.origin, kind, error):
                raise SettingsError(wrong) from error
            return record.validate_python(values)


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
    """What is wrong with settings, a line for each of them; empty if it is keys alone of records that take any."""
    return "\n".join(filter(None, (_explain_one(origin, kind, each) for each in error.errors(include_url=False))))


def _override(kind: type[Any], values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise SettingsError(f"--set {override}: wanted SECTION.KEY=VALUE, such as train.seed=2")
    try:
        put(values, name.strip(), _value(text.strip()))
    except TypeError as error:
        sections = sorted(key for key in _told(kind).get("properties", ()) if "properties" in _told(kind, (key,)))
        names = ", ".join(sections) or "none"
        raise SettingsError(f"--set {override}: {error}; the sections are: {names}") from error


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
    """The nearest key that there is, and all of them; empty if there any key may be."""
    section = _told(kind, location[:-1])
    if section.get("additionalProperties") is True:
        return ""
    known = sorted(section.get("properties", ()))
    near = get_close_matches(str(location[-1]), known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ";"
    return f"{origin}: unknown key {'.'.join(map(str, location))}{hint} Known here: {', '.join(known) or 'none'}"


class _AnyType(GenerateJsonSchema):
    """Passes over what JSON Schema has no words for."""

    def emit_warning(self, kind: object, detail: str) -> None:
        """Warns of nothing."""

    def handle_invalid_for_json_schema(self, schema: object, error_info: str) -> dict[str, Any]:
        """A schema that asks for nothing."""
        return {}


def _told(kind: type[Any], location: Location = ()) -> Mapping[str, Any]:
    """What the record says of the value that lies there, as JSON Schema; empty if it does not tell."""
    whole = TypeAdapter(kind).json_schema(schema_generator=_AnyType)

    def bare(schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without what leads to it: a reference, or `| None`."""
        others = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
        if len(others) == 1:
            return bare(others[0])
        return whole["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    found = bare(whole)
    for part in location:
        entries = found.get("items") or found.get("additionalProperties") or {}
        found = bare(found.get("properties", {}).get(part, entries))
    return found
