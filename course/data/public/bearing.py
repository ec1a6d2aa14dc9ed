"""CWRU bearings: vibration of an electric motor with a sound and with a damaged bearing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from course.data.dataset import Dataset, whole_number
from course.data.public import mat
from course.data.public.archives import calm
from course.data.public.choosing import balanced

LABELS = ("normal", "inner")
SAMPLE_RATE_HZ = 12_000
# Which recording shows what: the tables of the Case Western Reserve University Bearing Data
# Center, motor without load, 1,797 turns a minute, damage 0.007 inch across.
_RECORDINGS = {97: "normal", 105: "inner"}
# The recordings of sound bearings hold 5 s at 48 kHz, the others 10 s at 12 kHz: the same
# number of readings would else be told apart by their rate alone.
_RATES_HZ = {97: 48_000, 105: 12_000}
# One machine has no people: neighbouring windows are kept together instead.
_STRETCHES = 10


def read(
    paths: tuple[Path, ...],
    *,
    name: str,
    licence: str,
    limit: int | None = None,
    seed: int = 0,
    window: int = 1024,
) -> Dataset:
    """Read windows of vibration at the motor's drive end.

    Parameters
    ----------
    paths : tuple of Path
        MATLAB files whose names end with the number of the recording.
    name, licence : str
    limit, seed
        See :func:`course.data.public.load`.
    window : int
        Readings of an example, from 64.

    Returns
    -------
    Dataset
        Windows that do not overlap, shape (N, window), float32, in g, at 12 kHz. It is one
        motor: `person` is the tenth of the recording that a window lies in, 0 to 9, so that a
        split by group does not put neighbours on both sides. It says nothing about other
        motors.

    Raises
    ------
    ArchiveError
        If a file is damaged or not what it should be.
    ValueError
        If the window is too short, or longer than a tenth of a recording.
    """
    whole_number("window", window, 64)
    windows, labels, stretches = [], [], []
    for path in paths:
        number = int(re.search(r"(\d+)\.mat$", path.name)[1])
        with calm(path.name):
            signal = _drive_end(path.read_bytes(), number)
            signal = _slower(signal, _RATES_HZ[number] // SAMPLE_RATE_HZ)
        each = len(signal) // _STRETCHES
        if window > each:
            raise ValueError(f"window must be at most {each:,} for {path.name}, not {window:,}.")
        for stretch in range(_STRETCHES):
            own = signal[stretch * each :][: each // window * window].reshape(-1, window)
            windows.append(own.astype(np.float32))
            labels += [LABELS.index(_RECORDINGS[number])] * len(own)
            stretches += [stretch] * len(own)
    chosen = balanced(np.array(labels), limit, seed)
    return Dataset(
        name=name,
        examples=np.concatenate(windows)[chosen],
        labels=np.array(labels)[chosen],
        label_names=LABELS,
        person=np.array(stretches)[chosen],
        units="g",
        sample_rate_hz=SAMPLE_RATE_HZ,
        description=(
            "Recorded vibration of one motor with a sound bearing and with one whose inner race "
            "is damaged. Case Western Reserve University Bearing Data Center."
        ),
        licence=licence,
    )


def _drive_end(content: bytes, number: int) -> np.ndarray:
    found = mat.arrays(content)
    name = f"X{number:03d}_DE_time"
    if name not in found:
        raise ValueError(f"there is no {name}, but {', '.join(sorted(found)) or 'nothing'}")
    signal = found[name].ravel()
    if len(signal) < 1000 or not np.isfinite(signal).all():
        raise ValueError(f"{name} does not hold a recording")
    return signal


def _slower(signal: np.ndarray, times: int) -> np.ndarray:
    """Keep one reading of `times`, and of the spectrum what that can hold."""
    if times == 1:
        return signal
    kept = len(signal) // times
    spectrum = np.fft.rfft(signal)[: kept // 2 + 1]
    return np.fft.irfft(spectrum, kept) / times
