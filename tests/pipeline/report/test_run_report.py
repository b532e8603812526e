"""The run report, of real artifacts made small, committed to a real store."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slipline.components.artifacts import Evaluation, Examples, InfraCheck, Shard, Split
from slipline.components.examples.example_records import encode_example
from slipline.components.files.tfrecord_files import write_records
from slipline.pipeline.runners.execute import Status
from tests.pipeline.report.report_bench import (
    HOSTILE,
    SCHEMA,
    Bench,
    Page,
    described,
    evaluated,
    exported,
    ingested,
    passed_run,
    png,
    record,
    trained,
    validated,
)

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test


def test_a_passed_run_shows_release_key_numbers_and_every_section(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench)
    bench.standing = "mnist version 1 (withdrawn)"
    page = bench.write(tmp_path / "report.html")
    assert "Passed every gate, released as version 1. mnist version 1 (withdrawn)" in page.text
    assert bench.run_id in page.text
    assert "Test accuracy 98.00 % the gate wants at least 0.3" in page.text
    assert "Training time 60.0 s 2 epochs, 1,234 parameters" in page.text
    assert "Records 110 60 train, 50 test" in page.text
    assert "None found in 110 records." in page.text
    assert "No model was live before this one." in page.text
    assert [each["id"] for each in page.all("section")] == [
        *("steps", "records", "data", "statistics", "checks", "training", "quality", "what-went-in")
    ]


def test_the_page_is_one_well_formed_file_that_needs_nothing_beside_it(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench, wrong=30)
    page = bench.write(tmp_path / "report.html")
    assert page.open == []
    assert len(page.all("h1")) == 1
    assert "://" not in page.html
    sources = [each["src"] or "" for each in page.all("img")]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert all(each["href"] in ("data:,",) for each in page.all("link"))
    assert not page.all("script")
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["report.html"]


def test_every_id_is_there_once_and_every_reference_within_the_page_hits_one(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench)
    page = bench.write(tmp_path / "report.html")
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    targets = {
        target for target in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page.html) for target in target if target
    }
    assert len(ids) == len(set(ids))
    assert targets <= set(ids)


def test_every_picture_and_table_says_what_it_is(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench, live_accuracy=0.9)
    page = bench.write(tmp_path / "report.html")
    assert all(each.get("alt") for each in page.all("img"))
    assert all(each.get("role") == "img" and each.get("aria-label") for each in page.all("svg"))
    assert len(page.all("caption")) == len(page.all("table")) == 14
    assert all(each.get("scope") in ("col", "row") for each in page.all("th"))
    assert any("0: 6, 1: 6" in (each["aria-label"] or "") for each in page.all("svg"))


def test_the_worst_mistakes_are_the_surest_wrong_answers_with_file_and_record(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench, wrong=30)
    quality = bench.write(tmp_path / "report.html").section("quality")
    mistakes = Page(quality[quality.index("<h3>Worst mistakes</h3>") :].removesuffix("</section>"))
    assert len(mistakes.all("li")) == len(mistakes.all("img")) == 24
    assert "24 of 30" in mistakes.text
    # Record 49 of the split is the surest one; it is record 39 of the second shard.
    first = mistakes.text[mistakes.text.index("true") :]
    assert first.startswith("true 9 at 1.00 % predicted 0 at 79.00 % mnist-test-1.tfrecord record 39")


def test_a_model_without_mistakes_says_so(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench, wrong=0)
    assert "Every answer was right." in bench.write(tmp_path / "report.html").text


def test_the_confusion_matrix_counts_every_record_once(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench, wrong=7)
    page = bench.write(tmp_path / "report.html")
    cells = re.findall(r'<td class="(right)?[^"]*" style="--tint:[^>]*>(\d+)</td>', page.html)
    assert len(cells) == 100
    assert sum(int(number) for _, number in cells) == 50
    assert sum(int(number) for right, number in cells if right) == 43


def test_the_live_model_is_compared_metric_by_metric(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench, wrong=5, live_accuracy=0.92)
    page = bench.write(tmp_path / "report.html")
    assert "Live, version 4" in page.text
    assert "Accuracy 90.00 % 92.00 % \N{MINUS SIGN}2.00 points" in page.text


def test_curves_tell_their_values_in_words_too(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench, epochs=3)
    page = bench.write(tmp_path / "report.html")
    assert any(each["aria-label"] == "Loss by epoch: 1: 0.5000, 2: 0.2500, 3: 0.1667" for each in page.all("svg"))


def test_one_epoch_is_told_in_a_table_and_not_drawn(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench, epochs=1)
    page = bench.write(tmp_path / "report.html")
    assert "One epoch, so there is no curve to draw." in page.text
    assert "1 0.5000 90.00 % 30.0 s" in page.text
    assert "1 epoch, 1,234 parameters" in page.text


def test_lineage_shows_whole_digests_code_frameworks_given_artifacts_and_source_files(
    bench: Bench, tmp_path: Path
) -> None:
    passed_run(bench)
    page = bench.write(tmp_path / "report.html")
    for outcome in bench.outcomes:
        assert outcome.made is not None
        assert outcome.made.digest in page.html
        assert outcome.made.execution_id in page.html
        assert f"code of {outcome.step}" in page.html
    assert "keras==3.15.1" in page.text
    assert f"Schema {SCHEMA}" in page.text
    assert "test /data/mnist-test-1.tfrecord 1 40 1" in page.text
    assert "batch_size = 64, learning_rate = 0.002" in page.text


def test_a_closed_gate_is_told_at_the_top_with_the_measured_value_and_the_limit(bench: Bench, tmp_path: Path) -> None:
    examples = ingested(bench)
    anomalies = validated(bench, examples, described(bench, examples))
    servable = exported(bench, trained(bench, examples, anomalies))
    evaluation = evaluated(bench, servable, examples, wrong=5)
    bench.done("infra_validate", InfraCheck(path=bench.folder("infra_validate"), passed=True, requests=32))
    assert isinstance(evaluation.artifact, Evaluation)
    bench.not_done("push", Status.BLOCKED, "\n".join(f"evaluate: {reason}" for reason in evaluation.artifact.reasons))
    page = bench.write(tmp_path / "report.html")
    top = page.text[: page.text.index("Sections") if "Sections" in page.text else page.text.index("In run order")]
    assert "Held back by a gate: push did not run; nothing was released." in top
    assert "Gate evaluate is closed." in top
    assert "accuracy 0.9000 is below evaluate.min_accuracy 0.97" in top
    assert "is above evaluate.max_log_loss 0.1" in top
    assert bench.outcomes[-2].made is not None
    assert bench.outcomes[-2].made.digest in page.html  # a gate that nothing took has a lineage, too
    assert page.section("quality").count('class="where"') == 5


def test_data_that_break_the_schema_are_shown_with_their_anomalies_and_no_model(bench: Bench, tmp_path: Path) -> None:
    reason = "train: image: wanted 28 x 28 x 1 pixels, got 27 x 28 x 1 in 2 of 60 records, first train-0 record 7"
    examples = ingested(bench)
    validated(bench, examples, described(bench, examples), reasons=(reason,))
    bench.not_done("train", Status.BLOCKED, f"validate: {reason}")
    bench.skip_the_rest()
    page = bench.write(tmp_path / "report.html")
    assert page.text.index("train: image: wanted 28 x 28 x 1") < page.text.index("In run order")
    assert "2 of 110 records break the schema" in page.text
    assert "Not run for want of what comes before: export, find_live, evaluate, infra_validate, push." in page.text
    assert [each["id"] for each in page.all("section")] == [
        "steps",
        "records",
        "data",
        "statistics",
        "checks",
        "what-went-in",
    ]
    assert len(page.all("img")) == 30


def test_a_run_that_failed_at_its_first_step_gives_the_message_and_the_log(bench: Bench, tmp_path: Path) -> None:
    message = "data: wanted <folder>, got none;\ncheck `ingest.folder`"
    bench.not_done("ingest", Status.FAILED, f"ingest: {message}")
    bench.skip_the_rest()
    log = bench.store.home / "logs" / f"{bench.run_id}.log"
    log.parent.mkdir()
    log.touch()
    page = bench.write(tmp_path / "report.html")
    assert "Failed at ingest; nothing was released." in page.text
    assert "data: wanted <folder>, got none; check `ingest.folder`" in page.text
    assert str(log) in page.text
    assert page.open == []
    assert [each["id"] for each in page.all("section")] == ["steps"]


def test_a_schema_that_cannot_be_read_leaves_a_page_with_the_failure(bench: Bench, tmp_path: Path) -> None:
    described(bench, ingested(bench))
    bench.not_done("validate", Status.FAILED, "validate: none.pbtxt: there is no schema")
    bench.skip_the_rest()
    page = bench.write(tmp_path / "report.html")
    assert "none.pbtxt: there is no schema" in page.text
    assert "/data/mnist-train.tfrecord" in page.text


def test_hostile_names_of_classes_and_files_are_shown_as_text(bench: Bench, tmp_path: Path) -> None:
    examples = ingested(bench, source=HOSTILE)
    names = [HOSTILE, "$\\frac{", '" onload="alert(1)', "一", *"456789"]
    (examples.artifact.path / "classes.txt").write_text("\n".join(names) + "\n", "utf-8")
    described(bench, examples)
    evaluated(bench, examples, wrong=3)
    bench.not_done("validate", Status.FAILED, f"validate: {HOSTILE}")
    page = bench.write(tmp_path / "report.html")
    assert not page.all("script")
    assert not any("onload" in attributes for _, attributes in page.tags)
    assert page.text.count(HOSTILE) >= 4
    assert "$\\frac{" in page.text


def test_records_without_image_or_label_leave_gaps_not_errors(bench: Bench, tmp_path: Path) -> None:
    folder = bench.folder("ingest")
    broken = [b"\xff not an example", encode_example(b"no image", 3), encode_example(png(9), 77), record(4)]
    write_records(folder / "train-0", broken)
    shard = Shard(file="train-0", records=4, source="mine.tfrecord")
    validated(bench, bench.done("ingest", Examples(path=folder, splits=(Split(name="train", shards=(shard,)),))))
    bench.skip_the_rest()
    page = bench.write(tmp_path / "report.html")
    assert len(page.all("img")) == 1
    assert "no readable image" in page.text


def test_a_large_image_is_made_small_before_it_goes_into_the_page(bench: Bench, tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 800, 3), np.uint8)).save(stream, "JPEG")
    folder = bench.folder("ingest")
    write_records(folder / "train-0", [encode_example(stream.getvalue(), 3)])
    (folder / "train-0.sources.txt").write_text("/photos/three.jpg\n")
    shard = Shard(file="train-0", records=1, source="/photos")
    bench.done("ingest", Examples(path=folder, splits=(Split(name="train", shards=(shard,)),)))
    page = bench.write(tmp_path / "report.html")
    source = page.all("img")[0]["src"] or ""
    from base64 import b64decode

    assert struct.unpack(">II", b64decode(source.partition(",")[2])[16:24]) == (160, 120)


def test_a_second_report_replaces_the_first(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench)
    target = tmp_path / "report.html"
    target.write_text("old")
    assert bench.write(target).html.startswith("<!DOCTYPE html>")
