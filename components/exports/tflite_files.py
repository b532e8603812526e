"""TFLite files for LiteRT, on phones, in browsers and in our own server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slipline.components.exports.source import INPUT, OUTPUT, SIGNATURE, ExportSource, Images, Predict, Probabilities
from slipline.components.exports.tflite_metadata import with_metadata

if TYPE_CHECKING:
    import tensorflow as tf


def write_float32(source: ExportSource, file: Path) -> None:
    """The same numbers as the SavedModel."""
    _write(_converter(source), source, file)


def write_float16(source: ExportSource, file: Path) -> None:
    """Weights of 16 bits: half the size; for phones' graphics processors."""
    import tensorflow as tf

    converter = _small(source)
    converter.target_spec.supported_types = [tf.float16]
    _write(converter, source, file)


def write_dynamic(source: ExportSource, file: Path) -> None:
    """Weights of 8 bits; what flows between layers stays float32, or is quantized as it comes."""
    _write(_small(source), source, file)


def write_int8(source: ExportSource, file: Path) -> None:
    """All of it in 8 bits, but for the input and the outputs, which stay what they are."""
    import tensorflow as tf

    def representative() -> Iterator[list[Images]]:
        for image in source.calibration:
            yield [image[np.newaxis]]

    converter = _small(source)
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    _write(converter, source, file)


def write_web(source: ExportSource, file: Path) -> None:
    """float32 for one image at a time and without the int64 output `class`: what LiteRT takes in a browser."""
    import tensorflow as tf

    function, model = source.default_signature(batch_size=1)
    _write(tf.lite.TFLiteConverter.from_concrete_functions([function], model), source, file)


def _converter(source: ExportSource) -> tf.lite.TFLiteConverter:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_saved_model(str(source.saved_model), signature_keys=[SIGNATURE])


def _small(source: ExportSource) -> tf.lite.TFLiteConverter:
    import tensorflow as tf

    converter = _converter(source)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter


def _write(converter: tf.lite.TFLiteConverter, source: ExportSource, file: Path) -> None:
    file.write_bytes(with_metadata(converter.convert(), source))


def read_tflite(file: Path) -> Predict:
    """The model in a `.tflite` file, run by LiteRT in one thread."""
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped]

    interpreter = Interpreter(model_path=str(file), num_threads=1)
    run = interpreter.get_signature_runner(SIGNATURE)
    takes_any = run.get_input_details()[INPUT]["shape_signature"][0] == -1

    def predict(images: Images) -> Probabilities:
        if takes_any:
            return _answer(run, images)
        return np.concatenate([_answer(run, images[at : at + 1]) for at in range(len(images))])

    return predict


def _answer(run: Any, images: Images) -> Probabilities:
    return np.array(run(**{INPUT: images})[OUTPUT], np.float32)
