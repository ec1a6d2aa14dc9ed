"""The zip archive at the end of a ``.tflite`` file, where metadata keep their label files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

# The record at the end of an archive: its signature, its length, and the longest comment.
_END, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 0xFFFF
# What metadata attach are lists of words: a few names, a few kilobytes.
_MOST_FILES = 100
_MOST_DIRECTORY = 64 << 10
#: Longest attached file that is read.
MOST_BYTES = 4 << 20


def split(data: bytes) -> tuple[int, tuple[zipfile.ZipInfo, ...]]:
    """Where the archive begins, and its members; the end of the file and none if there is none.

    Parameters
    ----------
    data : the whole file.

    Notes
    -----
    What is not a small sound archive counts as none: it is then merely bytes behind the model.
    """
    nothing = len(data), ()
    found = data.rfind(_END, max(0, len(data) - _END_BYTES - _LONGEST_COMMENT))
    if found < 0 or found + _END_BYTES > len(data):
        return nothing
    length, start = (int.from_bytes(data[found + at : found + at + 4], "little") for at in (12, 16))
    if length > _MOST_DIRECTORY or start + length > found:
        return nothing
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = tuple(archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
        return nothing
    if not members or len(members) > _MOST_FILES:
        return nothing
    begin = min(member.header_offset for member in members)
    return (begin, members) if 8 <= begin < start else nothing


def read(data: bytes) -> dict[str, bytes]:
    """The attached files by name; those that are damaged or too long are left out."""
    _, members = split(data)
    files: dict[str, bytes] = {}
    if not members:
        return files
    left = MOST_BYTES
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in members:
            if member.file_size > left:
                continue
            try:
                with archive.open(member) as file:
                    # The size that the archive states may be a lie.
                    content = file.read(left + 1)
            except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError,
                    RuntimeError, zipfile.zlib.error):  # fmt: skip
                continue
            if len(content) <= left:
                left -= len(content)
                files[member.filename] = content
    return files


def append(data: bytes, files: Mapping[str, bytes]) -> bytes:
    """The model with files attached, uncompressed; the same bytes every time."""
    stream = io.BytesIO(data)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            # The first moment that the format knows: an archive must not depend on the clock.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return stream.getvalue()
