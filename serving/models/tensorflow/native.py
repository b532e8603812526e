"""TensorFlow's C API through ctypes: a session over one SavedModel, without the Python package's slow import.

The libraries come from the installed wheel. A process that has imported `tensorflow` shares them with it. Runs give up
the interpreter lock, so those from several threads go on side by side.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import itertools
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slipline.serving.errors import LoadFailed, ServingError
from slipline.serving.wire import session_pb2, tensor_pb2
from slipline.serving.wire.tensors import Array, data_type_of, numpy_dtype, string_array, strings_of

INVALID_ARGUMENT = 3
STRING_SIZE_BYTES = 24  # sizeof(TF_TString)
SMALL_BYTES = 1 << 16
MAX_ENDPOINT_SETS = 256  # that are remembered of a session; clients choose the order of names
RUN_IN_CALLER_THREAD = -1  # of RunOptions.inter_op_thread_pool
_TENSORFLOW_LINE = re.compile(rb"WARNING: All log messages before absl|[IWE]\d{4} ")


class TensorFlowError(ServingError):
    """TensorFlow refused a call.

    Attributes:
      code: Its status code; the numbers are gRPC's.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Threads:
    """How many threads TensorFlow computes with; the first session to run decides for the whole process.

    Attributes:
      intra_op: Within one operation; 0 for one per core.
      inter_op: Operations side by side; 0 for none but the caller's own thread, which answers soonest.
    """

    intra_op: int = 0
    inter_op: int = 0


class Output(ctypes.Structure):
    """TF_Output: one output of one operation."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


class Buffer(ctypes.Structure):
    """TF_Buffer: bytes that TensorFlow made."""

    _fields_ = [("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p)]


_Deallocator = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_void_p)

# Result and argument types of every C function used.
_PROTOTYPES: Mapping[str, tuple[object, tuple[object, ...]]] = {
    "TF_NewStatus": (c_void_p, ()),
    "TF_DeleteStatus": (None, (c_void_p,)),
    "TF_GetCode": (c_int, (c_void_p,)),
    "TF_Message": (c_char_p, (c_void_p,)),
    "TF_NewBufferFromString": (c_void_p, (c_char_p, c_size_t)),
    "TF_NewBuffer": (POINTER(Buffer), ()),
    "TF_DeleteBuffer": (None, (c_void_p,)),
    "TF_NewSessionOptions": (c_void_p, ()),
    "TF_SetConfig": (None, (c_void_p, c_char_p, c_size_t, c_void_p)),
    "TF_DeleteSessionOptions": (None, (c_void_p,)),
    "TF_NewGraph": (c_void_p, ()),
    "TF_DeleteGraph": (None, (c_void_p,)),
    "TF_GraphOperationByName": (c_void_p, (c_void_p, c_char_p)),
    "TF_GraphNextOperation": (c_void_p, (c_void_p, POINTER(c_size_t))),
    "TF_OperationOpType": (c_char_p, (c_void_p,)),
    "TF_OperationNumOutputs": (c_int, (c_void_p,)),
    "TF_OperationOutputType": (c_int, (Output,)),
    "TF_GraphGetTensorNumDims": (c_int, (c_void_p, Output, c_void_p)),
    "TF_GraphGetTensorShape": (None, (c_void_p, Output, POINTER(c_int64), c_int, c_void_p)),
    "TF_GraphGetOpDef": (None, (c_void_p, c_char_p, POINTER(Buffer), c_void_p)),
    "TF_GraphToGraphDef": (None, (c_void_p, POINTER(Buffer), c_void_p)),
    "TF_NewImportGraphDefOptions": (c_void_p, ()),
    "TF_DeleteImportGraphDefOptions": (None, (c_void_p,)),
    "TF_GraphImportGraphDef": (None, (c_void_p, c_void_p, c_void_p, c_void_p)),
    "TF_LoadSessionFromSavedModel": (
        c_void_p,
        (c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int, c_void_p, c_void_p, c_void_p),
    ),
    "TF_SessionRun": (
        None,
        (
            *(c_void_p, c_void_p),
            *(POINTER(Output), POINTER(c_void_p), c_int),
            *(POINTER(Output), POINTER(c_void_p), c_int),
            *(c_void_p, c_int, c_void_p, c_void_p),
        ),
    ),
    "TF_CloseSession": (None, (c_void_p, c_void_p)),
    "TF_DeleteSession": (None, (c_void_p, c_void_p)),
    "TF_NewTensor": (c_void_p, (c_int, POINTER(c_int64), c_int, c_void_p, c_size_t, _Deallocator, c_void_p)),
    "TF_AllocateTensor": (c_void_p, (c_int, POINTER(c_int64), c_int, c_size_t)),
    "TF_DeleteTensor": (None, (c_void_p,)),
    "TF_TensorType": (c_int, (c_void_p,)),
    "TF_NumDims": (c_int, (c_void_p,)),
    "TF_Dim": (c_int64, (c_void_p, c_int)),
    "TF_TensorData": (c_void_p, (c_void_p,)),
    "TF_TensorByteSize": (c_size_t, (c_void_p,)),
    "TF_StringInit": (None, (c_void_p,)),
    "TF_StringCopy": (None, (c_void_p, c_char_p, c_size_t)),
    "TF_StringGetDataPointer": (c_void_p, (c_void_p,)),
    "TF_StringGetSize": (c_size_t, (c_void_p,)),
    "TF_StringDealloc": (None, (c_void_p,)),
}

# Those that give up the interpreter lock. For the others, waiting to get it back would take longer than the call.
_LONG_CALLS = frozenset(
    {
        "TF_CloseSession",
        "TF_DeleteGraph",
        "TF_DeleteSession",
        "TF_GraphImportGraphDef",
        "TF_GraphToGraphDef",
        "TF_LoadSessionFromSavedModel",
        "TF_SessionRun",
    }
)


@functools.cache
def c_api() -> ctypes.CDLL:
    """The C API with all prototypes declared; takes about 0.6 s the first time."""
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.origin is None:
        raise LoadFailed("running a SavedModel takes TensorFlow's libraries; install the package `tensorflow`")
    with _quiet():
        # Not RTLD_GLOBAL: its BoringSSL would stand in for the OpenSSL of Python's own modules, and crash them.
        library = ctypes.CDLL(str(Path(spec.origin).with_name("libtensorflow_cc.so.2")))
    short_calls = ctypes.PyDLL(library._name, handle=library._handle)
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library if name in _LONG_CALLS else short_calls, name)
        function.restype, function.argtypes = result, arguments
        setattr(library, name, function)
    return library


def is_tensorflow_loaded() -> bool:
    """Whether this process has TensorFlow's library in memory."""
    return c_api.cache_info().currsize > 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TensorFlow's messages off the terminal, unless TF_CPP_MIN_LOG_LEVEL asks for them with 0 or 1.

    The variable alone does not silence what the libraries say while they are being loaded, so that is held back here.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") in ("0", "1"):
        yield
        return
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not _TENSORFLOW_LINE.match(line)))


