from __future__ import annotations

import threading
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from slipline.serving.errors import ConfigRefused
from slipline.serving.server.batching.lanes import Batch
from slipline.serving.server.metrics.monitoring import BOUNDS_US, Metrics, read_monitoring_config
from slipline.serving.server.metrics.prometheus_text import MAX_LABEL_SETS
from slipline.serving.server.versions.loading import Attempt
from slipline.serving.server.versions.model_state import AVAILABLE, END, LoadFigures, Model, Version
from slipline.serving.server.versions.sources import ModelSource

FOLDER = Path("/m")


def samples(metrics: Metrics) -> list[Sample]:
    """What Prometheus' own parser reads, beyond the models."""
    families = text_string_to_metric_families(metrics.render().decode())
    return [s for family in families for s in family.samples]


def test_requests_are_counted_under_tensorflow_servings_names() -> None:
    metrics = Metrics()
    metrics.count("mnist", "OK")
    metrics.count("mnist", "OK")
    metrics.count('a"\\\n', "NOT_FOUND")
    text = metrics.render().decode()
    assert text.startswith("# TYPE :tensorflow:serving:request_count counter\n")
    assert ':tensorflow:serving:request_count{model_name="mnist",status="OK"} 2\n' in text
    assert "# HELP" not in text
    labels = {(s.labels["model_name"], s.labels["status"]): s.value for s in samples(metrics)}
    assert labels == {("mnist", "OK"): 2, ('a"\\\n', "NOT_FOUND"): 1}


def test_latencies_fall_into_tensorflow_servings_33_buckets() -> None:
    assert (len(BOUNDS_US), BOUNDS_US[0], round(BOUNDS_US[1], 6)) == (33, 10, 18)
    metrics = Metrics()
    for seconds in (10e-6, 20e-6, 1e9):
        metrics.observe("m", "Predict", "GRPC", seconds)
    found = [s for s in samples(metrics) if s.name.startswith(":tensorflow:serving:request_latency")]
    buckets = {s.labels["le"]: s.value for s in found if s.name.endswith("_bucket")}
    assert list(buckets)[:4] == ["10", "18", "32.4", "58.32"]
    assert (buckets["10"], buckets["18"], buckets["32.4"], buckets["+Inf"], len(buckets)) == (1, 1, 2, 3, 34)
    assert {s.name.rpartition("_")[2]: s.value for s in found[-2:]} == {"sum": pytest.approx(1e15), "count": 3}
    assert found[0].labels == {"model_name": "m", "API": "Predict", "entrypoint": "GRPC", "le": "10"}


def test_latencies_of_each_version_are_in_seconds() -> None:
    metrics = Metrics()
    metrics.observe("m", "Predict", "GRPC", 0.25, version=3)
    found = {s.name: s for s in samples(metrics) if s.name.startswith("slipline_request_duration_seconds")}
    total = found["slipline_request_duration_seconds_sum"]
    assert total.value == pytest.approx(0.25)
    assert total.labels == {"model_name": "m", "version": "3", "api": "predict", "entrypoint": "GRPC"}


def test_names_that_clients_make_up_do_not_grow_the_metrics_for_ever() -> None:
    metrics = Metrics()
    for number in range(MAX_LABEL_SETS + 500):
        metrics.count(f"made up {number}", "NOT_FOUND")
    metrics.count("made up 1", "NOT_FOUND")
    found = {s.labels["model_name"]: s.value for s in samples(metrics)}
    assert (len(found), found[""], found["made up 1"]) == (MAX_LABEL_SETS + 1, 500, 2)


