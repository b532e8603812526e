"""What a command says where a package is missing that only an extra of the installation brings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

BROUGHT_BY: Mapping[str, tuple[str, ...]] = {
    "pipeline": (
        *("PIL", "ai_edge_litert", "apache_beam", "cloudpickle", "datasketches", "flatbuffers", "fsspec"),
        *("google_crc32c", "grpc_health", "grpc_reflection", "httptools", "importlib_resources", "jinja2", "keras"),
        *("markdown", "matplotlib", "prometheus_client", "pyarrow", "pydantic", "rich", "sqlalchemy", "starlette"),
        *("tensorboard", "tensorflow", "tensorflow_datasets", "tensorflow_metadata", "tensorflow_serving", "tomli"),
        "uvicorn",
    ),
    "docker": ("docker",),
    "postgres": ("psycopg",),
    "tune": ("optuna", "tomli_w"),
}
"""The names that each extra's packages are imported by; `pip install .` brings all others that we import."""


def remedy_for(error: BaseException | None) -> str | None:
    """What is not installed and how to install it, where that is the cause; None if nothing is that an extra brings."""
    while error is not None:
        name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        for extra, names in BROUGHT_BY.items():
            if name in names and find_spec(name) is None:
                return f"needs {name}, which is not installed: pip install 'slipline[{extra}]'"
        error = error.__cause__
    return None
