"""What validation lets pass."""

from __future__ import annotations

from slipline.pipeline.core.component import params

POLICIES = ("stop", "set_aside")


@params
class ValidateParams:
    """What is done about single bad records, and how many copies may be among the records.

    Attributes:
      policy: `stop` lets nothing pass with a bad record among it; `set_aside` leaves bad records out and goes on with
        the rest.
      max_set_aside: Greatest share of a split's records that may be set aside, in 0..1.
      max_duplicates: Greatest share of a split's records that may repeat an earlier one of it, in 0..1; at 1, copies
        are only counted.
      max_leaks: Greatest share of a split's records that may also be in a split before it, in 0..1; at 1, they are
        only counted.
    """

    policy: str = "stop"
    max_set_aside: float = 0.01
    max_duplicates: float = 1.0
    max_leaks: float = 1.0

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {self.policy!r}")
        for name in ("max_set_aside", "max_duplicates", "max_leaks"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in 0..1, got {getattr(self, name)}")
