from __future__ import annotations

import pytest

from slipline.serving.server.flags.options import BadFlag, ServerOptions, parse_flags, usage


def test_flags_set_the_options_and_the_last_wins() -> None:
    flags = ["--port=1", "--model_name=mnist", "--port=8501", "--file_system_poll_wait_seconds=0.5"]
    wanted = ServerOptions(port=8501, model_name="mnist", file_system_poll_wait_seconds=0.5)
    assert parse_flags(flags) == (wanted, [])


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--version", True), ("--version=true", True), ("--version=false", False), ("--enable_model_warmup=0", False)],
)
def test_boolean_flag_needs_no_value(flag: str, value: bool) -> None:
    options, _ = parse_flags([flag])
    assert (options.version if "version" in flag else options.enable_model_warmup) is value


@pytest.mark.parametrize("argument", ["--nix=1", "--port", "8500", "port=1", "-port=1"])
def test_argument_that_is_no_flag_is_reported_and_otherwise_ignored(argument: str) -> None:
    assert parse_flags([argument]) == (ServerOptions(), [argument])


@pytest.mark.parametrize("flag", ["--port=x", "--version=maybe", "--port="])
def test_value_of_the_wrong_type_is_refused(flag: str) -> None:
    with pytest.raises(BadFlag, match="takes a value of type"):
        parse_flags([flag])


def test_usage_names_every_flag() -> None:
    assert all(f"--{name}=" in usage() for name in ServerOptions.__dataclass_fields__)
