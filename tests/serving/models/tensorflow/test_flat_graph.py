"""Graphs whose function calls are replaced by what they call."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slipline.serving.models.tensorflow.flat_graph import NotFlattened, flatten
from slipline.serving.wire import graph_pb2, tensor_pb2

FLOAT = tensor_pb2.DT_FLOAT
OP_DEFS = {
    "Pair": graph_pb2.OpDef(output_arg=[{"name": "a"}, {"name": "b"}]),
    "Split": graph_pb2.OpDef(output_arg=[{"name": "output", "number_attr": "num_split"}, {"name": "rest"}]),
    "PartitionedCall": graph_pb2.OpDef(output_arg=[{"name": "output", "type_list_attr": "Tout"}]),
    "Neg": graph_pb2.OpDef(output_arg=[{"name": "y"}]),
}


def node(name: str, op: str, *inputs: str, calls: str = "", **numbers: int) -> graph_pb2.NodeDef:
    made = graph_pb2.NodeDef(name=name, op=op, input=inputs)
    for key, number in numbers.items():
        made.attr[key].i = number
    if calls:
        made.attr["f"].func.name = calls
    return made


def function(
    name: str, takes: Sequence[str], gives: dict[str, str], *nodes: graph_pb2.NodeDef
) -> graph_pb2.FunctionDef:
    made = graph_pb2.FunctionDef(node_def=nodes, ret=gives)
    made.signature.name = name
    for argument in takes:
        made.signature.input_arg.add(name=argument, type=FLOAT)
    for result in gives:
        made.signature.output_arg.add(name=result, type=FLOAT)
    return made


def flat(nodes: list[graph_pb2.NodeDef], fetch: str, *functions: graph_pb2.FunctionDef) -> dict[str, list[str]]:
    """The inputs of each node of the flat graph in which `fed` stands for x."""
    graph = graph_pb2.GraphDef(node=nodes, library=graph_pb2.FunctionDefLibrary(function=functions))
    result = flatten(graph, {"x:0": "fed"}, [fetch], OP_DEFS.__getitem__)
    assert not result.library.function
    return {node.name: list(node.input) for node in result.node}


X = node("x", "Placeholder")


def test_only_what_leads_from_the_feeds_to_the_fetches_is_kept() -> None:
    nodes = [node("far", "Const"), node("x", "Identity", "far"), node("y", "Neg", "x", "^far"), node("z", "Neg", "y")]
    assert flat(nodes, "y:0") == {"y": ["fed"]}


def test_loop_through_the_graph_is_kept() -> None:
    nodes = [X, node("merge", "Merge", "x", "next"), node("next", "NextIteration", "merge:1")]
    assert flat(nodes, "merge") == {"merge": ["fed", "next:0"], "next": ["merge:1"]}


def test_call_is_replaced_by_the_body_and_its_results() -> None:
    inner = function("inner", ["v"], {"r": "n:y:0"}, node("n", "Neg", "v"))
    outer = function(
        "outer", ["v"], {"p": "call:output:0", "q": "v"}, node("call", "PartitionedCall", "v", calls="inner")
    )
    nodes = [X, node("c", "StatefulPartitionedCall", "x", calls="outer"), node("y", "Neg", "c:1")]
    assert flat(nodes, "y", inner, outer) == {
        "c/call/n": ["fed"],
        "c/call/output_0": ["c/call/n:0"],
        "c/output_0": ["c/call/output_0"],
        "c/output_1": ["fed"],
        "y": ["c/output_1"],
    }


def test_function_may_be_called_by_its_name_as_an_operation() -> None:
    body = function("Twice", ["v"], {"r": "n:y:0"}, node("n", "Neg", "v"))
    assert flat([X, node("t", "Twice", "x")], "t", body) == {"t/n": ["fed"], "t/output_0": ["t/n:0"]}


def test_outputs_within_a_function_are_counted_over_all_arguments() -> None:
    body = function(
        "f",
        ["v"],
        {"r": "n:y:0"},
        node("pair", "Pair", "v"),
        node("split", "Split", "pair:b:0", num_split=3),
        node("n", "Neg", "split:rest:0", "split:output:2", "^pair"),
    )
    found = flat([X, node("call", "f", "x")], "call", body)
    assert found["call/split"] == ["call/pair:1"]
    assert found["call/n"] == ["call/split:3", "call/split:2"]


@pytest.mark.parametrize(("op", "inputs"), [("If", ["cond:0", "x"]), ("Case", ["cond:0", "x"]), ("While", ["x"])])
def test_branches_are_added_and_give_anything(op: str, inputs: list[str]) -> None:
    body = function("body", ["v"], {"r": "n:y:0"}, node("n", "Neg", "v"))
    branching = graph_pb2.NodeDef(name="b", op=op, input=inputs)
    branching.attr["then_branch"].func.name = "body"
    branching.attr["branches"].list.func.add(name="body")
    branching.attr["T" if op == "While" else "Tout"].list.type.append(FLOAT)
    found = flat([X, node("cond", "Const"), branching, node("y", "Neg", "b")], "y", body)
    assert found["b/then_branch_0/n"] == found["b/branches_1/n"] == ["fed"]
    assert (found["b/output_0"], found["y"]) == ([], ["b/output_0"])


def test_large_constant_keeps_its_shape_alone() -> None:
    graph = graph_pb2.GraphDef(node=[X, node("w", "Const"), node("y", "Pair", "x", "w")])
    value = graph.node[1].attr["value"].tensor
    value.dtype = FLOAT
    value.tensor_shape.dim.add(size=2000)
    value.tensor_content = bytes(8000)
    weights = next(n for n in flatten(graph, {"x:0": "fed"}, ["y"], OP_DEFS.__getitem__).node if n.name == "w")
    assert (weights.op, [dim.size for dim in weights.attr["shape"].shape.dim]) == ("Placeholder", [2000])


def test_hints_of_earlier_shapes_are_dropped() -> None:
    hinted = node("y", "Neg", "x", T=1, _output_shapes=1)
    (kept,) = flatten(graph_pb2.GraphDef(node=[X, hinted]), {"x": "fed"}, ["y"], OP_DEFS.__getitem__).node
    assert list(kept.attr) == ["T"]


@pytest.mark.parametrize(
    ("nodes", "functions", "words"),
    [
        ([node("y", "Neg", "nix")], [], "of no node"),
        ([node("y", "PartitionedCall", "x", calls="nix")], [], "'nix' is not in the graph"),
        ([node("y", "f", "x", "x")], [function("f", ["v"], {})], "takes lists"),
        ([node("y", "f", "x")], [function("f", ["v"], {"r": "y:output:0"}, node("y", "f", "v"))], "nested calls"),
        ([node("y", "f", "x")], [function("f", ["v"], {"r": "n:z:0"}, node("n", "Neg", "v"))], "no output 'z'"),
        (
            [node("y", "f", "x")],
            [function("f", ["v"], {"r": "s:rest:0"}, node("s", "Split", "v"))],
            "does not say how many outputs",
        ),
    ],
)
def test_graph_that_cannot_be_flattened_is_refused(
    nodes: list[graph_pb2.NodeDef], functions: list[graph_pb2.FunctionDef], words: str
) -> None:
    with pytest.raises(NotFlattened, match=words):
        flat([X, *nodes], "y", *functions)
