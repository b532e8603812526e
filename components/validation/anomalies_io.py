"""Findings as an `Anomalies` message, so that existing tools read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2, path_pb2, schema_pb2

from slipline.components.artifacts import Anomalies
from slipline.components.validation.drift_checks import Distance, Measurement
from slipline.components.validation.findings import Finding


def write_anomalies(
    schema: schema_pb2.Schema, findings: Sequence[Finding], measurements: Sequence[Measurement], target: Anomalies
) -> None:
    """Writes the findings, those of one feature together, and every distance that was measured.

    The message has no place for the splits of a distance; a file beside it has.
    """
    anomalies = anomalies_pb2.Anomalies(baseline=schema, anomaly_name_format=anomalies_pb2.Anomalies.SERIALIZED_PATH)
    for finding in findings:
        info = anomalies.anomaly_info[finding.feature] if finding.feature else anomalies.dataset_anomaly_info
        info.severity = anomalies_pb2.AnomalyInfo.ERROR
        if finding.feature:
            info.path.CopyFrom(path_pb2.Path(step=[finding.feature]))
        info.reason.add(
            type=finding.kind.anomaly_type, short_description=finding.kind.text, description=finding.sentence
        )
        info.short_description = finding.kind.text if len(info.reason) == 1 else "several anomalies"
        info.description = " ".join(reason.description for reason in info.reason)
    for feature in dict.fromkeys(measurement.feature for measurement in measurements):
        anomalies.drift_skew_info.append(_drift_skew(feature, measurements))
    target.proto_path.write_bytes(anomalies.SerializeToString(deterministic=True))
    plain = [{**asdict(measurement), "distance": measurement.distance.name} for measurement in measurements]
    target.distances_path.write_text(json.dumps(plain, indent=1), "utf-8")


def _drift_skew(feature: str, measurements: Sequence[Measurement]) -> anomalies_pb2.DriftSkewInfo:
    info = anomalies_pb2.DriftSkewInfo(path=path_pb2.Path(step=[feature]))
    for measurement in measurements:
        if measurement.feature == feature:
            told = info.drift_measurements if measurement.is_drift else info.skew_measurements
            told.add(type=measurement.distance.value, value=measurement.value, threshold=measurement.limit)
    return info


def read_anomalies(file: Path) -> anomalies_pb2.Anomalies:
    """The anomalies as a message."""
    return anomalies_pb2.Anomalies.FromString(file.read_bytes())


def read_distances(anomalies: Anomalies) -> tuple[Measurement, ...]:
    """Every distance that was measured; none if an earlier version did not write them."""
    file = anomalies.distances_path
    plain = json.loads(file.read_text("utf-8")) if file.is_file() else []
    return tuple(Measurement(**{**each, "distance": Distance[each["distance"]]}) for each in plain)
