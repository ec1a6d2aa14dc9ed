"""How a hand moves a wand, and what an accelerometer in the wand reads.

A wand turns about the wrist and the elbow.  Its *pose* is four numbers in time: elevation and
azimuth of the direction in which it points, its roll about itself (rad), and its distance from
the joint it turns about (m).  Everything is drawn and joined in poses, so that a recording has
no jump in it; the accelerometer is read from the finished track.

Where the figures come from.  *Prototype*: from the course's own prototype.  A classifier trained
on its gestures was right on 86 % of real recordings of wing, ring and slope, where one trained
on real recordings was right on 90 %; without gravity's tilt it was 47 %.  *Plain range*: a
modelling choice, with no publication claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LABELS = ("wing", "ring", "slope", "negative")
GESTURES = LABELS[:3]
SAMPLE_RATE_HZ = 25
# 5.12 s: the slowest wing and a moment on either side of it.  A power of two.
WINDOW = 128

# The arm is simulated faster than the wand reads it, so that strokes have a shape.
HZ = 100
_READ_EVERY = HZ // SAMPLE_RATE_HZ
# Simulated on either side of a window and cut off: derivatives are one-sided at the ends.
_MARGIN = HZ // 4

_GRAVITY = 9.81
# Prototype: the range of the sensor (±2 g less a few steps), and its noise.
_RANGE_MG = 2040
_NOISE_MG = 20

_DRAWN = ("counter-clockwise ring", "triangle", "line", "zigzag")


@dataclass(frozen=True)
class Person:
    """An arm and its habits, all from the prototype.  Angles in rad, lengths in m."""

    radius: float
    high: float
    wide: float
    elevation: float
    roll: float
    roll_by_turn: float
    roll_by_height: float
    slowness: float
    corner_s: float
    slant: float
    stretch: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Person:
        """Draw somebody."""

        def about(mean: float, spread: float) -> float:
            # Nobody is further out than 1.5 spreads: a hidden class of a dozen people must not
            # be easy or hard by the luck of one of them.  The prototype had no such limit.
            return mean + spread * float(np.clip(rng.normal(), -1.5, 1.5))

        return cls(
            # From the joint it turns about to the sensor.
            radius=rng.uniform(0.3, 0.7),
            # How far a gesture swings, upright and sideways.
            high=rng.uniform(0.6, 1.25),
            wide=rng.uniform(0.4, 1.0),
            # How a wand is held: pointing up a little, turned inwards a little.
            elevation=about(0.30, 0.12),
            roll=about(0.2, 0.2),
            # A wrist rolls as it turns aside and as it lifts.
            roll_by_turn=about(0.2, 0.5),
            roll_by_height=about(0, 0.25),
            # Durations are multiplied by it.
            slowness=rng.uniform(0.7, 1.3),
            # Corners are rounded over so many seconds.
            corner_s=rng.uniform(0.03, 0.08),
            slant=about(0, 0.2),
            # The elbow straightens as the wand rises.
            stretch=about(0, 0.08),
        )


def chance(seed: int, person: int, purpose: int) -> np.random.Generator:
    """Return chance that depends on nothing but these; purpose 0 is the person's own."""
    # The same as SeedSequence(seed).spawn(…)[person].spawn(…)[purpose].
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(person, purpose)))


def meet(seed: int, person: int) -> Person:
    """Return this person of this seed."""
    return Person.draw(chance(seed, person, 0))


# --- What is drawn ------------------------------------------------------------------------


