"""Kinds of evidence and the files that carry them: JSON and raw numbers, never pickle.

A learner's answer becomes a plain value (numbers, text, lists, dicts, NumPy arrays) or a file.
It is written to a folder as ``evidence.json`` and ``arrays.bin``, and read back by a process that
trusts nothing in that folder: types, shapes, sizes and counts are checked before memory is used.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import stat
import zipfile
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from typing import Any

import numpy as np

#: What is said of a check that left nothing behind.
NO_EVIDENCE = "There is no evidence: the check's cell did not finish."
#: Most bytes of numbers in one piece of evidence.
MAX_ARRAY_BYTES = 64 << 20
#: Most bytes of JSON in one piece of evidence: its most values, with all digits. Reading that much
#: of forged empty lists takes 1 s and 250 MB.
MAX_JSON_BYTES = 8 << 20
#: Most characters of text in one piece of evidence.
MAX_TEXT = MAX_JSON_BYTES // 8
#: Most values (list items, dict entries, calls) in one piece of evidence.
MAX_NODES = 400_000
#: Largest whole number, either way; a hash or a product of primes fits.
MAX_WHOLE = 2**256
#: Deepest nesting of lists and dicts.
MAX_DEPTH = 24
#: Most files and folders in a `Folder`.
MAX_FILES = 500

_NUMBERS = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"
_DTYPES = {name: np.dtype(name) for name in _NUMBERS.split()}


# Control characters, line and paragraph separators, marks that turn the direction of writing, and
# halves of surrogate pairs: they move a terminal's cursor, or cannot be encoded.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


class EvidenceError(ValueError):
    """Evidence that cannot be written or read; the message is meant for the learner."""


def printable(text: str) -> str:
    """A learner's text on one line, safe to print on a terminal and to write to any file.

    >>> printable("a\\n\\tb \\x1b[2J")
    'a b \ufffd[2J'
    """
    return _UNPRINTABLE.sub(lambda found: " " if found[0].isspace() else "\ufffd", text)


@dataclass(frozen=True)
class Raised:
    """A learner's function raised, or its result could not be kept.

    Attributes
    ----------
    kind : the exception's class name, cut to 60 characters.
    message : its text, cut to 300 characters.
    line : line number in the cell of the learner's function, 0 when unknown.
    """

    kind: str
    message: str
    line: int = 0

    @classmethod
    def from_exception(cls, error: BaseException) -> Raised:
        """What a learner reads about an exception of theirs, however odd its class is."""
        try:
            message, line = _cut(str(error), 300), _line_of(error)
        except BaseException as second:  # a learner's exception class may have a broken __str__
            message, line = f"(its message raised {_class_name(second)})", 0
        return cls(_class_name(error), message, line)


def _line_of(error: BaseException) -> int:
    frames = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    theirs = [(file, line) for file, line in frames if file != __file__]
    # A line of a library that the function called would send the learner to the wrong place.
    return next((line for file, line in reversed(theirs) if file == theirs[0][0]), 0)


def _class_name(value: Any) -> str:
    # A metaclass can give its classes any `__name__`; this is the one they were made with.
    return _cut(type.__dict__["__name__"].__get__(type(value)), 60)


def _cut(text: str, length: int) -> str:
    # A subclass of str answers text[:length] as it likes.
    return str.__getitem__(text, slice(length))


@dataclass(frozen=True)
class ModelFile:
    """A model that a learner handed in, as bytes on disk.

    Attributes
    ----------
    path : the file.
    format : ``"tflite"`` or ``"keras"``.
    """

    path: Path
    format: str

    @property
    def bytes(self) -> bytes:
        """The file's content."""
        return self.path.read_bytes()

    def run(self, batch: np.ndarray, *, engine: str = "reference") -> np.ndarray:
        """Outputs of the model for a batch.

        Call it only in a judge's child process: Keras opens a hostile file in this very process.

        Parameters
        ----------
        batch : (N, …) array, one example a row: real numbers, which a quantized ``.tflite`` gets
            quantized and answers in real numbers, or integers as its input stores them.
        engine : on which a ``.tflite`` runs, see `course.tflite.Runner`.

        Returns
        -------
        (N, …) array of the first output.

        Raises
        ------
        EvidenceError
            When a ``.tflite`` cannot run these examples.
        """
        batch = np.asarray(batch)
        if self.format == "keras":
            return np.asarray(self._keras(batch))
        from course.tflite import ModelError, Runner

        try:
            with Runner(self.bytes, engine=engine, isolated=True) as runner:
                outputs = runner.predict(batch) if batch.dtype.kind == "f" else runner(batch)
        except ModelError as error:
            raise EvidenceError(str(error)) from error
        return outputs[0] if isinstance(outputs, tuple) else outputs

    @property
    def parameters(self) -> int:
        """Weights and biases of a Keras model; call it where `run` may be called."""
        return int(self._keras.count_params())

    @cached_property
    def _keras(self) -> Any:
        import keras

        return keras.models.load_model(self.path, compile=False, safe_mode=True)


