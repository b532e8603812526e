"""A client for TensorFlow Serving, the embedded server included, that needs gRPC, protobuf and NumPy alone.

`PredictClient` waits for its answers, `AsyncPredictClient` awaits them; `ClientSettings` says how both connect and ask.
"""

from serving.client.answers import Class, Classification, Prediction, Regression
from serving.client.async_client import AsyncPredictClient
from serving.client.batching import Batching
from serving.client.images import IMAGES_SIGNATURE
from serving.client.observer import CallEnded, CallStarted, Observer
from serving.client.request_log import RequestLog
from serving.client.router import Router
from serving.client.settings import ClientSettings, Ejection, Hedging, KeepAlive, RetryPolicy, Tls
from serving.client.signature import Signature, TensorSpec
from serving.client.sync_client import PredictClient
from serving.control import VersionStatus
from serving.model_config import ServedModel

__all__ = [
    "AsyncPredictClient",
    "Batching",
    "CallEnded",
    "CallStarted",
    "Class",
    "Classification",
    "ClientSettings",
    "Ejection",
    "Hedging",
    "IMAGES_SIGNATURE",
    "KeepAlive",
    "Observer",
    "PredictClient",
    "Prediction",
    "Regression",
    "RequestLog",
    "RetryPolicy",
    "Router",
    "ServedModel",
    "Signature",
    "TensorSpec",
    "Tls",
    "VersionStatus",
]
