"""TFRecord files as a source of examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from slipline.components.files.tfrecord_files import read_records


@dataclass(frozen=True, kw_only=True)
class TfrecordFile:
    """One TFRecord file, plain or gzip-compressed; its records are taken as they are.

    Attributes:
      path: The file.
      stated: How many records its metadata say it holds; None if they say nothing.
    """

    path: str
    stated: int | None = None

    def records(self) -> Iterator[bytes]:
        """Its records in order.

        Raises:
          BadData: The file is cut off or corrupt.
        """
        return read_records(self.path)
