"""The REST server that a server's options ask for, put together."""

from __future__ import annotations

import os
from pathlib import Path

from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.inference import Inference
from slipline.serving.server.metrics.monitoring import Metrics, read_monitoring_config
from slipline.serving.server.rest.api import BodyLimits, RestApi
from slipline.serving.server.rest.app import AppSettings, RestApp
from slipline.serving.server.rest.rest_server import RestServer
from slipline.serving.server.security.auth import Tokens
from slipline.serving.server.security.tls import TlsSettings
from slipline.serving.server.versions.manager import VersionManager


def rest_server(
    options: ServerOptions,
    inference: Inference,
    versions: VersionManager,
    metrics: Metrics,
    *,
    tls: TlsSettings | None,
    tokens: Tokens | None,
) -> RestServer:
    """A server of `inference`, not started yet.

    Raises:
      ConfigRefused: The monitoring's config cannot be used.
    """
    monitoring = Path(options.monitoring_config_file) if options.monitoring_config_file else None
    limits = BodyLimits(max_bytes=options.rest_api_max_body_bytes, max_depth=options.rest_api_max_json_depth)
    settings = AppSettings(
        timeout_s=options.rest_api_timeout_in_ms / 1000,
        threads=options.rest_api_num_threads or 4 * (os.cpu_count() or 1),
        max_requests=options.max_concurrent_requests or None,
        max_body_bytes=options.rest_api_max_body_bytes,
        metrics_path=None if monitoring is None else read_monitoring_config(monitoring),
        cors=options.rest_api_enable_cors_support,
    )
    demo = None
    if options.enable_demo_page:
        from slipline.serving.server.demo.site import DemoSite  # it reads the page, which few servers show

        demo = DemoSite(versions)
    app = RestApp(RestApi(inference, versions, metrics, limits), versions, metrics, settings, tokens, demo)
    return RestServer(
        app, host=options.host, port=options.rest_api_port, tls=tls, grace_s=options.shutdown_grace_seconds
    )
