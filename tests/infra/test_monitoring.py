"""Prometheus' and Grafana's files, held to what running servers and the ledger expose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import promql_parser
import pytest
import yaml

from slipline.serving.client import PredictClient
from slipline.serving.errors import ServingError
from slipline.serving.releases.deploy.deployment import REST_PORT, server_flags, write_settings
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.metrics import render_metrics
from tests.constant_model import save_constant_model
from tests.embedded_server import embedded_server
from tests.infra.compose_file import COMPOSE, INFRA, rendered
from tests.infra.promql import asked, exposed, problems

DASHBOARD = json.loads((INFRA / "grafana" / "dashboards" / "serving.json").read_text())
PROMETHEUS = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text())
RULE_FILES = sorted((INFRA / "alerts").glob("*.yml"))
OF_PROMETHEUS_ITSELF = {"up": {"job", "instance"}}
# Of TensorFlow Serving by its contract, whether or not the embedded server batches what is asked here.
HISTOGRAMS = {
    ":tensorflow:serving:runtime_latency": {"model_name", "API", "runtime"},
    ":tensorflow:serving:batching_session:queuing_latency": {"thread_pool_name"},
    ":tensorflow:serving:batching_session:processed_batch_size": set[str](),
}
BY_CONTRACT = {
    ":tensorflow:serving:batching_session:wrapped_run_count": set[str](),
    **{f"{name}_{part}": labels for name, labels in HISTOGRAMS.items() for part in ("sum", "count")},
    **{f"{name}_bucket": labels | {"le"} for name, labels in HISTOGRAMS.items()},
}
METRICS = "/monitoring/prometheus/metrics"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What a server under the deployed flags exposes after a few requests, and the exporter of its ledger."""
    folder = tmp_path_factory.mktemp("monitoring")
    write_settings(folder / "settings")
    with Ledger(None, folder / "releases") as ledger:
        ledger.publish("digits", save_constant_model(folder / "model", 10.0), by="ada", origin="test")
        ledger.promote("digits", 1, by="ada", reason="the first")
        flags = server_flags(str(ledger.rewrite_config()), str(folder / "settings"))
        flags = tuple(flag for flag in flags if not flag.startswith(("--port=", "--rest_api_port=")))
        with embedded_server(*flags) as server:
            ledger.register_server(server.target, None)
            with PredictClient.connect(server.target, "digits") as client:
                client.wait_until_available()
                client.predict({"x": np.ones(2, np.float32)})
                with pytest.raises(ServingError):
                    client.predict({"x": np.ones(2, np.float32)}, version=9)
            from_server = httpx.get(f"http://127.0.0.1:{server.rest_port}{METRICS}").text
            from_ledger = render_metrics(ledger)
    return {**OF_PROMETHEUS_ITSELF, **BY_CONTRACT, **exposed(from_server), **exposed(from_ledger)}


def expressions() -> Iterator[Any]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield pytest.param(target["expr"], id=f"{panel['title']}-{target['refId']}")
    for annotation in DASHBOARD["annotations"]["list"]:
        yield pytest.param(annotation["expr"], id=annotation["name"])
    for file in RULE_FILES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield pytest.param(rule["expr"], id=f"{file.stem}-{rule.get('alert') or rule['record']}")


@pytest.mark.parametrize("expression", list(expressions()))
def test_query_asks_for_nothing_that_is_not_exposed(expression: str, known: dict[str, set[str]]) -> None:
    assert problems(expression, known) == []


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("sum(rate(slipline_nix[1m]))", ["slipline_nix is not exposed"]),
        ("sum by (nix) (up)", ["up has no label nix"]),
        ('a / (up{nix="x"})', ["a is not exposed", "up has no label nix"]),
    ],
)
def test_check_of_queries_sees_what_is_wrong(expression: str, said: list[str]) -> None:
    assert problems(expression, OF_PROMETHEUS_ITSELF) == said


def test_dashboard_shows_what_was_promised() -> None:
    metrics = {one.metric for param in expressions() for one in asked(str(param.values[0]))}
    assert {
        ":tensorflow:serving:request_count",
        ":tensorflow:serving:request_latency_bucket",
        "slipline_request_duration_seconds_bucket",
        ":tensorflow:serving:batching_session:processed_batch_size_sum",
        "slipline_release_loaded",
        "slipline_release_moves_total",
    } <= metrics


def test_dashboard_has_no_two_panels_of_one_id_and_none_that_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_dashboard_asks_the_data_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((INFRA / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    used = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if panel["type"] != "row"}
    assert used == {source["uid"]}


def test_grafana_finds_the_dashboards_where_compose_mounts_them() -> None:
    (provider,) = yaml.safe_load((INFRA / "grafana/provisioning/dashboards/slipline.yml").read_text())["providers"]
    mounts = mounted("grafana")
    assert mounts[provider["options"]["path"]] == INFRA / "grafana" / "dashboards"
    assert mounts["/etc/grafana/provisioning"] == INFRA / "grafana" / "provisioning"


def test_prometheus_scrapes_the_server_of_compose_and_loads_every_rule_file() -> None:
    (job,) = [job for job in PROMETHEUS["scrape_configs"] if job["job_name"] == "serving"]
    assert job["static_configs"] == [{"targets": [f"serving:{REST_PORT}"]}]
    assert METRICS in (INFRA / "serving" / "monitoring.config").read_text()
    assert job["metrics_path"] == METRICS
    (pattern,) = PROMETHEUS["rule_files"]
    assert mounted("prometheus")[pattern.removesuffix("/*.yml")] == INFRA / "alerts"
    assert mounted("prometheus")["/etc/prometheus/prometheus.yml"] == INFRA / "prometheus" / "prometheus.yml"


def mounted(service: str) -> dict[str, Path]:
    """Files and folders of the tree by where a container of compose has them."""
    volumes = rendered({"SLIPLINE_RELEASES": "/releases", "GRAFANA_PASSWORD": "x"})["services"][service]["volumes"]
    pairs = (volume.split(":")[:2] for volume in volumes if volume.startswith("."))
    return {target: (COMPOSE.parent / source).resolve() for source, target in pairs}


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.name)
def test_every_alert_says_how_urgent_it_is_and_what_to_do(file: Path) -> None:
    for group in yaml.safe_load(file.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule.keys() <= {"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"}
            assert promql_parser.parse(rule["expr"])
            if "alert" in rule:
                assert rule["labels"]["severity"]
                assert rule["annotations"].keys() >= {"summary", "description"}
