"""What is asked for: a release, files, and where the answers go."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from slipline.components.beam.beam_options import BeamSettings

Format = Literal["parquet", "tfrecord"]
OnBadRecord = Literal["set-aside", "stop"]


@dataclass(frozen=True, kw_only=True)
class AskedRelease:
    """The release that answers.

    Attributes:
      model: Its name.
      version: Its number.
      digest: sha256 of its manifest, in hex.
      folder: Its version folder, which every worker must be able to read.
    """

    model: str
    version: int
    digest: str
    folder: Path


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """One batch prediction.

    Attributes:
      release: Answers.
      inputs: Files, folders and glob patterns, local or remote.
      out: The folder to be made; workers must be able to write beside it.
      format: Of the files of predictions.
      batch_size: How many records the model is asked about at once.
      on_bad_record: Whether records that cannot be predicted are set aside or stop the work.
      label_feature: Of records, the feature with the right class, if they have it.
      key_feature: Of records, the feature that tells one from another, if they have it.
      overwrite: Whether `out` may be there, and be replaced.
      beam: Where Beam runs.
    """

    release: AskedRelease
    inputs: tuple[str, ...]
    out: Path
    format: Format = "parquet"
    batch_size: int = 256
    on_bad_record: OnBadRecord = "set-aside"
    label_feature: str = "label"
    key_feature: str = "id"
    overwrite: bool = False
    beam: BeamSettings = field(default_factory=BeamSettings)
