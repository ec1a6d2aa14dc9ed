"""What a ``.tflite`` file says about itself: its name, how to scale its input, its labels.

>>> data = write("gesture.tflite", name="Gestures", labels=LABELS)  # doctest: +SKIP
>>> read(data).labels                                               # doctest: +SKIP
('wing', 'ring', 'slope', 'negative')

Tools for phones (Android Studio, LiteRT's Task Library) read the same: a small flatbuffer named
``TFLITE_METADATA`` among the file's buffers, and the labels as a text file in a zip archive at its
end.  Runtimes look at neither.  The layout of the tables is that of metadata_schema.fbs 1.1.0,
https://github.com/tensorflow/tflite-support/tree/master/tensorflow_lite_support/metadata.

The model itself is not rewritten: a new beginning that knows of the metadata is put before it, so
every weight stays as it is and stays aligned.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from course.tflite import _archive
from course.tflite._flatbuffer import Flatbuffer, FlatbufferError, Table
from course.tflite.inspect import inspect
from course.tflite.run import ModelError, read_model

__all__ = ["Metadata", "TensorMetadata", "read", "write"]

_NAME = b"TFLITE_METADATA"
_IDENTIFIER = b"M001"
# What the official writer puts for files that hold nothing newer.
_MIN_PARSER_VERSION = "1.0.0"
_LABELS_FILE = "labels.txt"
# metadata_schema.fbs: AssociatedFileType.TENSOR_AXIS_LABELS, ProcessUnitOptions and
# ContentProperties, of which the first is 1.
_AXIS_LABELS, _NORMALIZATION, _FEATURES = 2, 1, 1
# A text longer than this is no description.
_MOST_LETTERS = 20_000
_MOST_LABELS = 10_000


@dataclass(frozen=True)
class TensorMetadata:
    """What the file says about one input or output.

    Attributes
    ----------
    name, description : for people.
    mean, std : what to do with raw numbers first: ``(x - mean) / std``; one for all channels or
        one for each, empty where nothing is said.
    labels : names of the numbers along the last axis, in order.
    """

    name: str = ""
    description: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """What a file says about itself; everything is empty where it says nothing.

    Attributes
    ----------
    name, description, version, author, license : for people.
    inputs, outputs : one for each tensor, in the order of the model.
    files : attached files by name, such as the one with the labels.
    """

    name: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    inputs: tuple[TensorMetadata, ...] = ()
    outputs: tuple[TensorMetadata, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the first output that has some."""
        return next((each.labels for each in self.outputs if each.labels), ())


def write(
    model: bytes | str | Path,
    *,
    name: str,
    description: str = "",
    labels: Sequence[str] = (),
    input_name: str = "input",
    input_description: str = "",
    input_mean: float | Sequence[float] | None = None,
    input_std: float | Sequence[float] | None = None,
    output_name: str = "scores",
    output_description: str = "",
    version: str = "",
    author: str = "",
    license: str = "",
) -> bytes:
    """The same model with a description of itself; one that it has already is replaced.

    Parameters
    ----------
    model : bytes of a ``.tflite`` file, or its path.
    name : of the model.
    description : what it does, for whom it was made, on what it was trained.
    labels : names of the numbers along the last axis of the first output, in order.
    input_name, input_description : of the first input, with its unit.
    input_mean, input_std : raw numbers become ``(x - mean) / std`` before they go in; a number, or
        one for each channel. Quantization comes after it and is not meant here.
    output_name, output_description : of the first output.
    version, author, license : for people.

    Returns
    -------
    bytes
        The same for the same arguments, every time. It runs as before.

    Raises
    ------
    ModelError
        If the file is damaged, or labels or scaling do not fit its tensors.
    """
    data = _without(read_model(model))
    report = inspect(data)
    words = {"name": name, "description": description, "version": version, "author": author,
             "license": license, "input_name": input_name, "output_name": output_name,
             "input_description": input_description,
             "output_description": output_description}  # fmt: skip
    for key, value in words.items():
        if not isinstance(value, str) or len(value) > _MOST_LETTERS:
            raise ModelError(f"{key} must be a text of at most {_MOST_LETTERS:,} letters.")
    if not name:
        raise ModelError("Give the model a name.")
    if not report.inputs or not report.outputs:
        raise ModelError("The model has no input or no output to describe.")
    labels = _checked_labels(labels, report.outputs[0].shape)
    mean, std = _checked_scaling(input_mean, input_std, report.inputs[0].shape)
    inputs = [TensorMetadata(each.name) for each in report.inputs]
    outputs = [TensorMetadata(each.name) for each in report.outputs]
    inputs[0] = TensorMetadata(input_name, input_description, mean, std)
    outputs[0] = TensorMetadata(output_name, output_description, labels=labels)
    metadata = Metadata(name, description, version, author, license, tuple(inputs), tuple(outputs))
    whole = _prepended(data, _packed(metadata))
    files = {_LABELS_FILE: "\n".join(labels).encode()} if labels else {}
    return _archive.append(whole, files) if files else whole


