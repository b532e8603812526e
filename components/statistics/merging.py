"""How what is kept of two parts becomes what is kept of both together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


def together(one: T, other: T) -> T:
    """What has a `merge` merged, mappings key by key, and of anything else the sum; None if either is None."""
    left: Any = one
    right: Any = other
    if left is None or right is None:
        merged = None
    elif isinstance(left, Mapping):
        merged = {**left, **{key: together(left[key], each) if key in left else each for key, each in right.items()}}
    else:
        merged = left.merge(right) if hasattr(left, "merge") else left + right
    found: T = merged  # type: ignore[assignment]
    return found


class Merging:
    """A frozen dataclass that merges field by field."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def merge(self, other: Self) -> Self:
        """Both together."""
        both = {each.name: together(getattr(self, each.name), getattr(other, each.name)) for each in fields(self)}
        return type(self)(**both)
