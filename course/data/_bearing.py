"""How a machine with a ball bearing vibrates, and what damage adds to it.

A shaft turns, and shakes its housing once a turn and at multiples of that.  Bearings, gears and
air add noise.  A pit in a bearing is rolled over again and again; each time the housing rings
like a bell that is struck.  How often that is in one turn of the shaft depends on where the pit
is (see `STRIKES_PER_TURN`), and the balls slip a little, so it is never quite regular.

Where the figures come from.  *Prototype*: from the course's own prototype.  *Plain range*: a
modelling choice, with no publication claimed.  Otherwise the source is named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from course.data._chance import chance

LABELS = ("normal", "inner", "outer", "ball")
FAULTS = LABELS[1:]
# Prototype: that of the Case Western Reserve University recordings.
SAMPLE_RATE_HZ = 12_000
# 0.34 s: eight turns and more.  A power of two.
WINDOW = 4096

# How often a pit is struck in one turn of the shaft: the drive end's bearing 6205-2RS JEM SKF in
# the tables of the Case Western Reserve University Bearing Data Center.  A pit in a ball meets
# both rings while the ball spins round once (2.357 times a turn).
STRIKES_PER_TURN: dict[str, float] = {"inner": 5.415, "outer": 3.585, "ball": 4.714}
# Same tables: the cage, with the balls in it, goes round once while the shaft does 2.5 times.
CAGE_PER_TURN = 0.398

# Prototype: how hard the housing is struck, in units of 14 times the machine's noise: logarithm
# of the median over machines and windows.
_STRIKE = 14.0
_LOG_MEDIAN: dict[str, float] = {"inner": -0.2, "outer": 0.2, "ball": -1.3}
# Prototype: the logarithm's spread is 0.6 in all.  Here, of it, what a damaged bearing has for
# good, and what differs from one moment to the next.
_SPREAD_OF_BEARINGS, _SPREAD_OF_WINDOWS = 0.5, 0.33
# Prototype: pauses between strikes vary by 1.2 %, and strikes by a quarter.
_SLIP, _SPREAD_OF_STRIKES = 0.012, 0.25
# Prototype: an inner pit goes through the loaded side once a turn; balls do with the cage.
_LOADED: dict[str, tuple[float, float]] = {
    "inner": (0.9, 1.0),
    "outer": (0.0, 0.0),
    "ball": (0.6, CAGE_PER_TURN),
}
# Prototype: a strike has died away after 12 ms.
_RINGING = round(0.012 * SAMPLE_RATE_HZ)
# Prototype: the same machine turns a little faster or slower from one time to the next.
_SPREAD_OF_SPEED = 0.003


@dataclass(frozen=True)
class Machine:
    """A machine of its own kind, all from the prototype.

    Attributes
    ----------
    shaft_hz : float
        Turns a second.
    harmonics : float array, shape (6,)
        How strongly it shakes at one to six times that, in g.
    ringing_hz, damping : float
        How the housing rings when it is struck; damping as a share of the critical one.
    noise_g : float
    hum_hz : float
        Around which frequency the noise is strongest.
    """

    shaft_hz: float
    harmonics: np.ndarray
    ringing_hz: float
    damping: float
    noise_g: float
    hum_hz: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Machine:
        """Build some machine."""
        return cls(
            shaft_hz=rng.uniform(24, 31),
            harmonics=rng.normal(0, 0.02, 6),
            ringing_hz=rng.uniform(2200, 4200),
            damping=rng.uniform(0.02, 0.08),
            noise_g=rng.uniform(0.02, 0.08),
            hum_hz=rng.uniform(900, 2000),
        )


def build(seed: int, machine: int) -> Machine:
    """Return this machine of this seed."""
    return Machine.draw(chance(seed, machine, 0))


def severity_of_bearing(fault: str, rng: np.random.Generator) -> float:
    """Return how bad the damage of some bearing is; 1 is the median of such damage."""
    return rng.lognormal(0, _SPREAD_OF_BEARINGS) if fault in FAULTS else 0.0


def window(machine: Machine, label: str, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Return one window of readings in g, shape (4096,)."""
    speed = machine.shaft_hz * rng.normal(1, _SPREAD_OF_SPEED)
    turns = speed / SAMPLE_RATE_HZ * np.arange(WINDOW)
    felt = sound(machine, turns, rng)
    if label == "normal":
        return felt
    moment = severity * rng.lognormal(0, _SPREAD_OF_WINDOWS)
    return felt + strikes(machine, label, turns, np.full(WINDOW, moment), rng)


