"""Where runs and releases are kept, as the environment says; what a command needs that reads no settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """Where runs and releases are kept.

    Attributes:
      path: The folder.
      ledger_url: SQLAlchemy URL of the releases' ledger; None for a SQLite file among them.
    """

    path: Path
    ledger_url: str | None = None

    @property
    def releases(self) -> Path:
        """Holds the version folders, the ledger and the model config file that servers follow."""
        return self.path / "releases"

    @property
    def reports(self) -> Path:
        """Holds the run reports."""
        return self.path / "reports"

    @property
    def cards(self) -> Path:
        """Holds the model cards: of each release by its version, of a model that was not released by its run."""
        return self.path / "cards"


def home_from_environment() -> Home:
    """`SLIPLINE_HOME`, or `.slipline` in the working directory, with the ledger at `SLIPLINE_LEDGER` if that is set."""
    home = Path(os.environ.get("SLIPLINE_HOME") or ".slipline").resolve()
    return Home(home, os.environ.get("SLIPLINE_LEDGER") or None)
