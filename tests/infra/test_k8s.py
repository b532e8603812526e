"""The manifests as kustomize renders them, held to the schemas of Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from slipline.serving.folders.version_folder import CONFIG_NAME
from slipline.serving.releases.deploy.deployment import GRPC_PORT, IMAGE, REST_PORT, server_flags, write_settings
from tests.infra.kustomized import NEWEST, OLDEST, kustomized
from tests.infra.stock_flags import flag_problems

OVERLAYS = ("local", "production")
RELEASES = "/var/lib/slipline/releases"

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def objects(overlay: str) -> dict[tuple[str, str], Any]:
    return kustomized(f"overlays/{overlay}")


def deployment(overlay: str) -> dict[str, Any]:
    spec: dict[str, Any] = objects(overlay)["Deployment", "slipline-serving"]["spec"]
    return spec


def container(overlay: str) -> dict[str, Any]:
    (found,) = deployment(overlay)["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize(("overlay", "version"), [("local", NEWEST), ("production", OLDEST)])
def test_objects_are_valid_and_have_no_unknown_field(overlay: str, version: str) -> None:
    for item in objects(overlay).values():
        kubernetes_validate.validate(item, version, strict=True)


def test_checker_refuses_an_unknown_field() -> None:
    wrong = {**objects("local")["Deployment", "slipline-serving"], "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


@each_overlay
def test_server_has_the_flags_that_slipline_deploy_gives(overlay: str) -> None:
    assert container(overlay)["image"] == IMAGE
    assert container(overlay)["command"] == ["tensorflow_model_server"]
    assert tuple(container(overlay)["args"]) == server_flags(f"{RELEASES}/{CONFIG_NAME}")
    assert flag_problems(container(overlay)["args"]) == []


@each_overlay
def test_config_map_holds_the_files_that_the_flags_name(overlay: str, tmp_path: Path) -> None:
    write_settings(tmp_path)
    (name,) = [volume["configMap"]["name"] for volume in pod(overlay)["volumes"] if "configMap" in volume]
    assert objects(overlay)["ConfigMap", name]["data"] == {file.name: file.read_text() for file in tmp_path.iterdir()}


def pod(overlay: str) -> dict[str, Any]:
    spec: dict[str, Any] = deployment(overlay)["template"]["spec"]
    return spec


@each_overlay
def test_readiness_follows_the_label_stable_and_liveness_the_process(overlay: str) -> None:
    probes = container(overlay)
    assert probes["readinessProbe"]["httpGet"] == {
        "path": "/v1/models/mnist/labels/stable/metadata",
        "port": "http",
    }
    assert probes["livenessProbe"]["tcpSocket"] == probes["startupProbe"]["tcpSocket"] == {"port": "grpc"}


@each_overlay
def test_container_is_not_root_and_can_change_nothing(overlay: str) -> None:
    security = pod(overlay)["securityContext"]
    assert security["runAsNonRoot"]
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(overlay)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {mount["name"]: mount for mount in container(overlay)["volumeMounts"]}
    assert mounts["releases"] == {"name": "releases", "mountPath": RELEASES, "readOnly": True}
    assert not pod(overlay)["automountServiceAccountToken"]


@each_overlay
def test_resources_have_requests_and_limits(overlay: str) -> None:
    resources = container(overlay)["resources"]
    assert resources["requests"].keys() == resources["limits"].keys() == {"cpu", "memory"}


@each_overlay
def test_whatever_selects_pods_selects_these(overlay: str) -> None:
    labels = deployment(overlay)["template"]["metadata"]["labels"].items()
    selectors = [deployment(overlay)["selector"]["matchLabels"]]
    for (kind, _), item in objects(overlay).items():
        if kind == "Service":
            selectors.append(item["spec"]["selector"])
        if kind == "PodDisruptionBudget":
            selectors.append(item["spec"]["selector"]["matchLabels"])
        if kind == "NetworkPolicy":
            selectors.append(item["spec"]["podSelector"]["matchLabels"])
    assert len(selectors) == {"local": 4, "production": 5}[overlay]
    assert all(selector and selector.items() <= labels for selector in selectors)


@each_overlay
def test_services_and_probes_name_ports_that_are_open(overlay: str) -> None:
    ports = {port["name"]: port["containerPort"] for port in container(overlay)["ports"]}
    assert ports == {"grpc": GRPC_PORT, "http": REST_PORT}
    for (kind, _), item in objects(overlay).items():
        if kind == "Service":
            assert {port["targetPort"] for port in item["spec"]["ports"]} <= ports.keys()


@each_overlay
def test_every_pod_has_an_address_that_promotions_reach_before_it_is_ready(overlay: str) -> None:
    spec = objects(overlay)["Service", "slipline-serving-pods"]["spec"]
    assert (spec["clusterIP"], spec["publishNotReadyAddresses"]) == ("None", True)


@each_overlay
def test_only_clients_and_the_monitoring_reach_a_pod_and_it_reaches_nobody(overlay: str) -> None:
    policy = objects(overlay)["NetworkPolicy", "slipline-serving"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    clients, monitoring = policy["ingress"]
    assert clients["from"] == [{"podSelector": {"matchLabels": {"slipline.dev/serving-client": "true"}}}]
    assert monitoring["ports"] == [{"port": "http"}]


def test_production_scales_by_itself_and_never_gives_up_all_pods_at_once() -> None:
    scaler = objects("production")["HorizontalPodAutoscaler", "slipline-serving"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == "slipline-serving"
    assert scaler["minReplicas"] == 2
    assert "replicas" not in deployment("production")  # each `apply` would undo what the autoscaler did
    assert objects("production")["PodDisruptionBudget", "slipline-serving"]["spec"]["maxUnavailable"] == 1


def test_local_volume_is_a_folder_of_the_node() -> None:
    claim = objects("local")["PersistentVolumeClaim", "slipline-releases"]["spec"]
    volume = objects("local")["PersistentVolume", claim["volumeName"]]["spec"]
    assert claim["storageClassName"] == volume["storageClassName"] == ""
    assert volume["hostPath"]["path"] == RELEASES
