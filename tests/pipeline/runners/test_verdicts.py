"""A run passes only if every verdict in it passed, whoever waits for it, wherever it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipline.pipeline.core.artifact import Artifact, Verdict
from slipline.pipeline.core.component import Component, ComponentError, component
from slipline.pipeline.core.graph import Pipeline, Step
from slipline.pipeline.store.history import recorded_runs
from slipline.pipeline.store.store import Store
from tests.pipeline.here import run_here


@dataclass(frozen=True, kw_only=True)
class Note(Artifact):
    number: int


@dataclass(frozen=True, kw_only=True)
class Ruling(Verdict):
    number: int


@component
def note(several: tuple[Artifact, ...], needed: Artifact | None, number: int, fails: bool, out: Path) -> Note:
    if fails:
        raise ComponentError("as it was told to")
    return Note(path=out, number=number)


@component
def follow(needed: Artifact, number: int, fails: bool, out: Path) -> Note:
    if fails:
        raise ComponentError("as it was told to")
    return Note(path=out, number=number)


@component
def rule(several: tuple[Artifact, ...], number: int, passes: bool, out: Path) -> Ruling:
    return Ruling(path=out, number=number, passed=passes, reasons=() if passes else (f"{number} is against it",))


KINDS: Mapping[str, Component[Any, Any]] = {"note": note, "follow": follow, "rule": rule}


@dataclass(frozen=True)
class Plan:
    """One step of a drawn pipeline.

    Attributes:
      kind: `note`, `follow` or `rule`.
      does: Whether its component works, of a verdict whether it passes.
      takes: Earlier steps that it takes.
      only_if: Earlier verdicts that must have passed.
      unless: Earlier verdicts of which one must not have passed.
    """

    kind: str
    does: bool
    takes: tuple[int, ...]
    only_if: tuple[int, ...]
    unless: tuple[int, ...]


@st.composite
def plans(draw: st.DrawFn) -> list[Plan]:
    drawn: list[Plan] = []
    for number in range(draw(st.integers(1, 6))):
        earlier = st.lists(st.sampled_from(range(number)), max_size=2, unique=True) if number else st.just([])
        rulings = [other for other in range(number) if drawn[other].kind == "rule"]
        gates = draw(st.lists(st.sampled_from(rulings), max_size=3, unique=True)) if rulings else []
        needed = draw(st.integers(0, len(gates)))
        kind = draw(st.sampled_from(["note", "follow", "rule", "rule"] if number else ["note", "rule"]))
        takes = draw(earlier) or [0] if kind == "follow" else draw(earlier)
        does = draw(st.integers(0, 3)) > 0
        drawn.append(Plan(kind, does, tuple(takes), tuple(gates[:needed]), tuple(gates[needed:])))
    return drawn


def built(plans: list[Plan]) -> Pipeline:
    flow, steps = Pipeline("drawn"), list[Step]()
    for number, plan in enumerate(plans):
        taken = [steps[other] for other in plan.takes]
        bound: dict[str, object] = {"number": number}
        if plan.kind == "rule":
            bound |= {"several": taken, "passes": plan.does}
        elif plan.kind == "follow":
            bound |= {"needed": taken[0], "fails": not plan.does}
        else:
            bound |= {"several": taken[1:], "needed": taken[0] if taken else None, "fails": not plan.does}
        only_if, unless = ([steps[other] for other in gates] for gates in (plan.only_if, plan.unless))
        steps.append(flow.add(KINDS[plan.kind], name=f"s{number}", only_if=only_if, unless=unless, **bound))
    return flow


def foretold(plans: list[Plan]) -> list[str]:
    """How each step is to end where nothing was made before."""
    ends: list[str] = []
    for plan in plans:
        takes = plan.takes[:1] if plan.kind == "follow" else plan.takes
        upstream = {ends[other] for other in (*takes, *plan.only_if, *plan.unless)}
        closed = [other for other in (*plan.only_if, *plan.unless) if ends[other] == "done" and not plans[other].does]
        required = (*plan.only_if, *(takes if plan.kind == "follow" else ()))
        if upstream & {"skipped", "blocked", "failed"}:
            ends.append("skipped")
        elif (plan.unless and not set(closed) & set(plan.unless)) or "not needed" in {ends[each] for each in required}:
            ends.append("not needed")
        elif set(closed) & set(plan.only_if):
            ends.append("blocked")
        else:
            ends.append("done" if plan.does or plan.kind == "rule" else "failed")
    return ends


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=plans(), data=st.data(), parallel=st.integers(1, 3))
def test_a_run_passes_only_if_no_step_failed_and_every_verdict_made_or_found_passed(
    store: Store, plans: list[Plan], data: st.DataObject, parallel: int
) -> None:
    flow, ends = built(plans), dict(zip((f"s{number}" for number in range(len(plans))), foretold(plans), strict=True))
    names = st.sampled_from([step.name for step in flow.steps])
    before = {outcome.step: outcome.made for outcome in run_here(flow.until(data.draw(names)), store).outcomes}
    asked = flow.until(until) if (until := data.draw(names | st.none())) else flow
    report = run_here(asked, store, parallel=parallel)

    assert [outcome.step for outcome in report.outcomes] == [step.name for step in asked.steps]
    closed = []
    for outcome in report.outcomes:
        plan = plans[int(outcome.step[1:])]
        made_before = ends[outcome.step] == "done" and before.get(outcome.step)
        assert outcome.status.value in ({"cached"} if made_before else {ends[outcome.step], "cached"})
        if outcome.made and plan.kind == "rule" and not plan.does:
            closed.append(outcome.step)
    ended_well = all(ends[outcome.step] in ("done", "not needed") for outcome in report.outcomes)
    assert report.passed == (ended_well and not closed)
    assert [outcome.step for outcome in report.closed] == closed
    recorded = recorded_runs(store, 1)[0]
    assert (recorded.outcome, list(recorded.closed)) == ("passed" if report.passed else "failed", closed)
    for step in recorded.steps:
        if step.closed:
            assert step.message == f"{step.step[1:]} is against it"
