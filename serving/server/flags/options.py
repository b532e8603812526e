"""The server's options: TensorFlow Serving's flags that have an effect here, and a few of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import get_type_hints

from slipline.serving.server.flags.accepted_flags import ACCEPTED_FLAGS

BOOLEANS = {"true": True, "1": True, "": True, "false": False, "0": False}


class BadFlag(ValueError):
    """The value of a flag is not of its type, or does not go with another flag."""


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """What a server listens on and serves; the fields are named as the flags, and each carries its help text.

    Raises:
      BadFlag: Two flags exclude each other.
    """

    host: str = field(default="127.0.0.1", metadata={"help": "address to listen on"})
    port: int = field(default=8500, metadata={"help": "for gRPC; 0: a free one, or none beside a socket"})
    grpc_socket_path: str = field(default="", metadata={"help": "Unix socket for gRPC, as well as the port"})
    grpc_channel_arguments: str = field(default="", metadata={"help": "of gRPC, as key=value,key=value"})
    rest_api_port: int = field(default=0, metadata={"help": "port for REST; 0: no REST"})
    rest_api_num_threads: int = field(default=0, metadata={"help": "REST requests at once; 0: four per core"})
    rest_api_timeout_in_ms: int = field(default=30_000, metadata={"help": "a REST request gets so long"})
    rest_api_enable_cors_support: bool = field(default=False, metadata={"help": "let web pages from elsewhere call"})
    rest_api_max_body_bytes: int = field(default=100 * 2**20, metadata={"help": "of a REST request, also unpacked"})
    enable_demo_page: bool = field(default=False, metadata={"help": "a page by REST to draw digits on, at /demo"})
    rest_api_max_json_depth: int = field(default=100, metadata={"help": "how deep a REST request's JSON is nested"})
    grpc_max_message_bytes: int = field(default=2**31 - 1, metadata={"help": "of a gRPC request"})
    max_concurrent_requests: int = field(default=0, metadata={"help": "by gRPC, and by REST, waiting ones too; 0: any"})
    monitoring_config_file: str = field(default="", metadata={"help": "MonitoringConfig in text form: metrics by REST"})
    ssl_config_file: str = field(default="", metadata={"help": "SSLConfig in text form, for gRPC and REST"})
    use_alts_credentials: bool = field(default=False, metadata={"help": "refused: it works in Google Cloud only"})
    auth_token_file: str = field(default="", metadata={"help": "bearer tokens, one a line; health needs none"})
    model_name: str = field(default="default", metadata={"help": "name of a single model"})
    model_base_path: str = field(default="", metadata={"help": "absolute path of the single model's version folders"})
    model_config_file: str = field(default="", metadata={"help": "ModelServerConfig in text form, for several models"})
    model_config_file_poll_wait_seconds: float = field(default=0, metadata={"help": "reread it that often; 0: never"})
    file_system_poll_wait_seconds: float = field(default=1, metadata={"help": "look for versions that often; 0: once"})
    saved_model_tags: str = field(default="serve", metadata={"help": "of the graph to load, as tag,tag"})
    flush_filesystem_caches: bool = field(
        default=True, metadata={"help": "have the system forget a loaded model's files"}
    )
    resource_preserving_switch: bool = field(
        default=False, metadata={"help": "first unload the old version: no second copy, a gap"}
    )
    resource_preserving_models: str = field(default="", metadata={"help": "do so for these models, as name,name"})
    total_model_memory_limit_bytes: int = field(
        default=0, metadata={"help": "of all models; 0: what the system has free"}
    )
    grpc_max_threads: int = field(default=0, metadata={"help": "requests at once; 0: four per core"})
    tensorflow_session_parallelism: int = field(default=0, metadata={"help": "both of the next two; 0: see there"})
    enable_batching: bool = field(default=True, metadata={"help": "run requests together that wait together"})
    batching_parameters_file: str = field(default="", metadata={"help": "BatchingParameters in text form"})
    enable_per_model_batching_parameters: bool = field(
        default=False, metadata={"help": "from each version's batching_params.pbtxt"}
    )
    tensorflow_intra_op_parallelism: int = field(default=0, metadata={"help": "threads in one operation; 0: the cores"})
    tensorflow_inter_op_parallelism: int = field(default=0, metadata={"help": "operations at once; 0: one by one"})
    tensorflow_session_config_file: str = field(
        default="", metadata={"help": "ConfigProto in text form: its thread counts"}
    )
    prefer_tflite_model: bool = field(default=False, metadata={"help": "a version's model.tflite, where it has one"})
    num_tflite_pools: int = field(default=0, metadata={"help": "of interpreters, for each such model; 0: one per core"})
    num_tflite_interpreters_per_pool: int = field(default=1, metadata={"help": "requests at once in each pool"})
    enable_model_warmup: bool = field(default=True, metadata={"help": "replay a model's recorded requests first"})
    num_request_iterations_for_warmup: int = field(default=0, metadata={"help": "replay each so often; 0: once"})
    warmup_time_limit_seconds: float = field(default=600, metadata={"help": "a longer warm-up fails the load; 0: any"})
    enable_signature_method_name_check: bool = field(default=False, metadata={"help": "by name, not by form alone"})
    enable_serialization_as_tensor_content: bool = field(default=False, metadata={"help": "packed numbers in answers"})
    max_num_load_retries: int = field(default=5, metadata={"help": "more attempts after a failed load"})
    load_retry_interval_micros: int = field(default=60_000_000, metadata={"help": "between two attempts"})
    max_load_backoff_seconds: float = field(
        default=300, metadata={"help": "longest wait for an attempt after giving up"}
    )
    num_load_threads: int = field(default=0, metadata={"help": "loads at once; 0: four per core"})
    reload_wait_seconds: float = field(default=60, metadata={"help": "a reload waits for new models at most so long"})
    shutdown_grace_seconds: float = field(default=30, metadata={"help": "requests in flight get so long at the end"})
    stop_at_stdin_end: bool = field(default=False, metadata={"help": "stop once standard input ends, as a child does"})
    enable_profiler: bool = field(default=True, metadata={"help": "answer tensorflow.ProfilerService, by a refusal"})
    enable_grpc_reflection: bool = field(default=False, metadata={"help": "describe the services, as for grpcurl"})
    version: bool = field(default=False, metadata={"help": "print the version and exit"})

    def __post_init__(self) -> None:
        parallelism = self.tensorflow_intra_op_parallelism or self.tensorflow_inter_op_parallelism
        if self.tensorflow_session_parallelism and parallelism:
            raise BadFlag(
                "--tensorflow_session_parallelism sets both thread pools; leave it out, or "
                "--tensorflow_intra_op_parallelism and --tensorflow_inter_op_parallelism"
            )
        if self.enable_demo_page and not self.rest_api_port:
            raise BadFlag("--enable_demo_page is a page by REST; add --rest_api_port, such as 8501")
        if self.enable_demo_page and self.auth_token_file:
            raise BadFlag("--enable_demo_page has no way to send a token; leave it out, or --auth_token_file")
        if self.use_alts_credentials:
            also = ", and excludes --ssl_config_file" if self.ssl_config_file else ""
            raise BadFlag(f"--use_alts_credentials works in Google Cloud only{also}; use --ssl_config_file for TLS")


def parse_flags(arguments: Sequence[str]) -> tuple[ServerOptions, list[str]]:
    """The options that `--flag=value` arguments set, the last of each winning, and the arguments that are no flags.

    Flags that are accepted without an effect (`accepted_flags.py`) are in neither; their values are checked, too.

    Raises:
      BadFlag: A value is not of its flag's type, or two flags exclude each other.
    """
    types = {**get_type_hints(ServerOptions), **{name: flag.kind for name, flag in ACCEPTED_FLAGS.items()}}
    values: dict[str, object] = {}
    unknown = []
    for argument in arguments:
        name, equals, text = argument.removeprefix("--").partition("=")
        kind = types.get(name)
        if kind is None or not argument.startswith("--") or not (equals or kind is bool):
            unknown.append(argument)
        else:
            values[name] = _value(name, kind, text)
    return _with({name: value for name, value in values.items() if name not in ACCEPTED_FLAGS}), unknown


def usage() -> str:
    """One line a flag."""
    lines = [f"  --{flag.name}={flag.default!s:12} {flag.metadata['help']}" for flag in fields(ServerOptions)]
    accepted = [f"  --{flag.name}={'':12} no effect: {flag.reason}" for flag in ACCEPTED_FLAGS.values()]
    return "\n".join(["usage: python -m slipline.serving.server [--flag=value ...]", *lines, *accepted])


def _with(values: Mapping[str, object]) -> ServerOptions:
    return ServerOptions(**values)  # type: ignore[arg-type]  # each was read as its field's type


def _value(name: str, kind: type, text: str) -> object:
    try:
        return BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError) as error:
        raise BadFlag(f"--{name} takes a value of type {kind.__name__}, got {text!r}") from error
