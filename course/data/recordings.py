"""Recordings of your own: a folder of labelled CSV and WAV files that nothing overwrites.

Each recording is a file of its own, in a sub-folder named after its label.  Sensor readings are
CSV, sounds are 16-bit mono WAV, and both open in any other program.  A file appears under its
name only when it is whole; two kernels can record into one folder, and a kernel that is killed
leaves at most an unfinished file behind, which is passed over and named.

>>> import tempfile
>>> recordings = Recordings(tempfile.mkdtemp())
>>> path = recordings.add("wing", np.zeros((100, 3)), sample_rate_hz=25, units="mg", person=1)
>>> path.parent.name
'wing'
>>> [(item.label, item.readings.shape, item.units) for item in recordings]
[('wing', (100, 3), 'mg')]

Files from elsewhere are welcome: put them into a sub-folder named after the label.  A CSV file
needs the line ``# sample_rate_hz: 25`` above its numbers.
"""

from __future__ import annotations

import array
import contextlib
import csv
import errno
import hashlib
import io
import math
import os
import re
import secrets
import struct
import time
import unicodedata
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from course.data.dataset import Dataset

__all__ = ["Recording", "Recordings", "RecordingsError"]

# An hour of six axes at 100 Hz is 17 MB of CSV, ten minutes of sound at 16 kHz 19 MB of WAV.
MOST_BYTES = 32 * 2**20
LONGEST_LABEL = 80

_FIRST_LINE = "on-device recording"
_UNFINISHED = ".part"
# A younger unfinished file may be one that another kernel is writing at this moment.
_UNFINISHED_AFTER_S = 10
# File systems take 255 bytes for a name; a third of it leaves room for long folders on Windows.
_LONGEST_FOLDER_NAME = 80
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)")
_FORBIDDEN = frozenset('<>:"/\\|?*%')
_HIGHEST_PERSON = 10**15 - 1
# No sensor has so many axes; one endless line would otherwise fill the memory.
_MOST_COLUMNS = 64
_AXES = ("x", "y", "z")
_NO_HARD_LINKS = {
    errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EXDEV,
    errno.EMLINK, errno.EINVAL,
}  # fmt: skip


class RecordingsError(Exception):
    """The folder cannot be read or written; the message says why and what to do."""


class _Refused(Exception):
    """One file cannot be used; the message ends a sentence that begins with its name."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording as it was read from its file.

    Attributes
    ----------
    path : Path
        The file.
    label : str
        What was recorded.
    readings : float32 array of shape (T, C), or int16 array of shape (T,)
        Sensor readings of a CSV file in `units`, or the samples of a WAV file.
    sample_rate_hz : float
        Readings per second.
    units : str
        Unit of the readings; empty if the file names none.
    person : int
        Who made it; 0 if the file names nobody.
    """

    path: Path
    label: str
    readings: np.ndarray
    sample_rate_hz: float
    units: str
    person: int

    @property
    def is_sound(self) -> bool:
        """Whether this is a sound from a WAV file."""
        return self.readings.ndim == 1

    def __repr__(self) -> str:
        seconds = len(self.readings) / self.sample_rate_hz
        return f"Recording of {self.label}: {seconds:.2f} s at {self.sample_rate_hz:g} Hz"


