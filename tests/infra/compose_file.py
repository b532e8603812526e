"""The compose file as Docker Compose reads it: variables put in, `$$` made `$`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parents[2] / "infra"
COMPOSE = INFRA / "compose" / "compose.yaml"
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<word>(?:[^}$]|\$\$)*))?\}")


def rendered_text(values: Mapping[str, str]) -> str:
    """The file's text with the variables that `values` gives; a default serves where there is one.

    Raises:
      KeyError: A variable without a default is not given.
    """

    def put_in(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        if match["kind"] == ":-":
            return values.get(match["name"]) or match["word"]
        return values[match["name"]]

    return _VARIABLE.sub(put_in, COMPOSE.read_text())


def rendered(values: Mapping[str, str]) -> dict[str, Any]:
    """The same, parsed."""
    parsed: dict[str, Any] = yaml.safe_load(rendered_text(values))
    return parsed
