"""One SavedModel, loaded and ready to run: exactly TensorFlow Serving's loader, without its blind spot.

The runtime is TensorFlow's own (`serving.native`); the signatures are read from `saved_model.pb` itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from google.protobuf.message import DecodeError

from serving.errors import BadRequest, LoadFailed
from serving.native import INVALID_ARGUMENT, Session, TensorFlowError, Threads
from serving.shape_guard import ShapeGuard
from serving.tensors import Array, to_array
from serving.wire import saved_model_pb2

DEFAULT_SIGNATURE = "serving_default"
SERVE_TAG = "serve"
MAX_FETCH_SETS = 100  # of a model; beyond it, all outputs are computed and those not wanted dropped

Signatures = Mapping[str, saved_model_pb2.SignatureDef]

_VARIABLE_TYPES = frozenset({"VarHandleOp", "VariableV2", "Variable"})


class SignatureNotFound(BadRequest):
    """The model has no signature of that name."""


class SavedModel:
    """A loaded model. Runs may come from several threads at once; `close` only after the last.

    Attributes:
      folder: Where it was loaded from.
      signatures: By name, as written in the model.
    """

    def __init__(self, folder: Path, signatures: Signatures, session: Session) -> None:
        """Takes over `session`; `load` makes the parts."""
        self.folder = folder
        self.signatures = signatures
        self._session = session
        self._guard = ShapeGuard(session)
        self._fetch_sets: set[frozenset[str]] = set()

    @classmethod
    def load(cls, folder: Path, *, threads: Threads | None = None) -> SavedModel:
        """The model in `folder`, its variables and tables in memory.

        Raises:
          LoadFailed: It is no complete SavedModel for serving; the cause is TensorFlow's error where that was asked.
        """
        signatures = read_signatures(folder)
        index = folder / "variables" / "variables.index"
        if any(index.parent.glob("*")) and not index.is_file():
            raise LoadFailed(f"{folder}: half-copied? variables/ is there, variables.index is not; copy it again")
        try:
            session = Session.load(folder, [SERVE_TAG], threads or Threads())
        except TensorFlowError as error:
            raise LoadFailed(f"{folder}: {error}") from error
        # TensorFlow takes a missing variables/ for a model without any, then fails each request.
        if not index.is_file() and session.operation_types() & _VARIABLE_TYPES:
            session.close()
            raise LoadFailed(f"{folder}: half-copied? the model has variables, variables/ is missing; copy it again")
        return cls(folder, signatures, session)

    def run(
        self, inputs: Mapping[str, Array], signature: str = DEFAULT_SIGNATURE, outputs: Sequence[str] = ()
    ) -> dict[str, Array]:
        """Runs one signature.

        Args:
          inputs: By input name; of exactly the signature's dtypes. Shapes are the graph's business.
          signature: Its name.
          outputs: Names of the outputs to compute; all if empty.

        Returns:
          By output name. Strings are object arrays of `bytes`.

        Raises:
          BadRequest: The inputs, the outputs or the signature are not such as the model has.
          TensorFlowError: An operation failed for another reason.
        """
        self.check_inputs(signature, inputs)
        wanted = self.signature(signature)
        tensors = {name: wanted.outputs[name].name for name in _chosen_outputs(wanted, outputs)}
        computed = self.compute(_feeds(wanted, inputs), self._fetches(wanted, tensors.values()))
        return {name: computed[tensor] for name, tensor in tensors.items()}

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

    def _fetches(self, signature: saved_model_pb2.SignatureDef, tensors: Iterable[str]) -> list[str]:
        # TensorFlow keeps a compiled graph for each set that was ever asked for, and clients choose the sets.
        chosen = frozenset(tensors)
        if chosen not in self._fetch_sets and len(self._fetch_sets) >= MAX_FETCH_SETS:
            chosen = frozenset(info.name for info in signature.outputs.values())
        self._fetch_sets.add(chosen)
        return sorted(chosen)

    def signature(self, name: str) -> saved_model_pb2.SignatureDef:
        """What the signature called `name` takes and gives.

        Raises:
          SignatureNotFound: The model has no such signature.
        """
        found = self.signatures.get(name)
        if found is None:
            raise SignatureNotFound(
                f'Serving signature key "{name}" not found. The model has: {", ".join(sorted(self.signatures))}'
            )
        return found

    def check_inputs(self, signature: str, names: Collection[str]) -> None:
        """Returns if `names` are what the signature takes, or leaves to its defaults.

        Raises:
          SignatureNotFound: The model has no such signature.
          BadRequest: One is missing or unknown.
        """
        wanted = self.signature(signature)
        if len(names) > len(wanted.inputs) or (len(names) < len(wanted.inputs) and not wanted.defaults):
            raise BadRequest(_size_mismatch(sorted(names), sorted(wanted.inputs)))
        for alias, info in sorted(wanted.inputs.items()):
            if alias not in names and alias not in wanted.defaults:
                raise BadRequest(
                    f"Signature input alias: {alias}(feed name: {info.name}) not found in request and no default value "
                    f"provided. Inputs in the request: {', '.join(sorted(names))}"
                )
        if set(names) - set(wanted.inputs):
            raise BadRequest("Inputs contains invalid name.")

    def close(self) -> None:
        """Frees the model's memory."""
        self._session.close()

    def __enter__(self) -> SavedModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_signatures(folder: Path) -> Signatures:
    """The signatures of the SavedModel in `folder`, by name.

    Raises:
      LoadFailed: It is no SavedModel for serving.
    """
    file = folder / "saved_model.pb"
    try:
        model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except OSError as error:
        raise LoadFailed(
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {folder}. ({error.strerror})"
        ) from error
    except DecodeError as error:
        raise LoadFailed(f"{file}: cut off or corrupt, it is no SavedModel message; copy it again") from error
    for graph in model.meta_graphs:
        if list(graph.meta_info_def.tags) == [SERVE_TAG]:
            # A copy, as a part of a message keeps the whole of it in memory, the graph included.
            return dict(saved_model_pb2.SignatureDefMap(signature_def=graph.signature_def).signature_def)
    tags = [sorted(graph.meta_info_def.tags) for graph in model.meta_graphs]
    raise LoadFailed(
        f"{folder}: Could not find meta graph def matching supplied tags: {{ {SERVE_TAG} }}. It has: {tags}"
    ) from KeyError(SERVE_TAG)


def _chosen_outputs(signature: saved_model_pb2.SignatureDef, names: Sequence[str]) -> list[str]:
    """`names`, each checked; all outputs if there are none."""
    for position, name in enumerate(names):
        if name not in signature.outputs:
            known = ",".join(sorted(signature.outputs))
            raise BadRequest(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{known}}}."
            )
        if name in names[:position]:
            raise BadRequest(f"duplicate output tensor alias: {name}")
    return list(names or signature.outputs)


def _feeds(signature: saved_model_pb2.SignatureDef, inputs: Mapping[str, Array]) -> dict[str, Array]:
    feeds = {}
    for alias, info in signature.inputs.items():
        feeds[info.name] = inputs[alias] if alias in inputs else to_array(signature.defaults[alias])
    return feeds


def _size_mismatch(sent: list[str], wanted: list[str]) -> str:
    extra = ",".join(name for name in sent if name not in wanted)
    missing = ",".join(name for name in wanted if name not in sent)
    return (
        f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{','.join(sent)}}}) != "
        f"len({{{','.join(wanted)}}}). Sent extra: {{{extra}}}. Missing but required: {{{missing}}}."
    )
