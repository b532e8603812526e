"""LiteRT interpreters of one model, tried out, lent to one request each, and made as they are needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from slipline.serving.errors import ServingError
from slipline.serving.models.tflite.tflite_inputs import blank_row
from slipline.serving.models.tflite.tflite_signatures import Graph, Layout, read_layout
from slipline.serving.wire.tensors import Array

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter as Runtime  # type: ignore[import-untyped]


class RuntimeRefused(ServingError):
    """LiteRT does not make, or run, a model."""


class Interpreter:
    """A model's graphs, their tensors in memory. For one thread at a time.

    Attributes:
      runtime: LiteRT's own.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        """Raises RuntimeRefused for what is no model."""
        from ai_edge_litert.interpreter import Interpreter as Runtime

        try:
            self.runtime = Runtime(model_content=content, num_threads=threads)
        except (MemoryError, RuntimeError, UnicodeDecodeError, ValueError) as error:
            raise RuntimeRefused(f"cut off or corrupt, it is no TFLite model ({error}); copy it again") from error
        self._runners: dict[Graph, Callable[..., Mapping[str, Array]]] = {}

    def run(self, graph: Graph, values: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs of a graph; both sides by the keys of its ports.

        Raises:
          RuntimeRefused: It does not run on these values. The interpreter is of no use any more.
        """
        runner = self._runners.get(graph)
        if runner is None:
            runner = self._runners[graph] = _runner(self.runtime, graph)
        try:
            return {key: np.asarray(array) for key, array in runner(**values).items()}
        except (MemoryError, RuntimeError, TypeError, ValueError) as error:
            raise RuntimeRefused(str(error)) from error

    def forget(self) -> bool:
        """Resets the state that runs left. False: it cannot, as where of several graphs with state one never ran."""
        try:
            self.runtime.reset_all_variables()
        except RuntimeError:
            return False
        return True


class InterpreterPool:
    """Interpreters of one model; a caller who is alone costs one."""

    def __init__(self, content: bytes, *, size: int, threads: int) -> None:
        """Makes none yet.

        Args:
          content: The model's flatbuffer.
          size: So many interpreters at most.
          threads: Of each.
        """
        self._content, self._threads = content, threads
        self._unmade = size
        self._lock = threading.Lock()
        self._free: SimpleQueue[Interpreter | None] = SimpleQueue()  # None: one is to be made

    @contextmanager
    def borrowed(self) -> Iterator[Interpreter]:
        """An interpreter for the block alone, without state of others; waits while all are lent.

        One that fails in the block is replaced.

        Raises:
          RuntimeRefused: None can be made of the model.
        """
        interpreter = None
        try:
            interpreter = self._taken() or Interpreter(self._content, self._threads)
            yield interpreter
            if not interpreter.forget():
                interpreter = None
        except BaseException:
            interpreter = None
            raise
        finally:
            self._free.put(interpreter)

    def _taken(self) -> Interpreter | None:
        try:
            return self._free.get_nowait()
        except Empty:
            with self._lock:
                if self._unmade:
                    self._unmade -= 1
                    return None
        return self._free.get()

    def close(self) -> None:
        """Frees the interpreters; none may be lent, nor be asked for later."""
        while not self._free.empty():
            self._free.get_nowait()


class _MainRunner:
    """Runs the main graph of a model without signatures, as LiteRT's own runners run a signature."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._inputs = {detail["name"]: detail["index"] for detail in runtime.get_input_details()}
        self._outputs = {detail["name"]: detail["index"] for detail in runtime.get_output_details()}
        self._shapes: dict[str, tuple[int, ...]] | None = None

    def __call__(self, **values: Array) -> dict[str, Any]:
        shapes = {name: array.shape for name, array in values.items()}
        if shapes != self._shapes:
            for name, shape in shapes.items():
                self._runtime.resize_tensor_input(self._inputs[name], shape)
            self._runtime.allocate_tensors()
            self._shapes = shapes
        for name, array in values.items():
            self._runtime.set_tensor(self._inputs[name], array)
        self._runtime.invoke()
        return {name: self._runtime.get_tensor(index) for name, index in self._outputs.items()}


def _runner(runtime: Runtime, graph: Graph) -> Callable[..., Mapping[str, Any]]:
    if graph.signature is None:
        return _MainRunner(runtime)
    runner: Callable[..., Mapping[str, Any]] = runtime.get_signature_runner(graph.signature)
    return runner


_UNKNOWN_OPERATION = ("unresolved custom op", "Select TensorFlow op")  # in LiteRT's messages


def open_model(content: bytes, *, interpreters: int, threads: int) -> tuple[Layout, InterpreterPool]:
    """What the model can run, and what runs it.

    Args:
      content: The flatbuffer.
      interpreters: So many at most, the first of them made.
      threads: Of each.

    Raises:
      LoadFailed: Its signatures are corrupt.
      RuntimeRefused: It is no model, or has operations that LiteRT does not know.
    """
    pool = InterpreterPool(content, size=interpreters, threads=threads)
    with pool.borrowed() as interpreter:
        layout = read_layout(content, interpreter.runtime)
    for graph in layout.graphs:
        _try_out(graph, pool)
    return layout, pool


def _try_out(graph: Graph, pool: InterpreterPool) -> None:
    try:
        with pool.borrowed() as interpreter:
            interpreter.run(graph, blank_row(graph))
    except RuntimeRefused as error:
        # Others do not like what is in a blank row, or its shape; requests may be better.
        if any(words in str(error) for words in _UNKNOWN_OPERATION):
            raise