def wandering(machine: Machine, readings: int, rng: np.random.Generator) -> np.ndarray:
    """Return the turns of a shaft so far, at each reading, whose speed drifts slowly."""
    # Plain range: it takes some 5 s to change its speed.
    moments = np.arange(0, readings + 5 * SAMPLE_RATE_HZ, 5 * SAMPLE_RATE_HZ)
    drift = np.interp(np.arange(readings), moments, rng.normal(0, _SPREAD_OF_SPEED, len(moments)))
    return np.cumsum(machine.shaft_hz / SAMPLE_RATE_HZ * (1 + drift))


def sound(machine: Machine, turns: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what the machine does without any damage, in g.

    Parameters
    ----------
    machine : Machine
    turns : float array, shape (readings,)
        How often the shaft has gone round by then.
    rng : Generator
    """
    # Powers of one rotating number are the harmonics of it.
    shaft = np.exp(2j * np.pi * turns)
    harmonic, felt = np.ones_like(shaft), np.zeros(len(turns))
    for height, phase in zip(machine.harmonics, rng.uniform(0, 2 * np.pi, 6), strict=True):
        harmonic *= shaft
        felt += height * (harmonic * np.exp(1j * phase)).imag
    # Prototype: noise of the whole housing, and as much where it hums.
    wide = _band(len(turns), 300, 5500, rng)
    hum = _band(len(turns), machine.hum_hz - 200, machine.hum_hz + 200, rng)
    return felt + 0.7 * machine.noise_g * (wide + hum)


def strikes(
    machine: Machine,
    fault: str,
    turns: np.ndarray,
    severity: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return what damage adds, in g.

    Parameters
    ----------
    machine : Machine
    fault : str
        One of `FAULTS`.
    turns, severity : float arrays, shape (readings,)
        How often the shaft has gone round by then, and how bad the damage is; 1 is the median.
    rng : Generator
    """
    pause = 1 / STRIKES_PER_TURN[fault]
    # One in ten more than fit, so that chance does not run out of them.
    count = int(1.1 * (turns[-1] - turns[0]) / pause) + 10
    when = turns[0] + rng.uniform(0, pause)
    when = when + np.append(0, np.cumsum(rng.normal(1, _SLIP, count) * pause))
    when = when[when < turns[-1]]
    depth, per_turn = _LOADED[fault]
    load = 1 + depth * np.cos(2 * np.pi * per_turn * when + rng.uniform(0, 2 * np.pi))
    at = np.interp(when, turns, np.arange(len(turns))).astype(int)
    hit = np.zeros(len(turns))
    height = load * rng.lognormal(0, _SPREAD_OF_STRIKES, len(when)) * severity[at]
    np.add.at(hit, at, height)

    seconds = np.arange(_RINGING) / SAMPLE_RATE_HZ
    speed = 2 * np.pi * machine.ringing_hz
    bell = np.exp(-machine.damping * speed * seconds) * np.sin(speed * seconds)
    size = len(hit) + _RINGING - 1
    # An even transform is quick; a few hundred zeros more cost nothing.
    size += -size % 256
    rung = np.fft.irfft(np.fft.rfft(hit, size) * np.fft.rfft(bell, size), size)[: len(hit)]
    return np.exp(_LOG_MEDIAN[fault]) * _STRIKE * machine.noise_g * rung


def _band(readings: int, low_hz: float, high_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit spread between two frequencies."""
    spectrum = np.fft.rfft(rng.normal(0, 1, readings))
    hz = np.fft.rfftfreq(readings, 1 / SAMPLE_RATE_HZ)
    spectrum[(hz < low_hz) | (hz > high_hz)] = 0
    noise = np.fft.irfft(spectrum, readings)
    return noise / noise.std()
