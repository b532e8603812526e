"""The flags of the stock TensorFlow Serving binary, as its contract lists them."""

from __future__ import annotations

STOCK_FLAGS = {
    **dict.fromkeys(
        (
            "port",
            "rest_api_port",
            "rest_api_num_threads",
            "rest_api_timeout_in_ms",
            "model_config_file_poll_wait_seconds",
            "num_load_threads",
            "num_unload_threads",
            "max_num_load_retries",
            "load_retry_interval_micros",
            "file_system_poll_wait_seconds",
            "tensorflow_session_parallelism",
            "tensorflow_intra_op_parallelism",
            "tensorflow_inter_op_parallelism",
            "grpc_max_threads",
            "num_request_iterations_for_warmup",
            "num_tflite_pools",
            "num_tflite_interpreters_per_pool",
        ),
        int,
    ),
    **dict.fromkeys(
        (
            "rest_api_enable_cors_support",
            "enable_batching",
            "enable_per_model_batching_parameters",
            "allow_version_labels_for_unavailable_models",
            "flush_filesystem_caches",
            "enable_model_warmup",
            "use_alts_credentials",
            "remove_unused_fields_from_bundle_metagraph",
            "prefer_tflite_model",
            "enable_signature_method_name_check",
            "xla_cpu_compilation_enabled",
            "xla_gpu_compilation_enabled",
            "enable_profiler",
            "skip_initialize_tpu",
            "enable_grpc_healthcheck_service",
            "enable_serialization_as_tensor_content",
            "version",
        ),
        bool,
    ),
    **dict.fromkeys(
        (
            "grpc_socket_path",
            "batching_parameters_file",
            "model_config_file",
            "model_name",
            "model_base_path",
            "tensorflow_session_config_file",
            "platform_config_file",
            "saved_model_tags",
            "grpc_channel_arguments",
            "monitoring_config_file",
            "ssl_config_file",
            "thread_pool_factory_config_file",
            "mixed_precision",
        ),
        str,
    ),
    "per_process_gpu_memory_fraction": float,
}
"""Each flag's name and type."""


def flag_problems(flags: list[str]) -> list[str]:
    """What the stock binary would not understand, one sentence each; it starts all the same, without the flag."""
    return [f"{flag}: {problem}" for flag in flags if (problem := _problem(flag))]


def _problem(flag: str) -> str:
    name, equals, value = flag.removeprefix("--").partition("=")
    if not flag.startswith("--") or name not in STOCK_FLAGS:
        return "no flag of TensorFlow Serving"
    if not equals:
        return "without =value" if STOCK_FLAGS[name] is not bool else ""
    if STOCK_FLAGS[name] is bool:
        return "" if value in ("true", "false") else "neither true nor false"
    try:
        STOCK_FLAGS[name](value)
    except ValueError:
        return f"not of type {STOCK_FLAGS[name].__name__}"
    return ""
