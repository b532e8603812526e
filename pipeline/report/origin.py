"""Where things came from: every execution behind a run, with its digests, code, versions and settings."""

from __future__ import annotations

import json
from collections.abc import Sequence

from slipline.pipeline.report.kit.format import moment, seconds, short
from slipline.pipeline.report.kit.section import Column, Facts, Folded, Part, Section, Table, Text
from slipline.pipeline.report.products import AnyProduct
from slipline.pipeline.store.lineage import Made, Taken, flat_settings


def executions_behind(products: Sequence[AnyProduct]) -> tuple[Made, ...]:
    """Every execution behind them and their own, first to last."""
    reached: dict[str, Made] = {}

    def visit(product: AnyProduct) -> None:
        if product.made is not None and product.made.execution_id not in reached:
            reached[product.made.execution_id] = product.made
            for each in product.inputs:
                visit(each)

    for product in products:
        visit(product)
    return tuple(sorted(reached.values(), key=lambda made: made.ended_at))


def given_to(executions: Sequence[Made]) -> tuple[Taken, ...]:
    """The artifacts that came from outside, each once."""
    taken = {each.digest: each for made in executions for each in made.taken if each.execution_id is None}
    return tuple(taken.values())


def origin_section(products: Sequence[AnyProduct]) -> Section:
    """Every execution, to be unfolded, and what was given."""
    executions = executions_behind(products)
    parts: list[Part] = [
        Text("Every execution behind this run, first to last; unfold one for its digests and settings.", "lead"),
        *(Folded(f"{made.step}: {made.artifact_type} {short(made.digest)}", [_facts(made)]) for made in executions),
    ]
    if given := given_to(executions):
        rows = [(each.artifact_type, each.place, short(each.digest)) for each in given]
        columns = ("Given", Column("Where it lay", "long"), Column("Digest", "code"))
        parts.append(Table(columns, rows, "Artifacts from outside the pipeline"))
    return Section("What went in", parts)


def _facts(made: Made) -> Facts:
    settings = ", ".join(f"{name} = {_plain(value)}" for name, value in flat_settings(made.settings))
    return Facts(
        [
            ("Execution", f"{made.execution_id}, ended {moment(made.ended_at)}, took {seconds(made.seconds)}"),
            ("Made", f"{made.artifact_type} {made.digest}"),
            *((("Gate" if taken.gate else "Took"), _taken(taken)) for taken in made.taken),
            *([("Files read", made.files)] if made.files else []),
            ("Code", made.code),
            ("Frameworks", ", ".join(made.frameworks) or "none"),
            ("Settings", settings or "none"),
        ]
    )


def _taken(taken: Taken) -> str:
    source = f"of execution {taken.execution_id}" if taken.execution_id else f"given, {taken.place}"
    return f"{taken.name}: {taken.artifact_type} {short(taken.digest)} {source}"


def _plain(value: object) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