def read(model: bytes | str | Path) -> Metadata:
    """What a file says about itself.

    Parameters
    ----------
    model : bytes of a ``.tflite`` file, or its path.

    Raises
    ------
    ModelError
        If the file or its description is damaged.
    """
    data = read_model(model)
    try:
        found = _found(data)
        if found is None:
            return Metadata(files=_archive.read(data))
        start, length = found
        return _unpacked(data[start : start + length], _archive.read(data))
    except FlatbufferError as error:
        raise ModelError(f"The file is damaged: {error}.") from error
    except (struct.error, IndexError, OverflowError) as error:
        raise ModelError("The file is damaged: its metadata point outside of it.") from error


# --- checking -----------------------------------------------------------------------------------


def _checked_labels(labels: Sequence[str], shape: Sequence[int]) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise ModelError("labels must be a list of names, not one text.")
    labels = tuple(labels)
    for label in labels:
        if not isinstance(label, str) or not label.strip() or not label.isprintable():
            raise ModelError(f"A label must be a name on one line, not {label!r:.80}.")
    if len(labels) > _MOST_LABELS:
        raise ModelError(f"There are {len(labels):,} labels; at most {_MOST_LABELS:,} are written.")
    wanted = shape[-1] if shape else 1
    if labels and len(labels) != wanted:
        raise ModelError(
            f"There are {len(labels)} labels, and the model's output has {wanted} numbers."
        )
    return labels


def _checked_scaling(
    mean: float | Sequence[float] | None,
    std: float | Sequence[float] | None,
    shape: Sequence[int],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if (mean is None) != (std is None):
        raise ModelError("Give both input_mean and input_std, or neither.")
    if mean is None:
        return (), ()
    channels = shape[-1] if shape else 1
    found = []
    for name, value in (("input_mean", mean), ("input_std", std)):
        try:
            numbers = np.asarray(value, np.float32).ravel()
        except (TypeError, ValueError) as error:
            raise ModelError(f"{name} must be a number, or one for each channel.") from error
        if len(numbers) not in (1, channels) or not np.isfinite(numbers).all():
            raise ModelError(
                f"{name} must be a number, or one for each of the {channels} channels of the input."
            )
        found.append(tuple(map(float, numbers)))
    if min(found[1]) <= 0:
        raise ModelError("input_std must be above 0: numbers are divided by it.")
    return found[0], found[1]


# --- the description as a flatbuffer of its own -------------------------------------------------


def _packed(metadata: Metadata) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)

    def table(**fields: tuple[int, int, int]) -> int:
        """A table from its fields: number, value, and bytes of the value, 0 for a reference."""
        fields = {key: entry for key, entry in fields.items() if entry[1]}
        builder.StartObject(1 + max((number for number, _, _ in fields.values()), default=-1))
        for number, value, size in fields.values():
            if size:
                builder.PrependUint8Slot(number, value, 0)
            else:
                builder.PrependUOffsetTRelativeSlot(number, value, 0)
        return builder.EndObject()

    def text(value: str) -> int:
        return builder.CreateString(value) if value else 0

    def references(entries: Sequence[int]) -> int:
        if not entries:
            return 0
        builder.StartVector(4, len(entries), 4)
        for entry in reversed(entries):
            builder.PrependUOffsetTRelative(entry)
        return builder.EndVector()

    def floats(values: Sequence[float]) -> int:
        return builder.CreateNumpyVector(np.asarray(values, "<f4"))

    def tensor(each: TensorMetadata) -> int:
        units = files = 0
        if each.mean:
            options = table(mean=(0, floats(each.mean), 0), std=(1, floats(each.std), 0))
            unit = table(type=(0, _NORMALIZATION, 1), options=(1, options, 0))
            units = references([unit])
        if each.labels:
            words = text(_LABELS_FILE), text("Names of the scores, in order, one on each line.")
            file = table(name=(0, words[0], 0), description=(1, words[1], 0),
                         type=(2, _AXIS_LABELS, 1))  # fmt: skip
            files = references([file])
        content = table(type=(0, _FEATURES, 1), properties=(1, table(), 0))
        name, description = text(each.name), text(each.description)
        return table(name=(0, name, 0), description=(1, description, 0), content=(3, content, 0),
                     process_units=(4, units, 0), associated_files=(6, files, 0))  # fmt: skip

    inputs = references([tensor(each) for each in metadata.inputs])
    outputs = references([tensor(each) for each in metadata.outputs])
    graphs = references([table(inputs=(2, inputs, 0), outputs=(3, outputs, 0))])
    root = table(
        name=(0, text(metadata.name), 0),
        description=(1, text(metadata.description), 0),
        version=(2, text(metadata.version), 0),
        subgraph_metadata=(3, graphs, 0),
        author=(4, text(metadata.author), 0),
        license=(5, text(metadata.license), 0),
        min_parser_version=(7, text(_MIN_PARSER_VERSION), 0),
    )
    builder.Finish(root, _IDENTIFIER)
    return bytes(builder.Output())