# --- plain values and their files -------------------------------------------------------------


class _Amount:
    """How much one piece of evidence holds so far; the limits keep it from filling memory."""

    def __init__(self) -> None:
        self.values = self.letters = self.bytes = 0

    def add(self, values: int = 0, *, letters: int = 0, bytes: int = 0) -> None:
        self.values += values
        self.letters += letters
        self.bytes += bytes
        if self.values > MAX_NODES:
            raise EvidenceError("The answer holds too many values to be checked.")
        if self.letters > MAX_TEXT:
            raise EvidenceError("The answer holds too much text to be checked.")
        if self.bytes > MAX_ARRAY_BYTES:
            raise EvidenceError(
                f"The answer holds {self.bytes / 1e6:.0f} MB of arrays, "
                f"the limit is {MAX_ARRAY_BYTES / 1e6:.0f} MB."
            )


def plain(value: Any) -> Any:
    """A copy of ``value`` made only of trusted types.

    Numbers, text, ``None``, lists, tuples (as lists), dicts with text keys and NumPy arrays pass;
    anything with ``__array__`` (a TensorFlow tensor, say) becomes an array.

    Raises
    ------
    EvidenceError
        For any other type, and for values that are too large or too deep.
    """
    return _plain(value, _Amount(), 0)


def _plain(value: Any, amount: _Amount, depth: int) -> Any:
    amount.add(1)
    if depth > MAX_DEPTH:
        raise EvidenceError("The answer is nested too deeply to be checked.")
    kind = type(value)
    if value is None or kind in (bool, float):
        return value
    if kind is str:
        amount.add(letters=len(value))
        return value
    if kind is int:
        if abs(value) > MAX_WHOLE:
            raise EvidenceError("The answer is a whole number too large to be checked.")
        return value
    if kind in (list, tuple):
        return [_plain(item, amount, depth + 1) for item in value]
    if kind is dict:
        if not all(type(key) is str for key in value):
            raise EvidenceError("The answer is a dict whose keys are not text.")
        amount.add(letters=sum(map(len, value)))
        return {key: _plain(item, amount, depth + 1) for key, item in value.items()}
    if isinstance(value, np.generic) or hasattr(value, "__array__"):
        array = np.asarray(value)  # no copy yet: a view of one number may claim to be a terabyte
        amount.add(bytes=array.nbytes)
        if array.dtype.kind == "U":
            return _plain(array.tolist(), amount, depth)
        if array.dtype.name not in _DTYPES:
            raise EvidenceError(f"The answer is an array of dtype {array.dtype}, not of numbers.")
        array = np.array(
            array, _DTYPES[array.dtype.name], order="C"
        )  # in this machine's byte order
        return array.item() if isinstance(value, np.generic) else array
    raise EvidenceError(f"The answer is {describe(value)}, which is not numbers, text or an array.")


