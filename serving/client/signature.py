"""What a model takes and gives, and whether given arrays are that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from slipline.serving.errors import BadRequest
from slipline.serving.wire import saved_model_pb2, tensor_pb2
from slipline.serving.wire.tensors import Array, numpy_dtype

Inputs = Mapping[str, ArrayLike] | ArrayLike


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """One input or output.

    Attributes:
      dtype: NumPy's; strings are `object`. None for one that arrays do not have.
      shape: None where a size may be any; None in all where the rank may be any.
    """

    dtype: np.dtype[Any] | None
    shape: tuple[int | None, ...] | None

    def takes(self, array: Array) -> bool:
        """Whether dtype and shape are these."""
        if self.dtype is not None and array.dtype != self.dtype and not (self.dtype.hasobject and _text(array)):
            return False
        if self.shape is None or self.shape == array.shape:
            return True
        return len(self.shape) == array.ndim and all(
            wanted is None or wanted == size for wanted, size in zip(self.shape, array.shape, strict=True)
        )

    def __str__(self) -> str:
        dtype = "a dtype of TensorFlow's own" if self.dtype is None else _dtype_name(self.dtype)
        if self.shape is None:
            return f"{dtype} of any rank"
        return f"{dtype} [{', '.join('?' if size is None else str(size) for size in self.shape)}]"


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One way to call a model.

    Attributes:
      name: Such as `serving_default`.
      method: What kind of call it is for, such as `tensorflow/serving/predict`.
      inputs: By name.
      outputs: By name.
      optional: The inputs that may be left out.
    """

    name: str
    method: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    optional: frozenset[str] = frozenset()

    @classmethod
    def of(cls, name: str, signature: saved_model_pb2.SignatureDef) -> Signature:
        """The signature that the model's metadata describe."""
        return cls(
            name=name,
            method=signature.method_name,
            inputs={key: _spec(info) for key, info in signature.inputs.items()},
            outputs={key: _spec(info) for key, info in signature.outputs.items()},
            optional=frozenset(signature.defaults),
        )

    def arrays(self, inputs: Inputs) -> dict[str, Array]:
        """The inputs as arrays; what is no array yet gets the dtype that is wanted.

        Args:
          inputs: By name; or the one input of a signature that has one.

        Raises:
          BadRequest: A name, dtype or shape is not the signature's; says what was wanted and what came.
        """
        arrays = {
            name: value if isinstance(value, np.ndarray) else self._converted(name, value)
            for name, value in self._named(inputs).items()
        }
        wrong = list(self._wrong(arrays))
        if wrong:
            raise BadRequest(f"signature {self.name!r} {'; '.join(wrong)}")
        return arrays

    def _named(self, inputs: Inputs) -> Mapping[str, ArrayLike]:
        if isinstance(inputs, Mapping):
            return inputs
        if len(self.inputs) != 1:
            names = ", ".join(sorted(self.inputs))
            raise BadRequest(f"signature {self.name!r} takes inputs by name, {names}; got one without a name")
        return dict.fromkeys(self.inputs, inputs)

    def _converted(self, name: str, value: ArrayLike) -> Array:
        spec = self.inputs.get(name)
        try:
            return to_array(value, None if spec is None else spec.dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadRequest(
                f"signature {self.name!r} takes {name!r} as {spec}, got something else: {error}"
            ) from error

    def _wrong(self, arrays: Mapping[str, Array]) -> Iterator[str]:
        for name, array in arrays.items():
            spec = self.inputs.get(name)
            if spec is None:
                yield f"takes {', '.join(map(repr, sorted(self.inputs)))}, got {name!r} too"
            elif not spec.takes(array):
                yield f"takes {name!r} as {spec}, got {_dtype_name(array.dtype)} {list(array.shape)}"
        if arrays.keys() != self.inputs.keys():
            missing = sorted(self.inputs.keys() - arrays.keys() - self.optional)
            if missing:
                came = ", ".join(map(repr, sorted(arrays))) or "none"
                yield f"takes {', '.join(map(repr, missing))} too, got {came}"


def to_array(value: ArrayLike, dtype: np.dtype[Any] | None = None) -> Array:
    """The value as an array; text and bytes, which NumPy would cut to one length, stay as they are.

    Raises:
      TypeError: The value is none of that dtype.
      ValueError: So, too, or its rows differ in length.
      OverflowError: An integer is too large for the dtype.
    """
    if dtype is not None and not dtype.hasobject:
        array = np.asarray(value)
        if array.dtype.kind in "SUO":
            raise TypeError(f"{type(value).__name__} of text or objects")
        if array.dtype.kind == "f" and dtype.kind in "iub":
            raise TypeError(f"fractions, which {dtype} cannot hold")
        return np.asarray(value, dtype)
    array = np.asarray(value)
    return np.asarray(value, object) if array.dtype.kind in "SU" else array


def _spec(info: saved_model_pb2.TensorInfo) -> TensorSpec:
    shape = info.tensor_shape
    return TensorSpec(
        dtype=_dtype(info.dtype),
        shape=None if shape.unknown_rank else tuple(None if dim.size < 0 else dim.size for dim in shape.dim),
    )


def _dtype(data_type: tensor_pb2.DataType) -> np.dtype[Any] | None:
    try:
        return numpy_dtype(data_type)
    except BadRequest:
        return None


def _text(array: Array) -> bool:
    return array.dtype.kind in "SU"


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return "string" if dtype.kind in "SUO" else dtype.name
