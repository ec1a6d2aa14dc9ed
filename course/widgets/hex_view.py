"""A file's bytes to walk through, each with what it is."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import traitlets

from course import plots
from course.widgets._base import HouseWidget, script

# All bytes travel to the browser, so that one can scroll through them without a kernel.
_MOST_BYTES = 4 << 20
_ROW = 16
_ROWS = 8
# More parts than this make the bar above the bytes a grey smear.
_MOST_PARTS = 400

# What stands in the root table, by the number of its field.  Source: table Model in
# tensorflow/compiler/mlir/lite/schema/schema.fbs.
_FIELDS = ("version of the format", "list of the kinds of operators", "list of the graphs",
           "description", "list of the buffers", "list of buffers with metadata",
           "list of the metadata", "list of the signatures")  # fmt: skip

_WORDS = {
    "position": "a place in the file",
    "identifier": "identifier",
    "fields": "root table",
    "text": "text",
    "weights": "weights",
    "structure": "tables in between",
}


@dataclass(frozen=True)
class Part:
    """Bytes that belong together.

    Attributes
    ----------
    start, end : the first byte, and the one after the last.
    kind : a key of `course.plots.BYTE_COLOURS`.
    name : what it is, a noun phrase.
    meaning : one sentence about it.
    """

    start: int
    end: int
    kind: str
    name: str
    meaning: str


class HexView(HouseWidget):
    """The bytes of a file, 128 at a time, with those of a ``.tflite`` file named.

    Parameters
    ----------
    data : bytes
        The whole file, of any kind, at most 4 MB.
    at : int
        The byte to begin at.

    Attributes
    ----------
    at : int
        The byte under the cursor.
    parts : tuple of Part
        Those that have a name, in order; none overlap.

    Raises
    ------
    ValueError
        If there is no byte, or there are too many.
    """

    _esm = script("hex_view")

    at = traitlets.Int(0).tag(sync=True)
    _data = traitlets.Bytes().tag(sync=True)
    _parts = traitlets.List().tag(sync=True)
    _jumps = traitlets.List().tag(sync=True)
    _colours = traitlets.Dict().tag(sync=True)
    _words = traitlets.Dict().tag(sync=True)

    def __init__(self, data: bytes, *, at: int = 0) -> None:
        data = bytes(data)
        if not data:
            raise ValueError("The file is empty: there is no byte to show.")
        if len(data) > _MOST_BYTES:
            raise ValueError(
                f"The file has {len(data) / 1e6:.0f} MB; the view takes {_MOST_BYTES >> 20} MB. "
                "Give it a slice."
            )
        self.parts = named_parts(data)
        super().__init__(
            at=min(max(int(at), 0), len(data) - 1),
            _data=data,
            _parts=[[each.start, each.end, each.kind, each.name, each.meaning]
                    for each in self.parts],
            _jumps=_jumps(self.parts, len(data)),
            _colours={kind: list(pair) for kind, pair in plots.BYTE_COLOURS.items()},
            _words=_WORDS,
        )  # fmt: skip

    def part_at(self, at: int) -> Part | None:
        """The named part that a byte belongs to, or None."""
        return next((each for each in self.parts if each.start <= at < each.end), None)

    def _share(self) -> float:
        weights = sum(each.end - each.start for each in self.parts if each.kind == "weights")
        return weights / len(self._data)

    def _fallback_figure(self) -> plots.HouseFigure:
        at = min(max(self.at, 0), len(self._data) - 1) // _ROW * _ROW
        shown = self._data[at : at + _ROW * _ROWS]
        parts = [self.part_at(place) for place in range(at, at + len(shown))]
        kinds = [part.kind if part else "structure" for part in parts]
        title = (
            "Bytes 4 to 7 say what kind of file this is"
            if self._data[4:8] == b"TFL3" and at == 0
            else f"Bytes {at:,} to {at + len(shown) - 1:,} of {len(self._data):,}"
        )
        return plots.hex_dump(shown, kinds, first=at, title=title, words=_WORDS)

    def _fallback_text(self) -> str:
        lines = [
            f"A file of {len(self._data):,} bytes, {100 * self._share():.0f} % of them weights.",
        ]
        lines += [
            f"{each.start:>8,} to {each.end - 1:>8,}  {each.name}. {each.meaning}"
            for each in self.parts[:12]
        ]
        lines.append("To look elsewhere, set at of this view and show it again.")
        return "\n".join(lines)


def named_parts(data: bytes) -> tuple[Part, ...]:
    """What the bytes of a file are, as far as it can be told; of any file, sound or not."""
    if data[4:8] != b"TFL3":
        kind = "a zip archive, as a .keras file is" if data[:2] == b"PK" else "no .tflite file"
        end = min(len(data), 8)
        if end <= 4:
            return ()
        return (Part(4, end, "identifier", "where TFL3 would stand", f"This is {kind}."),)
    parts = [*_header(data), *_inside(data)]
    kept: list[Part] = []
    for part in sorted(parts, key=lambda each: (each.start, -each.end)):
        if part.end <= len(data) and (not kept or part.start >= kept[-1].end):
            kept.append(part)
    return tuple(kept[:_MOST_PARTS])


def _header(data: bytes) -> list[Part]:
    root = int.from_bytes(data[:4], "little")
    parts = [
        Part(0, 4, "position", "place of the root table",
             f"The lowest byte comes first: {root:,}."),
        Part(4, 8, "identifier", "identifier",
             "T, F, L, 3: a TensorFlow Lite file, third version of the format."),
    ]  # fmt: skip
    try:
        (back,) = struct.unpack_from("<i", data, root)
        fields = root - back
        size, length = struct.unpack_from("<HH", data, fields) if fields >= 0 else (0, 0)
        slots = struct.unpack_from(f"<{max(0, size - 4) // 2}H", data, fields + 4)
    except struct.error:
        return parts
    parts.append(
        Part(fields, fields + max(size, 4), "fields", "where each field of the root table stands",
             f"Two bytes a field; the root table is {length} bytes long."),
    )  # fmt: skip
    parts.append(
        Part(root, root + 4, "fields", "root table",
             f"Begins with the way back to the list of its fields: {back:,} bytes."),
    )  # fmt: skip
    for name, slot in zip(_FIELDS, slots, strict=False):
        at = root + slot
        if not slot or at + 4 > len(data):
            continue
        (value,) = struct.unpack_from("<I", data, at)
        if name == _FIELDS[0]:
            parts.append(Part(at, at + 4, "fields", name, f"It is {value}."))
            continue
        meaning = f"It stands {value:,} bytes further on, at byte {at + value:,}"
        meaning += "." if at + value < len(data) else ", and the file ends before that."
        parts.append(Part(at, at + 4, "position", f"way to the {name}", meaning))
        if name == "description":
            parts += _text(data, at + value, "description", "Who wrote the file.")
    return parts


def _text(data: bytes, at: int, name: str, meaning: str) -> list[Part]:
    if at + 4 > len(data):
        return []
    (length,) = struct.unpack_from("<I", data, at)
    return [Part(at + 4, at + 4 + length, "text", name, meaning)] if length else []


def _inside(data: bytes) -> list[Part]:
    """Weights, metadata and names, where the file is sound."""
    from course.tflite import ModelError
    from course.tflite.inspect import inspect

    try:
        report = inspect(data)
    except ModelError:
        return []
    readers = {
        (each.subgraph, at): each for each in reversed(report.operators) for at in each.inputs
    }
    parts = []
    for buffer in report.buffers:
        end = buffer.start + buffer.bytes
        if not buffer.tensors:
            parts.append(Part(buffer.start, end, "text", "metadata", "Notes that no kernel reads."))
            continue
        tensor = report.tensor(buffer.tensors[0][1], subgraph=buffer.tensors[0][0])
        reader = readers.get(buffer.tensors[0])
        where = f" of {reader.name}, operator {reader.index}" if reader else ""
        shape = "×".join(map(str, tensor.shape)) or "one"
        parts.append(
            Part(buffer.start, end, "weights", f"{tensor.dtype} constants{where}",
                 f"{shape} numbers, as they are: nothing is packed.")
        )  # fmt: skip
    for tensor in report.tensors:
        name = tensor.name.encode()
        at = data.find(len(name).to_bytes(4, "little") + name) if name else -1
        if at >= 0:
            parts.append(
                Part(at + 4, at + 4 + len(name), "text", f"name of tensor {tensor.index}",
                     "For people and tools; a kernel goes by numbers.")
            )  # fmt: skip
    return parts


def _jumps(parts: tuple[Part, ...], length: int) -> list[list[Any]]:
    """Places worth a look, each with the words on its button."""
    jumps: list[list[Any]] = [["First byte", 0]]
    largest = max(
        (each for each in parts if each.kind == "weights"),
        key=lambda each: each.end - each.start,
        default=None,
    )
    texts = [each for each in parts if each.kind == "text" and each.name == "description"]
    if texts:
        jumps.append(["Description", texts[0].start])
    if largest:
        jumps.append(["Largest weights", largest.start])
    names = [each for each in parts if each.name.startswith("name of tensor")]
    if names:
        jumps.append(["Names of tensors", names[0].start])
    jumps.append(["Last byte", length - 1])
    return jumps
