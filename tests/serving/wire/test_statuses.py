from __future__ import annotations

import grpc
import pytest

from slipline.serving import errors
from slipline.serving.models.loaded_model import SignatureNotFound
from slipline.serving.models.tensorflow.native import TensorFlowError
from slipline.serving.server.methods.methods import WrongMethod
from slipline.serving.wire.grpc_errors import code_of


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.BadRequest, "INVALID_ARGUMENT"),
        (errors.ConfigRefused, "INVALID_ARGUMENT"),
        (SignatureNotFound, "FAILED_PRECONDITION"),
        (errors.ModelNotFound, "NOT_FOUND"),
        (errors.VersionNotReady, "NOT_FOUND"),
        (errors.DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (errors.Unsupported, "UNIMPLEMENTED"),
        (errors.DataLoss, "DATA_LOSS"),
        (WrongMethod, "INTERNAL"),
        (errors.LoadFailed, "UNKNOWN"),
    ],
)
def test_error_has_the_status_that_tensorflow_serving_answers_with(
    kind: type[errors.ServingError], status: str
) -> None:
    assert code_of(kind("words")).name == status


@pytest.mark.parametrize("status", [status for status in grpc.StatusCode if status is not grpc.StatusCode.OK])
def test_tensorflows_own_code_is_passed_on(status: grpc.StatusCode) -> None:
    assert code_of(TensorFlowError(status.value[0], "words")) is status


def test_code_that_grpc_does_not_know_is_unknown() -> None:
    assert code_of(TensorFlowError(99, "words")) is grpc.StatusCode.UNKNOWN
