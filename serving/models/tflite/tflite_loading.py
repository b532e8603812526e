"""Makes a TFLite model's interpreters and layout of its bytes, and tries its graphs out."""

from __future__ import annotations

from slipline.serving.models.tflite.tflite_inputs import blank_row
from slipline.serving.models.tflite.tflite_pool import InterpreterPool, RuntimeRefused
from slipline.serving.models.tflite.tflite_signatures import Graph, Layout, read_layout

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