def describe(value: Any) -> str:
    """A value in a few words for a finding: type, shape, and the value when it is short."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, Raised):
        return f"{value.kind}: {value.message}" if value.message else value.kind
    if isinstance(value, np.ndarray):
        shape = "×".join(map(str, value.shape)) or "scalar"
        return f"an array of shape {shape}, dtype {value.dtype}"
    if type(value) in (list, dict, tuple):
        return f"a {type(value).__name__} of {len(value)} item{'s' * (len(value) != 1)}"
    if type(value) is str:
        return repr(value if len(value) <= 60 else value[:57] + "…")
    if type(value) is bool:
        return str(value)
    if type(value) is float:
        return f"{value:.6g}"
    if type(value) is int:
        return str(value) if abs(value) < 10**15 else "a very large whole number"
    name = _class_name(value)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def save(folder: Path, value: Any) -> None:
    """Write a plain value (see `plain`; `Raised` may stand anywhere) to a new folder.

    Raises
    ------
    EvidenceError
        When it is larger than `MAX_JSON_BYTES` or `MAX_ARRAY_BYTES`.
    """
    blobs: list[bytes] = []
    offset = 0

    def encode(node: Any) -> Any:
        nonlocal offset
        if isinstance(node, Raised):
            return {"raised": asdict(node)}
        if isinstance(node, np.ndarray):
            data = node.tobytes()
            blobs.append(data)
            record = {"dtype": node.dtype.name, "shape": list(node.shape), "offset": offset}
            offset += len(data)
            return {"array": record}
        if type(node) is float and not math.isfinite(node):
            return {"float": repr(node)}
        if type(node) in (list, tuple):
            return [encode(item) for item in node]
        if type(node) is dict:
            return {"dict": [[key, encode(item)] for key, item in node.items()]}
        return node

    text = json.dumps(encode(value), allow_nan=False).encode()
    if len(text) > MAX_JSON_BYTES or offset > MAX_ARRAY_BYTES:
        raise EvidenceError("The answers together are too large to be checked.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "arrays.bin").write_bytes(b"".join(blobs))
    # Written last: its presence says that the evidence is whole.
    (folder / "evidence.json").write_bytes(text)


def load(folder: Path) -> Any:
    """Read what `save` wrote, trusting nothing.

    Raises
    ------
    EvidenceError
        When files are missing, too large, or not what `save` writes.
    """
    text = read_regular(folder / "evidence.json", MAX_JSON_BYTES)
    try:
        tree = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise EvidenceError("The evidence is not the JSON that a check writes.") from error
    data = read_regular(folder / "arrays.bin", MAX_ARRAY_BYTES)
    return _decode(tree, data, _Amount(), 0)


def _decode(node: Any, data: bytes, amount: _Amount, depth: int) -> Any:
    amount.add(1)
    if depth > MAX_DEPTH:
        raise EvidenceError("The evidence is nested too deeply.")
    if isinstance(node, list):
        return [_decode(item, data, amount, depth + 1) for item in node]
    if type(node) is int and abs(node) > MAX_WHOLE:
        raise EvidenceError("The evidence holds a number that is too large.")
    if not isinstance(node, dict):
        return node
    match node:
        case {"dict": list(pairs)} if len(node) == 1 and all(map(_is_pair, pairs)):
            return {key: _decode(item, data, amount, depth + 1) for key, item in pairs}
        case {"float": "nan" | "inf" | "-inf" as name} if len(node) == 1:
            return float(name)
        case {"raised": {"kind": str(kind), "message": str(message), "line": line}} if (
            len(node) == 1
        ):
            known = type(line) is int and 0 <= line < 10**9
            return Raised(kind[:60], message[:300], line if known else 0)
        case {"array": dict(record)} if len(node) == 1:
            return _array(record, data, amount)
    raise EvidenceError("The evidence holds a record of no known kind.")


def _is_pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and type(item[0]) is str


def _array(record: dict, data: bytes, amount: _Amount) -> np.ndarray:
    name, shape, offset = (record.get(key) for key in ("dtype", "shape", "offset"))
    if (
        type(name) is not str
        or name not in _DTYPES
        or not isinstance(shape, list)
        or len(shape) > MAX_DEPTH
        or not all(type(n) is int and 0 <= n <= MAX_ARRAY_BYTES for n in shape)
        # NumPy refuses such a shape even where a zero in it makes the array empty.
        or math.prod(n or 1 for n in shape) > MAX_ARRAY_BYTES
        or type(offset) is not int
        or offset < 0
    ):
        raise EvidenceError("The evidence holds an array with an impossible shape or dtype.")
    dtype, size = _DTYPES[name], math.prod(shape)
    if offset + size * dtype.itemsize > len(data):
        raise EvidenceError("The evidence holds an array that is larger than its data.")
    # Counted before it is copied: many arrays may claim the same data.
    amount.add(bytes=size * dtype.itemsize)
    array = np.frombuffer(data, dtype, size, offset)
    if name == "bool":  # a forged byte may be neither 0 nor 1, and NumPy computes nonsense with it
        array = array.view(np.uint8) != 0
    return array.reshape(shape).copy()


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a file that a learner's process may have put there.

    Raises
    ------
    EvidenceError
        When it is missing, larger than ``limit`` bytes, or a link, a pipe or a folder.
    """
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise EvidenceError("The evidence is not a regular file.")
        if status.st_size > limit:
            size, most = status.st_size / 1e6, limit / 1e6
            raise EvidenceError(f"The evidence is {size:.0f} MB, the limit is {most:.0f} MB.")
        return path.read_bytes()
    except OSError as error:
        raise EvidenceError(NO_EVIDENCE) from error


