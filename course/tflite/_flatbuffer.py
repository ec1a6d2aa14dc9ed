"""Read a flatbuffer that nobody vouches for, and remember which of its bytes belong to what.

The readers that LiteRT ships are made for sound files: they copy a name as long as the file once
for each table that points at it, and do not say where they read.  This one keeps within the bytes
that it was given and within a budget, so that it ends soon whatever stands in a file.
"""

from __future__ import annotations

import struct

# Tables and numbers that are read in all.  The largest models in wide use hold some 200,000 of
# them; this many are read in two seconds.
_BUDGET = 1_000_000
# A name is read as one number for each so many letters.
_LETTERS = 16


class FlatbufferError(ValueError):
    """The bytes are no sound flatbuffer; the text completes "The file is damaged: "."""


class Flatbuffer:
    """The bytes, what may still be read of them, and what they were read as.

    Parameters
    ----------
    data : the file.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._left = _BUDGET
        self._claims: list[tuple[int, int, str]] = []

    def root(self, part: str) -> Table:
        """The table that everything hangs from.

        Parameters
        ----------
        part : name under which its bytes are counted.
        """
        self.claim(0, 8, part)
        return Table(self, self.number("<I", 0), part)

    def number(self, form: str, at: int) -> int | float:
        """The number at a place, by its `struct` format."""
        self.spend(1)
        if not 0 <= at <= len(self.data) - struct.calcsize(form):
            raise FlatbufferError("its tables point outside the file")
        return struct.unpack_from(form, self.data, at)[0]

    def spend(self, count: int) -> None:
        """Take so many from what may still be read."""
        self._left -= count
        if self._left < 0:
            raise FlatbufferError("it claims to hold more parts than any model has")

    def claim(self, start: int, end: int, part: str) -> None:
        """Count bytes as belonging to a part of the file; the first claim of a byte holds."""
        self._claims.append((start, min(end, len(self.data)), part))

    def parts(self, rest: str) -> dict[str, int]:
        """Bytes of each part; they sum to the length of the file.

        Parameters
        ----------
        rest : name of what nobody claimed.
        """
        counted: dict[str, int] = {}
        cursor = 0
        for start, end, part in [*sorted(self._claims), (len(self.data), len(self.data), rest)]:
            # Sound files hold nothing twice but the lists of where fields stand.
            if start > cursor:
                counted[rest] = counted.get(rest, 0) + start - cursor
            if end > cursor:
                counted[part] = counted.get(part, 0) + end - max(start, cursor)
            cursor = max(cursor, end)
        return counted


class Table:
    """One table of a flatbuffer; fields are named by their number in the schema.

    Parameters
    ----------
    file : the flatbuffer.
    at : where the table begins.
    part : name under which its bytes are counted.
    """

    def __init__(self, file: Flatbuffer, at: int, part: str) -> None:
        self.file, self.at, self.part = file, at, part
        self._fields = at - file.number("<i", at)
        self._size = file.number("<H", self._fields)
        length = file.number("<H", self._fields + 2)
        if self._size < 4 or length < 4:
            raise FlatbufferError("one of its tables is shorter than a table can be")
        file.claim(at, at + length, part)
        # Tables of several kinds share the list of where their fields stand.
        file.claim(self._fields, self._fields + self._size, part)

    def place(self, field: int) -> int | None:
        """Where a field stands, or None where the file leaves it out."""
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return None
        offset = self.file.number("<H", self._fields + slot)
        return self.at + offset if offset else None

    def number(self, field: int, form: str = "<i", default: int | float = 0) -> int | float:
        """A field that is a number."""
        at = self.place(field)
        return default if at is None else self.file.number(form, at)

    def table(self, field: int, part: str | None = None) -> Table | None:
        """A field that is a table."""
        at = self._target(field)
        return None if at is None else Table(self.file, at, part or self.part)

    def count(self, field: int) -> int:
        """How many elements a vector claims to have; 0 where it is left out."""
        at = self._target(field)
        return 0 if at is None else int(self.file.number("<I", at))

    def tables(self, field: int, part: str | None = None) -> list[Table]:
        """A field that is a list of tables."""
        start, count = self.span(field, 4)
        file = self.file
        file.spend(count)
        return [
            Table(file, place + file.number("<I", place), part or self.part)
            for place in range(start, start + 4 * count, 4)
        ]

    def numbers(self, field: int, kind: str = "i", part: str | None = None) -> tuple:
        """A field that is a list of numbers, by the `struct` letter of its elements."""
        start, count = self.span(field, struct.calcsize(f"<{kind}"), part)
        self.file.spend(count)
        return struct.unpack_from(f"<{count}{kind}", self.file.data, start)

    def text(self, field: int, part: str | None = None, most: int = 400) -> str | None:
        """A field that is a text, cut after so many bytes; None where it is left out."""
        if self._target(field) is None:
            return None
        start, count = self.span(field, 1, part)
        count = min(count, most)
        self.file.spend(count // _LETTERS)
        return self.file.data[start : start + count].decode(errors="replace")

    def span(self, field: int, size: int, part: str | None = None) -> tuple[int, int]:
        """Where the elements of a vector begin, and how many there are; nothing is copied.

        Parameters
        ----------
        field : the vector.
        size : bytes of one element.
        part : name under which it is counted, that of the table by default.
        """
        at = self._target(field)
        if at is None:
            return 0, 0
        count = int(self.file.number("<I", at))
        end = at + 4 + size * count
        if end > len(self.file.data):
            raise FlatbufferError("one of its lists is longer than the file")
        self.file.claim(at, end, part or self.part)
        return at + 4, count

    def _target(self, field: int) -> int | None:
        at = self.place(field)
        return None if at is None else at + int(self.file.number("<I", at))