class Recordings:
    """A folder of labelled recordings, to which one can only add.

    Iterating reads one file after the other, in the order of label folder and time. A file that
    cannot be used is passed over, stays as it is, and is named in `notes`.

    Parameters
    ----------
    folder : str or Path
        Where the recordings lie. It is made when the first one is added.

    Attributes
    ----------
    folder : Path
        The folder.
    notes : tuple of str
        A sentence for each file that the latest reading passed over.

    Raises
    ------
    RecordingsError
        On iteration, if the folder cannot be listed.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()
        self.notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        count = sum(1 for path in self._listed() if _kind(path))
        return f"Recordings in {self.folder}: {count} file{'' if count == 1 else 's'}"

    def add(
        self,
        label: str,
        readings: Any,
        *,
        sample_rate_hz: float,
        units: str = "",
        person: int = 0,
    ) -> Path:
        """Write one recording to a new file and return its path.

        Parameters
        ----------
        label : str
            What was recorded, at most 80 characters of any script.
        readings : array_like of shape (T, C) or (T,)
            Finite numbers. A one-dimensional int16 array is a sound and becomes a WAV file;
            everything else becomes a CSV file with the precision of float32.
        sample_rate_hz : float
            Readings per second. A WAV file holds whole numbers only.
        units : str
            Unit of the readings, such as ``"mg"``. A WAV file has none.
        person : int
            A number for whoever made it, from 0.

        Raises
        ------
        ValueError
            If an argument cannot be written, with the reason.
        RecordingsError
            If the disk refuses; nothing that was there before is touched.
        """
        label = _clean(label, "label", LONGEST_LABEL)
        if not label:
            raise ValueError("The label is empty; name what was recorded.")
        units = _clean(units, "units", 20)
        rate = _rate(sample_rate_hz)
        if isinstance(person, bool) or not isinstance(person, int | np.integer):
            raise ValueError(f"person is {person!r}; it must be a whole number from 0.")
        if not 0 <= person <= _HIGHEST_PERSON:
            raise ValueError(f"person is {person}; it must be a whole number from 0.")
        values = np.asarray(readings)
        if values.ndim == 1 and values.dtype == np.int16:
            content, suffix = _wav(label, values, rate, int(person)), ".wav"
        else:
            content, suffix = _csv(label, values, rate, units, int(person)), ".csv"
        if len(content) > MOST_BYTES:
            raise ValueError(
                f"This recording would be a file of {_megabytes(len(content))}; "
                f"the limit is {_megabytes(MOST_BYTES)}. Add it in shorter pieces."
            )
        try:
            return self._write(folder_name(label), suffix, content)
        except OSError as error:
            raise RecordingsError(
                f"The recording could not be written to {self.folder} ({_reason(error)}). "
                "Recordings that were there before are untouched. Free the disk or mend the "
                "folder's permissions, then add it again."
            ) from error

    def __iter__(self) -> Iterator[Recording]:
        notes: list[str] = []
        self.notes = ()
        for path in self._listed():
            name = path.relative_to(self.folder).as_posix()
            try:
                if path.name.endswith(_UNFINISHED):
                    if time.time() - path.stat().st_mtime > _UNFINISHED_AFTER_S:
                        raise _Refused(
                            "was left unfinished by a kernel that stopped. You may delete it."
                        )
                elif _kind(path):
                    yield _read(path, inside=path.parent != self.folder)
            except FileNotFoundError:  # finished, or deleted, since the folder was listed
                continue
            except _Refused as refused:
                notes.append(f"{name} {refused} It was passed over and left as it is.")
            except OSError as error:
                notes.append(
                    f"{name} cannot be read ({_reason(error)}). "
                    "It was passed over and left as it is."
                )
            finally:
                self.notes = tuple(notes)

    def dataset(self, *, window: int, stride: int | None = None) -> Dataset:
        """Cut every recording into windows and return them as one data set.

        Files that were passed over, and recordings shorter than a window, are named in a printed
        line each and in `notes`.

        Parameters
        ----------
        window : int
            Readings in a window.
        stride : int, optional
            Readings from the start of a window to the start of the next; by default `window`.

        Returns
        -------
        Dataset
            Examples of the shape (N, window, C), or (N, window) for sounds; label names in
            alphabetical order.

        Raises
        ------
        ValueError
            If there is nothing to cut, or the recordings differ in kind, columns, units or
            sample rate.
        """
        from course.data.dataset import Dataset

        window = _count(window, "window")
        stride = window if stride is None else _count(stride, "stride")
        items = []
        short = []
        for item in self:
            if len(item.readings) < window:
                short.append(
                    f"{item.path.relative_to(self.folder).as_posix()} has "
                    f"{len(item.readings)} readings, a window needs {window}. "
                    "It was passed over and left as it is."
                )
            else:
                items.append(item)
        self.notes += tuple(short)
        for note in self.notes:
            print(note)
        if not items:
            raise ValueError(
                f"There is no recording of at least {window} readings in {self.folder} yet."
            )
        first = items[0]
        for what, of in _MUST_AGREE.items():
            values = list(dict.fromkeys(map(of, items)))
            if len(values) > 1:
                raise ValueError(
                    f"The recordings in {self.folder} differ in {what}: "
                    f"{' and '.join(str(value) for value in values[:4])}. "
                    "Keep each kind in a folder of its own."
                )
        cut = [_windows(item.readings, window, stride) for item in items]
        label_names = tuple(sorted({item.label for item in items}))
        counts = [len(part) for part in cut]
        examples = np.concatenate(cut)
        is_clip = first.is_sound and first.sample_rate_hz == 16_000
        return Dataset(
            name=self.folder.name or "recordings",
            examples=examples,
            labels=np.repeat([label_names.index(item.label) for item in items], counts).astype(
                np.int64
            ),
            label_names=label_names,
            person=np.repeat([item.person for item in items], counts).astype(np.int64),
            units="16-bit samples" if first.is_sound else first.units,
            sample_rate_hz=first.sample_rate_hz,
            description=f"{len(items)} of your own recordings, from {self.folder}.",
            licence="your own",
            sounds=tuple(examples) if is_clip else None,
        )

    def _listed(self) -> list[Path]:
        """Files of the folder and of its sub-folders, sorted; none if there is no folder."""
        found: list[Path] = []
        try:
            for entry in sorted(self.folder.iterdir()):
                if entry.is_dir():
                    # A sub-folder that cannot be opened holds nothing that could be read.
                    with contextlib.suppress(PermissionError):
                        found += sorted(entry.iterdir())
                else:
                    found.append(entry)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RecordingsError(
                f"The folder {self.folder} cannot be listed ({_reason(error)}). Choose a folder "
                "that you may read."
            ) from error
        return found

    def _write(self, folder: str, suffix: str, content: bytes) -> Path:
        """Write a new file whole or not at all, and over nothing."""
        target = self.folder / folder
        target.mkdir(parents=True, exist_ok=True)
        unfinished = target / f".{secrets.token_hex(8)}{_UNFINISHED}"
        try:
            with unfinished.open("xb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            while True:
                moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
                path = target / f"{moment}-{secrets.token_hex(4)}{suffix}"
                with contextlib.suppress(FileExistsError):
                    _publish(unfinished, path)
                    break
        finally:
            unfinished.unlink(missing_ok=True)
        _sync_folder(target)
        return path


def folder_name(label: str) -> str:
    """Return a folder name for a label that every file system takes, and different labels differ.

    Letters of any script stay; what a system forbids is written as ``%`` and its bytes.

    >>> folder_name("wing"), folder_name("../../etc"), folder_name("CON"), folder_name("flügel")
    ('wing', '%2E.%2F..%2Fetc', '%43ON', 'flügel')
    """
    label = unicodedata.normalize("NFC", label)
    last = len(label) - 1
    parts = [
        _escaped(sign)
        if sign in _FORBIDDEN
        or unicodedata.category(sign)[0] == "C"  # control and format characters
        or (at in (0, last) and sign in ". ")
        else sign
        for at, sign in enumerate(label)
    ]
    if _RESERVED.match(label):
        parts[0] = _escaped(label[0])
    name = "".join(parts)
    if len(name.encode()) > _LONGEST_FOLDER_NAME:
        short = name.encode()[: _LONGEST_FOLDER_NAME - 20].decode(errors="ignore")
        name = f"{short.rstrip('. ')}%{hashlib.sha256(label.encode()).hexdigest()[:16]}"
    return name


def _escaped(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode())


def _label_of(name: str) -> str:
    """Return the label that a folder name stands for."""
    encoded = name.encode("utf-8", "surrogateescape")
    decoded = re.sub(rb"%([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), encoded)
    return unicodedata.normalize("NFC", decoded.decode("utf-8", "replace"))


def _publish(unfinished: Path, path: Path) -> None:
    """Give a finished file its name; FileExistsError if the name is taken."""
    try:
        os.link(unfinished, path)
        return
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
    # No hard links here (memory cards, some network drives): claim the name, then move onto it.
    path.open("xb").close()
    os.replace(unfinished, path)


def _sync_folder(folder: Path) -> None:
    """Make a new name durable, where a folder can be synced: on POSIX."""
    if os.name != "posix":
        return
    # Some network file systems do not sync folders; the file itself is safe already.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# --- checking what is added ----------------------------------------------------------------


def _clean(text: Any, name: str, longest: int) -> str:
    if not isinstance(text, str):
        raise ValueError(f"{name} is {text!r}; it must be text.")
    clean = unicodedata.normalize("NFC", " ".join(text.split()))
    if len(clean) > longest:
        raise ValueError(
            f"The {name} has {len(clean)} characters; at most {longest} can be written."
        )
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in clean):
        raise ValueError(f"The {name} {clean!r} holds characters that cannot be written to a file.")
    return clean


def _rate(value: Any) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_rate_hz is {value!r}; it must be a number above 0.") from error
    if not (math.isfinite(rate) and 0 < rate <= 1e6):
        raise ValueError(f"sample_rate_hz is {value!r}; it must lie between 0 and 1,000,000.")
    return rate


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of readings from 1.")
    return int(value)


def _megabytes(count: int) -> str:
    return f"{count / 2**20:.1f} MB"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


# --- files ---------------------------------------------------------------------------------


def _csv(label: str, values: np.ndarray, rate: float, units: str, person: int) -> bytes:
    """Return the bytes of a CSV file: lines of facts after ``#``, names of columns, numbers."""
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or not values.size or values.dtype.kind not in "iufb":
        raise ValueError(
            f"The readings have the shape {values.shape} and the type {values.dtype}; they must "
            "be numbers of the shape (T, C), one row for each moment."
        )
    if values.size * 2 > MOST_BYTES:  # two bytes at least for each number
        raise ValueError(
            f"These are {values.size:,} numbers; their file would be larger than the limit of "
            f"{_megabytes(MOST_BYTES)}. Add them in shorter pieces."
        )
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("Every reading must be a finite number; these hold NaN or infinity.")
    columns = values.shape[1]
    names = _AXES if columns == len(_AXES) else [f"axis {n + 1}" for n in range(columns)]
    out = io.StringIO(newline="")
    out.write(f"# {_FIRST_LINE}\n# label: {label}\n# person: {person}\n")
    out.write(f"# sample_rate_hz: {rate!r}\n# units: {units}\n# readings: {len(values)}\n")
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow([f"{name} ({units})" if units else name for name in names])
    # Nine significant digits bring every float32 back.
    rows.writerows([f"{value:.9g}" for value in row] for row in values.tolist())
    return out.getvalue().encode()


