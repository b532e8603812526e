"""Requests to a model server as no client means them, drawn at random: lies about tensors, and damaged messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from google.protobuf.message import DecodeError, Message

from slipline.serving.wire import saved_model_pb2, serving_pb2, tensor_pb2
from slipline.serving.wire.tensors import DATA_TYPES, FIELDS, NAMES

SERVICE = "/tensorflow.serving.PredictionService/"
SIZES = (0, 1, 1, 1, 2, 3, 4, 28, 28, 784, -1, -(2**63), 2**28, 2**31, 2**62)
VALUES: Mapping[str, Callable[[Random], Any]] = {
    "float_val": lambda rng: rng.choice((0.0, 1.5, -1e30, float("nan"), float("inf"))),
    "double_val": lambda rng: rng.choice((0.0, 1.5, -1e300, float("nan"), float("inf"))),
    "scomplex_val": lambda rng: rng.random(),
    "dcomplex_val": lambda rng: rng.random(),
    "int_val": lambda rng: rng.choice((0, 1, -1, 300, 2**31 - 1, -(2**31))),
    "int64_val": lambda rng: rng.choice((0, 1, -1, 10**6, 2**63 - 1, -(2**63))),
    "uint32_val": lambda rng: rng.choice((0, 1, 2**32 - 1)),
    "uint64_val": lambda rng: rng.choice((0, 1, 2**64 - 1)),
    "half_val": lambda rng: rng.choice((0, 0x3C00, 70_000, -1)),
    "bool_val": lambda rng: rng.random() < 0.5,
    "string_val": lambda rng: rng.choice((b"", b"\xff\x00", b"text", b"\x89PNG\r\n\x1a\n", b"x" * 500)),
}
Signatures = Mapping[str, saved_model_pb2.SignatureDef]


@dataclass(frozen=True)
class Malformed:
    """A request.

    Attributes:
      method: The gRPC method.
      sent: The message in wire format, or what is left of it.
      hopeless: Whether no server may answer it.
    """

    method: str
    sent: bytes
    hopeless: bool


@dataclass(frozen=True)
class Source:
    """Draws requests.

    Attributes:
      rng: Decides everything.
      models: The signatures of each model served.
    """

    rng: Random
    models: Mapping[str, Signatures]

    def draw(self) -> Malformed:
        """The next request."""
        kind = self.rng.choices(("predict", "examples", "metadata", "damaged"), (5, 2, 0.2, 5))[0]
        if kind == "predict":
            return self._predict()
        if kind == "examples":
            return self._on_examples()
        if kind == "metadata":
            return self._metadata()
        return self._damaged()

    def _spec(self) -> tuple[serving_pb2.ModelSpec, saved_model_pb2.SignatureDef | None]:
        model = self.rng.choice([*self.models] * 20 + ["nix", ""])
        known = self.models.get(model, {})
        name = self.rng.choice([*known] * 5 + ["nix", "", "__saved_model_init_op"])
        spec = serving_pb2.ModelSpec(name=model, signature_name=name)
        if self.rng.random() < 0.05:
            spec.version.value = self.rng.choice((1, 0, -1, 2**63 - 1))
            return spec, known.get(name) if spec.version.value == 1 else None
        if self.rng.random() < 0.02:
            spec.version_label = "nix"
            return spec, None
        return spec, known.get(name or "serving_default")

    def _predict(self) -> Malformed:
        spec, signature = self._spec()
        request = serving_pb2.PredictRequest(model_spec=spec)
        hopeless = signature is None
        for alias, info in signature.inputs.items() if signature else ():
            wanted = info.dtype if self.rng.random() < 0.8 else self.rng.choice(range(30))
            tensor, broken = self._tensor(wanted, info)
            request.inputs[alias].CopyFrom(tensor)
            hopeless = hopeless or broken or wanted != info.dtype
        if self.rng.random() < 0.05:
            request.inputs["nix"].CopyFrom(self._tensor(tensor_pb2.DT_FLOAT, None)[0])
            hopeless = True
        if self.rng.random() < 0.2:
            request.output_filter.append(self.rng.choice(["nix", *(signature.outputs if signature else ())]))
            hopeless = hopeless or request.output_filter[0] == "nix"
        return Malformed("Predict", request.SerializeToString(), hopeless)

    def _tensor(self, data_type: int, info: saved_model_pb2.TensorInfo | None) -> tuple[tensor_pb2.TensorProto, bool]:
        """A tensor, and whether it is none."""
        rng, proto = self.rng, tensor_pb2.TensorProto()
        proto.dtype = data_type  # type: ignore[assignment]  # also numbers that are no dtype
        sizes = [rng.choice(SIZES) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4, 4, 5, 9, 70)))]
        if info and rng.random() < 0.4:
            sizes = [rng.choice((0, 1, 2, 5)) if dim.size < 0 else dim.size for dim in info.tensor_shape.dim]
        if _is_heavy(sizes):
            sizes = [2**28]
        for size in sizes:
            proto.tensor_shape.dim.add(size=size)
        proto.tensor_shape.unknown_rank = rng.random() < 0.02
        name = NAMES.get(data_type)
        field = FIELDS.get(name, "int_val") if name and rng.random() < 0.9 else rng.choice([*VALUES])
        getattr(proto, field).extend(VALUES[field](rng) for _ in range(rng.choice((0, 1, 1, 2, 7))))
        if rng.random() < 0.2:
            proto.tensor_content = rng.randbytes(rng.choice((1, 3, 16, 100)))
        bad_content = bool(proto.tensor_content) and data_type == DATA_TYPES["float32"] and not _fits(proto, 4)
        return proto, name is None or any(size < 0 for size in sizes) or proto.tensor_shape.unknown_rank or bad_content

    def _on_examples(self) -> Malformed:
        spec, signature = self._spec()
        sent = self._input()
        hopeless = signature is None or not (sent.example_list.examples or sent.example_list_with_context.examples)
        method = self.rng.choice(("Classify", "Regress", "MultiInference"))
        if method == "Classify":
            return Malformed(method, _wire(serving_pb2.ClassificationRequest(model_spec=spec, input=sent)), hopeless)
        if method == "Regress":
            return Malformed(method, _wire(serving_pb2.RegressionRequest(model_spec=spec, input=sent)), hopeless)
        methods = [f"tensorflow/serving/{name}" for name in ("classify", "regress", "predict")]
        tasks = [serving_pb2.InferenceTask(model_spec=spec, method_name=self.rng.choice(methods))]
        if self.rng.random() < 0.5:
            other, _ = self._spec()
            tasks.append(serving_pb2.InferenceTask(model_spec=other, method_name=self.rng.choice(methods)))
        return Malformed(method, _wire(serving_pb2.MultiInferenceRequest(tasks=tasks, input=sent)), hopeless)

    def _input(self) -> serving_pb2.Input:
        rng, sent = self.rng, serving_pb2.Input()
        with_context = rng.random() < 0.3
        examples = (sent.example_list_with_context if with_context else sent.example_list).examples
        made = [examples.add() for _ in range(rng.choice((0, 1, 1, 2, 5)))]
        for example in [*made, *([sent.example_list_with_context.context] if with_context else [])]:
            for name in rng.sample(["x", "c", "z"], rng.randrange(4)):
                feature = example.features.feature[name]
                kind = rng.choice(("float_list", "float_list", "int64_list", "bytes_list"))
                value: Any = {"float_list": 1.5, "int64_list": 2, "bytes_list": b"\xff"}[kind]
                getattr(feature, kind).value.extend([value] * rng.choice((0, 1, 1, 1, 2)))
        return sent

    def _metadata(self) -> Malformed:
        spec, _ = self._spec()
        fields = self.rng.choice(([], ["signature_def"], ["graph"], ["signature_def", "nix"]))
        request = serving_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=fields)
        hopeless = fields != ["signature_def"] or spec.name not in self.models
        return Malformed("GetModelMetadata", _wire(request), hopeless)

    def _damaged(self) -> Malformed:
        """Another request, with some of its bytes changed."""
        whole = self.rng.choice((self._predict, self._on_examples, self._on_examples, self._metadata))()
        sent = bytearray(whole.sent)
        for _ in range(self.rng.choice((1, 1, 2, 5))):
            self._damage(sent)
        try:
            message = MESSAGES[whole.method].FromString(bytes(sent))
        except DecodeError:
            return Malformed(whole.method, bytes(sent), hopeless=True)
        tensors = message.inputs.values() if isinstance(message, serving_pb2.PredictRequest) else ()
        if any(_is_heavy([dim.size for dim in tensor.tensor_shape.dim]) for tensor in tensors):
            return self._damaged()
        return Malformed(whole.method, bytes(sent), hopeless=False)

    def _damage(self, sent: bytearray) -> None:
        begin = self.rng.randrange(len(sent) + 1)
        end = min(len(sent), begin + self.rng.choice((1, 1, 2, 8)))
        kind = self.rng.randrange(5)
        if kind == 0:
            del sent[begin:]
        elif kind == 1:
            del sent[begin:end]
        elif kind == 2:
            sent[begin:begin] = self.rng.randbytes(end - begin)
        elif kind == 3:
            sent[begin:end] = self.rng.randbytes(end - begin)
        else:
            sent[begin:begin] = sent[begin:end] * 3


MESSAGES: Mapping[str, type[Message]] = {
    "Predict": serving_pb2.PredictRequest,
    "Classify": serving_pb2.ClassificationRequest,
    "Regress": serving_pb2.RegressionRequest,
    "MultiInference": serving_pb2.MultiInferenceRequest,
    "GetModelMetadata": serving_pb2.GetModelMetadataRequest,
}


def _wire(message: Message) -> bytes:
    return message.SerializeToString()


def _fits(proto: tensor_pb2.TensorProto, item_bytes: int) -> bool:
    count = math.prod(dim.size for dim in proto.tensor_shape.dim)
    return count == 0 or count * item_bytes == len(proto.tensor_content)


def _is_heavy(sizes: Sequence[int]) -> bool:
    """Whether a server may take such a tensor, and needs so much memory for it that a leak would not be seen."""
    return 2**18 < math.prod(max(size, 1) for size in sizes) <= 2**24
