"""What any loaded model is to its callers, whatever its format: named signatures that run on named tensors."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from slipline.serving.errors import BadRequest
from slipline.serving.models.graph_traits import NOTHING_KNOWN, GraphTraits
from slipline.serving.wire import saved_model_pb2
from slipline.serving.wire.tensors import Array, to_array

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_SIGNATURE = "serving_default"
PREDICT_METHOD = "tensorflow/serving/predict"
MAX_PLANS = 100  # clients choose the order of names, so what is remembered has a limit

Signatures = Mapping[str, saved_model_pb2.SignatureDef]


class Run(NamedTuple):
    """One run of a signature.

    Attributes:
      feeds: Values by the name of a tensor; those left to a default included.
      fetches: Names of the tensors to compute, sorted, each once.
      tensors: The name of a tensor, by the name of each output wanted.
    """

    feeds: Mapping[str, Array]
    fetches: Sequence[str]
    tensors: Mapping[str, str]

    def renamed(self, computed: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs wanted by their names, of the tensors `computed`."""
        return {alias: computed[tensor] for alias, tensor in self.tensors.items()}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All runs of a signature that are given the same inputs and asked for the same outputs.

    Attributes:
      feeds: The name of a tensor, by the name of the input for it.
      defaults: Values of the other tensors to feed, by their names.
      fetches: As in `Run`.
      tensors: As in `Run`.
    """

    feeds: Mapping[str, str]
    defaults: Mapping[str, Array]
    fetches: Sequence[str]
    tensors: Mapping[str, str]

    def run(self, inputs: Mapping[str, Array]) -> Run:
        """The one on these inputs, by their names."""
        feeds = {tensor: inputs[alias] for alias, tensor in self.feeds.items()}
        return Run(feeds={**feeds, **self.defaults}, fetches=self.fetches, tensors=self.tensors)


class SignatureNotFound(BadRequest):
    """The model has no signature of that name."""

    code = 9


class LoadedModel(ABC):
    """A model in memory. Runs may come from several threads at once; `close` only after the last.

    Attributes:
      folder: Where it was loaded from.
      signatures: By name.
    """

    def __init__(self, folder: Path, signatures: Signatures) -> None:
        self.folder = folder
        self.signatures = signatures
        self._plans: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Plan] = {}

    @abstractmethod
    def compute(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        """The tensors called `fetches`, by name, given those in `feeds`.

        Raises:
          BadRequest: An operation does not take what it was given.
          ServingError: An operation failed for another reason.
        """

    def compute_soon(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> asyncio.Future[Mapping[str, Array]]:
        """`compute` for an event loop, which goes on meanwhile."""
        return asyncio.get_running_loop().run_in_executor(None, self.compute, feeds, fetches)

    def interrupt(self) -> None:  # noqa: B027  not every runtime can
        """Has the runs under way fail soon, where the runtime can; none may come after."""

    @abstractmethod
    def close(self) -> None:
        """Frees the model's memory."""

    def traits(self) -> Mapping[str, GraphTraits]:
        """What is known of all that runs for each signature, by its name."""
        return dict.fromkeys(self.signatures, NOTHING_KNOWN)

    def run(
        self, inputs: Mapping[str, Array], signature: str = DEFAULT_SIGNATURE, outputs: Sequence[str] = ()
    ) -> dict[str, Array]:
        """Runs one signature.

        Args:
          inputs: By input name; of exactly the signature's dtypes. Shapes are the model's business.
          signature: Its name.
          outputs: Names of the outputs to compute; all if empty.

        Returns:
          By output name. Strings are object arrays of `bytes`.

        Raises:
          BadRequest: The inputs, the outputs or the signature are not such as the model has.
          ServingError: An operation failed for another reason.
        """
        planned = self.plan(signature, tuple(inputs), tuple(outputs)).run(inputs)
        return planned.renamed(self.compute(planned.feeds, planned.fetches))

    def plan(self, signature: str, inputs: tuple[str, ...], outputs: tuple[str, ...] = ()) -> Plan:
        """How to run a signature on inputs of these names, for these outputs, or all if there are none.

        Raises:
          BadRequest: The inputs, the outputs or the signature are not such as the model has.
        """
        key = signature, inputs, outputs
        known = self._plans.get(key)
        if known is None:
            known = self._new_plan(signature, inputs, outputs)
            if len(self._plans) < MAX_PLANS:
                self._plans[key] = known
        return known

    def _new_plan(self, name: str, inputs: Collection[str], outputs: Sequence[str]) -> Plan:
        self.check_inputs(name, inputs)
        signature = self.signature(name)
        tensors = {alias: signature.outputs[alias].name for alias in _chosen_outputs(signature, outputs)}
        return Plan(
            feeds={alias: info.name for alias, info in signature.inputs.items() if alias in inputs},
            defaults={
                info.name: to_array(signature.defaults[alias])
                for alias, info in signature.inputs.items()
                if alias not in inputs
            },
            fetches=tuple(self.fetches_for(signature, tensors.values())),
            tensors=tensors,
        )

    def fetches_for(self, signature: saved_model_pb2.SignatureDef, tensors: Iterable[str]) -> list[str]:
        """The tensors to compute where `tensors` of a signature are wanted: these, or more."""
        return sorted(set(tensors))

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
        if len(names) == len(wanted.inputs) and all(name in wanted.inputs for name in names):
            return
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()


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


def _size_mismatch(sent: list[str], wanted: list[str]) -> str:
    extra = ",".join(name for name in sent if name not in wanted)
    missing = ",".join(name for name in wanted if name not in sent)
    return (
        f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{','.join(sent)}}}) != "
        f"len({{{','.join(wanted)}}}). Sent extra: {{{extra}}}. Missing but required: {{{missing}}}."
    )
