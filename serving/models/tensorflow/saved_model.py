"""One SavedModel, loaded and ready to run: exactly TensorFlow Serving's loader, without its blind spot.

The runtime is TensorFlow's own (`native.py`); the signatures are read from `saved_model.pb` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from google.protobuf.message import DecodeError

from slipline.serving.errors import BadRequest, LoadFailed
from slipline.serving.models.graph_traits import GraphTraits, traits_of
from slipline.serving.models.loaded_model import LoadedModel, Signatures
from slipline.serving.models.tensorflow.native import INVALID_ARGUMENT, Session, TensorFlowError, Threads
from slipline.serving.models.tensorflow.native_graph import graph_def, op_def
from slipline.serving.models.tensorflow.shape_guard import ShapeGuard
from slipline.serving.wire import saved_model_pb2
from slipline.serving.wire.tensors import Array

SAVED_MODEL_FILE = "saved_model.pb"
SERVE_TAG = "serve"
MAX_FETCH_SETS = 100  # of a model; beyond it, all outputs are computed and those not wanted dropped

_VARIABLE_TYPES = frozenset({"VarHandleOp", "VariableV2", "Variable"})


class SavedModel(LoadedModel):
    """A SavedModel in memory; its signatures are those written in it."""

    def __init__(self, folder: Path, signatures: Signatures, session: Session) -> None:
        """Takes over `session`; `load` makes the parts."""
        super().__init__(folder, signatures)
        self._session = session
        self._guard = ShapeGuard(session)
        self._fetch_sets: set[frozenset[str]] = set()

    @classmethod
    def load(cls, folder: Path, *, threads: Threads | None = None, tags: Sequence[str] = (SERVE_TAG,)) -> SavedModel:
        """The model in `folder`, its variables and tables in memory; of several graphs that with exactly `tags`.

        Raises:
          LoadFailed: It is no complete SavedModel for serving; the cause is TensorFlow's error where that was asked.
        """
        signatures = read_signatures(folder, tags)
        index = folder / "variables" / "variables.index"
        if any(index.parent.glob("*")) and not index.is_file():
            raise LoadFailed(f"{folder}: half-copied? variables/ is there, variables.index is not; copy it again")
        try:
            session = Session.load(folder, tags, threads or Threads())
        except TensorFlowError as error:
            raise LoadFailed(f"{folder}: {error}") from error
        # TensorFlow takes a missing variables/ for a model without any, then fails each request.
        if not index.is_file() and session.operation_types() & _VARIABLE_TYPES:
            session.close()
            raise LoadFailed(f"{folder}: half-copied? the model has variables, variables/ is missing; copy it again")
        return cls(folder, signatures, session)

    def compute(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        """The tensors called `fetches`, by name, given those in `feeds`.

        Raises:
          BadRequest: An operation does not take what it was given.
          TensorFlowError: An operation failed for another reason.
        """
        try:
            self._guard.check(feeds, fetches)
            return dict(zip(fetches, self._session.run(feeds, fetches), strict=True))
        except TensorFlowError as error:
            if error.code == INVALID_ARGUMENT:
                raise BadRequest(str(error)) from error
            raise

    def fetches_for(self, signature: saved_model_pb2.SignatureDef, tensors: Iterable[str]) -> list[str]:
        """`tensors`, or all of the signature's once too many sets were asked for."""
        # TensorFlow keeps a compiled graph for each set that was ever asked for, and clients choose the sets.
        chosen = frozenset(tensors)
        if chosen not in self._fetch_sets and len(self._fetch_sets) >= MAX_FETCH_SETS:
            chosen = frozenset(info.name for info in signature.outputs.values())
        self._fetch_sets.add(chosen)
        return sorted(chosen)

    def traits(self) -> Mapping[str, GraphTraits]:
        """What the graph says of each signature; nothing is known of a graph too large to be written."""
        try:
            graph = graph_def(self._session)
        except TensorFlowError:
            return super().traits()
        return {
            name: traits_of(graph, [info.name for info in signature.outputs.values()], partial(op_def, self._session))
            for name, signature in self.signatures.items()
        }

    def interrupt(self) -> None:
        """Ends loops and waits; an operation that computes is done first."""
        self._session.interrupt()

    def close(self) -> None:
        """Frees the model's memory."""
        self._session.close()


def read_signatures(folder: Path, tags: Sequence[str] = (SERVE_TAG,)) -> Signatures:
    """The signatures of the SavedModel in `folder`, by name; of several graphs those of that with exactly `tags`.

    Raises:
      LoadFailed: It is no SavedModel for serving.
    """
    file = folder / SAVED_MODEL_FILE
    try:
        model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except OSError as error:
        raise LoadFailed(
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {folder}. ({error.strerror})"
        ) from error
    except DecodeError as error:
        raise LoadFailed(f"{file}: cut off or corrupt, it is no SavedModel message; copy it again") from error
    for graph in model.meta_graphs:
        if set(graph.meta_info_def.tags) == set(tags):
            # A copy, as a part of a message keeps the whole of it in memory, the graph included.
            return dict(saved_model_pb2.SignatureDefMap(signature_def=graph.signature_def).signature_def)
    found, wanted = [sorted(graph.meta_info_def.tags) for graph in model.meta_graphs], " ".join(tags)
    raise LoadFailed(
        f"{folder}: Could not find meta graph def matching supplied tags: {{ {wanted} }}. It has: {found}"
    ) from KeyError(wanted)
