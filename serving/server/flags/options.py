"""The server's options: TensorFlow Serving's flags, those without an effect here included, and a few of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, get_type_hints

BOOLEANS = {"true": True, "1": True, "": True, "false": False, "0": False}


class BadFlag(ValueError):
    """The value of a flag is not of its type, or does not go with another flag."""


def _flag(default: Any, words: str) -> Any:
    return field(default=default, metadata={"help": words})


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """What a server listens on and serves; the fields are named as the flags, and each carries its help text.

    Raises:
      BadFlag: Two flags exclude each other.
    """

    host: str = _flag("127.0.0.1", "address to listen on")
    port: int = _flag(8500, "for gRPC; 0: a free one, or none beside a socket")
    grpc_socket_path: str = _flag("", "Unix socket for gRPC, as well as the port")
    grpc_channel_arguments: str = _flag("", "of gRPC, as key=value,key=value")
    rest_api_port: int = _flag(0, "port for REST; 0: no REST")
    rest_api_num_threads: int = _flag(0, "REST requests at once; 0: four per core")
    rest_api_timeout_in_ms: int = _flag(30_000, "a REST request gets so long")
    rest_api_enable_cors_support: bool = _flag(False, "let web pages from elsewhere call")
    rest_api_max_body_bytes: int = _flag(100 * 2**20, "of a REST request, also unpacked")
    enable_demo_page: bool = _flag(False, "a page by REST to draw digits on, at /demo")
    rest_api_max_json_depth: int = _flag(100, "how deep a REST request's JSON is nested")
    grpc_max_message_bytes: int = _flag(2**31 - 1, "of a gRPC request")
    max_concurrent_requests: int = _flag(0, "by gRPC, and by REST, waiting ones too; 0: any")
    monitoring_config_file: str = _flag("", "MonitoringConfig in text form: metrics by REST")
    ssl_config_file: str = _flag("", "SSLConfig in text form, for gRPC and REST")
    use_alts_credentials: bool = _flag(False, "refused: it works in Google Cloud only")
    auth_token_file: str = _flag("", "bearer tokens, one a line; health needs none")
    model_name: str = _flag("default", "name of a single model")
    model_base_path: str = _flag("", "absolute path of the single model's version folders")
    model_config_file: str = _flag("", "ModelServerConfig in text form, for several models")
    model_config_file_poll_wait_seconds: float = _flag(0, "reread it that often; 0: never")
    file_system_poll_wait_seconds: float = _flag(1, "look for versions that often; 0: once")
    saved_model_tags: str = _flag("serve", "of the graph to load, as tag,tag")
    flush_filesystem_caches: bool = _flag(True, "have the system forget a loaded model's files")
    resource_preserving_switch: bool = _flag(False, "first unload the old version: no second copy, a gap")
    resource_preserving_models: str = _flag("", "do so for these models, as name,name")
    total_model_memory_limit_bytes: int = _flag(0, "of all models; 0: what the system has free")
    grpc_max_threads: int = _flag(0, "requests at once; 0: four per core")
    tensorflow_session_parallelism: int = _flag(0, "both of the next two; 0: see there")
    enable_batching: bool = _flag(True, "run requests together that wait together")
    batching_parameters_file: str = _flag("", "BatchingParameters in text form")
    enable_per_model_batching_parameters: bool = _flag(False, "from each version's batching_params.pbtxt")
    tensorflow_intra_op_parallelism: int = _flag(0, "threads in one operation; 0: the cores")
    tensorflow_inter_op_parallelism: int = _flag(0, "operations at once; 0: one by one")
    tensorflow_session_config_file: str = _flag("", "ConfigProto in text form: its thread counts")
    prefer_tflite_model: bool = _flag(False, "a version's model.tflite, where it has one")
    num_tflite_pools: int = _flag(0, "of interpreters, for each such model; 0: one per core")
    num_tflite_interpreters_per_pool: int = _flag(1, "requests at once in each pool")
    enable_model_warmup: bool = _flag(True, "replay a model's recorded requests first")
    num_request_iterations_for_warmup: int = _flag(0, "replay each so often; 0: once")
    warmup_time_limit_seconds: float = _flag(600, "a longer warm-up fails the load; 0: any")
    enable_signature_method_name_check: bool = _flag(False, "by name, not by form alone")
    enable_serialization_as_tensor_content: bool = _flag(False, "packed numbers in answers")
    max_num_load_retries: int = _flag(5, "more attempts after a failed load")
    load_retry_interval_micros: int = _flag(60_000_000, "between two attempts")
    max_load_backoff_seconds: float = _flag(300, "longest wait for an attempt after giving up")
    num_load_threads: int = _flag(0, "loads at once; 0: four per core")
    reload_wait_seconds: float = _flag(60, "a reload waits for new models at most so long")
    shutdown_grace_seconds: float = _flag(30, "requests in flight get so long at the end")
    stop_at_stdin_end: bool = _flag(False, "stop once standard input ends, as a child does")
    enable_profiler: bool = _flag(True, "answer tensorflow.ProfilerService, by a refusal")
    enable_grpc_reflection: bool = _flag(False, "describe the services, as for grpcurl")
    version: bool = _flag(False, "print the version and exit")

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


_CPU_ONLY = "models run on the CPU"
_OWN_DEVICES = "TensorFlow chooses the devices; its environment variables (CUDA_VISIBLE_DEVICES, ...) are in force"


class AcceptedFlag(NamedTuple):
    """A flag without an effect: the type of its value, and why it changes nothing here."""

    kind: type
    reason: str


ACCEPTED_FLAGS: Mapping[str, AcceptedFlag] = {
    "allow_version_labels_for_unavailable_models": AcceptedFlag(
        bool, "labels may always name versions to come, and wait for them"
    ),
    "num_unload_threads": AcceptedFlag(int, "each unload has a thread of its own"),
    "platform_config_file": AcceptedFlag(str, "there is one platform, SavedModels"),
    "per_process_gpu_memory_fraction": AcceptedFlag(float, _OWN_DEVICES),
    "remove_unused_fields_from_bundle_metagraph": AcceptedFlag(bool, "nothing but the signatures is ever kept of it"),
    "xla_cpu_compilation_enabled": AcceptedFlag(bool, "models run as they are, uncompiled"),
    "xla_gpu_compilation_enabled": AcceptedFlag(bool, _CPU_ONLY),
    "thread_pool_factory_config_file": AcceptedFlag(str, "TensorFlow's own thread pools are used"),
    "mixed_precision": AcceptedFlag(str, "models run in the precision that they were exported in"),
    "skip_initialize_tpu": AcceptedFlag(bool, _CPU_ONLY),
    "enable_grpc_healthcheck_service": AcceptedFlag(bool, "health is always answered"),
}
"""Taken, so that a command line stays as it is, and the server says of each why it changes nothing; by their names."""


def parse_flags(arguments: Sequence[str]) -> tuple[ServerOptions, list[str]]:
    """The options that `--flag=value` arguments set, the last of each winning, and the arguments that are no flags.

    Flags that are accepted without an effect (`ACCEPTED_FLAGS`) are in neither; their values are checked, too.

    Raises:
      BadFlag: A value is not of its flag's type, or two flags exclude each other.
    """
    types = {**get_type_hints(ServerOptions), **{name: flag.kind for name, flag in ACCEPTED_FLAGS.items()}}
    values: dict[str, Any] = {}
    unknown = []
    for argument in arguments:
        name, equals, text = argument.removeprefix("--").partition("=")
        kind = types.get(name)
        if kind is None or not argument.startswith("--") or not (equals or kind is bool):
            unknown.append(argument)
        else:
            values[name] = _value(name, kind, text)
    return ServerOptions(**{name: value for name, value in values.items() if name not in ACCEPTED_FLAGS}), unknown


def usage() -> str:
    """One line a flag."""
    lines = [f"  --{flag.name}={flag.default!s:12} {flag.metadata['help']}" for flag in fields(ServerOptions)]
    accepted = [f"  --{name}={'':12} no effect: {flag.reason}" for name, flag in ACCEPTED_FLAGS.items()]
    return "\n".join(["usage: python -m slipline.serving.server [--flag=value ...]", *lines, *accepted])


def _value(name: str, kind: type, text: str) -> object:
    try:
        return BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError) as error:
        raise BadFlag(f"--{name} takes a value of type {kind.__name__}, got {text!r}") from error


def warnings_for(arguments: Sequence[str]) -> list[str]:
    """One sentence for each accepted flag among `--flag=value` arguments."""
    names = dict.fromkeys(argument.removeprefix("--").partition("=")[0] for argument in arguments)
    return [
        f"--{name} is accepted and has no effect: {ACCEPTED_FLAGS[name].reason}"
        for name in names
        if name in ACCEPTED_FLAGS
    ]