def _wav(label: str, samples: np.ndarray, rate: float, person: int) -> bytes:
    """Return the bytes of a 16-bit mono WAV file with its label and person in an INFO list."""
    if not samples.size:
        raise ValueError("The sound is empty.")
    if rate != int(rate):
        raise ValueError(f"sample_rate_hz is {rate}; a WAV file needs a whole number.")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(int(rate))
        file.writeframes(samples.astype("<i2").tobytes())
    # The name of the piece and its artist, in the words of RIFF.
    info = b"INFO" + b"".join(
        _chunk(kind, text.encode() + b"\0")
        for kind, text in ((b"INAM", label), (b"IART", f"{person}"))
    )
    content = out.getvalue() + _chunk(b"LIST", info)
    return content[:4] + struct.pack("<I", len(content) - 8) + content[8:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return suffix if suffix in (".csv", ".wav") and not path.name.startswith(".") else ""


def _read(path: Path, *, inside: bool) -> Recording:
    """Read one file.

    Parameters
    ----------
    path : Path
        The file.
    inside : bool
        Whether it lies in a sub-folder, whose name is then a label.

    Raises
    ------
    _Refused
        If it cannot be used.
    """
    if not path.is_file():
        raise _Refused("is not a file.")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _Refused(
            f"is larger than the limit of {_megabytes(MOST_BYTES)}. Cut it into shorter pieces."
        )
    if not content:
        raise _Refused("is empty.")
    parse = _parse_csv if _kind(path) == ".csv" else _parse_wav
    facts, readings, rate = parse(content)
    person = facts.get("person", "0")
    if not re.fullmatch(r"[0-9]{1,15}", person):
        raise _Refused(f"names the person {person[:40]!r}; that must be a whole number from 0.")
    try:
        label = _clean(facts.get("label", ""), "label", LONGEST_LABEL)
        units = _clean(facts.get("units", ""), "units", 20)
        if inside:
            # The label inside a file is exact. Whoever moves the file to another folder has
            # given it another label, and means it.
            folder = unicodedata.normalize("NFC", path.parent.name)
            if not label or folder_name(label).casefold() != folder.casefold():
                label = _clean(_label_of(folder), "label", LONGEST_LABEL)
    except ValueError as error:
        raise _Refused(f"cannot be used: {error}") from error
    if not label:
        raise _Refused("has no label. Move it into a sub-folder named after what was recorded.")
    return Recording(path, label, readings, rate, units, int(person))


def _parse_csv(content: bytes) -> tuple[dict[str, str], np.ndarray, float]:
    facts: dict[str, str] = {}
    numbers = array.array("d")
    columns = rows = 0
    titles_may_come = True
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig")
    try:
        for place, line in enumerate(lines, 1):
            if line.startswith("#"):
                key, colon, value = line[1:].partition(":")
                if colon and not rows:
                    facts[key.strip()] = value.strip()
            elif line.strip():
                cells = line.split(",", _MOST_COLUMNS)
                if len(cells) > _MOST_COLUMNS:
                    raise _Refused(f"has more than {_MOST_COLUMNS} columns in line {place}.")
                wrong = next((cell for cell in cells if not _is_number(cell)), None)
                if wrong is None:
                    columns = columns or len(cells)
                    if len(cells) != columns:
                        raise _Refused(
                            f"has {len(cells)} columns in line {place}, but {columns} before it."
                        )
                    numbers.extend(map(float, cells))
                    rows += 1
                elif not titles_may_come:
                    raise _Refused(
                        f"holds {wrong.strip()[:40]!r} in line {place}, which is no number."
                    )
                titles_may_come = False
    except UnicodeDecodeError as error:
        raise _Refused("is not UTF-8 text.") from error
    if not rows:
        raise _Refused("holds no readings.")
    said = facts.get("readings", str(rows))
    if "readings" in facts and not content.endswith(b"\n"):
        raise _Refused("stops in the middle of its last line.")
    if said != str(rows):
        raise _Refused(f"holds {rows} readings but promises {said[:20]}; its end is missing.")
    with np.errstate(over="ignore"):
        readings = np.frombuffer(numbers).astype(np.float32).reshape(rows, columns)
    if not np.isfinite(readings).all():
        raise _Refused("holds a reading that is not a finite number.")
    if "sample_rate_hz" not in facts:
        raise _Refused(
            'does not say its rate. Write a line such as "# sample_rate_hz: 25" at its top.'
        )
    try:
        rate = _rate(facts["sample_rate_hz"])
    except ValueError as error:
        raise _Refused(f"cannot be used: {error}") from error
    return facts, readings, rate


def _is_number(cell: str) -> bool:
    if "_" in cell:  # Python's own way of writing thousands
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parse_wav(content: bytes) -> tuple[dict[str, str], np.ndarray, float]:
    try:
        with wave.open(io.BytesIO(content), "rb") as file:
            channels, width, rate, frames = file.getparams()[:4]
            data = file.readframes(frames)
    except (wave.Error, EOFError, struct.error, ValueError, RuntimeError) as error:
        raise _Refused(f"is not a whole WAV file ({error or 'it ends too early'}).") from error
    if (channels, width) != (1, 2):
        raise _Refused(
            f"has {channels} channel{'' if channels == 1 else 's'} of {8 * width} bits. Save it as "
            "16-bit mono."
        )
    if not frames or len(data) != 2 * frames:
        raise _Refused(f"holds {len(data) // 2} samples but promises {frames}; its end is missing.")
    try:
        checked = _rate(rate)
    except ValueError as error:
        raise _Refused(f"cannot be used: {error}") from error
    return _info(content), np.frombuffer(data, "<i2").astype(np.int16), checked


def _info(content: bytes) -> dict[str, str]:
    """Return label and person from a WAV file's INFO list; nothing where there is none."""
    facts: dict[str, str] = {}
    names = {b"INAM": "label", b"IART": "person"}
    for kind, start, end in _chunks(content, 12, len(content)):
        if kind == b"LIST" and content[start : start + 4] == b"INFO":
            for inner, first, last in _chunks(content, start + 4, end):
                if inner in names:
                    text = content[first:last].rstrip(b"\0").decode("utf-8", "replace")
                    facts[names[inner]] = text
    # Another program's artist is a name, not a number.
    if not facts.get("person", "0").isascii() or not facts.get("person", "0").isdigit():
        del facts["person"]
    return facts


def _chunks(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, start and end of each RIFF chunk between two places."""
    while start + 8 <= end:
        (size,) = struct.unpack_from("<I", content, start + 4)
        yield content[start : start + 4], start + 8, min(start + 8 + size, end)
        start += 8 + size + size % 2


_MUST_AGREE = {
    "kind": lambda item: "sounds" if item.is_sound else "sensor readings",
    "number of columns": lambda item: item.readings.shape[1:],
    "units": lambda item: item.units or "no units",
    "sample rate": lambda item: f"{item.sample_rate_hz:g} Hz",
}


def _windows(readings: np.ndarray, window: int, stride: int) -> np.ndarray:
    """Return windows of the shape (N, window, …), each a copy of its own."""
    starts = range(0, len(readings) - window + 1, stride)
    return np.stack([readings[start : start + window] for start in starts])
