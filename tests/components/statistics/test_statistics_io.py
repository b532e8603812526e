"""Statistics as tensorflow-metadata's message: each number where its readers look for it."""

from __future__ import annotations

import pytest

from slipline.components.artifacts import Statistics
from slipline.components.errors import BadData
from slipline.components.statistics.feature_statistics import SplitSummary
from slipline.components.statistics.statistics_io import (
    common_statistics,
    custom_number,
    label_counts,
    read_statistics,
    slice_statistics,
    split_statistics,
    value_counts,
    write_statistics,
)
from slipline.serving.wire.example_pb2 import Example
from tests.components.tabular import record_of, summary_of


@pytest.fixture
def written(tmp_path):
    """Writes the statistics of some records; gives the feature `x` as it is read back."""

    def write(records):
        statistics = Statistics(path=tmp_path)
        write_statistics({"train": summary_of(records)}, statistics.proto_path)
        (feature,) = (each for each in split_statistics(statistics)["train"].features if each.name == "x")
        return feature

    return write


def x(*cells):
    return [record_of({"x": cell}) for cell in cells]


def test_integers_are_int_with_both_histograms_and_counts(written):
    feature = written(x(*range(20), 0))
    assert feature.type == feature.INT
    standard, quantiles = feature.num_stats.histograms
    assert (standard.type, quantiles.type) == (standard.STANDARD, quantiles.QUANTILES)
    assert sum(bucket.sample_count for bucket in standard.buckets) == 21
    assert [bucket.sample_count for bucket in quantiles.buckets] == [2.1] * 10
    edges = [bucket.low_value for bucket in quantiles.buckets] + [quantiles.buckets[-1].high_value]
    assert edges == [0, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
    assert (feature.num_stats.median, feature.num_stats.num_zeros) == (9, 2)
    assert value_counts(feature) == {0: 2} | dict.fromkeys(range(1, 20), 1)
    assert [custom_number(feature, f"{name}") for name in ("distinct_values", "distinct_error")] == [20, 0]
    assert custom_number(feature, "quantile_rank_error") == 0


def test_integers_of_too_many_values_have_no_counts_and_state_their_errors(written):
    feature = written(x(*range(3_000)))
    assert value_counts(feature) is None
    error = custom_number(feature, "distinct_error")
    assert 0 < error < 0.02
    assert custom_number(feature, "distinct_values") == pytest.approx(3_000, rel=4 * error)
    assert 0 < custom_number(feature, "quantile_rank_error") < 0.003
    assert feature.num_stats.median == pytest.approx(1_500, abs=30)


def test_floats_leave_out_what_is_not_finite_and_count_it(written):
    feature = written(x(1.0, 3.0, float("nan"), float("-inf")))
    assert feature.type == feature.FLOAT
    assert (feature.num_stats.mean, feature.num_stats.std_dev, feature.num_stats.max) == (2, 1, 3)
    assert (custom_number(feature, "not_finite"), custom_number(feature, "distinct_values")) == (2, 2)


def test_floats_none_of_which_is_finite_have_no_range(written):
    feature = written(x(float("nan")))
    assert (feature.type, feature.num_stats.min, len(feature.num_stats.histograms)) == (feature.FLOAT, 0, 0)
    assert feature.num_stats.common_stats.tot_num_values == 1


def test_text_is_string_with_its_top_values_and_length_in_characters(written):
    feature = written(x("é", "é", "abc", "", None))
    assert feature.type == feature.STRING
    strings = feature.string_stats
    assert (strings.unique, strings.avg_length) == (3, 5 / 4)
    assert [(top.value, top.frequency) for top in strings.top_values] == [("é", 2), ("", 1), ("abc", 1)]
    assert [bucket.label for bucket in strings.rank_histogram.buckets] == ["é", "", "abc"]
    assert label_counts(feature) == {"é": 2, "": 1, "abc": 1}
    assert (common_statistics(feature).num_non_missing, common_statistics(feature).num_missing) == (4, 1)


def test_text_of_too_many_values_has_20_top_values_and_their_error(written):
    cells = [f"often {number}" for number in range(30) for _ in range(200)] + list(map(str, range(5_000)))
    feature = written(x(*cells))
    assert label_counts(feature) is None
    assert all(top.value.startswith("often") for top in feature.string_stats.top_values)
    assert len(feature.string_stats.top_values) == 20
    assert 0 < custom_number(feature, "top_values_error") < 200
    assert feature.string_stats.unique == pytest.approx(5_030, rel=4 * custom_number(feature, "distinct_error"))


def test_bytes_that_are_not_all_text_have_sizes_only(written):
    feature = written(x(b"ab", b"\xff\xff\xff\xff\xff", b"ab"))
    assert feature.type == feature.BYTES
    stats = feature.bytes_stats
    assert (stats.unique, stats.avg_num_bytes, stats.min_num_bytes, stats.max_num_bytes_int) == (2, 3, 2, 5)
    assert label_counts(feature) is None


def test_images_are_bytes_however_many_other_values_are_text(written, png):
    feature = written(x(png(2, 3, value=9), png(2, 3, value=9), "no image", png()[:-20]))
    assert feature.type == feature.BYTES
    assert (custom_number(feature, "decoded_images"), custom_number(feature, "undecodable_images")) == (2, 2)
    assert label_counts(feature, "decoded_mode") == {"L": 2}
    assert value_counts(feature, "decoded_height") == {2: 2}
    assert (custom_number(feature, "pixel_mean"), custom_number(feature, "pixel_std_dev")) == (9, 0)
    assert feature.bytes_stats.unique == 3


def test_the_type_is_that_of_most_values_and_the_others_are_counted(written):
    feature = written(x(1, 2, 0.5, "text", (3, 4)))
    assert feature.type == feature.INT
    assert custom_number(feature, "values_of_other_types") == 2
    common = common_statistics(feature)
    assert (common.min_num_values, common.max_num_values, common.tot_num_values) == (1, 2, 6)
    assert [bucket.high_value for bucket in common.num_values_histogram.buckets] == [1] * 8 + [2] * 2


def test_a_feature_without_any_value_is_there_and_missing_everywhere(written):
    empty = Example()
    empty.features.feature["x"].SetInParent()
    feature = written([empty.SerializeToString()])
    assert (feature.type, common_statistics(feature).num_missing) == (feature.BYTES, 1)


def test_splits_and_their_slices_are_told_apart_by_name(tmp_path):
    statistics = Statistics(path=tmp_path)
    names = ("train", "train/label=a/b", "train/label=7", "training", "test", "test/label=7")
    write_statistics({name: SplitSummary(records=number) for number, name in enumerate(names)}, statistics.proto_path)
    assert list(split_statistics(statistics)) == ["train", "training", "test"]
    assert list(slice_statistics(statistics, "train")) == ["label=a/b", "label=7"]
    assert slice_statistics(statistics, "test")["label=7"].num_examples == 5
    assert slice_statistics(statistics, "training") == {}


def test_a_file_that_holds_no_statistics_is_bad_data(tmp_path):
    with pytest.raises(BadData, match="wanted a DatasetFeatureStatisticsList"):
        read_statistics(Statistics(path=tmp_path))
    (tmp_path / "statistics.binpb").write_bytes(b"\xff")
    with pytest.raises(BadData, match="wanted a DatasetFeatureStatisticsList"):
        read_statistics(Statistics(path=tmp_path))