def _unpacked(data: bytes, files: dict[str, bytes]) -> Metadata:
    if data[4:8] != _IDENTIFIER:
        raise FlatbufferError("its metadata do not begin with the identifier M001")
    root = Flatbuffer(data).root("")

    def text(table: Table, number: int) -> str:
        return table.text(number, most=_MOST_LETTERS) or ""

    def tensor(table: Table) -> TensorMetadata:
        mean: tuple[float, ...] = ()
        std: tuple[float, ...] = ()
        for unit in table.tables(4):
            options = unit.table(1)
            if unit.number(0, "<B") == _NORMALIZATION and options is not None:
                mean, std = options.numbers(0, "f"), options.numbers(1, "f")
        labels: tuple[str, ...] = ()
        for file in table.tables(6):
            content = files.get(text(file, 0))
            if file.number(2, "<b") == _AXIS_LABELS and content is not None and not labels:
                # Some writers end the last line, and it is no label.
                words = content.decode(errors="replace").rstrip("\n").splitlines()
                labels = tuple(words[:_MOST_LABELS])
        return TensorMetadata(text(table, 0), text(table, 1), mean, std, labels)

    graphs = root.tables(3)
    sides = [[], []]
    if graphs:
        sides = [[tensor(each) for each in graphs[0].tables(number)] for number in (2, 3)]
    return Metadata(
        *(text(root, number) for number in (0, 1, 2, 4, 5)),
        inputs=tuple(sides[0]),
        outputs=tuple(sides[1]),
        files=files,
    )


# --- the description within the model -----------------------------------------------------------

# The new beginning says of itself that it is one, how long it is and where the model's own root
# was: then it can be taken off again.
_MARK = b"OnDv"
_HEAD = struct.Struct("<I4s4sII")  # root, identifier, mark, length, the old root
_ALIGNMENT = 16


def _found(data: bytes) -> tuple[int, int] | None:
    """Where the description stands, and its length."""
    root = Flatbuffer(data).root("")
    buffers = root.tables(4)
    for entry in root.tables(6):
        if entry.text(0) == _NAME.decode():
            at = entry.number(1, "<I")
            if at >= len(buffers):
                raise FlatbufferError("its metadata are in a buffer that the file does not hold")
            return buffers[at].span(0, 1)
    return None


def _without(data: bytes) -> bytes:
    """The model as it was before `write`, without attached files."""
    end, _ = _archive.split(data)
    data = data[:end]
    if len(data) >= _HEAD.size:
        _, identifier, mark, length, old_root = _HEAD.unpack_from(data)
        if mark == _MARK and _HEAD.size < length < len(data):
            return struct.pack("<I4s", old_root, identifier) + data[length:]
    return data


