"""A graph without function calls, cut down to what some tensors depend on, so that shapes can be inferred through it.

TensorFlow infers no shape inside a called function; here each call is replaced by the body of what it calls. The
branches of a condition and the body of a loop are put in as well, run once; what they give is taken as of any shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from slipline.serving.wire import graph_pb2, tensor_pb2

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
# Where the data inputs begin, and which attribute lists the dtypes of the outputs.
BRANCHES = {
    "If": (1, "Tout"),
    "StatelessIf": (1, "Tout"),
    "Case": (1, "Tout"),
    "StatelessCase": (1, "Tout"),
    "While": (0, "T"),
    "StatelessWhile": (0, "T"),
}
MAX_NODES = 200_000  # a function called in many places stands here as many times
MAX_DEPTH = 50
MAX_CONSTANT_BYTES = 4096  # larger ones are weights: only their shape matters


class NotFlattened(Exception):
    """The graph has something that cannot be replaced."""


def flatten(
    graph: graph_pb2.GraphDef,
    feeds: Mapping[str, str],
    fetches: Iterable[str],
    op_def: Callable[[str], graph_pb2.OpDef],
) -> graph_pb2.GraphDef:
    """The nodes on which `fetches` depend, without the nodes called by the values of `feeds`, which are to be added.

    Args:
      graph: With its functions.
      feeds: From the name of a tensor, such as `x:0`, to the name of the node to read in its place.
      fetches: Names of tensors.
      op_def: Describes an operation by its name.

    Raises:
      NotFlattened: The graph has something that cannot be replaced.
    """
    flattener = _Flattener(graph, op_def)
    given = {_canonical(name): node for name, node in feeds.items()}
    nodes = {node.name: node for node in graph.node}

    def source(reference: str) -> str:
        name = _canonical(reference)
        return given.get(name) or flattener.output(nodes[name.rpartition(":")[0]], "", int(name.rpartition(":")[2]))

    for node in _ancestors(nodes, given, fetches):
        flattener.add(node, "", [source(reference) for reference in node.input if not reference.startswith("^")], 0)
    return graph_pb2.GraphDef(node=flattener.flat, versions=graph.versions)


def _canonical(reference: str) -> str:
    return reference if ":" in reference else f"{reference}:0"


def _ancestors(
    nodes: Mapping[str, graph_pb2.NodeDef], given: Mapping[str, str], fetches: Iterable[str]
) -> list[graph_pb2.NodeDef]:
    found: dict[str, graph_pb2.NodeDef] = {}
    waiting = list(fetches)
    while waiting:
        reference = waiting.pop()
        name = reference.partition(":")[0]
        if reference.startswith("^") or _canonical(reference) in given or name in found:
            continue
        if name not in nodes:
            raise NotFlattened(f"tensor {reference!r} is of no node in the graph")
        found[name] = nodes[name]
        waiting.extend(nodes[name].input)
    return list(found.values())


class _Flattener:
    """Collects nodes, each under the path of calls that leads to it."""

    def __init__(self, graph: graph_pb2.GraphDef, op_def: Callable[[str], graph_pb2.OpDef]) -> None:
        self.flat: list[graph_pb2.NodeDef] = []
        self._functions = {function.signature.name: function for function in graph.library.function}
        self._op_def = op_def
        self._op_defs: dict[str, graph_pb2.OpDef] = {}

    def output(self, node: graph_pb2.NodeDef, prefix: str, index: int) -> str:
        """Where the flat graph has that output of `node`."""
        replaced = node.op in CALLS or node.op in BRANCHES or node.op in self._functions
        return f"{prefix}{node.name}/output_{index}" if replaced else f"{prefix}{node.name}:{index}"

    def add(self, node: graph_pb2.NodeDef, prefix: str, inputs: Sequence[str], depth: int) -> None:
        """Adds `node`, or what it calls; `inputs` are names in the flat graph."""
        if len(self.flat) > MAX_NODES or depth > MAX_DEPTH:
            raise NotFlattened(f"the graph has more than {MAX_NODES} nodes or {MAX_DEPTH} nested calls")
        if node.op in CALLS:
            self._call(node, prefix, node.attr["f"].func.name, inputs, depth)
        elif node.op in self._functions:
            self._call(node, prefix, node.op, inputs, depth)
        elif node.op in BRANCHES:
            self._branch(node, prefix, inputs, depth)
        elif node.op == "Const" and node.attr["value"].ByteSize() > MAX_CONSTANT_BYTES:
            value = node.attr["value"].tensor
            self.flat.append(placeholder(f"{prefix}{node.name}", value.dtype, value.tensor_shape))
        else:
            self.flat.append(_copy(node, prefix, inputs))

    def _call(self, node: graph_pb2.NodeDef, prefix: str, called: str, inputs: Sequence[str], depth: int) -> None:
        returned = self._body(called, f"{prefix}{node.name}/", inputs, depth)
        for index, (name, data_type) in enumerate(returned):
            self.flat.append(_identity(self.output(node, prefix, index), name, data_type))

    def _branch(self, node: graph_pb2.NodeDef, prefix: str, inputs: Sequence[str], depth: int) -> None:
        first, types = BRANCHES[node.op]
        for key, value in sorted(node.attr.items()):
            for number, function in enumerate([value.func, *value.list.func]):
                if function.name:
                    self._body(function.name, f"{prefix}{node.name}/{key}_{number}/", inputs[first:], depth)
        unknown = tensor_pb2.TensorShapeProto(unknown_rank=True)
        for index, data_type in enumerate(node.attr[types].list.type):
            self.flat.append(placeholder(self.output(node, prefix, index), data_type, unknown))

    def _body(
        self, called: str, prefix: str, inputs: Sequence[str], depth: int
    ) -> list[tuple[str, tensor_pb2.DataType]]:
        """Adds the nodes of a function; the names and dtypes of what it returns."""
        function = self._functions.get(called)
        if function is None:
            raise NotFlattened(f"function {called!r} is not in the graph")
        arguments = function.signature.input_arg
        if len(arguments) != len(inputs) or any(arg.type_list_attr or arg.number_attr for arg in arguments):
            raise NotFlattened(f"function {called!r} takes lists")
        values = dict(zip((arg.name for arg in arguments), inputs, strict=True))
        nodes = {node.name: node for node in function.node_def}

        def source(reference: str) -> str:
            name, _, output = reference.partition(":")
            return (
                values[name] if name in values else self.output(nodes[name], prefix, self._index(nodes[name], output))
            )

        for node in function.node_def:
            sources = [source(reference) for reference in node.input if not reference.startswith("^")]
            self.add(node, prefix, sources, depth + 1)
        return [(source(function.ret[arg.name]), arg.type) for arg in function.signature.output_arg]

    def _index(self, node: graph_pb2.NodeDef, output: str) -> int:
        """The place among all outputs of `node` of one that is called `argument:number`."""
        name, _, number = output.partition(":")
        before = 0
        for argument in self._outputs(node.op):
            if argument.name == name:
                return before + int(number or 0)
            before += _length(node, argument)
        raise NotFlattened(f"operation {node.op} has no output {name!r}")

    def _outputs(self, op: str) -> Sequence[graph_pb2.OpDef.ArgDef]:
        if op in self._functions:
            return self._functions[op].signature.output_arg
        if op not in self._op_defs:
            self._op_defs[op] = self._op_def(op)
        return self._op_defs[op].output_arg


def placeholder(name: str, data_type: tensor_pb2.DataType, shape: tensor_pb2.TensorShapeProto) -> graph_pb2.NodeDef:
    """A node that stands for any tensor of that dtype and shape."""
    return graph_pb2.NodeDef(
        name=name,
        op="Placeholder",
        attr={
            "dtype": graph_pb2.AttrValue(type=data_type),
            "shape": graph_pb2.AttrValue(shape=shape),
        },
    )


def _identity(name: str, source: str, data_type: tensor_pb2.DataType) -> graph_pb2.NodeDef:
    attr = {"T": graph_pb2.AttrValue(type=data_type)}
    return graph_pb2.NodeDef(name=name, op="Identity", input=[source], attr=attr)


def _copy(node: graph_pb2.NodeDef, prefix: str, inputs: Sequence[str]) -> graph_pb2.NodeDef:
    # Attributes with an underscore are hints, such as shapes found before, which need not hold for others.
    attr = {key: value for key, value in node.attr.items() if not key.startswith("_")}
    return graph_pb2.NodeDef(name=f"{prefix}{node.name}", op=node.op, input=inputs, attr=attr)


def _length(node: graph_pb2.NodeDef, argument: graph_pb2.OpDef.ArgDef) -> int:
    attribute = argument.number_attr or argument.type_list_attr
    if not attribute:
        return 1
    if attribute not in node.attr:
        raise NotFlattened(f"node {node.name!r} does not say how many outputs it has")
    value = node.attr[attribute]
    return value.i if argument.number_attr else len(value.list.type)
