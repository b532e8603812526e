"""The model card, of real artifacts made small."""

from __future__ import annotations

from pathlib import Path

from slipline.pipeline.report.card import write_card
from slipline.pipeline.runners.execute import Status
from tests.pipeline.report.report_bench import HOSTILE, SCHEMA, Bench, Page, evaluated, ingested, passed_run, trained


def card(bench: Bench, folder: Path) -> tuple[str, Page]:
    """The Markdown of the bench's run, and its page taken apart."""
    target = folder / "cards" / "mnist-1.html"
    assert write_card(bench.report, bench.store, Path("reports/abc.html"), target)
    return target.with_suffix(".md").read_text("utf-8"), Page(target.read_text("utf-8"))


def cells(markdown: str, first: str) -> list[str]:
    """The cells of the line of a table that begins with `first`."""
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip().replace("\N{NARROW NO-BREAK SPACE}", " ") for cell in line.strip("|").split("|")]


def test_a_card_tells_data_schema_network_metrics_limits_and_digests(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench, wrong=5, live_accuracy=0.92)
    markdown, page = card(bench, tmp_path)
    assert markdown.startswith("# mnist version 1\n")
    assert "which of 10 classes" in page.text
    assert "28 x 28 pixels and 1 channel " in page.text
    assert "Network: mine:net, 1,234 parameters" in page.text
    told = "Trained on 60 records of train, all of them in each of 2 epochs; the weights are those after epoch 2"
    assert told in page.text
    assert "Optimizer Adam, learning rate 0.002, batches of 64" in page.text
    assert "train: 60 records" in page.text
    assert "/data/mnist-test-1.tfrecord" in page.text
    assert str(SCHEMA) in page.text
    assert cells(markdown, "Accuracy")[1:] == ["90.00 %", "78.19 % to 96.67 %"]
    assert cells(markdown, "evaluate.min\\_accuracy")[1:] == ["accuracy, all", "at least 0.3", "0.9000", "yes"]
    assert "It was trained on train. 50 records of test have the content of one of train." in page.text
    assert "What it is not for" in page.text
    for outcome in bench.outcomes:
        assert outcome.made is not None
        assert outcome.made.digest in markdown, outcome.step


def test_the_page_holds_what_the_markdown_does_and_needs_nothing_beside_it(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench)
    markdown, page = card(bench, tmp_path)
    assert page.open == []
    assert "://" not in page.html
    assert not page.all("script")
    tables = sum(line.startswith("|---") and not line.strip("|-:") for line in markdown.splitlines())
    assert len(page.all("table")) == tables > 5
    assert len(page.all("tr")) == sum(line.startswith("|") for line in markdown.splitlines()) - tables
    assert sorted(file.name for file in (tmp_path / "cards").iterdir()) == ["mnist-1.html", "mnist-1.md"]


def test_a_model_that_was_not_released_has_a_card_that_says_so(bench: Bench, tmp_path: Path) -> None:
    from tests.pipeline.report.report_bench import exported

    examples = ingested(bench)
    evaluated(bench, exported(bench, trained(bench, examples)), examples, wrong=5)
    bench.not_done("push", Status.BLOCKED, "evaluate: accuracy 0.9 is below evaluate.min_accuracy 0.97")
    markdown, _ = card(bench, tmp_path)
    assert markdown.startswith("# mnist, not released\n\nHeld back by a gate")
    assert cells(markdown, "evaluate.min\\_accuracy")[-1] == "no"


def test_of_several_models_the_last_that_was_measured_has_the_card(bench: Bench, tmp_path: Path) -> None:
    from tests.pipeline.report.report_bench import exported

    examples = ingested(bench)
    for prefix, wrong in (("", 5), ("other_", 20)):
        bench.rename = lambda step, prefix=prefix: prefix + step
        evaluated(bench, exported(bench, trained(bench, examples)), examples, wrong=wrong)
    markdown, _ = card(bench, tmp_path)
    assert cells(markdown, "Accuracy")[1] == "60.00 %"
    assert cells(markdown, "evaluate.min\\_accuracy")[3] == "0.6000"


def test_a_run_that_measured_no_model_has_no_card(bench: Bench, tmp_path: Path) -> None:
    ingested(bench)
    assert not write_card(bench.report, bench.store, Path("a.html"), tmp_path / "card.html")
    assert not (tmp_path / "card.html").exists()


def test_hostile_names_of_classes_and_files_are_shown_as_text(bench: Bench, tmp_path: Path) -> None:
    from tests.pipeline.report.report_bench import exported

    examples = ingested(bench, source=HOSTILE)
    names = [HOSTILE, "a|b", "**bold** `code` [x](y)", "# 一", *"456789"]
    (examples.artifact.path / "classes.txt").write_text("\n".join(names) + "\n", "utf-8")
    evaluated(bench, exported(bench, trained(bench, examples)), examples, wrong=3)
    markdown, page = card(bench, tmp_path)
    assert not page.all("script")
    assert len(page.all("strong")) == 1  # the headline
    assert all((each["href"] or "").startswith("#") for each in page.all("a"))
    for name in names[:4]:
        assert name in page.text
    assert HOSTILE not in markdown
