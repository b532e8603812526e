from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from slipline.serving.client import ClientSettings, PredictClient
from slipline.serving.errors import ServingError
from slipline.serving.server.process import Server

StartRest = Callable[..., httpx.Client]
PATH = "/monitoring/prometheus/metrics"


def test_calls_by_rest_and_grpc_are_counted_each_under_its_name(
    start_rest: StartRest, servers: list[Server], forms: Path, tmp_path: Path
) -> None:
    config = tmp_path / "monitoring.config"
    config.write_text("prometheus_config { enable: true }")
    base = shutil.copytree(forms, tmp_path / "forms")
    (base / "5" / "assets.extra").mkdir()
    (base / "5" / "assets.extra" / "mlmd_uuid").write_text("af-1\n")
    begin_s = time.perf_counter()
    rest = start_rest(model_name="forms", model_base_path=str(base), monitoring_config_file=str(config))
    for body in ({"instances": [1]}, {"instances": "x"}):
        rest.post("/v1/models/forms:predict", content=json.dumps(body))
    rest.get("/v1/models/forms")
    rest.get("/v1/nix")
    unchecked = ClientSettings(check_signature=False)
    with PredictClient.connect(servers[0].address, "forms", timeout_s=30, settings=unchecked) as client:
        client.predict({"x": np.float32([1])})
        elapsed_s = time.perf_counter() - begin_s
        with pytest.raises(ServingError):
            client.predict({"x": np.float32([1])}, version=6)
    answer = rest.post(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain")
    lines = answer.text.splitlines()
    for line in (
        ':tensorflow:serving:request_count{model_name="forms",status="OK"} 3',
        ':tensorflow:serving:request_count{model_name="forms",status="NOT_FOUND"} 1',
        ':tensorflow:serving:request_count{model_name="forms",status="INVALID_ARGUMENT"} 1',
        ':tensorflow:serving:request_count{model_name="",status="INVALID_ARGUMENT"} 1',
        ':tensorflow:serving:request_latency_count{model_name="forms",API="predict",entrypoint="REST"} 1',
        ':tensorflow:serving:request_latency_count{model_name="forms",API="Predict",entrypoint="GRPC"} 1',
        'slipline_request_duration_seconds_count{model_name="forms",version="5",api="predict",entrypoint="GRPC"} 1',
        'slipline_model_version_state{model_name="forms",version="5",state="AVAILABLE"} 1',
        ':tensorflow:serving:mlmd_map{model_name="forms",version="5",mlmd_uuid="af-1"} 1',
        f':tensorflow:cc:saved_model:load_latency_by_stage_count{{model_path="{base / "5"}",stage="restore_graph"}} 1',
    ):
        assert line in lines
    for name, unit_s in (
        (":tensorflow:serving:request_latency_sum", 1e-6),
        (":tensorflow:serving:runtime_latency_sum", 1e-6),
        (":tensorflow:cc:saved_model:load_latency{", 1e-6),
        (":tensorflow:cc:saved_model:load_latency_by_stage_sum", 1e-6),
        ("slipline_request_duration_seconds_sum", 1),
        ("slipline_model_load_seconds", 1),
    ):
        told_s = [float(line.rpartition(" ")[2]) * unit_s for line in lines if line.startswith(name)]
        assert told_s, name
        assert 0 < sum(told_s) < elapsed_s, name
    assert rest.get(f"{PATH}?a=1").status_code == 400
