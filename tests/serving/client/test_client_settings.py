from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipline.serving.client import ClientSettings, Ejection, Hedging, KeepAlive, RetryPolicy, Tls


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (RetryPolicy, {"max_attempts": 0}),
        (RetryPolicy, {"first_pause_s": -0.1}),
        (RetryPolicy, {"first_pause_s": 2.0, "longest_pause_s": 1.0}),
        (RetryPolicy, {"attempt_timeout_s": 0}),
        (RetryPolicy, {"budget_share": -0.1}),
        (RetryPolicy, {"budget_reserve": -1}),
        (Hedging, {"delay_s": -0.1}),
        (Ejection, {"failures": 0}),
        (Ejection, {"gone_s": -0.1}),
        (Ejection, {"hung_s": -0.1}),
        (Tls, {"private_key": b"key"}),
        (Tls, {"certificate": b"certificate"}),
        (ClientSettings, {"timeout_s": -0.1}),
        (ClientSettings, {"timeout_s": math.inf}),
        (ClientSettings, {"timeout_s": math.nan}),
        (ClientSettings, {"max_message_bytes": 0}),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(make: Callable[..., object], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))}|budget.*must be|takes|must be"):
        make(**wrong)


@pytest.mark.parametrize(
    ("make", "right"),
    [
        (RetryPolicy, {"max_attempts": 1, "first_pause_s": 0, "longest_pause_s": 0, "attempt_timeout_s": 0.1}),
        (RetryPolicy, {"first_pause_s": 1.0, "longest_pause_s": 1.0, "budget_share": 0, "budget_reserve": 0}),
        (Hedging, {"delay_s": 0}),
        (Ejection, {"failures": 1, "gone_s": 0, "hung_s": 0}),
        (Tls, {"private_key": b"key", "certificate": b"certificate"}),
        (ClientSettings, {"timeout_s": 0, "max_message_bytes": 1}),
    ],
)
def test_settings_may_be_as_low_as_is_said(make: Callable[..., Any], right: dict[str, Any]) -> None:
    assert right.items() <= vars(make(**right)).items()


def test_a_client_that_is_told_nothing_asks_with_moderation() -> None:
    assert RetryPolicy() == RetryPolicy(
        max_attempts=5,
        first_pause_s=0.02,
        longest_pause_s=1.0,
        attempt_timeout_s=None,
        budget_share=0.2,
        budget_reserve=100,
    )
    assert Ejection() == Ejection(failures=2, gone_s=0.3, hung_s=10.0)
    assert KeepAlive() == KeepAlive(every_s=300.0, timeout_s=20.0, when_idle=False)
    assert ClientSettings() == ClientSettings(
        timeout_s=10.0, check_signature=True, hedging=None, tls=None, bearer_token=None, plain_text_token=False
    )


def test_a_time_limit_goes_before_that_of_the_settings() -> None:
    settings = ClientSettings(timeout_s=3.0, check_signature=False)
    assert ClientSettings.given(None, None) == ClientSettings()
    assert ClientSettings.given(settings, None) is settings
    assert ClientSettings.given(settings, 0.0) == ClientSettings(timeout_s=0.0, check_signature=False)


def test_encryption_is_read_from_files(tmp_path: Path) -> None:
    for name in ("ca", "key", "certificate"):
        (tmp_path / name).write_bytes(name.encode())
    assert Tls.from_files() == Tls()
    assert Tls.from_files(
        tmp_path / "ca", tmp_path / "key", tmp_path / "certificate", server_name="model-server"
    ) == Tls(root_certificates=b"ca", private_key=b"key", certificate=b"certificate", server_name="model-server")


def test_secrets_are_not_shown() -> None:
    settings = ClientSettings(bearer_token="secret", tls=Tls(private_key=b"secret", certificate=b"public"))
    assert "public" in repr(settings)
    assert "secret" not in repr(settings)
