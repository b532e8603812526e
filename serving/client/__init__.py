"""A client for TensorFlow Serving, the embedded server included, that needs gRPC, protobuf and NumPy alone.

`PredictClient` waits for its answers, `AsyncPredictClient` awaits them; `ClientSettings` says how both connect and ask.
"""

from slipline.serving.client.async_client import AsyncPredictClient
from slipline.serving.client.batching import Batching
from slipline.serving.client.client_settings import (
    ClientSettings,
    Ejection,
    Hedging,
    KeepAlive,
    RetryPolicy,
    Router,
    Tls,
)
from slipline.serving.client.image_inputs import IMAGES_SIGNATURE
from slipline.serving.client.observer import CallEnded, CallStarted, Observer
from slipline.serving.client.prediction import Class, Classification, Prediction, Regression, VersionStatus
from slipline.serving.client.request_log import RequestLog
from slipline.serving.client.signature import Signature, TensorSpec
from slipline.serving.client.sync_client import PredictClient
from slipline.serving.errors import (
    AccessDenied,
    BadRequest,
    DeadlineExceeded,
    MessageTooLarge,
    ModelNotFound,
    Overloaded,
    ServerUnavailable,
    ServingError,
    VersionNotReady,
)
from slipline.serving.folders.model_config import ServedModel

__all__ = [
    "AccessDenied",
    "AsyncPredictClient",
    "BadRequest",
    "Batching",
    "CallEnded",
    "CallStarted",
    "Class",
    "Classification",
    "ClientSettings",
    "DeadlineExceeded",
    "Ejection",
    "Hedging",
    "IMAGES_SIGNATURE",
    "KeepAlive",
    "MessageTooLarge",
    "ModelNotFound",
    "Observer",
    "Overloaded",
    "PredictClient",
    "Prediction",
    "Regression",
    "RequestLog",
    "RetryPolicy",
    "Router",
    "ServedModel",
    "ServerUnavailable",
    "ServingError",
    "Signature",
    "TensorSpec",
    "Tls",
    "VersionNotReady",
    "VersionStatus",
]
