"""Messages between a process and its worker: a little JSON and raw numbers, never pickle.

One message is a head (length of the JSON, length of the numbers), the JSON, and the numbers.
Both sides check what they read: the worker runs models that nobody vouches for.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

_HEAD = struct.Struct("<IQ")
# A model's description with 10,000 tensors takes about 2 MB.
_MAX_JSON = 16 << 20
#: Most bytes of numbers in one message; the largest model that is opened is half of that.
MAX_NUMBERS = 1 << 29
_DTYPES = {
    np.dtype(kind).name: np.dtype(kind)
    # By size, because what int and long mean differs between systems.
    for kind in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
}
# Most that Windows writes to a pipe at once.
_CHUNK = 1 << 24


class WireError(Exception):
    """The other side is gone, or what it wrote is not a message."""


def write(fd: int, message: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> None:
    """Write one message to a file descriptor.

    Raises
    ------
    WireError
        When the other side is gone.
    """
    arrays = [np.ascontiguousarray(array) for array in arrays]
    described = [[array.dtype.name, list(np.shape(array))] for array in arrays]
    text = json.dumps([message, described]).encode()
    data = b"".join([array.tobytes() for array in arrays])
    try:
        waiting = memoryview(_HEAD.pack(len(text), len(data)) + text + data)
        while waiting:
            waiting = waiting[os.write(fd, waiting[:_CHUNK]) :]
    except OSError as error:
        raise WireError(str(error)) from error


def read(fd: int) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Read one message, trusting nothing in it.

    Raises
    ------
    WireError
        At the end of the stream, and for anything that `write` does not write.
    """
    letters, size = _HEAD.unpack(_exactly(fd, _HEAD.size))
    if letters > _MAX_JSON or size > MAX_NUMBERS:
        raise WireError("a message claims to be too large")
    try:
        message, described = json.loads(_exactly(fd, letters))
        data = _exactly(fd, size)
        arrays, start = [], 0
        for name, shape in described:
            count = math.prod(shape)
            if min(shape, default=0) < 0:
                raise WireError("a message holds an impossible shape")
            array = np.frombuffer(data, _DTYPES[name], count, start).reshape(shape)
            arrays.append(array)
            start += array.nbytes
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise WireError("a message is damaged") from error
    if not isinstance(message, dict):
        raise WireError("a message is damaged")
    return message, arrays


def _exactly(fd: int, count: int) -> bytearray:
    data = bytearray()
    while len(data) < count:
        try:
            part = os.read(fd, min(count - len(data), _CHUNK))
        except OSError as error:
            raise WireError(str(error)) from error
        if not part:
            raise WireError("the other side is gone")
        data += part
    return data