def _prepended(data: bytes, description: bytes) -> bytes:
    """A new root, and with it a new list of buffers and of metadata, before everything else.

    References of a flatbuffer point forward only, so what refers to old and new parts alike has to
    stand before both.
    """
    root = Flatbuffer(data).root("")
    entries = [each for each in root.tables(6) if each.text(0) != _NAME.decode()]
    buffers = root.tables(4)
    if any(each.place(0) is None and each.number(2, "<Q") for each in buffers):
        raise ModelError(
            "Metadata cannot be added to a model with constants behind its flatbuffer."
        )
    head = _Head()
    # Fields of Model in schema.fbs: version, operator_codes, subgraphs, description, buffers,
    # metadata_buffer, metadata, signature_defs.
    kept = {number: root.place(number) for number in (1, 2, 3, 5, 7)}
    targets = {
        number: place + root.file.number("<I", place)
        for number, place in kept.items()
        if place is not None
    }
    slots = [4 + 4 * number for number in range(8)]
    for number in (1, 2, 3, 5, 7):
        if number not in targets:
            slots[number] = 0
    fields = head.add(struct.pack("<HH8H", 20, 36, *slots))
    top = head.add(struct.pack("<i", head.next(4) - fields) + bytes(32), 4)
    head.put(top + 4, root.number(0, "<I"))
    for number, target in targets.items():
        head.refer_to_model(top + 4 + 4 * number, target)

    listed = head.add(struct.pack("<I", len(buffers) + 1) + bytes(4 * (len(buffers) + 1)), 4)
    head.refer(top + 4 + 16, listed)
    for number, each in enumerate(buffers):
        head.refer_to_model(listed + 4 + 4 * number, each.at)
    fields = head.add(struct.pack("<HHH", 6, 8, 4))
    buffer = head.add(struct.pack("<i", head.next(4) - fields) + bytes(4), 4)
    head.refer(listed + 4 + 4 * len(buffers), buffer)

    notes = head.add(struct.pack("<I", len(entries) + 1) + bytes(4 * (len(entries) + 1)), 4)
    head.refer(top + 4 + 24, notes)
    for number, each in enumerate(entries):
        head.refer_to_model(notes + 4 + 4 * number, each.at)
    fields = head.add(struct.pack("<HHHH", 8, 12, 4, 8))
    note = head.add(struct.pack("<iII", head.next(4) - fields, 0, len(buffers)), 4)
    head.refer(notes + 4 + 4 * len(entries), note)
    head.refer(note + 4, head.add(struct.pack("<I", len(_NAME)) + _NAME + b"\0", 4))

    while (head.next(4) + 4) % _ALIGNMENT:
        head.add(bytes(4), 4)
    held = head.add(struct.pack("<I", len(description)) + description, 4)
    head.refer(buffer + 4, held)
    # The model's first 8 bytes, root and identifier, are replaced; all others move by a multiple
    # of 16, so that what was aligned stays aligned.
    while (len(head.data) - 8) % _ALIGNMENT:
        head.add(b"\0")
    old_root = struct.unpack_from("<I", data)[0]
    _HEAD.pack_into(head.data, 0, top, b"TFL3", _MARK, len(head.data), old_root)
    return head.finished(data)


class _Head:
    """The bytes of a new beginning, and the references out of it that are still to be written."""

    def __init__(self) -> None:
        self.data = bytearray(_HEAD.size)
        self._open: list[tuple[int, int]] = []

    def next(self, alignment: int) -> int:
        """Where the next part with this alignment will begin."""
        return math.ceil(len(self.data) / alignment) * alignment

    def add(self, part: bytes, alignment: int = 1) -> int:
        """Append a part and return where it begins."""
        at = self.next(alignment)
        self.data += bytes(at - len(self.data)) + part
        return at

    def put(self, at: int, number: int) -> None:
        """Write a whole number of 4 bytes."""
        struct.pack_into("<I", self.data, at, number)

    def refer(self, at: int, target: int) -> None:
        """Write a reference to a part of the new beginning."""
        self.put(at, target - at)

    def refer_to_model(self, at: int, target: int) -> None:
        """Note a reference to a place in the old file."""
        self._open.append((at, target))

    def finished(self, model: bytes) -> bytes:
        """The beginning and the model behind it."""
        shift = len(self.data) - 8
        for at, target in self._open:
            self.put(at, target + shift - at)
        return bytes(self.data) + model[8:]
