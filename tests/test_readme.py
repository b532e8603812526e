"""What the README says holds."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipline.components.artifacts import Examples, Schema
from slipline.components.examples.examples_io import read_batches
from slipline.components.features.schema_io import example_spec
from slipline.pipeline.app.cli.main import COMMANDS
from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import component, params
from tests.small_mnist import MNIST_SCHEMA, ROOT, examples_in

README = (ROOT / "README.md").read_text("utf-8")


@dataclass(frozen=True, kw_only=True)
class LabelCounts(Artifact):
    """How often each label occurs, in `counts.json`."""

    most_common: int


def test_the_component_it_shows_works_as_it_stands(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(# components/count_labels\.py.*?)```", README, re.DOTALL)
    names = {
        **{kind.__name__: kind for kind in (Artifact, Counter, Examples, LabelCounts, Path, Schema)},
        "component": component,
        "params": params,
        "json": json,
        "example_spec": example_spec,
        "read_batches": read_batches,
        "__name__": __name__,
    }
    exec(code, names)
    examples = examples_in(tmp_path / "data", train=100, test=1)
    (tmp_path / "out").mkdir()
    made = names["count_labels"](examples, MNIST_SCHEMA, names["CountParams"](), tmp_path / "out")
    counts = json.loads((made.path / "counts.json").read_text())
    assert sum(counts.values()) == 100
    assert counts[str(made.most_common)] == max(counts.values())


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`?slipline ([a-z][a-z-]*)\b", README)) - {"is"}))
def test_the_commands_it_names_are_there(command: str) -> None:
    assert command in COMMANDS


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"(?:pipeline|components|serving|data|tests|\.readme)/[\w/]*\.\w+", README)))
)
def test_the_files_it_names_are_there(path: str) -> None:
    assert (ROOT / path).is_file() or path == "components/count_labels.py"


def test_the_make_targets_it_names_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets
