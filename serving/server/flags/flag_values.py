"""What the flags say to the parts of a server, in the terms of these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slipline.serving.errors import ConfigRefused
from slipline.serving.models.tensorflow.native import Threads
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.versions.loading import LoadPolicy
from slipline.serving.wire import session_pb2
from slipline.serving.wire.text_proto import read_text_proto


def load_policy(options: ServerOptions) -> LoadPolicy:
    """How versions are looked for and loaded."""
    return LoadPolicy(
        poll_wait_s=options.file_system_poll_wait_seconds,
        retries=max(0, options.max_num_load_retries),
        retry_interval_s=max(0.0, options.load_retry_interval_micros / 1e6),
        longest_backoff_s=options.max_load_backoff_seconds,
        load_threads=max(0, options.num_load_threads),
        unload_first=options.resource_preserving_switch,
        unload_first_models=frozenset(_items(options.resource_preserving_models)),
        drop_cached_files=options.flush_filesystem_caches,
        # An interpreter of several threads keeps those that are made while it loads.
        low_priority=not options.prefer_tflite_model or session_threads(options).intra_op <= 1,
        memory_limit_bytes=options.total_model_memory_limit_bytes or None,
    )


def session_threads(options: ServerOptions) -> Threads:
    """How many threads TensorFlow computes with.

    Raises:
      ConfigRefused: The file with the session's config cannot be read.
    """
    if options.tensorflow_session_parallelism:
        both = options.tensorflow_session_parallelism
        return Threads(intra_op=both, inter_op=both)
    config = session_pb2.ConfigProto()
    if options.tensorflow_session_config_file:
        # The message has a hundred fields more; this server knows the two.
        read_text_proto(Path(options.tensorflow_session_config_file), config, allow_unknown=True)
    return Threads(
        intra_op=options.tensorflow_intra_op_parallelism or config.intra_op_parallelism_threads,
        inter_op=options.tensorflow_inter_op_parallelism or config.inter_op_parallelism_threads,
    )


def saved_model_tags(options: ServerOptions) -> list[str]:
    """The tags of the graph to load."""
    return _items(options.saved_model_tags)


def channel_arguments(options: ServerOptions) -> Sequence[tuple[str, str | int]]:
    """Arguments for gRPC's server, which ignores those that it does not know.

    Raises:
      ConfigRefused: One has no `=`.
    """
    arguments: list[tuple[str, str | int]] = []
    for item in _items(options.grpc_channel_arguments):
        key, equals, value = item.partition("=")
        if not equals:
            raise ConfigRefused(f"--grpc_channel_arguments takes key=value,key=value, got {item!r}")
        is_integer = value.removeprefix("-").isdecimal() and value.isascii()
        arguments.append((key, int(value) if is_integer else value))
    return arguments


def _items(text: str) -> list[str]:
    return [item for item in text.split(",") if item]
