from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.client.control import ServerControl
from slipline.serving.errors import ConfigRefused
from slipline.serving.models.tensorflow.native import Threads
from slipline.serving.server.flags.flag_values import channel_arguments, load_policy, saved_model_tags, session_threads
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.process import Server
from tests.serving.conftest import until


def test_defaults_are_tensorflow_servings() -> None:
    policy = load_policy(ServerOptions())
    assert (policy.poll_wait_s, policy.retries, policy.retry_interval_s) == (1, 5, 60)
    assert not policy.unloads_first("m")
    assert policy.memory_limit_bytes is None
    assert saved_model_tags(ServerOptions()) == ["serve"]


def test_switch_without_a_second_copy_is_a_choice_for_all_models_or_for_some() -> None:
    some = load_policy(ServerOptions(resource_preserving_models="a,b"))
    assert [some.unloads_first(name) for name in "abc"] == [True, True, False]
    assert load_policy(ServerOptions(resource_preserving_switch=True)).unloads_first("c")


def test_negative_retry_interval_is_none() -> None:
    assert load_policy(ServerOptions(load_retry_interval_micros=-1)).retry_interval_s == 0


def test_channel_arguments_are_integers_where_they_can_be() -> None:
    options = ServerOptions(grpc_channel_arguments="grpc.a=1,grpc.b=-2,grpc.c=x=y,grpc.d=")
    assert channel_arguments(options) == [("grpc.a", 1), ("grpc.b", -2), ("grpc.c", "x=y"), ("grpc.d", "")]


def test_channel_argument_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigRefused, match=r"takes key=value,key=value, got 'grpc.a'"):
        channel_arguments(ServerOptions(grpc_channel_arguments="grpc.a"))


def test_session_parallelism_sets_both_thread_pools() -> None:
    assert session_threads(ServerOptions(tensorflow_session_parallelism=3)) == Threads(intra_op=3, inter_op=3)
    assert session_threads(ServerOptions(tensorflow_intra_op_parallelism=2)) == Threads(intra_op=2, inter_op=0)


def test_session_config_file_gives_thread_counts_that_flags_override(tmp_path: Path) -> None:
    file = tmp_path / "session.config"
    file.write_text(
        "intra_op_parallelism_threads: 4 inter_op_parallelism_threads: 5 gpu_options { allow_growth: true }"
    )
    assert session_threads(ServerOptions(tensorflow_session_config_file=str(file))) == Threads(intra_op=4, inter_op=5)
    both = ServerOptions(tensorflow_session_config_file=str(file), tensorflow_intra_op_parallelism=1)
    assert session_threads(both) == Threads(intra_op=1, inter_op=5)


def test_session_config_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match=r"missing\.config"):
        session_threads(ServerOptions(tensorflow_session_config_file=str(tmp_path / "missing.config")))


def test_server_on_a_unix_socket_needs_no_port(
    start: Callable[..., Server], connect: Callable[..., PredictClient], scalers: Path, tmp_path: Path
) -> None:
    socket = tmp_path / "grpc.socket"
    options = {"model_name": "scaler", "model_base_path": str(scalers), "grpc_channel_arguments": "grpc.nix=1"}
    server = start(grpc_socket_path=str(socket), **options)
    assert server.address == f"unix:{socket}"
    client = connect(server.address)
    client.wait_until_available()
    assert client.predict({"x": np.array([1], "float32")}).version == 2


def test_graph_of_other_tags_is_looked_for_under_these(start: Callable[..., Server], scalers: Path) -> None:
    server = start(model_name="scaler", model_base_path=str(scalers), saved_model_tags="serve,gpu")
    with ServerControl(server.address) as control:
        until(lambda: control.status("scaler")[0].state == "END")
        assert "matching supplied tags: { serve gpu }" in control.status("scaler")[0].error_message


def test_loads_have_low_priority_unless_interpreters_would_keep_threads_of_it() -> None:
    assert load_policy(ServerOptions(prefer_tflite_model=True)).low_priority
    assert not load_policy(ServerOptions(prefer_tflite_model=True, tensorflow_intra_op_parallelism=2)).low_priority
