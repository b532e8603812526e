"""The training job, held to the schemas of Kubernetes and to what its pods run."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest

from slipline.components.training.pod import PORT, cluster_of_pod
from tests.infra.kustomized import NEWEST, OLDEST, kustomized

FOLDERS = ("training", "overlays/training-gpu")
NAME = "slipline-training"


def job(folder: str = "training") -> dict[str, Any]:
    spec: dict[str, Any] = kustomized(folder)["Job", NAME]["spec"]
    return spec


def pod(folder: str = "training") -> dict[str, Any]:
    spec: dict[str, Any] = job(folder)["template"]["spec"]
    return spec


def container(folder: str = "training") -> dict[str, Any]:
    (found,) = pod(folder)["containers"]
    return dict(found)


@pytest.mark.parametrize(("folder", "version"), [(FOLDERS[0], OLDEST), (FOLDERS[1], NEWEST)])
def test_objects_are_valid_and_have_no_unknown_field(folder: str, version: str) -> None:
    for item in kustomized(folder).values():
        kubernetes_validate.validate(item, version, strict=True)


def test_every_pod_gets_an_index_and_knows_how_many_there_are() -> None:
    assert job()["completionMode"] == "Indexed"
    assert job()["completions"] == job()["parallelism"] == 2
    assert container()["args"][0] == f"--workers={job()['completions']}"


def test_workers_find_each_other_by_the_names_that_the_headless_service_gives() -> None:
    service = kustomized("training")["Service", NAME]["spec"]
    assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True)
    assert pod()["subdomain"] == NAME
    assert container()["args"][1] == f"--service={NAME}"
    assert container()["ports"] == [{"name": "workers", "containerPort": PORT}]
    cluster = cluster_of_pod({"JOB_COMPLETION_INDEX": "1", "HOSTNAME": f"{NAME}-1"}, 2, NAME)
    assert cluster.addresses == (f"{NAME}-0.{NAME}:{PORT}", f"{NAME}-1.{NAME}:{PORT}")
    assert cluster.worker == 1


def test_the_job_is_over_when_the_run_is_and_a_pod_that_fails_is_started_again() -> None:
    assert job()["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}
    assert (pod()["restartPolicy"], job()["backoffLimit"]) == ("OnFailure", 5)


def test_all_pods_share_one_home() -> None:
    home = next(each["value"] for each in container()["env"] if each["name"] == "SLIPLINE_HOME")
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    assert mounts["home"] == home
    claim = next(volume["persistentVolumeClaim"] for volume in pod()["volumes"] if volume["name"] == "home")
    spec = kustomized("training")["PersistentVolumeClaim", claim["claimName"]]["spec"]
    assert spec["accessModes"] == ["ReadWriteMany"]


def test_whatever_selects_pods_selects_these_and_only_they_reach_each_other() -> None:
    labels = job()["template"]["metadata"]["labels"].items()
    policy = kustomized("training")["NetworkPolicy", NAME]["spec"]
    (rule,) = policy["ingress"]
    selectors = [
        kustomized("training")["Service", NAME]["spec"]["selector"],
        policy["podSelector"]["matchLabels"],
        rule["from"][0]["podSelector"]["matchLabels"],
        pod()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)


def test_container_is_not_root_and_changes_nothing_but_the_home() -> None:
    assert pod()["securityContext"]["runAsNonRoot"]
    assert container()["securityContext"]["readOnlyRootFilesystem"]
    assert container()["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not pod()["automountServiceAccountToken"]


def test_a_gpu_is_asked_for_by_the_overlay_alone() -> None:
    assert "nvidia.com/gpu" not in container()["resources"]["limits"]
    assert container("overlays/training-gpu")["resources"]["limits"]["nvidia.com/gpu"] == 1
