"""Numeric arrays from MATLAB files of version 5, the format of MATLAB 5 to 7.

After "MAT-File Format" (The MathWorks, R2014a, chapter 1): a header of 128 bytes, then
elements, each a tag (type and length) and its data, padded to eight bytes. A matrix is an
element that holds others: flags, dimensions, name, values. Cells, structures, text and complex
numbers are passed over.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
# Array classes from double (6) to uint64 (15); 1 to 5 are cell, struct, object, char, sparse.
_NUMERIC = range(6, 16)
_COMPLEX = 0x0800
# Twenty times what the largest file of the registry holds.
_MOST_BYTES = 100_000_000


def arrays(content: bytes) -> dict[str, np.ndarray]:
    """Return the real numeric arrays of a file by their names, as float64.

    Raises
    ------
    ValueError
        If this is no such file, or it is cut short or malformed.
    """
    if content[:8] == b"\x89HDF\r\n\x1a\n" or content[:19] == b"MATLAB 7.3 MAT-file":
        raise ValueError("a MATLAB file of version 7.3, which is an HDF5 file; save it with -v7")
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None or struct.unpack_from(order + "H", content, 124)[0] >> 8 != 1:
        raise ValueError("not a MATLAB file of version 5")
    found = {}
    for kind, data in _elements(content, _HEADER, order):
        if kind == _COMPRESSED:
            kind, data = next(_elements(_inflated(data), 0, order), (0, b""))
        if kind == _MATRIX:
            named = _matrix(data, order)
            if named is not None:
                found[named[0]] = named[1]
    return found


def _elements(content: bytes, start: int, order: str) -> Iterator[tuple[int, bytes]]:
    while start < len(content):
        if start + 8 > len(content):
            raise ValueError(f"it ends within a tag, at byte {start}")
        kind, size = struct.unpack_from(order + "2I", content, start)
        if kind >> 16:
            # A small element: two bytes of length, two of type, at most four of data.
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise ValueError(f"a small element of {size} bytes at byte {start}")
            yield kind, content[start + 4 : start + 4 + size]
            start += 8
            continue
        start += 8
        if start + size > len(content):
            raise ValueError(f"it ends at byte {len(content)}, within an element of {size} bytes")
        yield kind, content[start : start + size]
        # Compressed elements alone are not padded.
        start += size if kind == _COMPRESSED else -(-size // 8) * 8


def _inflated(data: bytes) -> bytes:
    machine = zlib.decompressobj()
    try:
        content = machine.decompress(data, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"a compressed element is damaged: {error}") from None
    if not machine.eof:
        raise ValueError("a compressed element is cut short or too large")
    return content


def _matrix(data: bytes, order: str) -> tuple[str, np.ndarray] | None:
    parts = _elements(data, 0, order)
    (_, flags), (_, sizes), (_, name) = (_next(parts) for _ in range(3))
    if len(flags) < 4:
        raise ValueError("a matrix without flags")
    flag = struct.unpack_from(order + "I", flags)[0]
    if flag & 0xFF not in _NUMERIC or flag & _COMPLEX:
        return None
    shape = tuple(int(size) for size in _numbers(5, sizes, order))
    kind, values = _next(parts)
    # Whole numbers are stored in fewer bytes than their class has.
    numbers = _numbers(kind, values, order)
    if len(shape) < 2 or min(shape) < 0 or math.prod(shape) != len(numbers):
        raise ValueError(f"{len(numbers)} values for an array of the shape {shape}")
    return name.decode("latin-1"), numbers.astype(np.float64).reshape(shape, order="F")


def _next(parts: Iterator[tuple[int, bytes]]) -> tuple[int, bytes]:
    part = next(parts, None)
    if part is None:
        raise ValueError("a matrix is incomplete")
    return part


def _numbers(kind: int, data: bytes, order: str) -> np.ndarray:
    if kind not in _TYPES:
        raise ValueError(f"values of an unknown type, {kind}")
    return np.frombuffer(data, dtype=order + _TYPES[kind])
