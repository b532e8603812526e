"""How a signature is run, with a model that is a function and keeps what it was asked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from slipline.serving.errors import BadRequest
from slipline.serving.models.graph_traits import NOTHING_KNOWN
from slipline.serving.models.loaded_model import MAX_PLANS, LoadedModel, SignatureNotFound
from slipline.serving.models.tensorflow.saved_model import MAX_FETCH_SETS, SavedModel
from slipline.serving.wire import saved_model_pb2
from slipline.serving.wire.tensors import Array, to_proto

X, Y = np.float32([1, 2]), np.float32([10, 20])


def signature(inputs: str, outputs: str, **defaults: Array) -> saved_model_pb2.SignatureDef:
    """Whose tensors are called as its inputs and outputs, in capitals."""
    return saved_model_pb2.SignatureDef(
        inputs={name: {"name": name.upper()} for name in inputs.split()},
        outputs={name: {"name": name.upper()} for name in outputs.split()},
        defaults={name: to_proto(value) for name, value in defaults.items()},
    )


class Model(LoadedModel):
    """Every tensor is the sum of all that is fed, and its number in `fetches`."""

    def __init__(self) -> None:
        signatures = {
            "serving_default": signature("x y", "a b c", y=Y),
            "strict": signature("x y", "a b"),
            "letters": signature("x", " ".join("abcdefg")),
        }
        super().__init__(Path("here"), signatures)
        self.asked: list[tuple[dict[str, Array], list[str]]] = []
        self.closed = 0

    def compute(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        self.asked.append((dict(feeds), list(fetches)))
        total = sum(feeds.values())
        return {name: np.asarray(total + ord(name)) for name in fetches}

    def close(self) -> None:
        self.closed += 1


def test_outputs_are_computed_as_asked_and_inputs_left_out_are_their_defaults() -> None:
    model = Model()
    assert {k: v.tolist() for k, v in model.run({"x": X}).items()} == {"a": [76, 87], "b": [77, 88], "c": [78, 89]}
    (fed, fetched) = model.asked.pop()
    assert ({name: value.tolist() for name, value in fed.items()}, fetched) == (
        {"X": [1, 2], "Y": [10, 20]},
        ["A", "B", "C"],
    )
    assert list(model.run({"x": X, "y": X}, "serving_default", ["c", "a"])) == ["c", "a"]
    (fed, fetched) = model.asked.pop()
    assert (fed["Y"].tolist(), fetched) == ([1, 2], ["A", "C"])


@pytest.mark.parametrize(
    ("signature", "inputs", "outputs", "words"),
    [
        ("nix", "x", "", 'Serving signature key "nix" not found. The model has: letters, serving_default, strict'),
        ("strict", "x", "", r"input size does not match signature: 1!=2 len\({x}\) != len\({x,y}\). Sent extra: {}. "
         "Missing but required: {y}."),
        ("strict", "x z", "", r"input alias: y\(feed name: Y\) not found in request and no default"),
        ("strict", "x y z", "", r"3!=2 len\({x,y,z}\) != len\({x,y}\). Sent extra: {z}. Missing but required: {}."),
        ("serving_default", "y", "", r"alias: x\(feed name: X\) not found .* Inputs in the request: y"),
        ("serving_default", "x z", "", "Inputs contains invalid name."),
        ("serving_default", "x y z", "", "3!=2"),
        ("strict", "x y", "a z", r"output tensor alias not found in signature: z Outputs expected .* the set {a,b}."),
        ("strict", "x y", "a b a", "duplicate output tensor alias: a"),
    ],
)  # fmt: skip
def test_other_names_are_refused_as_tensorflow_serving_does(
    signature: str, inputs: str, outputs: str, words: str
) -> None:
    with pytest.raises(BadRequest, match=words) as caught:
        Model().run(dict.fromkeys(inputs.split(), X), signature, outputs.split())
    assert isinstance(caught.value, SignatureNotFound) == (signature == "nix")


def test_plans_are_not_remembered_for_ever() -> None:
    """Clients choose the order of names."""
    model = Model()
    for outputs in itertools.islice(itertools.permutations("abcdefg"), 2 * MAX_PLANS):
        assert tuple(model.run({"x": X}, "letters", outputs)) == outputs
        assert len(model._plans) <= MAX_PLANS
    assert model.plan("letters", ("x",), tuple("abcdefg")) is model.plan("letters", ("x",), tuple("abcdefg"))


def test_sets_of_outputs_are_not_compiled_for_ever() -> None:
    """TensorFlow keeps a graph for each; beyond a limit, all outputs are computed."""
    letters, known = signature("x", " ".join("abcdefg")), SimpleNamespace(_fetch_sets=set())

    def fetched(tensors: Sequence[str]) -> list[str]:
        return SavedModel.fetches_for(known, letters, tensors)  # type: ignore[arg-type]

    subsets = [c for size in range(1, 8) for c in itertools.combinations("ABCDEFG", size)]
    found = [fetched(subset) for subset in subsets]
    assert found[:MAX_FETCH_SETS] == [list(subset) for subset in subsets[:MAX_FETCH_SETS]]
    assert set(map(tuple, found[MAX_FETCH_SETS:])) == {tuple("ABCDEFG")}
    assert len(known._fetch_sets) <= MAX_FETCH_SETS + 1
    assert fetched("BA") == ["A", "B"]


def test_of_a_model_nothing_is_known_unless_it_says_so_and_a_block_closes_it() -> None:
    with Model() as model:
        assert set(model.traits().values()) == {NOTHING_KNOWN}
        assert model.traits().keys() == model.signatures.keys()
        model.interrupt()
        assert model.closed == 0
    assert model.closed == 1
