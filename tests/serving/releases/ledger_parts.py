"""Small releases without a real model, and what a server's config says of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from slipline.serving.folders.model_config import ServedModel, render
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.store.records import ReleaseRow
from slipline.serving.wire import serving_pb2

State = serving_pb2.ModelVersionStatus.State


def model_folder(root: Path, content: str) -> Path:
    folder = root.parent / f"model-{content}"
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_text(content)
    return folder


def publish(ledger: Ledger, content: str, model: str = "mnist") -> ReleaseRow:
    source = model_folder(ledger.root, content)
    return ledger.publish(model, source, by="ada", origin=f"execution-{content}")


def promote(ledger: Ledger, *versions: int) -> None:
    for version in versions:
        ledger.promote("mnist", version, by="ada", reason=f"promote {version}")


def config(ledger: Ledger) -> str:
    return ledger.config_path.read_text()


def served(ledger: Ledger, versions: tuple[int, ...], stable: int, canary: int | None = None) -> str:
    """The config file for these; without a canary, that label names the live version."""
    labels = {"stable": stable, "canary": canary or stable}
    base_path = str(ledger.root / "mnist")
    return render([ServedModel(name="mnist", base_path=base_path, versions=versions, labels=labels)])


def unused_target() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"


@dataclass
class StrictServer(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A real gRPC server with TensorFlow Serving's rules for configs and without its models.

    Labels are checked before anything is loaded, against what is loaded then.

    Attributes:
      broken: Versions whose load fails.
      refuse_label: A version it will not label, loaded or not.
      stuck_at: A version beside which it takes no config any more, once that is stable.
      loaded: Versions that requests would reach.
      failed: Versions it gave up.
      labels: Those in force.
      configs: Every config received, as (versions, stable).
      canaries: The version labelled canary in each of them.
      base_paths: The base path in each of them.
    """

    broken: frozenset[int] = frozenset()
    refuse_label: int | None = None
    stuck_at: int | None = None
    loaded: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    labels: dict[str, int] = field(default_factory=dict)
    configs: list[tuple[tuple[int, ...], int | None]] = field(default_factory=list)
    canaries: list[int | None] = field(default_factory=list)
    base_paths: list[str] = field(default_factory=list)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        methods = {
            "GetModelStatus": (self.status, None, serving_pb2.GetModelStatusResponse),
            "GetModelMetadata": (
                self.metadata,
                serving_pb2.GetModelMetadataRequest.FromString,
                serving_pb2.GetModelMetadataResponse,
            ),
            "HandleReloadConfigRequest": (
                self.reload,
                serving_pb2.ReloadConfigRequest.FromString,
                serving_pb2.ReloadConfigResponse,
            ),
        }
        name = details.method.rpartition("/")[2]
        if name not in methods:
            return None
        answer, read, response = methods[name]
        return grpc.unary_unary_rpc_method_handler(answer, read, response.SerializeToString)

    def status(self, request: bytes, context: grpc.ServicerContext) -> serving_pb2.GetModelStatusResponse:
        response = serving_pb2.GetModelStatusResponse()
        for version in sorted(self.loaded | self.failed):
            status = response.model_version_status.add(version=version)
            status.state = State.AVAILABLE if version in self.loaded else State.END
            if version in self.failed:
                status.status.error_code, status.status.error_message = 5, "Op type not registered 'X'"
        return response

    def metadata(
        self, request: serving_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> serving_pb2.GetModelMetadataResponse:
        label = request.model_spec.version_label
        if label not in self.labels:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        response = serving_pb2.GetModelMetadataResponse()
        response.model_spec.version.value = self.labels[label]
        return response

    def reload(
        self, request: serving_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> serving_pb2.ReloadConfigResponse:
        (model,) = request.config.model_config_list.config or [serving_pb2.ModelConfig()]
        versions = frozenset(model.model_version_policy.specific.versions)
        if self.stuck_at is not None and self.labels.get("stable") == self.stuck_at:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"stuck at {self.stuck_at}")
        for label in model.version_labels.values():
            if label not in self.loaded or label == self.refuse_label:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"Request to assign label to version {label}")
        self.labels = dict(model.version_labels)
        self.configs.append((tuple(sorted(versions)), self.labels.get("stable")))
        self.canaries.append(self.labels.get("canary"))
        self.base_paths.append(model.base_path)
        # What was given up is not tried again while it stays wanted.
        self.failed = (self.failed & versions) | (versions & self.broken)
        self.loaded = versions - self.failed
        return serving_pb2.ReloadConfigResponse()


@contextmanager
def running(server: StrictServer) -> Iterator[str]:
    """`host:port` of the server while the block runs."""
    grpc_server = grpc.server(futures.ThreadPoolExecutor(2), handlers=(server,))
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    yield f"127.0.0.1:{port}"
    grpc_server.stop(None).wait()
