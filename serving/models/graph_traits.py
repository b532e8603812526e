"""What a graph lets be done with its runs: join them, and foresee how long one takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from slipline.serving.wire import graph_pb2

# TensorFlow calls every operation stateful that touches a variable or table; these read, or are followed into.
READING = frozenset(
    {
        *("VarHandleOp", "ReadVariableOp", "Variable", "VariableV2", "VarIsInitializedOp", "VariableShape"),
        *("ResourceGather", "ResourceGatherNd", "HashTable", "HashTableV2", "LookupTableFind", "LookupTableFindV2"),
        *("StatefulPartitionedCall", "If", "While", "Case", "Assert"),
    }
)
READING_REFERENCES = frozenset({"Identity", "RefIdentity", "IsVariableInitialized"})


# What these take depends on values, not only on shapes.
LOOPS = frozenset({"While", "StatelessWhile", "NextIteration", "RefNextIteration", "MapDefun"})


@dataclass(frozen=True, kw_only=True)
class GraphTraits:
    """What is known of everything that runs for some tensors.

    Attributes:
      is_state_free: Nothing writes, draws at random or depends on earlier runs.
      has_loops: Something runs as often as a value says.
    """

    is_state_free: bool
    has_loops: bool


NOTHING_KNOWN = GraphTraits(is_state_free=False, has_loops=True)


def traits_of(
    graph: graph_pb2.GraphDef, fetches: Iterable[str], op_def: Callable[[str], graph_pb2.OpDef]
) -> GraphTraits:
    """The traits of what runs for `fetches`.

    Args:
      graph: With its functions.
      fetches: Names of tensors.
      op_def: Describes an operation by its name.
    """
    ops = _operations(graph, fetches)
    functions = {function.signature.name for function in graph.library.function}
    return GraphTraits(
        is_state_free=not any(_has_state(op_def(op)) for op in ops - functions), has_loops=bool(ops & LOOPS)
    )


def _operations(graph: graph_pb2.GraphDef, fetches: Iterable[str]) -> set[str]:
    """The types of all operations that run, those in called functions and the functions' own names included."""
    functions = {function.signature.name: function for function in graph.library.function}
    waiting = list(_ancestors(graph, fetches))
    ops: set[str] = set()
    followed: set[str] = set()
    while waiting:
        node = waiting.pop()
        ops.add(node.op)
        for name in (*_called(node), node.op):
            if name in functions and name not in followed:
                followed.add(name)
                waiting.extend(functions[name].node_def)
    return ops


def _ancestors(graph: graph_pb2.GraphDef, fetches: Iterable[str]) -> Iterator[graph_pb2.NodeDef]:
    nodes = {node.name: node for node in graph.node}
    waiting, seen = [_node_name(fetch) for fetch in fetches], set()
    while waiting:
        name = waiting.pop()
        if name not in seen and name in nodes:
            seen.add(name)
            yield nodes[name]
            waiting.extend(map(_node_name, nodes[name].input))


def _node_name(reference: str) -> str:
    return reference.removeprefix("^").partition(":")[0]


def _called(node: graph_pb2.NodeDef) -> Iterator[str]:
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)


def _has_state(op: graph_pb2.OpDef) -> bool:
    if any(argument.is_ref for argument in op.input_arg) and op.name not in READING_REFERENCES:
        return True
    return op.is_stateful and op.name not in READING
