"""What a PromQL expression asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

import promql_parser
from promql_parser import AggregateExpr, VectorSelector

# Grafana's variables, as it would put them in.
_VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$model": ".*"}


@dataclass(frozen=True)
class Asked:
    """A metric in an expression, and the labels that it is picked or grouped by."""

    metric: str
    labels: frozenset[str]


def asked(expression: str) -> list[Asked]:
    """Every metric of an expression.

    Raises:
      ValueError: It is no PromQL.
    """
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    found: list[Asked] = []
    _collect(promql_parser.parse(expression), frozenset(), found)
    return found


def exposed(text: str) -> dict[str, set[str]]:
    """The names of all samples in Prometheus' text format, each with its labels."""
    names: dict[str, set[str]] = {}
    for line in text.splitlines():
        if match := re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ", line):
            names.setdefault(match[1], set()).update(re.findall(r'([a-zA-Z_]\w*)="', match[2] or ""))
    return names


def problems(expression: str, known: Mapping[str, Set[str]]) -> list[str]:
    """What an expression asks for that nobody exposes, one sentence each."""
    wrong = [f"{one.metric} is not exposed" for one in asked(expression) if one.metric not in known]
    wrong += [
        f"{one.metric} has no label {label}"
        for one in asked(expression)
        for label in sorted(one.labels - known.get(one.metric, one.labels))
    ]
    return wrong


def _collect(node: object, grouped: frozenset[str], found: list[Asked]) -> None:
    if isinstance(node, AggregateExpr) and node.modifier is not None:
        grouped |= frozenset(node.modifier.labels)
    if isinstance(node, VectorSelector):
        found.append(Asked(node.name or "", grouped | {matcher.name for matcher in node.matchers.matchers}))
    for attribute in ("expr", "lhs", "rhs", "vector_selector"):
        if (inner := getattr(node, attribute, None)) is not None:
            _collect(inner, grouped, found)
    for inner in getattr(node, "args", ()):
        _collect(inner, grouped, found)
