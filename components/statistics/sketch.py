"""What the sketches of datasketches have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Sketch:
    """A sketch as bytes, because the object itself does not pickle.

    Attributes:
      serialized: What the class of datasketches that is called `KIND` wrote.
    """

    KIND: ClassVar[str]

    serialized: bytes

    def merge(self, other: Self) -> Self:
        """The sketch of both together."""
        merged = self._read()
        merged.merge(other._read())
        return type(self)(bytes(merged.serialize()))

    def _read(self) -> Any:
        import datasketches

        return getattr(datasketches, self.KIND).deserialize(self.serialized)
