"""What a version goes through before it takes requests: loaded, warmed up, and run in batches from then on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipline.serving.errors import ConfigRefused
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.models.model_loader import Preferences, has_preferred_tflite, load_model
from slipline.serving.models.tensorflow.thread_choice import ThreadChoice
from slipline.serving.server.batching.batched_model import BatchedModel
from slipline.serving.server.batching.lanes import Batch
from slipline.serving.server.batching.parameters import Batching, read_batching_parameters
from slipline.serving.server.event_loop import EventLoop
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.versions.timed_warmup import WarmUps

PER_MODEL_FILE = "batching_params.pbtxt"


@dataclass(frozen=True, kw_only=True)
class BatchingChoice:
    """How the requests of each model are run together.

    Attributes:
      common: For every model; None for one by one.
      is_per_model: Whether a file in the version's folder decides; a version without one is run one by one.
    """

    common: Batching | None
    is_per_model: bool = False

    @classmethod
    def of(cls, options: ServerOptions) -> BatchingChoice:
        """What the options ask for.

        Raises:
          ConfigRefused: They exclude each other, or the file of parameters cannot be used.
        """
        if options.batching_parameters_file and not options.enable_batching:
            raise ConfigRefused("--batching_parameters_file without --enable_batching; give both, or neither")
        common = Batching() if options.enable_batching else None
        if options.batching_parameters_file:
            common = read_batching_parameters(Path(options.batching_parameters_file))
        return cls(common=common, is_per_model=options.enable_per_model_batching_parameters)

    def of_version(self, folder: Path) -> Batching | None:
        """That of the version in `folder`.

        Raises:
          ConfigRefused: Its file cannot be used.
        """
        if not self.is_per_model:
            return self.common
        file = folder / PER_MODEL_FILE
        return read_batching_parameters(file) if file.is_file() else None


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Prepares versions.

    Attributes:
      preferences: How they are loaded.
      warm_ups: How recorded requests are replayed; None for not at all.
      batching: How requests are run together.
      max_threads: Runs of one version side by side.
      on_batch: Told of each batch that runs.
      on_read: Told the folder of each version that was read into memory, and the seconds that took.
      thread_choice: With how many threads models compute, where the preferences do not say.
    """

    preferences: Preferences
    warm_ups: WarmUps | None
    batching: BatchingChoice
    max_threads: int
    on_batch: Callable[[Batch], None] = lambda batch: None
    on_read: Callable[[Path, float], None] = lambda folder, seconds: None
    thread_choice: ThreadChoice = field(default_factory=ThreadChoice)

    def prepared(self, folder: Path, events: EventLoop) -> LoadedModel:
        """The version in `folder`, ready for requests.

        Raises:
          LoadFailed: It cannot be loaded, or a recorded request fails.
          ConfigRefused: Its batching parameters cannot be used.
        """
        batching = self.batching.of_version(folder)
        model, threads = self._loaded(folder)
        parts = max(1, (os.cpu_count() or 1) // threads)
        return BatchedModel(model, batching, events, parts=parts, max_threads=self.max_threads, on_batch=self.on_batch)

    def _loaded(self, folder: Path) -> tuple[LoadedModel, int]:
        """The version in memory, and with how many threads it computes."""
        asked = self.preferences.threads.intra_op
        if asked or has_preferred_tflite(folder, self.preferences):
            return self._warm(folder, self.preferences), max(1, asked)
        threads = self.thread_choice.threads(folder)
        chosen = replace(self.preferences.threads, intra_op=threads)
        return self._warm(folder, replace(self.preferences, threads=chosen)), threads

    def _warm(self, folder: Path, preferences: Preferences) -> LoadedModel:
        if self.warm_ups is None:
            return self._read(folder, preferences)
        self.warm_ups.check(folder)
        model = self._read(folder, preferences)
        self.warm_ups.warm_up(model)
        return model

    def _read(self, folder: Path, preferences: Preferences) -> LoadedModel:
        begin_s = time.monotonic()
        model = load_model(folder, preferences)
        self.on_read(folder, time.monotonic() - begin_s)
        return model
