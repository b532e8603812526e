"""Findings as an `Anomalies` message, so that existing tools read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2, path_pb2, schema_pb2

from components.record_checks import Kind


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One way in which a split breaks the schema.

    Attributes:
      feature: The feature's name; empty for records or the split as a whole.
      kind: How it is broken.
      sentence: Split, feature, what was wanted, what came, where, and what to do.
    """

    feature: str
    kind: Kind
    sentence: str


def write_anomalies(schema: schema_pb2.Schema, findings: Sequence[Finding], file: Path) -> None:
    """Writes the findings, those of one feature together."""
    anomalies = anomalies_pb2.Anomalies(baseline=schema, anomaly_name_format=anomalies_pb2.Anomalies.SERIALIZED_PATH)
    for finding in findings:
        info = anomalies.anomaly_info[finding.feature] if finding.feature else anomalies.dataset_anomaly_info
        info.severity = anomalies_pb2.AnomalyInfo.ERROR
        if finding.feature:
            info.path.CopyFrom(path_pb2.Path(step=[finding.feature]))
        info.reason.add(type=finding.kind.value, short_description=_short(finding.kind), description=finding.sentence)
        info.short_description = _short(finding.kind) if len(info.reason) == 1 else "several anomalies"
        info.description = " ".join(reason.description for reason in info.reason)
    file.write_bytes(anomalies.SerializeToString(deterministic=True))


def read_anomalies(file: Path) -> anomalies_pb2.Anomalies:
    """The anomalies as a message."""
    return anomalies_pb2.Anomalies.FromString(file.read_bytes())


def _short(kind: Kind) -> str:
    return kind.name.lower().replace("_", " ")
