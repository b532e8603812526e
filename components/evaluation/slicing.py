"""What models answered, counted by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from slipline.components.evaluation.cells import Numbers
from slipline.components.evaluation.pairing import Pairing
from slipline.components.evaluation.tally import Tally
from slipline.components.statistics.merging import Merging, together

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What the models answered.

    Attributes:
      candidate: float32 [records, classes].
      live: The same from the live model; None where there is none.
    """

    candidate: Probabilities
    live: Probabilities | None

    @classmethod
    def joined(cls, parts: Sequence[Answers]) -> Answers:
        """The answers of all the parts, of which there is at least one."""
        live = [part.live for part in parts if part.live is not None]
        return cls(
            candidate=np.concatenate([part.candidate for part in parts]), live=np.concatenate(live) if live else None
        )

    def of(self, records: NDArray[np.int64] | NDArray[np.bool_]) -> Answers:
        """Those about some of the records."""
        return Answers(candidate=self.candidate[records], live=None if self.live is None else self.live[records])

    def counted(self, labels: Numbers, *, ranked: bool = True) -> Counted:
        """Their counts, given the true classes, int64 [records]; `ranked` is that of `Tally.of`."""
        return Counted(
            tally=Tally.of(self.candidate, labels, ranked=ranked),
            pairing=None if self.live is None else Pairing.of(self.candidate, self.live, labels),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Counted(Merging):
    """The predictions of one slice, counted: the candidate's, and those of both models together if one was live."""

    tally: Tally
    pairing: Pairing | None


@dataclass(frozen=True, kw_only=True, eq=False)
class ByValue:
    """The records of each value of a feature, counted.

    Attributes:
      most: With more different values than this, none are kept.
      counted: By the value's name.
      too_many: Whether there were more.
    """

    most: int
    counted: Mapping[str, Counted] = field(default_factory=dict)
    too_many: bool = False

    def merge(self, other: ByValue) -> ByValue:
        """The slices of both together."""
        counted = together(self.counted, other.counted)
        too_many = self.too_many or other.too_many or len(counted) > self.most
        return ByValue(most=self.most, counted={} if too_many else counted, too_many=too_many)


def by_value(names: Sequence[str], most: int, answers: Answers, labels: Numbers, *, ranked: bool = True) -> ByValue:
    """The records counted by the names of their slices, one for each record."""
    found, places = np.unique(np.array(names), return_inverse=True)
    if len(found) > most:
        return ByValue(most=most, too_many=True)
    counted = {}
    for number, name in enumerate(found.tolist()):
        here = places == number
        counted[name] = answers.of(here).counted(labels[here], ranked=ranked)
    return ByValue(most=most, counted=counted)
