"""What validation can find, and what it says of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tensorflow_metadata.proto.v0 import anomalies_pb2

_TYPE = anomalies_pb2.AnomalyInfo


class Kind(Enum):
    """The ways to fall short, each with its name for people and what tensorflow-metadata calls it."""

    NOT_AN_EXAMPLE = ("not an example", _TYPE.UNKNOWN_TYPE)
    MISSING = ("missing", _TYPE.FEATURE_TYPE_LOW_FRACTION_PRESENT)
    NEVER_PRESENT = ("never present", _TYPE.SCHEMA_MISSING_COLUMN)
    TOO_FEW_PRESENT = ("too few present", _TYPE.FEATURE_TYPE_LOW_NUMBER_PRESENT)
    UNKNOWN_FEATURE = ("unknown feature", _TYPE.SCHEMA_NEW_COLUMN)
    EMPTY_SPLIT = ("empty split", _TYPE.DATASET_LOW_NUM_EXAMPLES)
    TOO_FEW_RECORDS = ("too few records", _TYPE.DATASET_LOW_NUM_EXAMPLES)
    TOO_MANY_RECORDS = ("too many records", _TYPE.DATASET_HIGH_NUM_EXAMPLES)
    FEWER_RECORDS = ("fewer records than before", _TYPE.COMPARATOR_LOW_NUM_EXAMPLES)
    MORE_RECORDS = ("more records than before", _TYPE.COMPARATOR_HIGH_NUM_EXAMPLES)
    WRONG_TYPE = ("wrong type", _TYPE.UNEXPECTED_DATA_TYPE)
    WRONG_LENGTH = ("wrong length", _TYPE.FEATURE_TYPE_UNEXPECTED_REPEATED)
    NOT_A_NUMBER = ("not a number", _TYPE.FLOAT_TYPE_HAS_NAN)
    OUT_OF_DOMAIN = ("out of domain", _TYPE.INT_TYPE_BIG_INT)
    UNKNOWN_VALUE = ("unknown value", _TYPE.ENUM_TYPE_UNEXPECTED_STRING_VALUES)
    UNDECODABLE = ("undecodable", _TYPE.LOW_SUPPORTED_IMAGE_FRACTION)
    WRONG_SIZE = ("wrong size", _TYPE.INVALID_FEATURE_SHAPE)
    OTHER_CLASSES = ("other classes", _TYPE.ENUM_TYPE_UNEXPECTED_STRING_VALUES)
    OTHER_SHARES = ("other shares of values", _TYPE.COMPARATOR_L_INFTY_HIGH)
    OTHER_DISTRIBUTION = ("other distribution", _TYPE.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH)
    NOTHING_TO_COMPARE = ("nothing to compare", _TYPE.COMPARATOR_TREATMENT_DATA_MISSING)
    DUPLICATES = ("duplicates", _TYPE.CUSTOM_VALIDATION)
    LEAK = ("leak", _TYPE.CUSTOM_VALIDATION)

    def __init__(self, text: str, anomaly_type: int) -> None:
        self.text = text
        self.anomaly_type = anomaly_type


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One way in which a split falls short.

    Attributes:
      split: The split.
      feature: The feature's name; empty for records or the split as a whole.
      kind: How it falls short.
      text: What was wanted, what came, how often and where.
      remedy: What a person can do.
      of_records: Whether single records are at fault, and the split is right without them.
    """

    split: str
    feature: str
    kind: Kind
    text: str
    remedy: str
    of_records: bool = False

    @property
    def sentence(self) -> str:
        """All of it, for people."""
        subject = f"{self.split}: {self.feature}" if self.feature else self.split
        return f"{subject}: {self.text}; {self.remedy}"
