"""Regress: Examples in, one number for each out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slipline.serving.errors import BadRequest
from slipline.serving.wire import saved_model_pb2, serving_pb2
from slipline.serving.wire.tensors import Array

REGRESS_METHOD = "tensorflow/serving/regress"
INPUTS, OUTPUTS = "inputs", "outputs"


@dataclass(frozen=True, kw_only=True)
class Regression:
    """The tensors of a signature that regresses.

    Attributes:
      examples: Takes serialized Examples.
      outputs: Gives the numbers.
    """

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