# --- the kinds --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """What a check collects in the learner's kernel and what its judge reads back."""

    #: Judged in a child process with limits, because reading it can harm the reader.
    isolated = False

    def manifest(self) -> dict[str, Any]:
        """The little that collecting needs to know, and all of it that a sandbox may see."""
        limits = {"max_bytes": self.max_bytes} if hasattr(self, "max_bytes") else {}
        return {"kind": type(self).__name__, **limits}

    @staticmethod
    def from_manifest(record: dict[str, Any]) -> Evidence:
        """The evidence kind that `manifest` described, able to collect but not to judge."""
        limits = {key: value for key, value in record.items() if key != "kind"}
        return KINDS[record["kind"]](**limits)

    def collect(self, answer: Any, calls: list[tuple] | None, folder: Path) -> None:
        """Write the evidence for ``answer`` to ``folder``, or raise `EvidenceError`."""
        save(folder, self.observe(answer, calls))

    def observe(self, answer: Any, calls: list[tuple] | None) -> Any:
        """The evidence as a plain value, without files (only for kinds that are not isolated)."""
        raise NotImplementedError

    def read(self, folder: Path) -> Any:
        """What the judge receives."""
        return load(folder)


@dataclass(frozen=True)
class Value(Evidence):
    """A value that the learner computed.

    Parameters
    ----------
    expect : what type and shape the judge wants, see `autograder.expect`; wrong ones are answered
        before the judge sees them.
    """

    expect: Any = None

    def observe(self, answer: Any, calls: list[tuple] | None) -> Any:
        return plain(answer)


@dataclass(frozen=True)
class Calls(Evidence):
    """A learner's function, called on every tuple of arguments that the check's inputs hold.

    The judge receives the list of results, in order. Each call gets a copy of its arguments, so
    that a function which changes them harms nobody.

    Parameters
    ----------
    returns : what type and shape each result must have, see `autograder.expect`.
    """

    returns: Any = None

    def observe(self, answer: Any, calls: list[tuple] | None) -> Any:
        if not callable(answer):
            raise EvidenceError(f"The check needs a function, and got {describe(answer)}.")
        results: list[Any] = []
        amount = _Amount()
        for arguments in calls or ():
            try:
                # The sandbox's inputs went through a file; these are made the same way.
                results.append(_plain(answer(*plain(arguments)), amount, 1))
            except EvidenceError as error:
                results.append(Raised("Unusable result", str(error)))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit and friends of a learner's function
                results.append(Raised.from_exception(error))
            # A function that has only ever raised will go on: the rest need not be waited for.
            if len(results) >= 3 and all(isinstance(result, Raised) for result in results):
                results += [results[-1]] * (len(calls or ()) - len(results))
                break
        return results


@dataclass(frozen=True)
class Quiz(Evidence):
    """One choice of several.

    Parameters
    ----------
    question : one sentence.
    options : letter → text.
    answer : the right letter.
    why : letter → what to say to a learner who chose it (the right one too).
    """

    question: str = ""
    options: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    why: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.options and (self.answer not in self.options or set(self.why) != set(self.options)):
            raise ValueError("A quiz needs its answer among its options and a why for each option.")

    def observe(self, answer: Any, calls: list[tuple] | None) -> Any:
        return answer if type(answer) is str and len(answer) <= 100 else describe(answer)


