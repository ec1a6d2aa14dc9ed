"""UCI HAR: thirty people with a phone at the waist, six activities."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from course.data.dataset import Dataset
from course.data.public.archives import Archive, calm, opened
from course.data.public.choosing import balanced
from course.data.public.errors import ArchiveError

# All figures: README.txt of the data set.
SAMPLE_RATE_HZ = 50
WINDOW = 128
_PEOPLE = 30
_LABELS = 6
_PARTS = ("train", "test")
_SIGNALS = {"total": "total_acc", "body": "body_acc"}


def read(
    path: Path,
    *,
    name: str,
    licence: str,
    limit: int | None = None,
    seed: int = 0,
    signal: str = "total",
    part: str | None = None,
) -> Dataset:
    """Read the windows of acceleration from the archive.

    Parameters
    ----------
    path : Path
        Zip archive that holds the data set in a zip archive of its own.
    name, licence : str
    limit, seed
        See :func:`course.data.public.load`.
    signal : str
        ``"total"``, as the sensor reads it, or ``"body"``, without gravity.
    part : str, optional
        ``"train"`` or ``"test"``, the authors' own split (nobody is in both); by default all.

    Returns
    -------
    Dataset
        Windows of 2.56 s, shape (N, 128, 3), float32, in g along x, y and z, at 50 Hz.
        Neighbouring windows of the training part share half of their readings.
        `person` is the authors' number of the subject, 1 to 30.

    Raises
    ------
    ArchiveError
        If the archive is damaged or not what it should be.
    ValueError
        If there is no such signal or part.
    """
    if signal not in _SIGNALS:
        raise ValueError(f"There is no signal {signal!r}; there are {', '.join(_SIGNALS)}.")
    if part not in (None, *_PARTS):
        raise ValueError(f"There is no part {part!r}; there are {', '.join(_PARTS)}.")
    with opened(path) as outer:
        inner = [member for member in outer.names if member.endswith("UCI HAR Dataset.zip")]
        if len(inner) != 1:
            raise ArchiveError(f"{path.name} has no member UCI HAR Dataset.zip.")
        content = outer.only(inner[0])
    with opened(content, "UCI HAR Dataset.zip") as archive:
        label_names = _label_names(archive)
        read_parts = [_part(archive, which, signal) for which in (_PARTS if not part else [part])]
    windows, labels, person = (np.concatenate(columns) for columns in zip(*read_parts, strict=True))
    chosen = balanced(labels, limit, seed)
    gravity = "" if signal == "total" else " without gravity"
    return Dataset(
        name=name,
        examples=windows[chosen],
        labels=labels[chosen],
        label_names=label_names,
        person=person[chosen],
        units="g",
        sample_rate_hz=SAMPLE_RATE_HZ,
        description=(
            f"Recorded acceleration{gravity} of a phone at the waist during six activities. "
            "Windows of 2.56 s, UCI HAR (Anguita and others, 2013)."
        ),
        licence=licence,
    )


def _label_names(archive: Archive) -> tuple[str, ...]:
    member = _find(archive, "activity_labels.txt")
    with calm(f"{member} in {archive.name}"):
        lines = [line.split() for line in archive.only(member).decode("ascii").splitlines()]
        names = {int(number): name for number, name in (line for line in lines if line)}
        if sorted(names) != list(range(1, _LABELS + 1)):
            raise ValueError(f"{len(names)} labels instead of {_LABELS}")
    return tuple(names[number].lower().replace("_", " ") for number in sorted(names))


def _part(archive: Archive, part: str, signal: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = _column(archive, f"{part}/y_{part}.txt", _LABELS) - 1
    person = _column(archive, f"{part}/subject_{part}.txt", _PEOPLE)
    windows = np.empty((len(labels), WINDOW, 3), dtype=np.float32)
    for axis, letter in enumerate("xyz"):
        ending = f"{part}/Inertial Signals/{_SIGNALS[signal]}_{letter}_{part}.txt"
        windows[..., axis] = _table(archive, ending, (len(labels), WINDOW))
    if len(person) != len(labels):
        raise ArchiveError(
            f"The {part}ing part of {archive.name} has {len(labels)} labels, but "
            f"{len(person)} subjects."
        )
    return windows, labels, person


def _column(archive: Archive, ending: str, most: int) -> np.ndarray:
    member = _find(archive, ending)
    with calm(f"{member} in {archive.name}"):
        numbers = np.array([int(word) for word in archive.only(member).split()], dtype=np.int64)
        if not len(numbers) or numbers.min() < 1 or numbers.max() > most:
            raise ValueError(f"whole numbers from 1 to {most} were expected")
    return numbers


def _table(archive: Archive, ending: str, shape: tuple[int, int]) -> np.ndarray:
    member = _find(archive, ending)
    with calm(f"{member} in {archive.name}"):
        text = io.StringIO(archive.only(member).decode("ascii"))
        table = np.loadtxt(text, dtype=np.float32, ndmin=2)
        if table.shape != shape:
            raise ValueError(f"{table.shape[0]} × {table.shape[1]} instead of {shape[0]} × 128")
        if not np.isfinite(table).all():
            raise ValueError("not all of its values are numbers")
    return table


def _find(archive: Archive, ending: str) -> str:
    found = [member for member in archive.names if f"/{member}".endswith(f"/{ending}")]
    if not found:
        raise ArchiveError(f"{archive.name} has no member {ending}.")
    return found[0]
