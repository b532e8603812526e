from __future__ import annotations

from dataclasses import fields

import pytest

from slipline.serving.server.flags.options import (
    ACCEPTED_FLAGS,
    BadFlag,
    ServerOptions,
    parse_flags,
    usage,
    warnings_for,
)

# Section 14 of the contract: every flag of the stock server.
STOCK_FLAGS = [
    "port",
    "grpc_socket_path",
    "rest_api_port",
    "rest_api_num_threads",
    "rest_api_timeout_in_ms",
    "rest_api_enable_cors_support",
    "enable_batching",
    "batching_parameters_file",
    "enable_per_model_batching_parameters",
    "allow_version_labels_for_unavailable_models",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "model_name",
    "model_base_path",
    "num_load_threads",
    "num_unload_threads",
    "max_num_load_retries",
    "load_retry_interval_micros",
    "file_system_poll_wait_seconds",
    "flush_filesystem_caches",
    "tensorflow_session_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
    "tensorflow_session_config_file",
    "platform_config_file",
    "per_process_gpu_memory_fraction",
    "saved_model_tags",
    "grpc_channel_arguments",
    "grpc_max_threads",
    "enable_model_warmup",
    "num_request_iterations_for_warmup",
    "monitoring_config_file",
    "ssl_config_file",
    "use_alts_credentials",
    "remove_unused_fields_from_bundle_metagraph",
    "prefer_tflite_model",
    "num_tflite_pools",
    "num_tflite_interpreters_per_pool",
    "enable_signature_method_name_check",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
    "enable_profiler",
    "thread_pool_factory_config_file",
    "mixed_precision",
    "skip_initialize_tpu",
    "enable_grpc_healthcheck_service",
    "enable_serialization_as_tensor_content",
    "version",
]


def test_every_flag_of_the_stock_server_is_known_and_in_the_usage() -> None:
    known = {option.name for option in fields(ServerOptions)} | ACCEPTED_FLAGS.keys()
    assert set(STOCK_FLAGS) - known == set()
    assert all(f"--{name}=" in usage() for name in STOCK_FLAGS)


def test_no_flag_both_works_and_has_no_effect() -> None:
    assert {option.name for option in fields(ServerOptions)}.isdisjoint(ACCEPTED_FLAGS)


@pytest.mark.parametrize("name", ACCEPTED_FLAGS)
def test_flag_without_an_effect_is_taken_and_says_so(name: str) -> None:
    values = {bool: "true", int: "1", float: "0.5", str: "text"}
    argument = f"--{name}={values[ACCEPTED_FLAGS[name].kind]}"
    assert parse_flags([argument]) == (ServerOptions(), [])
    (warning,) = warnings_for([argument, argument])
    assert warning.startswith(f"--{name} is accepted and has no effect: ")


def test_flag_without_an_effect_still_takes_values_of_its_type_only() -> None:
    with pytest.raises(BadFlag, match="--num_unload_threads takes a value of type int, got 'x'"):
        parse_flags(["--num_unload_threads=x"])


def test_flags_that_work_or_are_unknown_are_not_said_to_have_no_effect() -> None:
    assert warnings_for(["--port=1", "--nix=1"]) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tensorflow_session_parallelism=2", "--tensorflow_intra_op_parallelism=1"], "sets both thread pools"),
        (["--tensorflow_session_parallelism=2", "--tensorflow_inter_op_parallelism=1"], "sets both thread pools"),
        (["--use_alts_credentials"], "works in Google Cloud only; use --ssl_config_file"),
        (["--use_alts_credentials", "--ssl_config_file=x"], "and excludes --ssl_config_file"),
    ],
)
def test_flags_that_exclude_each_other_are_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(BadFlag, match=words):
        parse_flags(arguments)
