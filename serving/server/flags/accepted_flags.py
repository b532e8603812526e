"""TensorFlow Serving's flags that have nothing to do here.

They are taken, so that a command line stays as it is, and the server says of each why it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_CPU_ONLY = "models run on the CPU"
_OWN_DEVICES = "TensorFlow chooses the devices; its environment variables (CUDA_VISIBLE_DEVICES, ...) are in force"


@dataclass(frozen=True, kw_only=True)
class AcceptedFlag:
    """A flag without an effect.

    Attributes:
      name: Without the dashes.
      kind: The type of its value.
      reason: Why it changes nothing here.
    """

    name: str
    kind: type
    reason: str


ACCEPTED_FLAGS: Mapping[str, AcceptedFlag] = {
    flag.name: flag
    for flag in (
        AcceptedFlag(
            name="allow_version_labels_for_unavailable_models",
            kind=bool,
            reason="labels may always name versions to come, and wait for them",
        ),
        AcceptedFlag(name="num_unload_threads", kind=int, reason="each unload has a thread of its own"),
        AcceptedFlag(name="platform_config_file", kind=str, reason="there is one platform, SavedModels"),
        AcceptedFlag(name="per_process_gpu_memory_fraction", kind=float, reason=_OWN_DEVICES),
        AcceptedFlag(
            name="remove_unused_fields_from_bundle_metagraph",
            kind=bool,
            reason="nothing but the signatures is ever kept of it",
        ),
        AcceptedFlag(name="xla_cpu_compilation_enabled", kind=bool, reason="models run as they are, uncompiled"),
        AcceptedFlag(name="xla_gpu_compilation_enabled", kind=bool, reason=_CPU_ONLY),
        AcceptedFlag(name="thread_pool_factory_config_file", kind=str, reason="TensorFlow's own thread pools are used"),
        AcceptedFlag(name="mixed_precision", kind=str, reason="models run in the precision that they were exported in"),
        AcceptedFlag(name="skip_initialize_tpu", kind=bool, reason=_CPU_ONLY),
        AcceptedFlag(name="enable_grpc_healthcheck_service", kind=bool, reason="health is always answered"),
    )
}


def warnings_for(arguments: Sequence[str]) -> list[str]:
    """One sentence for each accepted flag among `--flag=value` arguments."""
    names = dict.fromkeys(argument.removeprefix("--").partition("=")[0] for argument in arguments)
    return [
        f"--{name} is accepted and has no effect: {ACCEPTED_FLAGS[name].reason}"
        for name in names
        if name in ACCEPTED_FLAGS
    ]
