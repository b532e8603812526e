"""What a run made, each artifact with what it was made of, as it is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar, cast

from slipline.components import artifacts
from slipline.pipeline.core.artifact import Artifact, find_class
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.store.lineage import flat_settings, trace
from slipline.pipeline.store.store import Store, artifact_from_json
from slipline.pipeline.store.tables import ExecutionInputRow, ExecutionRow

A = TypeVar("A", bound=Artifact)
A_co = TypeVar("A_co", bound=Artifact, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Product(Generic[A_co]):
    """An artifact and where it came from.

    Attributes:
      artifact: The artifact.
      step: The step that made it; empty where nobody knows, and of one that was given.
      made: Its execution; None likewise.
      inputs: What it was made of, without the verdicts that let the step run.
    """

    artifact: A_co
    step: str = ""
    made: ExecutionRow | None = None
    inputs: tuple[AnyProduct, ...] = ()

    def took(self, kind: type[A]) -> A | None:
        """The artifact of class `kind` that it was made of; rather one of that very class than of one derived."""
        found = [each.artifact for each in self.inputs if isinstance(each.artifact, kind)]
        return next((each for each in found if type(each) is kind), found[0] if found else None)

    def behind(self, kind: type[A]) -> Product[A] | None:
        """The nearest product of class `kind` that it came from, through whatever lies between."""
        level: Sequence[AnyProduct] = self.inputs
        while level:
            if found := of_kind(level, kind):
                return found[0]
            level = [above for each in level for above in each.inputs]
        return None

    def setting(self, name: str) -> object:
        """What the setting of that name was when it was made; None if there was none."""
        return None if self.made is None else dict(flat_settings(self.made.settings)).get(name)


AnyProduct: TypeAlias = Product[Artifact]


def of_kind(products: Sequence[AnyProduct], kind: type[A]) -> list[Product[A]]:
    """Those whose artifact is of class `kind`."""
    return [cast("Product[A]", product) for product in products if isinstance(product.artifact, kind)]


def products_of(run: RunReport, store: Store) -> tuple[AnyProduct, ...]:
    """What the steps of a run made or found, in run order."""
    made_now = [outcome.made for outcome in run.outcomes if outcome.made is not None]
    known = {made.execution_id: made.artifact for made in made_now}
    # A step that is never cached made the same anew where others remember its former execution.
    alike = {made.digest: made.artifact for made in made_now}
    found: dict[str, AnyProduct] = {}
    for made in trace(store, *known).executions:
        artifact = known.get(made.id) or alike.get(made.digest) or recorded_artifact(made, store.home)
        taken = [each for each in made.taken if not each.gate]
        inputs = (found.get(each.source_id) if each.source_id else _given(each) for each in taken)
        if artifact is not None:
            found[made.id] = Product(artifact=artifact, step=made.step, made=made, inputs=tuple(filter(None, inputs)))
    return tuple(product for made in made_now if (product := found.get(made.execution_id)))


def recorded_artifact(made: ExecutionRow, home: Path) -> Artifact | None:
    """What an execution made; None if that is of a class, or has facts, that cannot be read here and now."""
    try:
        kind: type[Artifact] = find_class(made.artifact_class, Artifact) or getattr(artifacts, made.artifact_type)
        return artifact_from_json(kind, made.facts, home / made.folder)
    except (Exception, SystemExit):  # whatever the module of somebody's own class does when it is imported
        return None


def told(artifact: Artifact) -> str:
    """An artifact in a few words, or else its class."""
    try:
        return artifact.words() or type(artifact).__name__
    except (Exception, SystemExit) as error:  # of a class of somebody's own
        return f"{type(artifact).__name__}, whose words() failed: {type(error).__name__}: {error}"


def _given(taken: ExecutionInputRow) -> AnyProduct | None:
    """One from outside, if its class asks for no more than where it lies."""
    kind: type[Artifact] | None = getattr(artifacts, taken.artifact_type, None)
    try:
        return None if kind is None else Product(artifact=kind(path=Path(taken.place)))
    except TypeError:
        return None