class _StringBuffers:
    """The memory of string tensors; TensorFlow says when it has dropped the last reference to each."""

    def __init__(self) -> None:
        self._keys = itertools.count(1)
        self._buffers: dict[int, ctypes.Array[ctypes.c_char]] = {}
        self.released = _Deallocator(self._release)

    def add(self, strings: Sequence[bytes]) -> tuple[int, ctypes.Array[ctypes.c_char]]:
        """Copies `strings` into a row of TF_TString; gives its key and memory."""
        library, key = c_api(), next(self._keys)
        buffer = ctypes.create_string_buffer(max(len(strings), 1) * STRING_SIZE_BYTES)
        begin = ctypes.addressof(buffer)
        for position, string in enumerate(strings):
            library.TF_StringInit(begin + position * STRING_SIZE_BYTES)
            library.TF_StringCopy(begin + position * STRING_SIZE_BYTES, string, len(string))
        self._buffers[key] = buffer
        return key, buffer

    def _release(self, data: int, size_bytes: int, key: int) -> None:
        buffer = self._buffers.pop(key)
        for position in range(size_bytes // STRING_SIZE_BYTES):
            c_api().TF_StringDealloc(ctypes.addressof(buffer) + position * STRING_SIZE_BYTES)


@functools.cache
def _string_buffers() -> _StringBuffers:
    return _StringBuffers()


@contextmanager
def checked_status() -> Iterator[int]:
    """A status to hand to one call; raises TensorFlowError at the end of the block if the call failed."""
    library = c_api()
    status = library.TF_NewStatus()
    try:
        yield status
        code = library.TF_GetCode(status)
        if code:
            raise TensorFlowError(code, library.TF_Message(status).decode(errors="replace"))
    finally:
        library.TF_DeleteStatus(status)


def _new_tensor(array: Array) -> int:
    library = c_api()
    dims = (c_int64 * array.ndim)(*array.shape)
    data_type = data_type_of(array)
    if data_type == tensor_pb2.DT_STRING:
        buffers = _string_buffers()
        key, buffer = buffers.add(strings_of(array))
        size_bytes = array.size * STRING_SIZE_BYTES
        return int(library.TF_NewTensor(data_type, dims, array.ndim, buffer, size_bytes, buffers.released, key))
    values = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    tensor = library.TF_AllocateTensor(data_type, dims, array.ndim, values.nbytes)
    # To ask NumPy for an address takes longer than to copy a small array.
    source = values.tobytes() if values.nbytes < SMALL_BYTES else np.ascontiguousarray(values).ctypes.data
    ctypes.memmove(library.TF_TensorData(tensor), source, values.nbytes)
    return int(tensor)


def _read_tensor(tensor: int) -> Array:
    library = c_api()
    data_type = library.TF_TensorType(tensor)
    shape = [library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))]
    data = library.TF_TensorData(tensor)
    if data_type == tensor_pb2.DT_STRING:
        return string_array([_read_string(data + i * STRING_SIZE_BYTES) for i in range(int(np.prod(shape)))], shape)
    content = ctypes.string_at(data, library.TF_TensorByteSize(tensor))
    return np.ndarray(shape, numpy_dtype(data_type), content)


