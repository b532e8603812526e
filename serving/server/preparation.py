"""What a version goes through before it takes requests: loaded, warmed up, and run in batches from then on."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from slipline.serving.errors import ConfigRefused
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.models.model_loader import Preferences, has_preferred_tflite, load_model
from slipline.serving.models.tensorflow.thread_choice import ThreadChoice
from slipline.serving.server.batching.batched_model import BatchedModel
from slipline.serving.server.batching.parameters import Batching, read_batching_parameters
from slipline.serving.server.event_loop import EventLoop
from slipline.serving.server.flags.flag_values import saved_model_tags, session_threads
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.methods.methods import Methods
from slipline.serving.server.metrics.monitoring import Metrics
from slipline.serving.server.versions.warmup import WarmUps

PER_MODEL_FILE = "batching_params.pbtxt"


class Preparation:
    """Prepares versions as a server's options say."""

    def __init__(self, options: ServerOptions, methods: Methods, metrics: Metrics) -> None:
        """Nothing is prepared yet.

        Raises:
          ConfigRefused: The options exclude each other, or a file that they name cannot be used.
        """
        self._preferences = Preferences(
            threads=session_threads(options),
            tags=saved_model_tags(options),
            tflite=options.prefer_tflite_model,
            tflite_pools=options.num_tflite_pools or None,
            tflite_interpreters_per_pool=options.num_tflite_interpreters_per_pool,
        )
        self._warm_ups = WarmUps(
            methods,
            iterations=options.num_request_iterations_for_warmup,
            time_limit_s=options.warmup_time_limit_seconds or None,
            on_end=metrics.observe_warmup,
        )
        self._common_batching = _batching_of_all(options)
        self._thread_choice = ThreadChoice()
        self._options = options
        self._metrics = metrics

    @property
    def is_over(self) -> bool:
        """Whether no run goes on of a warm-up that was given up."""
        return self._warm_ups.are_over

    def prepared(self, folder: Path, events: EventLoop) -> LoadedModel:
        """The version in `folder`, ready for requests.

        Raises:
          LoadFailed: It cannot be loaded, or a recorded request fails.
          ConfigRefused: Its batching parameters cannot be used.
        """
        batching = self._batching(folder)
        model, threads = self._loaded(folder)
        cores = os.cpu_count() or 1
        return BatchedModel(
            model,
            batching,
            events,
            parts=max(1, cores // threads),
            max_threads=self._options.grpc_max_threads or 4 * cores,
            on_batch=self._metrics.observe_batch,
        )

    def _batching(self, folder: Path) -> Batching | None:
        """How requests of the version in `folder` are run together; None for one by one."""
        if not self._options.enable_per_model_batching_parameters:
            return self._common_batching
        file = folder / PER_MODEL_FILE
        return read_batching_parameters(file) if file.is_file() else None

    def _loaded(self, folder: Path) -> tuple[LoadedModel, int]:
        """The version in memory, and with how many threads it computes."""
        asked = self._preferences.threads.intra_op
        if asked or has_preferred_tflite(folder, self._preferences):
            return self._warm(folder, self._preferences), max(1, asked)
        threads = self._thread_choice.threads(folder)
        chosen = replace(self._preferences.threads, intra_op=threads)
        return self._warm(folder, replace(self._preferences, threads=chosen)), threads

    def _warm(self, folder: Path, preferences: Preferences) -> LoadedModel:
        if self._options.enable_model_warmup:
            self._warm_ups.check(folder)
        begin_s = time.monotonic()
        model = load_model(folder, preferences)
        self._metrics.observe_read(folder, time.monotonic() - begin_s)
        if self._options.enable_model_warmup:
            self._warm_ups.warm_up(model)
        return model


def _batching_of_all(options: ServerOptions) -> Batching | None:
    if options.batching_parameters_file and not options.enable_batching:
        raise ConfigRefused("--batching_parameters_file without --enable_batching; give both, or neither")
    if options.batching_parameters_file:
        return read_batching_parameters(Path(options.batching_parameters_file))
    return Batching() if options.enable_batching else None
