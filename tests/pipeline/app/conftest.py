"""The report's bench, for tests of commands."""

from tests.pipeline.report.conftest import bench

__all__ = ["bench"]