@dataclass(frozen=True)
class Model(Evidence):
    """A model: a Keras model, a path to ``.tflite`` or ``.keras``, or the bytes of a file.

    The judge receives a `ModelFile` and runs in a child process.

    Parameters
    ----------
    max_bytes : largest file that is accepted.
    """

    isolated = True
    max_bytes: int = 32 << 20

    def collect(self, answer: Any, calls: list[tuple] | None, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / "draft.keras"
        if isinstance(answer, (str, Path)):
            path = Path(answer)
            if not path.is_file():
                raise EvidenceError(f"There is no model file {str(path)[:100]!r}.")
            if path.stat().st_size > self.max_bytes:
                raise EvidenceError(self._too_large(path.stat().st_size))
            data = path.read_bytes()
        elif isinstance(answer, (bytes, bytearray)):
            data = answer
        elif any(base.__module__.split(".")[0] == "keras" for base in type(answer).__mro__):
            answer.save(draft)
            data = draft.read_bytes()
            draft.unlink()
        else:
            raise EvidenceError(f"The check needs a model, and got {describe(answer)}.")
        if len(data) > self.max_bytes:
            raise EvidenceError(self._too_large(len(data)))
        (folder / f"model.{self._format(data)}").write_bytes(data)

    def read(self, folder: Path) -> ModelFile:
        for format in ("tflite", "keras"):
            path = folder / f"model.{format}"
            if path.exists() or path.is_symlink():
                data = read_regular(path, self.max_bytes)
                if self._format(data) != format:
                    raise EvidenceError(f"The file is not a .{format} model.")
                if format == "keras":
                    self._unpacks_to_little(path)
                return ModelFile(path, format)
        raise EvidenceError(NO_EVIDENCE)

    def _too_large(self, size: int) -> str:
        return f"The model is {size / 1e6:.1f} MB, the limit is {self.max_bytes / 1e6:.1f} MB."

    def _unpacks_to_little(self, path: Path) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                # zipfile unpacks no more than a member says here.
                size = sum(member.file_size for member in archive.infolist())
        except Exception as error:  # zipfile raises many kinds for a broken archive
            raise EvidenceError("The .keras file is damaged.") from error
        if size > 4 * self.max_bytes:
            raise EvidenceError(f"The .keras file unpacks to {size / 1e6:.0f} MB.")

    @staticmethod
    def _format(data: bytes) -> str:
        # The flatbuffer identifier stands at byte 4; a .keras file is a zip archive.
        if data[4:8] == b"TFL3":
            return "tflite"
        if data[:4] == b"PK\x03\x04":
            return "keras"
        raise EvidenceError("The file is neither a .tflite nor a .keras model.")


@dataclass(frozen=True)
class ModelAndCalls(Model):
    """A model and a function of the learner's, handed in as a pair: ``(model, function)``.

    For what must agree: a file and the outputs that its maker got. The judge receives a
    `ModelFile` and the function's results on the check's inputs, as with `Calls`.

    Parameters
    ----------
    max_bytes : largest file that is accepted.
    returns : what type and shape each result must have, see `autograder.expect`.
    """

    returns: Any = None

    def collect(self, answer: Any, calls: list[tuple] | None, folder: Path) -> None:
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise EvidenceError(
                f"The check needs a pair, a model and a function, and got {describe(answer)}."
            )
        model, function = answer
        super().collect(model, calls, folder)
        save(folder / "outputs", Calls().observe(function, calls))

    def read(self, folder: Path) -> tuple[ModelFile, Any]:
        return super().read(folder), load(folder / "outputs")


@dataclass(frozen=True)
class Folder(Evidence):
    """A folder of files, such as a web app or a sketch. The judge receives its path.

    Parameters
    ----------
    max_bytes : most bytes of all files together.
    """

    isolated = True
    max_bytes: int = 64 << 20

    def collect(self, answer: Any, calls: list[tuple] | None, folder: Path) -> None:
        if not isinstance(answer, (str, Path)) or not Path(answer).is_dir():
            raise EvidenceError(
                f"The check needs the path of a folder, and got {describe(answer)}."
            )
        origin = Path(answer)
        target = folder / "files"
        for path in self._files(origin):
            copy = target / path.relative_to(origin)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        target.mkdir(parents=True, exist_ok=True)

    def read(self, folder: Path) -> Path:
        target = folder / "files"
        if target.is_symlink() or not target.is_dir():
            raise EvidenceError(NO_EVIDENCE)
        self._files(target)
        return target

    def _files(self, origin: Path) -> list[Path]:
        files: list[Path] = []
        waiting, seen, total = [origin], 0, 0
        # Stops at the first entry that is too much: the folder may be a whole disk.
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    name = entry.name[:80]
                    if entry.is_symlink():
                        raise EvidenceError(f"The folder holds a link, {name!r}; use plain files.")
                    if entry.is_dir():
                        waiting.append(Path(entry.path))
                    elif entry.is_file():
                        files.append(Path(entry.path))
                        total += entry.stat().st_size
                    else:
                        raise EvidenceError(f"The folder holds {name!r}, which is no plain file.")
                    seen += 1
                    if seen > MAX_FILES or total > self.max_bytes:
                        raise EvidenceError(
                            f"The folder is too large: at most {MAX_FILES} files and folders "
                            f"and {self.max_bytes / 1e6:.0f} MB."
                        )
        return sorted(files)


KINDS = {kind.__name__: kind for kind in (Calls, Value, Model, ModelAndCalls, Folder, Quiz)}
