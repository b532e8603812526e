import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.errors import TrainingFailed
from slipline.components.training.cluster import Cluster, cluster_here, cluster_of
from slipline.components.training.pod import cluster_of_pod

ADDRESSES = ("a:1", "b:1", "c:1")


def told(addresses: dict[str, list[str]], kind: str, index: int) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": addresses, "task": {"type": kind, "index": index}})}


@given(st.integers(0, 2))
def test_what_a_cluster_tells_a_worker_is_read_back(worker: int) -> None:
    cluster = Cluster(addresses=ADDRESSES, worker=worker)
    assert cluster_of({"TF_CONFIG": cluster.tf_config(worker)}) == cluster


def test_no_cluster_or_one_worker_alone_is_no_cluster() -> None:
    assert cluster_of({}) is None
    assert cluster_of(told({"worker": ["a:1"]}, "worker", 0)) is None


def test_a_task_called_chief_comes_before_the_workers() -> None:
    tasks = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    assert cluster_of(told(tasks, "chief", 0)) == Cluster(addresses=ADDRESSES, worker=0)
    assert cluster_of(told(tasks, "worker", 1)) == Cluster(addresses=ADDRESSES, worker=2)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TF_CONFIG": "{"}, r"TF_CONFIG must read \{\"cluster\": .*, got '\{'"),
        ({"TF_CONFIG": "{}"}, "TF_CONFIG must read"),
        (told({"worker": list(ADDRESSES)}, "worker", 3), "wanted the task of one of its 3 workers, got worker 3"),
        (told({"worker": list(ADDRESSES)}, "evaluator", 0), "wanted the task of one of its 3 workers, got evaluator 0"),
    ],
)
def test_a_variable_that_names_no_worker_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(TrainingFailed, match=message):
        cluster_of(environment)


def test_workers_here_get_ports_of_their_own() -> None:
    assert len(set(cluster_here(3).addresses)) == 3


def test_a_pod_that_is_of_no_indexed_job_is_refused() -> None:
    with pytest.raises(KeyError, match="JOB_COMPLETION_INDEX"):
        cluster_of_pod({"HOSTNAME": "x"}, 2, "s")