def corners(kind: str, rng: np.random.Generator | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the places a wand's tip goes to, and how long each stroke takes in seconds.

    Without chance: the shape as it is meant.  Places are (right, up), from -0.5 to 0.5.
    Shapes and durations: prototype.
    """
    if kind in ("ring", "counter-clockwise ring"):
        places = 49
        turns = 1.0 if rng is None else rng.uniform(0.95, 1.12)
        start = 0.0 if rng is None else rng.normal(0, 0.15)
        seconds = 1.9 if rng is None else rng.uniform(1.5, 2.3)
        sense = 1 if kind == "ring" else -1
        angle = math.pi / 2 + start - sense * np.linspace(0, 2 * math.pi * turns, places)
        return 0.5 * np.column_stack([np.cos(angle), np.sin(angle)]), np.array([1.15 * seconds])
    if kind == "wing":
        middle = 0.3 if rng is None else rng.uniform(0.1, 0.5)
        places = np.array([[-0.5, 0.5], [-0.25, -0.5], [0, middle], [0.25, -0.5], [0.5, 0.5]])
        seconds = 0.55 * np.array([1, 0.9, 0.9, 1])
    elif kind == "slope":
        places = np.array([[0.25, 0.5], [-0.35, -0.5], [0.5, -0.5]])
        seconds = np.array([0.75, 0.75])
        places = places if rng is None else places + rng.normal(0, 0.05, places.shape)
    elif kind == "triangle":
        places = np.array([[0, 0.5], [-0.5, -0.5], [0.5, -0.5], [0, 0.5]])
        seconds = np.full(3, 0.6)
    elif kind == "zigzag":
        places = np.array([[-0.5, 0.5], [0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])
        seconds = np.array([0.5, 0.6, 0.5])
    else:
        angle = 0.6 if rng is None else rng.uniform(0, 2 * math.pi)
        end = 0.6 * np.array([math.cos(angle), math.sin(angle)])
        back = rng is not None and rng.random() < 0.5
        places = np.array([-end, end, -end]) if back else np.array([-end, end])
        seconds = np.full(len(places) - 1, 0.6)
    return places if rng is None else places + rng.normal(0, 0.03, places.shape), seconds


def stroke(person: Person, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return the poses of one drawn gesture from its first movement to its last, (n, 4)."""
    places, seconds = corners(kind, rng)
    tempo = person.slowness * rng.lognormal(0, 0.1)
    if len(seconds) == 1:
        # A curve is followed at an even pace that swells and ebbs a little.
        count = round(seconds[0] * tempo * HZ)
        along = 0.6 * _minimum_jerk(count) + 0.4 * np.linspace(0, 1, count)
        at = along * (len(places) - 1)
        path = np.column_stack([np.interp(at, np.arange(len(places)), p) for p in places.T])
    else:
        # From corner to corner by minimum-jerk strokes (Flash and Hogan, J. Neurosci. 5, 1985).
        lengths = np.round(seconds * tempo * rng.lognormal(0, 0.12, len(seconds)) * HZ).astype(int)
        path = np.concatenate(
            [
                start + (end - start) * _minimum_jerk(count)[:, None]
                for start, end, count in zip(places[:-1], places[1:], lengths, strict=True)
            ]
        )
    cos, sin = math.cos(person.slant), math.sin(person.slant)
    path = path @ np.array([[cos, -sin], [sin, cos]]) * rng.lognormal(0, 0.1, 2)
    return pose(person, path, rng.normal(0, [0.06, 0.08]))


def pose(person: Person, path: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return the poses that draw this path, (n, 4); `held` shifts elevation and roll."""
    right, up = path[:, 0], path[:, 1]
    turn = person.wide * right
    return np.column_stack(
        [
            person.elevation + person.high * up + held[0],
            turn,
            person.roll + person.roll_by_turn * turn + person.roll_by_height * up + held[1],
            person.radius * (1 + person.stretch * up),
        ]
    )


def everyday(person: Person, kind: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return poses of a hand that does something else, (n, 4): starts and ends at rest."""
    # Prototype: the wand is held in any way, by other joints.
    other = Person.draw(rng)
    count = round(seconds * HZ)
    time = np.arange(count) / HZ
    if kind == "free":
        path = smooth(rng.normal(0, 1, (count, 2)), rng.uniform(0.1, 0.5) * HZ)
        path = path / path.std() * rng.uniform(0.15, 0.6)
    elif kind == "shake":
        swing = 0.1 * np.sin(2 * math.pi * rng.uniform(2, 4) * time)
        path = swing[:, None] * rng.normal(0, 1, 2)
    else:
        path = np.zeros((count, 2))
    # Plain range: a movement begins and ends within half a second.
    ends = np.minimum(time, time[::-1]) / 0.5
    path = path * _minimum_jerk_at(ends.clip(0, 1))[:, None]
    anyhow = other.elevation, other.roll
    held = rng.normal([0, 0.3], [0.5, 0.7]) - anyhow
    poses = pose(other, path, held)
    poses[:, 3] *= person.radius / other.radius
    return poses


def rest(person: Person, rng: np.random.Generator) -> np.ndarray:
    """Return a pose in which a hand waits, (4,)."""
    # Plain range: the wand hangs or lies, pointing down a little, turned anyhow.
    return np.array(
        [rng.normal(-0.35, 0.35), rng.normal(0, 0.3), rng.normal(0.3, 0.5), person.radius]
    )


class Track:
    """Poses one after another, joined without a jump."""

    def __init__(self, start: np.ndarray) -> None:
        self._parts = [start[None]]
        self.length = 1

    @property
    def last(self) -> np.ndarray:
        """The pose reached, (4,)."""
        return self._parts[-1][-1]

    @property
    def seconds(self) -> float:
        """How long it is by now."""
        return self.length / HZ

    def add(self, poses: np.ndarray) -> None:
        """Continue with these poses, which begin where the track ends."""
        if len(poses):
            self._parts.append(poses)
            self.length += len(poses)

    def hold(self, seconds: float) -> None:
        """Stay."""
        self.add(np.repeat(self.last[None], round(seconds * HZ), axis=0))

    def go(self, to: np.ndarray, seconds: float) -> None:
        """Move to another pose."""
        along = _minimum_jerk(max(2, round(seconds * HZ)))[:, None]
        self.add(self.last + (to - self.last) * along)

    def poses(self) -> np.ndarray:
        """Everything so far, shape (samples at 100 Hz, 4)."""
        return np.concatenate(self._parts)


# --- What the sensor reads ----------------------------------------------------------------


def window(
    person: Person, kind: str, rng: np.random.Generator, readings: int = WINDOW
) -> np.ndarray:
    """Return so many readings in mg, (readings, 3), in which this was done.

    `kind` is a gesture, which lies wholly inside every window that fits; or one of
    :data:`NEGATIVES`.
    """
    cut = kind == "part"
    if cut:
        kind = GESTURES[rng.integers(len(GESTURES))]
    if kind in GESTURES or kind in _DRAWN:
        track, start, end = _performance(person, stroke(person, kind, rng), rng, moved=cut)
    else:
        # Plain range: from a scratch of the nose to something that fills the window.
        middle = everyday(person, kind, rng.uniform(1.5, WINDOW / SAMPLE_RATE_HZ), rng)
        track, start, end = _performance(person, middle, rng)
    length, spare = readings * _READ_EVERY, (readings - WINDOW) * _READ_EVERY
    # Plain range: a tenth of a second is left on either side of a gesture, if it is that short.
    low, high = sorted((end + HZ // 10 + spare - length, start - HZ // 10 - spare))
    if cut:
        # Two fifths of the gesture at most are inside: nobody could tell.  Often none of it is,
        # and the window shows an arm that is being lifted or sinks.
        seen = round(rng.uniform(-1.5 * HZ, 0.4 * (end - start)))
        first = end - seen if rng.random() < 0.5 else start + seen - length
    else:
        first = int(rng.integers(low, high + 1))
    around = np.arange(first - _MARGIN, first + length + _MARGIN)
    poses = track[around.clip(0, len(track) - 1)]
    return read(person, poses, rng)[_MARGIN // _READ_EVERY :][:readings]


def _performance(
    person: Person, middle: np.ndarray, rng: np.random.Generator, *, moved: bool = False
) -> tuple[np.ndarray, int, int]:
    """Return a track with `middle` in it, and where it starts and ends.

    Half of the time the hand comes from where it rested and goes back; else it waits on the
    spot, as those do who record examples one by one.  With `moved` it always comes and goes.
    """
    wait = WINDOW / SAMPLE_RATE_HZ + 2
    before, after = (rng.random(2) < 0.5) | moved
    if before:
        track = Track(rest(person, rng))
        track.hold(wait)
        # Prototype: up to 0.7 s before the first movement.  Plain range: an arm is lifted.
        track.go(middle[0], rng.uniform(0.5, 0.9))
        track.hold(rng.uniform(0.1, 0.7))
    else:
        track = Track(middle[0])
        track.hold(wait)
    start = track.length
    track.add(middle)
    end = track.length
    track.hold(rng.uniform(0.2, 1.0))
    if after:
        track.go(rest(person, rng), rng.uniform(0.5, 0.9))
    track.hold(wait)
    return track.poses(), start, end


def read(person: Person, poses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what the accelerometer reads along a track, float32 (samples / 4, 3) in mg.

    Axes: x along the wand towards the hand, y to the side, z up.  At rest it reads gravity.
    """
    poses = smooth(poses, person.corner_s * HZ)
    # Prototype: hands waver; about 0.02 of a gesture's size, within 0.15 s.
    waver = 0.02 * smooth(rng.normal(0, 1, (len(poses), 2)), 0.15 * HZ) * math.sqrt(0.15 * HZ)
    elevation = poses[:, 0] + person.high * waver[:, 0]
    turn = poses[:, 1] + person.wide * waver[:, 1]
    roll = poses[:, 2]
    cos_e, sin_e, cos_t, sin_t = np.cos(elevation), np.sin(elevation), np.cos(turn), np.sin(turn)
    # The world's axes are right, forward, up.
    along = np.column_stack([cos_e * sin_t, cos_e * cos_t, sin_e])
    side = np.column_stack([cos_t, -sin_t, np.zeros_like(turn)])
    above = np.cross(side, along)
    path = poses[:, 3, None] * along
    force = np.gradient(np.gradient(path, 1 / HZ, axis=0), 1 / HZ, axis=0)
    force[:, 2] += _GRAVITY
    cos_r, sin_r = np.cos(roll)[:, None], np.sin(roll)[:, None]
    z = above * cos_r - side * sin_r
    y = np.cross(z, -along)
    axes = np.stack([-along, y, z], axis=1)[::_READ_EVERY]
    felt = 1000 / _GRAVITY * np.einsum("tij,tj->ti", axes, force[::_READ_EVERY])
    # A sensor of ±2 g with 12 bits reads in steps of 1 mg.
    noisy = np.round(felt + rng.normal(0, _NOISE_MG, felt.shape))
    return np.clip(noisy, -_RANGE_MG, _RANGE_MG).astype(np.float32)


# What a negative is, and how often.  Prototype, but for "part", which it did not have: gestures
# that the window cuts off, as every window that slides along a stream does.
NEGATIVES: dict[str, float] = {
    "free": 0.30,
    "counter-clockwise ring": 0.16,
    "triangle": 0.06,
    "line": 0.09,
    "zigzag": 0.05,
    "still": 0.05,
    "shake": 0.07,
    "part": 0.22,
}


# What happens between the gestures of a long recording.  Plain range: figures that are drawn for
# no reason are rarer than among the negatives, which are there to be learned from.
EVERYDAY: dict[str, float] = {
    "free": 0.6,
    "shake": 0.15,
    "line": 0.1,
    "counter-clockwise ring": 0.07,
    "triangle": 0.05,
    "zigzag": 0.03,
}


def movement(person: Person, rng: np.random.Generator) -> np.ndarray:
    """Return the poses of a movement that is no gesture, (n, 4)."""
    kind = str(rng.choice(list(EVERYDAY), p=list(EVERYDAY.values())))
    seconds = rng.uniform(1.5, 4)
    return stroke(person, kind, rng) if kind in _DRAWN else everyday(person, kind, seconds, rng)


def negative(rng: np.random.Generator) -> str:
    """Return what somebody does who makes none of the gestures."""
    return str(rng.choice(list(NEGATIVES), p=list(NEGATIVES.values())))


def smooth(signal: np.ndarray, samples: float) -> np.ndarray:
    """Round the corners of a path (n, k) with a Gaussian of this spread."""
    half = math.ceil(4 * samples)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / samples) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(signal, ((half, half), (0, 0)), mode="edge")
    return np.column_stack([np.convolve(column, kernel, mode="valid") for column in padded.T])


def _minimum_jerk(count: int) -> np.ndarray:
    return _minimum_jerk_at(np.linspace(0, 1, count))


def _minimum_jerk_at(s: np.ndarray) -> np.ndarray:
    return 10 * s**3 - 15 * s**4 + 6 * s**5
