"""TensorFlow Serving's flags that have nothing to do here.

They are taken, so that a command line stays as it is, and the server says of each why it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

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
"""By their names, without the dashes."""


def warnings_for(arguments: Sequence[str]) -> list[str]:
    """One sentence for each accepted flag among `--flag=value` arguments."""
    names = dict.fromkeys(argument.removeprefix("--").partition("=")[0] for argument in arguments)
    return [
        f"--{name} is accepted and has no effect: {ACCEPTED_FLAGS[name].reason}"
        for name in names
        if name in ACCEPTED_FLAGS
    ]
