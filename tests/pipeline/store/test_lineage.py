import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.core.fingerprint import canonical
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.store.lineage import Lineage, flat_settings, readable_settings, trace
from slipline.pipeline.store.store import Store
from tests.pipeline.in_process import ran
from tests.pipeline.toy import CheckParams, SumParams, Words, check, toy_pipeline


@dataclass(frozen=True)
class Inner:
    where: Path = Path()


@dataclass(frozen=True)
class Nested:
    inner: Inner
    many: tuple[Inner, ...]


@pytest.fixture
def lineage(store: Store) -> Lineage:
    return trace(store, ran(store, toy_pipeline(added=SumParams(factor=2))).steps[-1].execution_id or "")


def test_it_goes_back_to_where_the_data_came_in_upstream_first(lineage: Lineage) -> None:
    assert [made.step for made in lineage.executions] == ["write", "check", "add_up"]
    total = lineage.executions[-1]
    assert {(taken.name, taken.artifact_type, taken.gate) for taken in total.taken} == {
        ("words", "Words", False),
        ("check", "Check", True),
    }
    assert all(taken.source_id in {made.id for made in lineage.executions} for taken in total.taken)


def test_settings_read_as_a_person_wrote_them(lineage: Lineage) -> None:
    assert readable_settings(lineage.executions[-1].settings) == {"params": {"factor": 2, "trouble": ""}}
    assert readable_settings(lineage.executions[0].settings) == {"params": {"words": ["pipe", "liner"]}}


def test_json_holds_digests_of_data_code_and_settings(lineage: Lineage) -> None:
    plain = json.loads(json.dumps(lineage.to_plain()))
    assert [made["step"] for made in plain] == ["write", "check", "add_up"]
    assert all(len(made["digest"]) == len(made["code"]) == 64 for made in plain)
    assert plain[-1]["facts"] == {"value": 18}


def test_dot_has_a_box_for_each_execution_and_a_dashed_arrow_for_each_gate(lineage: Lineage) -> None:
    dot = lineage.to_dot()
    assert dot.startswith("digraph lineage {")
    assert dot.endswith("}")
    assert dot.count("->") == 3
    assert dot.count("style=dashed") == 1
    assert "note" not in dot


def test_dot_has_a_note_for_what_was_given(store: Store, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a word")
    flow = Pipeline("p")
    flow.add(check, words=flow.given(Words(path=tmp_path, count=1)), params=CheckParams())
    lineage = trace(store, ran(store, flow).steps[-1].execution_id or "")
    (made,) = lineage.executions
    digest = made.taken[0].digest[:12]
    assert f'"given {digest}" [shape=note, label="Words\\n{digest}"];' in lineage.to_dot()
    assert f'"given {digest}" -> "{made.id}" [label="words"];' in lineage.to_dot()


def test_an_unknown_execution_is_refused_with_what_to_do(store: Store) -> None:
    with pytest.raises(StoreError, match=r"no execution 'nope' on record; name one that `slipline runs --json` lists"):
        trace(store, "nope")


def test_a_setting_that_names_code_reads_as_its_name() -> None:
    from slipline.components.steps.train import TrainParams

    settings = json.dumps({"params": canonical(TrainParams())})
    assert dict(flat_settings(settings))["network"] == "slipline.components.training.network:digits"


def test_plain_settings_read_as_they_were_given_beside_records_and_in_them() -> None:
    given = {
        "rate": 0.1,
        "names": ("a", "b"),
        "limits": {"x": 1, "y": (2, None)},
        "params": Nested(inner=Inner(where=Path("a/b")), many=(Inner(), Inner(where=Path("c")))),
    }
    settings = json.dumps({name: canonical(value) for name, value in given.items()})
    inner = {"inner": {"where": "a/b"}, "many": [{"where": "."}, {"where": "c"}]}
    assert readable_settings(settings) == {
        "rate": 0.1,
        "names": ["a", "b"],
        "limits": {"x": 1, "y": [2, None]},
        "params": inner,
    }
    assert list(flat_settings(settings)) == [
        ("rate", 0.1),
        ("names", ["a", "b"]),
        ("limits", {"x": 1, "y": [2, None]}),
        *inner.items(),
    ]
