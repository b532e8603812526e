"""`slipline init`."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import click

from slipline.pipeline.app.cli.terminal import say

TEMPLATES = Path(str(files("slipline.pipeline.app") / "templates"))
SHIPPED_DATA = Path(str(files("slipline") / "data"))
NAMED = "PROJECT"
"""Stands for the project's name, in the templates and in their files' names."""


@click.command()
@click.argument("name")
@click.option(
    "--like", type=click.Choice(["mnist"]), default="mnist", help="The job it begins with: mnist, handwritten digits."
)
def init(name: str, like: str) -> None:
    """Write a small project of your own, which runs at once.

    It goes to the new folder NAME: a pipeline, a component, a schema, settings and a test, each to be changed.
    """
    _check_name(name)
    target = Path(name)
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise click.ClickException(f"{target} exists and is not empty; nothing is overwritten, give another name")
    for file in _write(TEMPLATES / like, target, name):
        say(f"wrote {file}")
    (target / "schema.pbtxt").write_bytes((SHIPPED_DATA / "schema" / f"{like}.pbtxt").read_bytes())
    say(f"wrote {target / 'schema.pbtxt'}")
    say(f"run it with: cd {name} && slipline run {name}.toml")
    say("its test: python -m pytest")


def _check_name(name: str) -> None:
    """Refuses a name that no package of one's own can have.

    Raises:
      click.BadParameter: It is no Python name, or that of a module there is.
    """
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        raise click.BadParameter(f"wanted a Python name such as digits_2, got {name!r}", param_hint="NAME")
    found = find_spec(name)
    if found is not None and found.origin is not None:
        raise click.BadParameter(
            f"{name!r} is a module already ({found.origin}), which would hide yours; give another name",
            param_hint="NAME",
        )


def _write(template: Path, target: Path, name: str) -> list[Path]:
    """Copies a template, with the project's name in it and where the data lie that came with Slipline."""
    data_dir = SHIPPED_DATA.resolve() if (SHIPPED_DATA / template.name).is_dir() else Path("data")
    written = []
    for file in sorted(template.rglob("*")):
        if file.is_dir() or file.suffix == ".pyc":
            continue
        copy = target / str(file.relative_to(template)).replace(NAMED, name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text("utf-8").replace(NAMED, name).replace("DATA_DIR", str(data_dir))
        copy.write_text(text, "utf-8")
        written.append(copy)
    return written
