"""The server's options: TensorFlow Serving's flags, as far as they are known here, and a few of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import get_type_hints

BOOLEANS = {"true": True, "1": True, "": True, "false": False, "0": False}


class BadFlag(ValueError):
    """The value of a flag is not of its type."""


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """What a server listens on and serves; the fields are named as the flags, and each carries its help text."""

    host: str = field(default="127.0.0.1", metadata={"help": "address to listen on"})
    port: int = field(default=8500, metadata={"help": "port for gRPC; 0 picks a free one"})
    rest_api_port: int = field(default=0, metadata={"help": "port for REST; 0: no REST"})
    rest_api_num_threads: int = field(default=0, metadata={"help": "REST requests at once; 0: four per core"})
    rest_api_timeout_in_ms: int = field(default=30_000, metadata={"help": "a REST request gets so long"})
    rest_api_enable_cors_support: bool = field(default=False, metadata={"help": "let web pages from elsewhere call"})
    rest_api_max_body_bytes: int = field(default=100 * 2**20, metadata={"help": "of a REST request, also unpacked"})
    rest_api_max_json_depth: int = field(default=100, metadata={"help": "how deep a REST request's JSON is nested"})
    grpc_max_message_bytes: int = field(default=2**31 - 1, metadata={"help": "of a gRPC request"})
    max_concurrent_requests: int = field(default=0, metadata={"help": "by gRPC, and by REST, waiting ones too; 0: any"})
    monitoring_config_file: str = field(default="", metadata={"help": "MonitoringConfig in text form: metrics by REST"})
    ssl_config_file: str = field(default="", metadata={"help": "SSLConfig in text form, for gRPC and REST"})
    auth_token_file: str = field(default="", metadata={"help": "bearer tokens, one a line; health needs none"})
    model_name: str = field(default="default", metadata={"help": "name of a single model"})
    model_base_path: str = field(default="", metadata={"help": "absolute path of the single model's version folders"})
    model_config_file: str = field(default="", metadata={"help": "ModelServerConfig in text form, for several models"})
    model_config_file_poll_wait_seconds: float = field(default=0, metadata={"help": "reread it that often; 0: never"})
    file_system_poll_wait_seconds: float = field(default=1, metadata={"help": "look for versions that often; 0: once"})
    grpc_max_threads: int = field(default=0, metadata={"help": "requests at once; 0: four per core"})
    tensorflow_intra_op_parallelism: int = field(default=0, metadata={"help": "threads in one operation; 0: the cores"})
    tensorflow_inter_op_parallelism: int = field(default=0, metadata={"help": "operations at once; 0: one by one"})
    enable_model_warmup: bool = field(default=True, metadata={"help": "replay a model's recorded requests first"})
    num_request_iterations_for_warmup: int = field(default=0, metadata={"help": "replay each so often; 0: once"})
    enable_signature_method_name_check: bool = field(default=False, metadata={"help": "by name, not by form alone"})
    enable_serialization_as_tensor_content: bool = field(default=False, metadata={"help": "packed numbers in answers"})
    max_num_load_retries: int = field(default=5, metadata={"help": "more attempts after a failed load"})
    load_retry_interval_micros: int = field(default=60_000_000, metadata={"help": "between two attempts"})
    reload_wait_seconds: float = field(default=60, metadata={"help": "a reload waits for new models at most so long"})
    shutdown_grace_seconds: float = field(default=30, metadata={"help": "requests in flight get so long at the end"})
    stop_at_stdin_end: bool = field(default=False, metadata={"help": "stop once standard input ends, as a child does"})
    enable_profiler: bool = field(default=True, metadata={"help": "answer tensorflow.ProfilerService, by a refusal"})
    enable_grpc_reflection: bool = field(default=False, metadata={"help": "describe the services, as for grpcurl"})
    version: bool = field(default=False, metadata={"help": "print the version and exit"})


def parse_flags(arguments: Sequence[str]) -> tuple[ServerOptions, list[str]]:
    """The options that `--flag=value` arguments set, the last of each winning, and the arguments that are no flags.

    Raises:
      BadFlag: A value is not of its flag's type.
    """
    types = get_type_hints(ServerOptions)
    values: dict[str, object] = {}
    unknown = []
    for argument in arguments:
        name, equals, text = argument.removeprefix("--").partition("=")
        kind = types.get(name)
        if kind is None or not argument.startswith("--") or not (equals or kind is bool):
            unknown.append(argument)
        else:
            values[name] = _value(name, kind, text)
    return _with(values), unknown


def usage() -> str:
    """One line a flag."""
    lines = [f"  --{flag.name}={flag.default!s:12} {flag.metadata['help']}" for flag in fields(ServerOptions)]
    return "\n".join(["usage: python -m serving.server [--flag=value ...]", *lines])


def _with(values: Mapping[str, object]) -> ServerOptions:
    return ServerOptions(**values)  # type: ignore[arg-type]  # each was read as its field's type


def _value(name: str, kind: type, text: str) -> object:
    try:
        return BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError) as error:
        raise BadFlag(f"--{name} takes a value of type {kind.__name__}, got {text!r}") from error
