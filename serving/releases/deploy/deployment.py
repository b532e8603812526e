"""How a container of the official TensorFlow Serving image is run: flags, mounts and limits, as data.

`container/` holds what is the same for all. `slipline deploy` starts one through a Docker engine; `infra/compose` and
`infra/k8s` say the same in their own words, with the reasons for limits, and tests hold them to it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipline.serving.folders.version_folder import CONFIG_NAME

IMAGE = "tensorflow/serving:2.20.0"
GRPC_PORT = 8500
REST_PORT = 8501
SETTINGS_FOLDER = "/etc/slipline"
TARGET_LABEL = "dev.slipline.target"
FILES = Path(__file__).with_name("container")


@dataclass(frozen=True)
class ServingContainer:
    """One container of the image.

    Attributes:
      name: Its name in the engine; another deployment needs another.
      config: As an engine's API takes it.
    """

    name: str
    config: Mapping[str, Any]

    @property
    def target(self) -> str:
        """`host:port` under which this machine reaches the gRPC port; the ledger knows the server by it."""
        return str(self.config["Labels"][TARGET_LABEL])


def server_flags(config_file: str, settings_folder: str = SETTINGS_FOLDER) -> tuple[str, ...]:
    """The flags under which TensorFlow Serving follows a ledger.

    Args:
      config_file: The model config file, as the server sees it.
      settings_folder: Holds what `write_settings` wrote, as the server sees it.
    """
    lines = (FILES / "flags.txt").read_text().splitlines()
    return tuple(
        line.format(config_file=config_file, settings=settings_folder) for line in lines if line.startswith("--")
    )


def health_command(config_file: str, rest_port: int) -> tuple[str, ...]:
    """Succeeds while every model of the config file answers at the REST port under its label `stable`.

    For bash: the image has neither curl nor Python.
    """
    script = (FILES / "health.sh").read_text().strip()
    return ("bash", "-c", script, "health", config_file, str(rest_port))


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
      image: Pinned by version.
      host: Address of this machine to listen on.
      port: For gRPC.
      rest_port: For REST and metrics.
    """
    config_file = str(releases / CONFIG_NAME)
    config = json.loads((FILES / "container.json").read_text())
    config |= {
        "Image": image,
        "Cmd": list(server_flags(config_file)),
        "User": user,
        "Labels": {TARGET_LABEL: f"{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"},
    }
    config["Healthcheck"]["Test"] = ["CMD", *health_command(config_file, REST_PORT)]
    config["HostConfig"] |= {
        "Mounts": [
            {"Type": "bind", "ReadOnly": True, "Source": str(folder), "Target": seen}
            for seen, folder in ((str(releases), releases), (SETTINGS_FOLDER, settings))
        ],
        "PortBindings": {
            f"{inside}/tcp": [{"HostIp": host, "HostPort": str(outside)}]
            for inside, outside in ((GRPC_PORT, port), (REST_PORT, rest_port))
        },
    }
    return ServingContainer(name, config)


def write_settings(folder: Path) -> None:
    """Writes the files that the flags name, batching and monitoring, to `folder`, which is made if missing."""
    shutil.copytree(FILES / "settings", folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
