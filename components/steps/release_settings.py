"""Where releases are kept: settings shared by the steps that read and write the ledger."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from slipline.pipeline.core.component import OUTSIDE_CACHE_KEY, params


@params
class ReleaseParams:
    """The model's name among the releases, and where these are.

    Attributes:
      model: The name clients ask for.
      root: Folder of the version folders and the model config file.
      url: SQLAlchemy URL of the ledger; None for a SQLite file in `root`.
      by: Who is releasing, kept in the ledger.
      sample_split: Whose records are kept beside the releases as requests, to compare a new version with the live one.
      ready_timeout_s: How long servers may take to have a new version ready before it is withdrawn again.
    """

    model: str
    root: Path = field(metadata=OUTSIDE_CACHE_KEY)
    url: str | None = field(default=None, metadata=OUTSIDE_CACHE_KEY)
    by: str = field(default="", metadata=OUTSIDE_CACHE_KEY)
    sample_split: str = field(default="test", metadata=OUTSIDE_CACHE_KEY)
    ready_timeout_s: float = field(default=120.0, metadata=OUTSIDE_CACHE_KEY)
