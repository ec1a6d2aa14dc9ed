"""Vibration of machines whose bearing is sound, or damaged in its inner ring, outer ring or a ball.

Nothing here was recorded.  A shaft, a housing and a pit in a bearing are simulated (see
:mod:`course.data._bearing` for the model and the origin of its figures).  Every machine shakes
and hums in its own way, often more than damage does: what tells is what has changed since the
same machine was new.

>>> generate(people=2, windows_per_label=3)
vibration: 24 examples of shape (4096,) in g, 2 groups (6 normal, 6 inner, 6 outer, 6 ball)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course.data import _bearing
from course.data._bearing import FAULTS, LABELS, SAMPLE_RATE_HZ, STRIKES_PER_TURN, WINDOW
from course.data._chance import chance
from course.data.dataset import SOUND_RATE_HZ, Dataset, whole_number

__all__ = [
    "FAULTS", "LABELS", "SAMPLE_RATE_HZ", "STRIKES_PER_TURN", "WINDOW", "generate", "shaft_hz"
]  # fmt: skip

_MOST_SEVERE = 100
# Each machine is heard as loud as this when it is sound: spread as a share of full scale.
_LOUDNESS = 0.06
# A sound that begins and ends within 5 ms does not click.
_FADE = round(0.005 * SOUND_RATE_HZ)


def generate(
    *, people: int = 12, windows_per_label: int = 20, severity: float = 1.0, seed: int = 0
) -> Dataset:
    """Windows of 0.34 s of machines, each with a sound bearing and with three damaged ones.

    Machine 3 of seed 0 is the same whether 4 or 40 are asked for, and its first windows are the
    same whether 5 or 50 are asked for.

    Parameters
    ----------
    people : int
        How many machines, numbered from 0; they are the groups of this data set.
    windows_per_label : int
        How many windows of each label each machine gives.
    severity : float
        From 0 to 100: how hard damage strikes, as a multiple of what is usual.  A tenth is
        hardly to be found; at 0 all labels look alike.
    seed : int
        Not negative.  Different seeds have different machines.

    Returns
    -------
    Dataset
        people × 4 × windows_per_label examples, float32 of shape (4096,): acceleration of the
        housing in g, 12,000 readings a second.  The sound is the same signal, as loud for every
        machine while its bearing is sound.

    Raises
    ------
    ValueError
        If a count is less than one, the seed is negative or the severity out of range.

    Examples
    --------
    >>> generate(people=1, windows_per_label=1).names.tolist()
    ['normal', 'inner', 'outer', 'ball']
    """
    machines = whole_number("people", people, 1)
    takes = whole_number("windows_per_label", windows_per_label, 1)
    seed = whole_number("seed", seed, 0)
    severity = _severity(severity)
    windows = np.empty((machines, len(LABELS), takes, WINDOW), np.float32)
    sounds: list[np.ndarray] = []
    for number in range(machines):
        machine = _bearing.build(seed, number)
        for label, name in enumerate(LABELS):
            rng = chance(seed, number, 1 + label)
            damage = severity * _bearing.severity_of_bearing(name, rng)
            for take in range(takes):
                windows[number, label, take] = _bearing.window(machine, name, damage, rng)
            sounds += list(_sounds(windows[number, label], machine.noise_g))
    return Dataset(
        name="vibration",
        examples=windows.reshape(-1, WINDOW),
        labels=np.tile(np.repeat(np.arange(len(LABELS)), takes), machines),
        label_names=LABELS,
        person=np.repeat(np.arange(machines), len(LABELS) * takes),
        units="g",
        sample_rate_hz=SAMPLE_RATE_HZ,
        description=(
            "Simulated vibration of machines with a sound bearing and with three damaged ones. "
            "Windows of 0.34 s at 12 kHz; a group is a machine."
        ),
        licence="generated; CC0",
        sounds=tuple(sounds),
    )


def shaft_hz(machine: int, *, seed: int = 0) -> float:
    """Turns a second of a machine's shaft, as a tachometer reads it: from 24 to 31.

    In any one window it is within 1 % of this.  Multiplied by `STRIKES_PER_TURN` it is how often
    a damaged part is struck in a second.

    Parameters
    ----------
    machine : int
        Which machine of this seed, counted from 0.
    seed : int
        Not negative.

    Raises
    ------
    ValueError
        If one of them is not a whole number from 0 up.

    Examples
    --------
    >>> 24 <= shaft_hz(0) <= 31
    True
    """
    machine, seed = whole_number("machine", machine, 0), whole_number("seed", seed, 0)
    return float(_bearing.build(seed, machine).shaft_hz)


def _sounds(windows: np.ndarray, noise_g: float) -> np.ndarray:
    """Return windows as sounds, int16 at 16 kHz."""
    length = WINDOW * SOUND_RATE_HZ // SAMPLE_RATE_HZ
    heard = np.fft.irfft(np.fft.rfft(windows, axis=1), length, axis=1) * length / WINDOW
    heard *= _LOUDNESS / noise_g * 32_767
    ends = np.minimum(np.arange(length), np.arange(length)[::-1]) / _FADE
    return np.clip(heard * ends.clip(0, 1), -32_767, 32_767).astype(np.int16)


def _severity(value: Any) -> float:
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool) or not 0 <= value <= _MOST_SEVERE:
        raise ValueError(f"severity must be a number from 0 to {_MOST_SEVERE}, not {value!r}.")
    return float(value)
