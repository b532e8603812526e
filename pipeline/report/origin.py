"""Where things came from: every execution behind a run, with its digests, code, versions and settings."""

from __future__ import annotations

import json
from collections.abc import Sequence

from slipline.pipeline.report.kit.format import moment, seconds, short
from slipline.pipeline.report.kit.section import Column, Facts, Folded, Part, Section, Table, Text
from slipline.pipeline.report.products import AnyProduct
from slipline.pipeline.store.lineage import flat_settings
from slipline.pipeline.store.tables import ExecutionInputRow, ExecutionRow


def executions_behind(products: Sequence[AnyProduct]) -> tuple[ExecutionRow, ...]:
    """Every execution behind them and their own, first to last."""
    reached: dict[str, ExecutionRow] = {}

    def visit(product: AnyProduct) -> None:
        if product.made is not None and product.made.id not in reached:
            reached[product.made.id] = product.made
            for each in product.inputs:
                visit(each)

    for product in products:
        visit(product)
    return tuple(sorted(reached.values(), key=lambda made: made.ended_at))


def given_to(executions: Sequence[ExecutionRow]) -> tuple[ExecutionInputRow, ...]:
    """The artifacts that came from outside, each once."""
    taken = {each.digest: each for made in executions for each in made.taken if each.source_id is None}
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


def _facts(made: ExecutionRow) -> Facts:
    settings = ", ".join(f"{name} = {_plain(value)}" for name, value in flat_settings(made.settings))
    return Facts(
        [
            ("Execution", f"{made.id}, ended {moment(made.ended_at)}, took {seconds(made.seconds)}"),
            ("Made", f"{made.artifact_type} {made.digest}"),
            *((("Gate" if taken.gate else "Took"), taken_words(taken)) for taken in made.taken),
            *([("Files read", made.files)] if made.files else []),
            ("Code", made.code),
            ("Frameworks", ", ".join(made.frameworks.splitlines()) or "none"),
            ("Settings", settings or "none"),
        ]
    )


def taken_words(taken: ExecutionInputRow) -> str:
    """What an execution took, and where that came from."""
    origin = f"execution {taken.source_id}" if taken.source_id else f"given, {taken.place}"
    return f"{taken.name}: {taken.artifact_type} {short(taken.digest)} ({origin})"


def _plain(value: object) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