def test_threads_count_nothing_twice_and_lose_nothing() -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(2000):
            metrics.count("m", "OK")
            metrics.observe("m", "Predict", "GRPC", 1e-3, version=1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {s.value for s in samples(metrics) if s.name.endswith("_count")} == {8000}


def test_states_sizes_and_what_is_missing_are_shown_but_no_history() -> None:
    versions = {
        3: Version(3, FOLDER / "3", END, code=5),
        2: Version(2, FOLDER / "2", AVAILABLE, figures=LoadFigures(load_s=1.5, disk_bytes=10, grown_bytes=20)),
        1: Version(1, FOLDER / "1", END, figures=LoadFigures(load_s=2.5)),
    }
    source = ModelSource(name="m", base_path=FOLDER)
    view = Model("m", source, wanted={3: FOLDER / "3"}, versions=versions)
    gone = Model("gone", None, versions=versions)
    found = [(s.name, *s.labels.values(), s.value) for s in samples(Metrics(lambda: [view, gone]))]
    assert found == [
        ("slipline_model_ready", "m", 1),
        ("slipline_model_versions_missing", "m", 1),
        ("slipline_model_version_wanted", "m", "3", 1),
        ("slipline_model_version_state", "m", "3", "END", 1),
        ("slipline_model_version_state", "m", "2", "AVAILABLE", 1),
        ("slipline_model_load_seconds", "m", "2", 1.5),
        ("slipline_model_disk_bytes", "m", "2", 10),
        ("slipline_model_load_growth_bytes", "m", "2", 20),
    ]


def test_what_ml_metadata_knows_a_version_by_is_shown_while_it_is_up() -> None:
    versions = {
        2: Version(2, FOLDER / "2", AVAILABLE, figures=LoadFigures(mlmd_uuid="af-1")),
        1: Version(1, FOLDER / "1", AVAILABLE),
    }
    view = Model("m", ModelSource(name="m", base_path=FOLDER), versions=versions)
    lines = text_of(Metrics(lambda: [view]))
    assert [line for line in lines if "mlmd" in line] == [
        "# TYPE :tensorflow:serving:mlmd_map gauge",
        ':tensorflow:serving:mlmd_map{model_name="m",version="2",mlmd_uuid="af-1"} 1',
    ]


def text_of(metrics: Metrics) -> list[str]:
    return metrics.render().decode().splitlines()


def test_runs_loads_and_warm_ups_are_told_under_tensorflow_servings_names() -> None:
    metrics = Metrics()
    metrics.observe_runtime("m", "Predict", 11e-6)
    metrics.observe_load(Path("/m/1"), Attempt(figures=LoadFigures(load_s=0.25)))
    metrics.observe_load(Path("/m/1"), Attempt(code=5, message="missing"))
    metrics.observe_read(Path("/m/1"), 15e-6)
    metrics.observe_warmup(Path("/m/1"), "OK", 3, 0.5)
    lines = text_of(metrics)
    assert ':tensorflow:serving:runtime_latency_bucket{model_name="m",API="Predict",runtime="TF1",le="18"} 1' in lines
    assert ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/1",status="fail"} 1' in lines
    assert ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/1",status="success"} 1' in lines
    assert ':tensorflow:cc:saved_model:load_latency{model_path="/m/1"} 250000' in lines
    stage = ':tensorflow:cc:saved_model:load_latency_by_stage_bucket{model_path="/m/1",stage="restore_graph"'
    assert [f'{stage},le="10"}} 0' in lines, f'{stage},le="18"}} 1' in lines] == [True, True]
    assert ':tensorflow:serving:model_warmup_records_read{model_path="/m/1",status="OK"} 3' in lines
    assert ':tensorflow:serving:model_warmup_latency_count{model_path="/m/1",status="OK"} 1' in lines


def test_batches_are_told_under_tensorflow_servings_names() -> None:
    metrics = Metrics()
    metrics.observe_batch(Batch(rows=3, filled_rows=4, waited_s=50e-6))
    lines = text_of(metrics)
    begin = ":tensorflow:serving:batching_session:"
    assert f'{begin}queuing_latency_bucket{{thread_pool_name="model_server_batch_threads",le="100"}} 1' in lines
    assert f"{begin}wrapped_run_count 1" in lines
    assert f"{begin}input_batch_size_sum 3.0" in lines
    assert f"{begin}processed_batch_size_sum 4.0" in lines
    assert f'{begin}padding_size_sum{{execution_batch_size="4"}} 1.0' in lines


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ("prometheus_config {}", None),
        ('prometheus_config { enable: false path: "/m" }', None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/m" }', "/m"),
    ],
)
def test_monitoring_config_says_where_the_metrics_are(text: str, path: str | None, tmp_path: Path) -> None:
    file = tmp_path / "monitoring.config"
    file.write_text(text)
    assert read_monitoring_config(file) == path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nix: 1", "Error parsing text-format tensorflow.serving.MonitoringConfig"),
        ('prometheus_config { enable: true path: "m" }', "must begin with '/', got 'm'"),
    ],
)
def test_monitoring_config_that_cannot_be_followed_is_refused(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "monitoring.config"
    file.write_text(text)
    with pytest.raises(ConfigRefused, match=words):
        read_monitoring_config(file)
