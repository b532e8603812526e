"""What running a signature comes to, in terms of a model's own tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from slipline.serving.wire.tensors import Array


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
