"""Load from h2load (Debian's nghttp2-client): gRPC calls of one body, each timed."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import Array, to_proto

PREDICT = "tensorflow.serving.PredictionService/Predict"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a load generator saw.

    Attributes:
      begun_s: When each request began, in seconds since the epoch; float64 [requests].
      taken_s: How long each took; float64 [requests].
      failed: Requests without an answer of HTTP; gRPC's errors are not seen.
    """

    begun_s: Array
    taken_s: Array
    failed: int

    @property
    def per_second(self) -> float:
        """Answers in a second, over the whole time."""
        ends = self.begun_s + self.taken_s
        return len(ends) / float(ends.max() - self.begun_s.min())

    def percentile_ms(self, percent: float) -> float:
        """So many percent of the requests took no longer, in milliseconds."""
        return float(np.percentile(self.taken_s, percent)) * 1e3


def predict_body(images: Array) -> bytes:
    """A request for `images`, float32 [N, 28, 28, 1], as gRPC sends it: a flag, a length, the message."""
    request = serving_pb2.PredictRequest(model_spec=serving_pb2.ModelSpec(name="mnist"))
    request.inputs["images"].CopyFrom(to_proto(images, packed=True))
    message = request.SerializeToString()
    return b"\0" + struct.pack(">I", len(message)) + message


def run_h2load(address: str, body: bytes, *, clients: int, seconds: int, path: str = PREDICT) -> Load:
    """Keeps so many connections busy for so long, one request at a time on each; the first second does not count."""
    program = shutil.which("h2load")
    if program is None:
        raise SystemExit("the benchmark needs h2load: apt-get install nghttp2-client")
    with tempfile.TemporaryDirectory() as folder:
        sent, log = Path(folder, "body"), Path(folder, "log")
        sent.write_bytes(body)
        command = [program, "--clients", str(clients), "--duration", f"{seconds}", "--warm-up-time", "1"]
        command += ["--max-concurrent-streams", "1", "--data", str(sent), "--log-file", str(log)]
        command += ["--header", "content-type: application/grpc", "--header", "te: trailers"]
        subprocess.run([*command, f"http://{address}/{path}"], check=True, capture_output=True)
        columns = np.loadtxt(log, dtype=np.int64, ndmin=2)
    answered = columns[:, 1] == 200
    return Load(begun_s=columns[answered, 0] / 1e6, taken_s=columns[answered, 2] / 1e6, failed=int((~answered).sum()))