def _read_string(address: int) -> bytes:
    library = c_api()
    return ctypes.string_at(library.TF_StringGetDataPointer(address), library.TF_StringGetSize(address))


class Session:
    """A loaded graph with its variables; runs may come from several threads at once.

    Attributes:
      graph: The TF_Graph.
    """

    def __init__(self, session: int, graph: int, run_options: session_pb2.RunOptions) -> None:
        """Takes over both handles; `load` makes them."""
        self._session, self.graph = session, graph
        serialized = run_options.SerializeToString()
        self._run_options = c_api().TF_NewBufferFromString(serialized, len(serialized))
        self._endpoints: dict[str, Output] = {}
        self._endpoints_of = functools.lru_cache(MAX_ENDPOINT_SETS)(self._new_endpoints)
        self._closing = threading.Lock()
        self._closed = False

    @classmethod
    def load(cls, folder: Path, tags: Sequence[str], threads: Threads) -> Session:
        """Loads the MetaGraph with exactly `tags`, its variables and tables.

        Raises:
          TensorFlowError: TensorFlow's own loader refuses it.
        """
        library = c_api()
        graph = library.TF_NewGraph()
        try:
            with _session_options(threads) as options, checked_status() as status:
                names = (c_char_p * len(tags))(*(tag.encode() for tag in tags))
                session = library.TF_LoadSessionFromSavedModel(
                    options, None, os.fsencode(folder), names, len(tags), graph, None, status
                )
        except TensorFlowError:
            library.TF_DeleteGraph(graph)
            raise
        pool = 0 if threads.inter_op else RUN_IN_CALLER_THREAD
        return cls(session, graph, session_pb2.RunOptions(inter_op_thread_pool=pool))

    def operation_types(self) -> set[str]:
        """The types of all operations in the graph, such as `VarHandleOp`."""
        library, position, types = c_api(), c_size_t(0), set()
        while operation := library.TF_GraphNextOperation(self.graph, byref(position)):
            types.add(library.TF_OperationOpType(operation).decode())
        return types

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> list[Array]:
        """Computes the tensors called `fetches`, such as `dense/Softmax:0`.

        Args:
          feeds: From the name of a tensor to its value.
          fetches: Names of the tensors wanted, in the order of the result.

        Raises:
          TensorFlowError: A name is not in the graph, a dtype is wrong, or an operation failed.
        """
        library = c_api()
        inputs, outputs = self._endpoints_of(tuple(feeds)), self._endpoints_of(tuple(fetches))
        values, results = (c_void_p * len(feeds))(), (c_void_p * len(fetches))()
        try:
            for position, array in enumerate(feeds.values()):
                values[position] = _new_tensor(array)
            with checked_status() as status:
                library.TF_SessionRun(
                    *(self._session, self._run_options, inputs, values, len(feeds)),
                    *(outputs, results, len(fetches), None, 0, None, status),
                )
            return [_read_tensor(result) for result in filter(None, results)]
        finally:
            for tensor in filter(None, (*values, *results)):
                library.TF_DeleteTensor(tensor)

    def _new_endpoints(self, names: tuple[str, ...]) -> ctypes.Array[Output]:
        return (Output * len(names))(*map(self.endpoint, names))

    def interrupt(self) -> None:
        """Has the runs under way fail, as soon as they look whether to end; none may come after."""
        with self._closing:
            if not self._closed:
                with checked_status() as status:
                    c_api().TF_CloseSession(self._session, status)

    def close(self) -> None:
        """Frees the memory, once; no run may be going on or come after."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        library = c_api()
        with checked_status() as status:
            library.TF_CloseSession(self._session, status)
        with checked_status() as status:
            library.TF_DeleteSession(self._session, status)
        library.TF_DeleteGraph(self.graph)
        library.TF_DeleteBuffer(self._run_options)

    def endpoint(self, tensor_name: str) -> Output:
        """The output called `tensor_name`, such as `dense/Softmax:0`.

        Raises:
          TensorFlowError: It is not in the graph.
        """
        if found := self._endpoints.get(tensor_name):
            return found
        name, _, index = tensor_name.partition(":")
        operation = c_api().TF_GraphOperationByName(self.graph, name.encode())
        if not operation or int(index or 0) >= c_api().TF_OperationNumOutputs(operation):
            raise TensorFlowError(
                INVALID_ARGUMENT, f"Tensor {tensor_name!r}, specified in a signature, is not in the graph"
            )
        found = self._endpoints[tensor_name] = Output(operation, int(index or 0))
        return found


@contextmanager
def _session_options(threads: Threads) -> Iterator[int]:
    library = c_api()
    config = session_pb2.ConfigProto(
        intra_op_parallelism_threads=threads.intra_op, inter_op_parallelism_threads=threads.inter_op
    ).SerializeToString()
    options = library.TF_NewSessionOptions()
    try:
        with checked_status() as status:
            library.TF_SetConfig(options, config, len(config), status)
        yield options
    finally:
        library.TF_DeleteSessionOptions(options)
