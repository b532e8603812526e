"""Settings of any record: params classes, dataclasses and pydantic models, in each other as sections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from slipline.pipeline.app.settings.settings_file import SettingsText, read_settings
from slipline.pipeline.core.component import params
from slipline.pipeline.core.errors import SettingsError


@params
class Inner:
    depth: int = 1
    label: str = "x"


@dataclass(frozen=True)
class Plain:
    wide: bool = False
    inner: Inner = field(default_factory=Inner)
    several: tuple[Inner, ...] = ()
    perhaps: Inner | None = None
    by_name: Mapping[str, Inner] = field(default_factory=dict)


class Loose(BaseModel):
    share: float = 0.5
    plain: Plain = Plain()


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    share: float = 0.5


@dataclass(frozen=True)
class Own:
    loose: Loose = field(default_factory=Loose)
    open: Open = field(default_factory=Open)
    plain: Plain = field(default_factory=Plain)
    inner: Inner = field(default_factory=Inner)
    root: Path = Path()


@dataclass(frozen=True)
class Needy:
    folder: Path
    epochs: int = 1


def filled(kind: type[Any], values: Mapping[str, Any], *overrides: str) -> Any:
    return SettingsText("mine.toml", values).fill(kind, overrides)


def refused(kind: type[Any], values: Mapping[str, Any], *overrides: str) -> str:
    with pytest.raises(SettingsError) as refusal:
        filled(kind, values, *overrides)
    return str(refusal.value)


LEAVES = {
    "loose.share": st.floats(0, 1),
    "loose.plain.wide": st.booleans(),
    "loose.plain.inner.depth": st.integers(-5, 5),
    "plain.inner.label": st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1).filter(
        lambda word: word not in ("true", "false", "nan", "inf") and not word[0].isdecimal()
    ),
    "plain.perhaps.depth": st.integers(-5, 5),
    "inner.depth": st.integers(-5, 5),
}


def as_toml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for name, value in values.items():
        *sections, key = name.split(".")
        table = tables
        for section in sections:
            table = table.setdefault(section, {})
        table[key] = value
    return tables


@given(st.fixed_dictionaries({}, optional=LEAVES), st.fixed_dictionaries({}, optional=LEAVES))
def test_an_override_says_the_same_as_the_file_and_wins_over_it(
    file: dict[str, Any], overrides: dict[str, Any]
) -> None:
    text = nested(file)
    found = filled(Own, text, *(f"{name}={as_toml(value)}" for name, value in overrides.items()))
    assert found == filled(Own, nested({**file, **overrides}))
    assert text == nested(file)


@pytest.mark.parametrize(
    "section",
    ["", "loose.", "loose.plain.", "loose.plain.inner.", "plain.", "plain.perhaps.", "plain.by_name.one.", "inner."],
)
@pytest.mark.parametrize("value", ["1", '"text"', "{a=1}"])
def test_an_unknown_key_is_refused_in_every_kind_of_section(section: str, value: str) -> None:
    assert f"mine.toml: unknown key {section}epocs" in refused(Own, {}, f"{section}epocs={value}")


def test_an_unknown_key_is_told_with_the_nearest_and_with_all_there_are() -> None:
    assert refused(Own, {"loose": {"plain": {"wode": True}}}) == (
        "mine.toml: unknown key loose.plain.wode; did you mean wide? Known here: by_name, inner, perhaps, several, wide"
    )
    assert refused(Own, {"plain": {"several": [{"depth": 2}, {"zzz": 2}]}}) == (
        "mine.toml: unknown key plain.several.1.zzz; Known here: depth, label"
    )


def test_a_model_that_takes_any_key_gets_it() -> None:
    assert filled(Own, {"open": {"more": 3}}).open.model_extra == {"more": 3}


def test_what_has_no_default_must_be_set() -> None:
    assert refused(Needy, {}) == "mine.toml: folder is not set, and has no default"
    assert asdict(filled(Needy, {}, "folder=data")) == {"folder": Path("data"), "epochs": 1}


def test_each_wrong_value_is_told_with_its_key() -> None:
    lines = refused(Own, {"inner": {"depth": "deep"}, "loose": {"share": "half"}}).splitlines()
    assert [line.partition(": input")[0] for line in lines] == ["mine.toml: loose.share", "mine.toml: inner.depth"]
    assert lines[1].endswith("got 'deep'")


def test_a_value_named_as_a_section_is_told_with_the_sections_there_are() -> None:
    told = refused(Own, {"root": "here"}, "root.x=1")
    assert told == "--set root.x=1: root is a value, not a section; the sections are: inner, loose, open, plain"
    assert refused(Needy, {"epochs": 1}, "epochs.x=1").endswith("the sections are: none")


def test_the_pipeline_that_a_file_names_is_none_of_its_settings(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('pipeline = "mine.flow:pipeline"\n[inner]\ndepth = 3\n')
    text = read_settings(str(file))
    assert (text.origin, text.pipeline) == (str(file), "mine.flow:pipeline")
    assert text.fill(Own) == Own(inner=Inner(depth=3))
    file.write_text("pipeline = 3\n")
    with pytest.raises(SettingsError, match=r"pipeline must be a text such as .*, got 3"):
        read_settings(str(file))
