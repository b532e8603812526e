"""How requests are run together, and TensorFlow Serving's file that says so."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from slipline.serving.errors import ConfigRefused
from slipline.serving.wire import settings_pb2
from slipline.serving.wire.text_proto import read_text_proto

log = logging.getLogger(__name__)

# TensorFlow Serving's, for a file that does not say.
DEFAULT_MAX_BATCH_SIZE = 1000
DEFAULT_MAX_ENQUEUED_BATCHES = 10

_WITHOUT_EFFECT = ("thread_pool_name", "pad_variable_length_inputs", "max_execution_batch_size")


@dataclass(frozen=True, kw_only=True)
class Batching:
    """How requests of one kind are run together.

    Attributes:
      max_batch_size: Rows of one run; a request of more runs alone.
      refuses_larger: Whether a request of more rows is refused in place.
      max_enqueued_batches: As many times `max_batch_size` rows may wait; None for any number.
      concurrent_runs: Slow runs of one kind of request side by side; those that come beyond wait. One per core by
        default.
      wait_s: For others to come, where fewer than `max_batch_size` rows wait.
      allowed_batch_sizes: Ascending; requests that run together are filled up to one of these. Empty for any size.
    """

    max_batch_size: int = 64
    refuses_larger: bool = False
    max_enqueued_batches: int | None = None
    concurrent_runs: int = field(default_factory=lambda: os.cpu_count() or 1)
    wait_s: float = 0.0
    allowed_batch_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "concurrent_runs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.max_enqueued_batches is not None and self.max_enqueued_batches < 0:
            raise ValueError(f"max_enqueued_batches must be at least 0, got {self.max_enqueued_batches}")
        if self.wait_s < 0:
            raise ValueError(f"batch_timeout_micros must be at least 0, got {self.wait_s * 1e6:g}")
        sizes = self.allowed_batch_sizes
        if sizes and (min(sizes) < 1 or list(sizes) != sorted(set(sizes)) or sizes[-1] != self.max_batch_size):
            raise ValueError(
                f"allowed_batch_sizes must be positive, ascend, and end in max_batch_size, {self.max_batch_size}; "
                f"got {list(sizes)}"
            )

    def filled(self, rows: int) -> int:
        """To how many rows a batch of `rows` is filled up."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def read_batching_parameters(file: Path) -> Batching:
    """What a BatchingParameters message in text form asks for; says in the log what has no effect here.

    Raises:
      ConfigRefused: The file cannot be read, or a value is out of range.
    """
    sent = read_text_proto(file, settings_pb2.BatchingParameters())
    for name in _WITHOUT_EFFECT:
        if name in {field.name for field, _ in sent.ListFields()}:
            log.warning("%s: %s has no effect on this server", file, name)
    try:
        return Batching(
            max_batch_size=sent.max_batch_size.value if sent.HasField("max_batch_size") else DEFAULT_MAX_BATCH_SIZE,
            refuses_larger=not sent.enable_large_batch_splitting.value,
            max_enqueued_batches=(
                sent.max_enqueued_batches.value
                if sent.HasField("max_enqueued_batches")
                else DEFAULT_MAX_ENQUEUED_BATCHES
            ),
            concurrent_runs=sent.num_batch_threads.value if sent.HasField("num_batch_threads") else os.cpu_count() or 1,
            wait_s=sent.batch_timeout_micros.value / 1e6,
            allowed_batch_sizes=tuple(sent.allowed_batch_sizes),
        )
    except ValueError as error:
        raise ConfigRefused(f"{file}: {error}") from error
