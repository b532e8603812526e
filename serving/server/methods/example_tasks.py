"""Classify and Regress: Examples in, and out come classes with their scores, or one number for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from slipline.serving.errors import BadRequest
from slipline.serving.wire import saved_model_pb2, serving_pb2
from slipline.serving.wire.tensors import Array

CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"
INPUTS, OUTPUTS, CLASSES, SCORES = "inputs", "outputs", "classes", "scores"


@dataclass(frozen=True, kw_only=True)
class Classification:
    """The tensors of a signature that classifies.

    Attributes:
      examples: Takes serialized Examples.
      classes: Gives labels; None where the signature has none.
      scores: Gives scores; None where the signature has none.
    """

    method: ClassVar = CLASSIFY_METHOD
    kind: ClassVar = "classification"

    examples: str
    classes: str | None
    scores: str | None

    @classmethod
    def of(cls, signature: saved_model_pb2.SignatureDef) -> Classification:
        """Those of `signature`, whatever its method is called.

        Raises:
          BadRequest: The signature is not of the form.
        """
        if len(signature.inputs) != 1:
            raise BadRequest("Expected one input Tensor.")
        if len(signature.outputs) not in (1, 2):
            raise BadRequest(f"Expected one or two output Tensors, found {len(signature.outputs)}")
        if INPUTS not in signature.inputs:
            raise BadRequest(f"No classification inputs found in SignatureDef: {signature}")
        classes, scores = (
            signature.outputs[key].name if key in signature.outputs else None for key in (CLASSES, SCORES)
        )
        if classes is None and scores is None:
            raise BadRequest(f"Expected classification signature outputs to contain {CLASSES} or {SCORES}: {signature}")
        return cls(examples=signature.inputs[INPUTS].name, classes=classes, scores=scores)

    @property
    def fetches(self) -> list[str]:
        """The tensors to compute."""
        return [name for name in (self.classes, self.scores) if name]

    def result(self, computed: Mapping[str, Array], batch: int) -> serving_pb2.ClassificationResult:
        """One entry an Example, one class a column; no label, or score 0, where the signature gives none.

        Args:
          computed: The tensors of `fetches`, by name.
          batch: How many Examples there were.

        Raises:
          BadRequest: The model computed something else than [batch, classes].
        """
        classes = _column(computed, self.classes, "classes", np.dtype(object), batch)
        scores = _column(computed, self.scores, "scores", np.dtype("float32"), batch)
        shape = next(found.shape for found in (classes, scores) if found is not None)
        labels = np.full(shape, b"", object) if classes is None else classes
        values = np.zeros(shape, "float32") if scores is None else scores
        if labels.shape != values.shape:
            raise BadRequest(
                f"Tensors class and score should match in dim_size(1). Got {labels.shape[1]} vs. {values.shape[1]}"
            )
        result = serving_pb2.ClassificationResult()
        for row in zip(labels.tolist(), values.tolist(), strict=True):
            entry = result.classifications.add()
            for label, score in zip(*row, strict=True):
                entry.classes.add(label=label.decode(errors="replace"), score=score)
        return result


@dataclass(frozen=True, kw_only=True)
class Regression:
    """The tensors of a signature that regresses.

    Attributes:
      examples: Takes serialized Examples.
      outputs: Gives the numbers.
    """

    method: ClassVar = REGRESS_METHOD
    kind: ClassVar = "regression"

    examples: str
    outputs: str

    @classmethod
    def of(cls, signature: saved_model_pb2.SignatureDef) -> Regression:
        """Those of `signature`, whatever its method is called.

        Raises:
          BadRequest: The signature is not of the form.
        """
        if len(signature.inputs) != 1:
            raise BadRequest("Expected one input Tensor.")
        if len(signature.outputs) != 1:
            raise BadRequest("Expected one output Tensor.")
        if INPUTS not in signature.inputs:
            raise BadRequest(f"No regression inputs found in SignatureDef: {signature}")
        if OUTPUTS not in signature.outputs:
            raise BadRequest(f"No regression outputs found in SignatureDef: {signature}")
        return cls(examples=signature.inputs[INPUTS].name, outputs=signature.outputs[OUTPUTS].name)

    @property
    def fetches(self) -> list[str]:
        """The tensors to compute."""
        return [self.outputs]

    def result(self, computed: Mapping[str, Array], batch: int) -> serving_pb2.RegressionResult:
        """One number an Example.

        Args:
          computed: The tensor of `fetches`, by name.
          batch: How many Examples there were.

        Raises:
          BadRequest: The model computed something else than float32 of shape [batch] or [batch, 1].
        """
        values = computed[self.outputs]
        if values.dtype != "float32":
            raise BadRequest(f"Expected output Tensor of float32. Got: {values.dtype}")
        if values.shape not in ((batch,), (batch, 1)):
            raise BadRequest(f"Expected output Tensor shape: [{batch}] or [{batch} 1]. Got: {list(values.shape)}")
        return serving_pb2.RegressionResult(
            regressions=[serving_pb2.Regression(value=value) for value in values.ravel().tolist()]
        )


TASKS: Mapping[str, type[Classification] | type[Regression]] = {
    task.method: task for task in (Classification, Regression)
}
"""By the method that a signature is made for."""


def _column(
    computed: Mapping[str, Array], name: str | None, role: str, dtype: np.dtype[Any], batch: int
) -> Array | None:
    if name is None:
        return None
    found = computed[name]
    if found.dtype != dtype:
        raise BadRequest(f"Expected {role} Tensor of {_type_name(dtype)}. Got: {_type_name(found.dtype)}")
    if found.ndim != 2 or len(found) != batch:
        raise BadRequest(f"Expected {role} Tensor shape: [{batch} num_classes]. Got: {list(found.shape)}")
    return found


def _type_name(dtype: np.dtype[Any]) -> str:
    return "string" if dtype.hasobject else dtype.name
