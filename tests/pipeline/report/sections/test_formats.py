"""The table of formats in the run report."""

from __future__ import annotations

from pathlib import Path

from slipline.components.artifacts import ExportedFile, ServableModel
from tests.pipeline.report.report_bench import Bench

EXPORTS = (
    ExportedFile(
        format="saved_model",
        file="saved_model.pb",
        size_bytes=874_342,
        agreement=1.0,
        largest_difference=0.0,
        latency_ms=0.4096,
    ),
    ExportedFile(
        format="tflite_int8",
        file="exports/int8.tflite",
        size_bytes=106_906,
        agreement=0.9,
        largest_difference=0.0637,
        withheld="names the SavedModel's class for 90.00% of the images, below convert.min_agreement 0.99",
    ),
    ExportedFile(format="tfjs_layers", file="exports/tfjs_layers/model.json", withheld="NotInTensorFlowJs: layer odd"),
)


def converted(bench: Bench, *exports: ExportedFile) -> None:
    model = ServableModel(path=bench.folder("convert"), signatures=("serving_default",), exports=exports)
    (model.path / "saved_model.pb").write_bytes(b"a graph")
    bench.done("convert", model)


def test_each_format_has_its_size_parity_and_time_and_one_withheld_its_reason(bench: Bench, tmp_path: Path) -> None:
    converted(bench, *EXPORTS)
    section = bench.write(tmp_path / "report.html").section("formats")
    for words in ("saved_model.pb", "874", "100.00", "0.41", "0.064", "90.00"):
        assert words in section
    assert "tflite_int8 was withheld: names the SavedModel" in section
    assert "tfjs_layers was withheld: NotInTensorFlowJs: layer odd" in section
    assert "exports/int8.tflite" not in section


def test_a_run_without_formats_has_no_such_table(bench: Bench, tmp_path: Path) -> None:
    converted(bench)
    assert 'id="formats"' not in bench.write(tmp_path / "report.html").html
