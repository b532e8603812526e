"""How a container of the official TensorFlow Serving image is run: flags, mounts and limits, as data.

`slipline deploy` starts one through a Docker engine; `infra/compose` and `infra/k8s` say the same in their own words,
and tests hold them to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipline.serving.folders.version_folder import CONFIG_NAME

IMAGE = "tensorflow/serving:2.20.0"
PROGRAM = "tensorflow_model_server"  # the image's own entry point is a shell that hands no signal on
GRPC_PORT = 8500
REST_PORT = 8501
SETTINGS_FOLDER = "/etc/slipline"
BATCHING_FILE = "batching.config"
MONITORING_FILE = "monitoring.config"
TARGET_LABEL = "dev.slipline.target"

MONITORING_CONFIG = """\
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""
# A batch goes as soon as a thread is free, so one caller waits for nobody; 64 is where a digit's share of the time
# stops falling.
BATCHING_CONFIG = """\
max_batch_size { value: 64 }
batch_timeout_micros { value: 0 }
max_enqueued_batches { value: 100 }
thread_pool_name { value: "slipline_batches" }
"""
HEALTH_SCRIPT = r"""
exec 3<>"/dev/tcp/127.0.0.1/$2" || exit 1
for model in $(sed -n 's/^    name: "\(.*\)"$/\1/p' "$1"); do
  exec 3<>"/dev/tcp/127.0.0.1/$2" || exit 1
  printf 'GET /v1/models/%s/labels/stable/metadata HTTP/1.0\r\n\r\n' "$model" >&3
  read -r -t 4 _ status _ <&3
  [ "$status" = 200 ] || exit 1
done
""".strip()
"""Succeeds while every model of the config file `$1` answers at the REST port `$2` under its label `stable`.

For bash: the image has neither curl nor Python.
"""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A command in the container that exits with 0 while all is well.

    Attributes:
      command: The program and its arguments.
      interval_s: Between two checks.
      timeout_s: One check may take so long.
      start_s: Failures count only after so long: no port opens before the models are loaded.
      retries: Failures in a row that make the container unhealthy.
    """

    command: tuple[str, ...]
    interval_s: int = 10
    timeout_s: int = 5
    start_s: int = 60
    retries: int = 3


@dataclass(frozen=True, kw_only=True)
class ServingContainer:
    """One container of the image.

    Attributes:
      name: Its name in the engine; another deployment needs another.
      image: Pinned by version.
      command: The program and its flags.
      mounts: Folders of the host that it sees, and may not write to, by where it sees them.
      ports: Address and port of the host, by the port of the container.
      health: Follows the models that are live.
      user: `UID:GID` that may read the releases.
      memory_bytes: Both versions of a switch have to fit, so twice the models and 1 GiB.
      cpus: Cores it may use; None for all.
      processes: Threads and processes it may have.
    """

    name: str
    image: str
    command: tuple[str, ...]
    mounts: Mapping[str, Path]
    ports: Mapping[int, tuple[str, int]]
    health: HealthCheck
    user: str
    memory_bytes: int = 4 * 2**30
    cpus: float | None = None
    processes: int = 1024

    @property
    def target(self) -> str:
        """`host:port` under which this machine reaches the gRPC port; the ledger knows the server by it."""
        host, port = self.ports[GRPC_PORT]
        return f"{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


def server_flags(config_file: str, settings_folder: str = SETTINGS_FOLDER) -> tuple[str, ...]:
    """The flags under which TensorFlow Serving follows a ledger.

    Args:
      config_file: The model config file, as the server sees it.
      settings_folder: Holds `BATCHING_FILE` and `MONITORING_FILE`, as the server sees it.
    """
    return (
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--model_config_file={config_file}",
        # For what no promotion tells it: a label that had to wait, a server that was away for a moment.
        "--model_config_file_poll_wait_seconds=10",
        # The file has labels, and a server that starts checks them before it loads: it would exit.
        "--allow_version_labels_for_unavailable_models=true",
        # 0 would make a reload that adds a model wait for ever.
        "--file_system_poll_wait_seconds=1",
        # Without threads of its own, a load that fails holds up every model for five minutes, and a request that
        # hangs every switch.
        "--num_load_threads=2",
        "--num_unload_threads=2",
        "--max_num_load_retries=1",
        "--load_retry_interval_micros=1000000",
        # The default, 4 a core, refuses 16 callers at once on 2 cores. A waiting request costs a thread and no more.
        "--grpc_max_threads=256",
        "--enable_batching=true",
        f"--batching_parameters_file={settings_folder}/{BATCHING_FILE}",
        f"--monitoring_config_file={settings_folder}/{MONITORING_FILE}",
    )


def health_command(config_file: str, rest_port: int) -> tuple[str, ...]:
    """The program and the arguments that run `HEALTH_SCRIPT`."""
    return ("bash", "-c", HEALTH_SCRIPT, "health", config_file, str(rest_port))


def readiness_path(model: str) -> str:
    """The path that answers 200 while the version that `stable` names is loaded, and 400 or 404 otherwise.

    A status call would not do: it ignores the label.
    """
    return f"/v1/models/{model}/labels/stable/metadata"


def serving_container(
    releases: Path,
    settings: Path,
    *,
    user: str,
    name: str = "slipline-serving",
    image: str = IMAGE,
    host: str = "127.0.0.1",
    port: int = GRPC_PORT,
    rest_port: int = REST_PORT,
) -> ServingContainer:
    """A container that serves the ledger's releases.

    It sees them under the host's own path, so that one config file and one reload call do for every server. The
    folder is mounted, not the config file: that one is replaced by a rename, which a mounted file would never notice.

    Args:
      releases: The ledger's root.
      settings: Holds what `write_settings` wrote.
      user: `UID:GID` that may read both.
      name: As in `ServingContainer`.
      image: As in `ServingContainer`.
      host: Address of this machine to listen on.
      port: For gRPC.
      rest_port: For REST and metrics.
    """
    config_file = str(releases / CONFIG_NAME)
    return ServingContainer(
        name=name,
        image=image,
        command=(PROGRAM, *server_flags(config_file)),
        mounts={str(releases): releases, SETTINGS_FOLDER: settings},
        ports={GRPC_PORT: (host, port), REST_PORT: (host, rest_port)},
        health=HealthCheck(command=health_command(config_file, REST_PORT)),
        user=user,
    )


def write_settings(folder: Path) -> None:
    """Writes the files that the flags name, batching and monitoring, to `folder`, which is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in settings_files():
        (folder / name).write_text(text)


def settings_files() -> tuple[tuple[str, str], ...]:
    """Name and text of the files that the flags name."""
    return ((BATCHING_FILE, BATCHING_CONFIG), (MONITORING_FILE, MONITORING_CONFIG))
