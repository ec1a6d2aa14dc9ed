"""What a watch feels and how fast its wearer moves: walking, running, biking, golfing.

Nothing here was recorded.  A two-link arm is moved the way people move it, a watch is
strapped to its wrist, and the watch's accelerometer is read; a phone reports the speed
beside it.  Every person has a body, a gait and a way of wearing the watch of their own,
drawn from the seed, so a class of learners can have as many people as it needs, and a
grader can have people whom nobody else has met.

>>> data = generate(people=3, windows_per_label=4, seed=7)
>>> data
Activity: 48 windows of 5.12 s, 3 people (12 walking, 12 running, 12 biking, 12 golfing)
>>> data.acceleration.shape, data.speed.shape
((48, 128, 3), (48, 128))

Where the figures come from.  The comment above each one says so, in one of three ways.
*Prototype*: from the course's own prototype, tuned against real smart-watch recordings; a
classifier trained on its walking, running and standing still was right on 88–90 % of real
windows of people it had not seen.  Riding and golf have met no real recordings.  *Plain
range*: a modelling choice from everyday experience, with no publication claimed.  Otherwise
the source is named.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import ClassVar

import numpy as np

from course.data.dataset import whole_number

LABELS = ("walking", "running", "biking", "golfing")
SAMPLE_RATE_HZ = 25
# 5.12 s: five strides of a walk, or a golf swing from address to finish.  A power of two.
WINDOW = 128

# The arm is simulated faster than the watch reads it, so that a heel strike has a shape.
_SIMULATION_HZ = 100
_READ_EVERY = _SIMULATION_HZ // SAMPLE_RATE_HZ
# Simulated before and after each take and cut off: derivatives are one-sided at the ends.
_MARGIN = _SIMULATION_HZ // 2

# Prototype: a watch's accelerometer set to ±4 g, in steps of 1/512 g.
_RANGE_G = 4.0
_STEPS_PER_G = 512
# Plain range: phones report speed with two decimals.
_STEPS_PER_MPH = 100
# Plain range: windows of one outing share where the strap sits, the pace and the vigour.
_WINDOWS_PER_SESSION = 10

_GRAVITY = 9.81
_SAMPLE_FILE = "activity_sample.npz"
# Chosen by eye: walk and round of golf at one pace, the ride faster than the run, the swing
# in the middle.
_SAMPLE_SEED = 198
_LONGEST_RECORDING_S = 120


@dataclass(frozen=True, eq=False, repr=False)
class Activity:
    """Labelled windows of wrist acceleration, with the speed reported beside them.

    Attributes
    ----------
    acceleration : float32 array, shape (windows, 128, 3)
        Specific force in g along the watch's x, y and z, 25 readings a second, ±4 g.
        At rest its magnitude is about 1 g.
    speed : float32 array, shape (windows, 128)
        Speed in mph as a phone reports it, at the same instants.
    labels : int64 array, shape (windows,)
        Indices into `LABELS`.
    person : int64 array, shape (windows,)
        Who wore the watch.
    """

    acceleration: np.ndarray
    speed: np.ndarray
    labels: np.ndarray
    person: np.ndarray

    description: ClassVar[str] = (
        "Simulated wrist accelerometer windows (x, y, z in g, 25 Hz, 5.12 s) and speed (mph) "
        "of people walking, running, biking and golfing."
    )
    licence: ClassVar[str] = "generated; CC0"

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(LABELS))
        each = ", ".join(f"{n} {name}" for n, name in zip(counts, LABELS, strict=True) if n)
        people = len(self.people)
        return (
            f"Activity: {_count(len(self), 'window')} of {WINDOW / SAMPLE_RATE_HZ:.2f} s, "
            f"{people} {'person' if people == 1 else 'people'} ({each or 'empty'})"
        )

    @property
    def names(self) -> np.ndarray:
        """Label of each window in words, an array of str, shape (windows,)."""
        return np.array(LABELS)[self.labels]

    @property
    def people(self) -> np.ndarray:
        """Ids of the people in this data set, each once, in order."""
        return np.unique(self.person)

    def for_people(self, ids: Iterable[int] | int) -> Activity:
        """Windows of these people only, in their present order.

        Raises
        ------
        ValueError
            If nobody in this data set has one of the ids.
        """
        wanted = np.atleast_1d(np.asarray(ids if np.isscalar(ids) else list(ids)))
        strangers = np.setdiff1d(wanted, self.people)
        if len(strangers):
            raise ValueError(
                f"There is no person {strangers[0]} in this data set; "
                f"its people are {', '.join(map(str, self.people))}."
            )
        return self._where(np.isin(self.person, wanted))

    def only(self, *names: str) -> Activity:
        """Windows with these labels only, in their present order.

        Raises
        ------
        ValueError
            If a name is not one of `LABELS`.
        """
        return self._where(np.isin(self.labels, [_index(name) for name in names]))

    def _where(self, kept: np.ndarray) -> Activity:
        return Activity(
            self.acceleration[kept], self.speed[kept], self.labels[kept], self.person[kept]
        )


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """One activity without a break, to plot and to play.

    Attributes
    ----------
    acceleration : float32 array, shape (readings, 3)
        In g, along the watch's x, y and z.
    speed : float32 array, shape (readings,)
        In mph, at the same instants.
    label : str
        One of `LABELS`.
    sample_rate_hz : int
        Readings a second.
    """

    acceleration: np.ndarray
    speed: np.ndarray
    label: str
    sample_rate_hz: int = SAMPLE_RATE_HZ

    def __repr__(self) -> str:
        return f"Recording: {self.label}, {self.seconds:.1f} s at {self.sample_rate_hz} Hz"

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.speed) / self.sample_rate_hz

    @property
    def time(self) -> np.ndarray:
        """Seconds since the start, one for each reading."""
        return np.arange(len(self.speed)) / self.sample_rate_hz


def generate(*, people: int, windows_per_label: int = 20, seed: int = 0) -> Activity:
    """Windows of `people` people, each doing everything in `LABELS`.

    Person 3 of seed 0 is the same whether 4 or 40 people are asked for, and the same
    seed gives the same readings on every machine.

    Parameters
    ----------
    people : int
        How many people, numbered from 0.
    windows_per_label : int
        How many windows of each activity each person gives.
    seed : int
        Not negative.  Different seeds have different people.

    Returns
    -------
    Activity
        people × 4 × windows_per_label windows, ordered by person, then by label.

    Raises
    ------
    ValueError
        If a count is less than one or the seed is negative.

    Examples
    --------
    >>> len(generate(people=2, windows_per_label=5))
    40
    """
    whole_number("people", people, 1)
    whole_number("windows_per_label", windows_per_label, 1)
    whole_number("seed", seed, 0)
    acceleration, speed = [], []
    for stream in np.random.SeedSequence(seed).spawn(people):
        person, streams = _meet(stream)
        for label, own in zip(LABELS, streams, strict=True):
            take = _Take(np.random.default_rng(own), windows_per_label, WINDOW)
            readings, mph = _read(person, label, take)
            acceleration.append(readings)
            speed.append(mph)
    return Activity(
        acceleration=np.concatenate(acceleration),
        speed=np.concatenate(speed),
        labels=np.tile(np.repeat(np.arange(len(LABELS)), windows_per_label), people),
        person=np.repeat(np.arange(people), len(LABELS) * windows_per_label),
    )


def recording(label: str, *, seconds: float = 10, seed: int = 0) -> Recording:
    """One person doing one thing for a while, without a break.

    The four recordings of a seed are of the same person.  A golf recording holds one swing.

    Parameters
    ----------
    label : str
        One of `LABELS`.
    seconds : float
        From 3 to 120.
    seed : int
        Not negative.

    Raises
    ------
    ValueError
        If there is no such label, or it would be too short or too long.

    Examples
    --------
    >>> recording("golfing", seconds=8)
    Recording: golfing, 8.0 s at 25 Hz
    """
    which = _index(label)
    whole_number("seed", seed, 0)
    if not 3 <= seconds <= _LONGEST_RECORDING_S:
        raise ValueError(
            f"A recording lasts from 3 to {_LONGEST_RECORDING_S} seconds, not {seconds}."
        )
    person, streams = _meet(np.random.SeedSequence(seed))
    take = _Take(np.random.default_rng(streams[which]), 1, round(seconds * SAMPLE_RATE_HZ))
    readings, mph = _read(person, label, take)
    return Recording(readings[0], mph[0], label)


def sample() -> tuple[Recording, ...]:
    """The four recordings of ten seconds that ship with the course, in the order of `LABELS`.

    Examples
    --------
    >>> [r.label for r in sample()]
    ['walking', 'running', 'biking', 'golfing']
    """
    bundled = resources.files(__package__) / _SAMPLE_FILE
    with bundled.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return tuple(
            Recording(
                (stored["acceleration"][i] / _STEPS_PER_G).astype(np.float32),
                (stored["speed"][i] / _STEPS_PER_MPH).astype(np.float32),
                label,
            )
            for i, label in enumerate(LABELS)
        )


# --- People -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Person:
    """A body, its habits, and a watch.  Angles in rad, accelerations in g, lengths in m."""

    arm: float
    walk_hz: float
    run_hz: float
    pedal_hz: float
    walk_swing: float
    walk_elbow: float
    walk_bounce: float
    walk_strike: float
    run_swing: float
    run_elbow: float
    run_bounce: float
    run_strike: float
    run_roll: float
    ride_reach: float
    ride_roll: float
    ride_roughness: float
    swing_tempo: float
    swing_size: float
    walk_mph: float
    run_mph: float
    ride_mph: float
    watch: np.ndarray
    gain: np.ndarray
    bias: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Person:
        # The course's own figure for leave-one-person-out: nine in ten on the same wrist.
        other_wrist = rng.random() < 0.10
        # Plain range: heights of adults vary by about 5 % of their mean.
        height = rng.normal(1, 0.05)
        return cls(
            # Prototype: shoulder to wrist, in proportion to height.
            arm=rng.normal(0.55, 0.04) * height,
            # Prototype: strides (two steps) a second; long legs swing slower, as pendulums do.
            walk_hz=rng.normal(0.95, 0.07) / math.sqrt(height),
            run_hz=rng.normal(1.36, 0.07) / math.sqrt(height),
            # Prototype: turns of the pedals a second, 54 to 96 a minute.
            pedal_hz=rng.uniform(0.9, 1.6),
            # Prototype: how far the arm swings either way, how far the elbow bends, how hard
            # the body bounces and how hard the heel lands that the wrist still feels it.
            walk_swing=rng.uniform(0.15, 0.55),
            walk_elbow=rng.uniform(0.1, 0.5),
            walk_bounce=rng.uniform(0.12, 0.30),
            walk_strike=rng.uniform(0.03, 0.2),
            run_swing=rng.uniform(0.3, 0.75),
            run_elbow=rng.uniform(1.1, 1.75),
            run_bounce=rng.uniform(0.55, 1.1),
            run_strike=rng.uniform(0.15, 0.6),
            run_roll=rng.uniform(-0.3, 0.6),
            # Prototype: from upright handlebars to drops, and from smooth to rough roads.
            ride_reach=rng.uniform(0.5, 1.2),
            ride_roll=rng.normal(0, 0.4),
            ride_roughness=rng.uniform(0.02, 0.18),
            # Prototype: slow and fast swingers.
            swing_tempo=rng.uniform(0.85, 1.15),
            # Plain range: from half swings with a wedge to full ones with a driver.
            swing_size=rng.uniform(0.45, 1.1),
            # Comfortable speed is 2.8 to 3.3 mph, by age and sex (R. W. Bohannon, Age and
            # Ageing 26, 1997: 127 to 146 cm/s).
            walk_mph=rng.normal(3.1, 0.25),
            # Plain range: joggers and club runners, 13 to 6 minutes a mile.
            run_mph=np.clip(rng.normal(7.0, 1.1), 4.8, 9.5),
            # Plain range: everyday riders, stops not counted.
            ride_mph=np.clip(rng.normal(11.3, 1.4), 8, 15),
            watch=_draw_watch(rng, other_wrist=other_wrist),
            # Prototype: a sensor's scale is right to 1 %, its zero to 0.02 g.
            gain=1 + rng.normal(0, 0.01, 3),
            bias=rng.normal(0, 0.02, 3),
        )


def _draw_watch(rng: np.random.Generator, *, other_wrist: bool) -> np.ndarray:
    """Rotation from forearm to watch, shape (3, 3): always proper, as no watch is mirrored."""
    # Prototype: how far the strap has slipped round the wrist, and how it tilts on it.
    rotation = _rotation(rng.normal(0, 0.35), *rng.normal(0, 0.12, 2))
    # On the other wrist the screen faces the other side and x points to the hand: half a turn
    # about z.
    return np.diag([-1.0, -1.0, 1.0]) @ rotation if other_wrist else rotation


def _meet(stream: np.random.SeedSequence) -> tuple[_Person, list[np.random.SeedSequence]]:
    """Return a person, and one independent stream of chance for each label."""
    body, *activities = stream.spawn(1 + len(LABELS))
    return _Person.draw(np.random.default_rng(body)), activities


# --- Chance -------------------------------------------------------------------------------


class _Take:
    """Chance for several windows that one person records of one activity.

    Shapes: a number for each window is (windows, 1); a signal is (windows, samples) at 100 Hz.
    """

    def __init__(self, rng: np.random.Generator, windows: int, readings: int):
        self.rng = rng
        self.windows = windows
        self.readings = readings
        self.samples = readings * _READ_EVERY + 2 * _MARGIN
        self.session = np.arange(windows) // _WINDOWS_PER_SESSION

    @cached_property
    def time(self) -> np.ndarray:
        """Seconds since the first reading, shape (samples,); negative in the margin."""
        return (np.arange(self.samples) - _MARGIN) / _SIMULATION_HZ

    def uniform(self, low: float, high: float) -> np.ndarray:
        """Return a number for each window."""
        return self.rng.uniform(low, high, (self.windows, 1))

    def happens(self, probability: float) -> np.ndarray:
        """Return yes or no for each window."""
        return self.rng.random((self.windows, 1)) < probability

    def session_happens(self, probability: float) -> np.ndarray:
        """Return yes or no for each window, the same for all windows of a session."""
        return (self.rng.random(self.session[-1] + 1) < probability)[self.session][:, None]

    def about(self, spread: float) -> np.ndarray:
        """Return a number around zero for each window; half its variance is its session's."""
        sessions = self.rng.normal(0, 1, self.session[-1] + 1)[self.session]
        windows = self.rng.normal(0, 1, self.windows)
        return spread * (math.sqrt(0.5) * (sessions + windows))[:, None]

    def factor(self, spread: float) -> np.ndarray:
        """Return a factor around one for each window (lognormal), half of it its session's."""
        return np.exp(self.about(spread))

    def band(self, low_hz: float, high_hz: float) -> np.ndarray:
        """Return noise between two frequencies, with unit spread in each window."""
        hz = np.fft.rfftfreq(self.samples, 1 / _SIMULATION_HZ)
        return self._noise((hz >= low_hz) & (hz <= high_hz))

    def drift(self, seconds: float) -> np.ndarray:
        """Return slow noise, smooth over about so many seconds, with unit spread."""
        hz = np.fft.rfftfreq(self.samples, 1 / _SIMULATION_HZ)
        return self._noise(np.exp(-0.5 * (2 * np.pi * hz * seconds) ** 2) * (hz > 0))

    def _noise(self, weights: np.ndarray) -> np.ndarray:
        white = np.fft.rfft(self.rng.normal(0, 1, (self.windows, self.samples)), axis=1)
        noise = np.fft.irfft(white * weights, self.samples, axis=1)
        return noise / (noise.std(axis=1, keepdims=True) + 1e-9)

    def phase(self, hz: np.ndarray, jitter: float) -> np.ndarray:
        """Return the phase of a cycle in rad, with a rhythm that drifts by `jitter`."""
        # Prototype: rhythm drifts over about 1.5 s.
        turns = np.cumsum(hz * (1 + jitter * self.drift(1.5)), axis=1) / _SIMULATION_HZ
        return 2 * np.pi * (turns + self.uniform(0, 1))


# --- Acceleration -------------------------------------------------------------------------


def _read(person: _Person, label: str, take: _Take) -> tuple[np.ndarray, np.ndarray]:
    """Acceleration (windows, readings, 3) in g and speed (windows, readings) in mph."""
    acceleration = _MOTIONS[label](person, take)
    read = slice(_MARGIN, _MARGIN + take.readings * _READ_EVERY, _READ_EVERY)
    speed = np.maximum(_SPEEDS[label](person, take), 0)[:, read]
    speed = np.round(speed * _STEPS_PER_MPH) / _STEPS_PER_MPH
    return _watch(person, take, acceleration[:, read]), speed.astype(np.float32)


def _watch(person: _Person, take: _Take, force: np.ndarray) -> np.ndarray:
    """Readings of the person's watch, given the specific force at the wrist, in g."""
    # Prototype: the strap moves a little on the arm from outing to outing.
    slip = _rotation(take.about(0.05)[:, 0], 0, 0)
    force = np.einsum("ij,wjk,wtk->wti", person.watch, slip, force)
    # Prototype: noise of a watch accelerometer at 25 Hz, 6 thousandths of a g.
    noise = take.rng.normal(0, 0.006, force.shape)
    readings = force * person.gain + person.bias + noise
    steps = np.round(readings * _STEPS_PER_G) / _STEPS_PER_G
    return np.clip(steps, -_RANGE_G, _RANGE_G).astype(np.float32)


def _gait(person: _Person, take: _Take, *, running: bool) -> np.ndarray:
    """Arms swing once a stride; the body bounces and a heel lands twice.  All: prototype."""
    if running:
        hz, elbow, forward = person.run_hz, person.run_elbow, -0.35
        swing, bounce, strike = person.run_swing, person.run_bounce, person.run_strike
    else:
        hz, elbow, forward = person.walk_hz, person.walk_elbow, 0.0
        swing, bounce, strike = person.walk_swing, person.walk_bounce, person.walk_strike
    phase = take.phase(hz * take.factor(0.04), 0.02)
    swing = swing * take.factor(0.15) * (1 + 0.1 * take.band(0.05, 0.4))
    bounce = bounce * take.factor(0.1)
    strike = strike * take.factor(0.15)

    shoulder = forward + swing * (np.sin(phase) + 0.15 * np.sin(2 * phase + take.uniform(0, 0.6)))
    bend = (0.30 if running else 0.25) * swing * np.maximum(0, np.sin(phase - 0.3))
    elbow = elbow + take.about(0.08) + bend
    if not running:
        # One walk in twelve is with this hand in a pocket; in the prototype, one walker.
        in_pocket = take.session_happens(0.08)
        shoulder = np.where(in_pocket, 0.1 + 0.35 * swing * np.sin(phase), shoulder)
        elbow = np.where(in_pocket, 1.2, elbow)

    if running:
        # Between two pushes a runner is in flight and nearly weightless: a trough cut flat.
        up = bounce * np.clip(1.6 * np.cos(2 * phase), -1, 1.6)
    else:
        up = bounce * (
            np.cos(2 * phase + take.uniform(-0.4, 0.4))
            + 0.35 * np.cos(4 * phase + take.uniform(0, 6))
        )
    up = up - up.mean(axis=1, keepdims=True)
    ahead = 0.35 * bounce * np.sin(2 * phase + take.uniform(-0.5, 0.5))
    aside = 0.25 * bounce * np.sin(phase + take.uniform(-0.5, 0.5))
    landed = np.diff(np.floor(phase / np.pi), axis=1, prepend=0) > 0
    landed[:, 0] = False
    shock = strike * _ring(
        landed * take.rng.lognormal(0, 0.25, landed.shape), take.uniform(6, 11), decay=0.05
    )
    roll = (person.run_roll if running else 0.0) + take.about(0.1)
    roll = roll + 0.2 * swing * np.sin(phase + 0.5)
    return _wrist(shoulder, elbow, roll, ahead + 0.4 * shock, aside, up + shock, person.arm)


def _walk(person: _Person, take: _Take) -> np.ndarray:
    return _gait(person, take, running=False)


def _run(person: _Person, take: _Take) -> np.ndarray:
    return _gait(person, take, running=True)


def _ride(person: _Person, take: _Take) -> np.ndarray:
    """Hands rest on the bars, the road shakes them, the legs sway the body.  All: prototype."""
    phase = take.phase(person.pedal_hz * take.factor(0.08), 0.03)
    reach = person.ride_reach + take.about(0.12)
    shoulder = reach + 0.008 * take.drift(0.8)
    elbow = np.full_like(shoulder, 0.2)
    # Gravel comes and goes.
    roughness = person.ride_roughness * take.factor(0.4)
    roughness = roughness * np.exp(0.6 * take.band(0.05, 0.5))
    sway = take.uniform(0.01, 0.06)
    ahead = 0.6 * roughness * take.band(4, 14) + 0.6 * sway * np.sin(2 * phase)
    aside = 0.4 * roughness * take.band(3, 12) + sway * np.sin(phase)
    up = roughness * take.band(5, 18) + 0.5 * sway * np.cos(2 * phase)
    # A pothole every ten seconds.
    potholes = take.rng.random(up.shape) < 0.1 / _SIMULATION_HZ
    depth = take.rng.uniform(0.3, 1.5, up.shape)
    up = up + _ring(potholes * depth, np.full((take.windows, 1), 9.0), decay=0.04)
    roll = person.ride_roll + take.about(0.08) + 0.05 * np.sin(phase)
    return _wrist(shoulder, elbow, roll, ahead, aside, up, person.arm)


def _golf(person: _Person, take: _Take) -> np.ndarray:
    """Stand over the ball, wait and, for a quarter of a second, swing.  Mostly prototype."""
    tempo = person.swing_tempo * take.factor(0.06)
    # Every window holds a whole downswing; in one of ten the backswing began before it.
    latest = take.readings / SAMPLE_RATE_HZ - 1.1 * tempo - 0.15
    start = -0.4 + take.uniform(0, 1) * (latest + 0.4)
    # Start and top of the backswing (0.85 s), impact 0.25 s later, follow-through, finish.
    knots = np.array([-99, 0, 0.75, 0.85, 1.10, 1.35, 1.90, 999])
    shoulder_knots = np.array([0, 0, -1.9, -1.95, 0.05, 1.6, 2.3, 2.3])
    roll_knots = np.array([0, 0, 1.2, 1.25, 0, -1.1, -1.4, -1.4])
    since = (take.time - start) / tempo
    swing = person.swing_size * take.factor(0.06) * np.interp(since, knots, shoulder_knots)
    twist = person.swing_size * take.factor(0.10) * np.interp(since, knots, roll_knots)
    # Not in the prototype, whose windows were half as long: the finish is held for a second
    # and the club lowered in the next one and a half.
    lowered = 0.5 + 0.5 * np.cos(np.pi * ((since - 2.9) / 1.5).clip(0, 1))
    swing, twist = _smooth(swing, 3.5) * lowered, _smooth(twist, 4.0) * lowered

    shoulder = 0.35 + take.about(0.08) + swing + 0.01 * take.band(0.2, 1.5)
    # Half of them waggle the club, for 0.8 s, in the last two seconds before they swing.
    waggle = (take.time - start + take.uniform(0.8, 2)).clip(0, 0.8)
    waggle = np.sin(np.pi * waggle / 0.8) * np.sin(2 * np.pi * 2 * waggle)
    shoulder = shoulder + 0.12 * take.happens(0.5) * waggle
    roll = 0.3 + take.about(0.15) + twist + 0.02 * take.band(0.3, 2)
    # The swing's plane leans: half of its acceleration is sideways.
    aside = _second_derivative(_smooth(swing, 4.0)) * 0.5 * person.arm / _GRAVITY

    hit = np.zeros_like(shoulder)
    at = np.round((start + 1.1 * tempo) * _SIMULATION_HZ).astype(int) + _MARGIN
    np.put_along_axis(
        hit, np.minimum(at, take.samples - 1), person.swing_size * take.uniform(0.5, 3), axis=1
    )
    shock = _ring(hit, np.full((take.windows, 1), 18.0), decay=0.02)
    ways = take.rng.normal(0, 1, (3, take.windows, 1))
    # A club is an arm's extension: hands move on a circle a quarter larger.
    return _wrist(
        shoulder,
        np.full_like(shoulder, 0.15),
        roll,
        shock * ways[0],
        aside + shock * ways[1],
        shock * ways[2],
        1.25 * person.arm,
    )


def _wrist(
    shoulder: np.ndarray,
    elbow: np.ndarray,
    roll: np.ndarray,
    ahead: np.ndarray,
    aside: np.ndarray,
    up: np.ndarray,
    arm: float,
) -> np.ndarray:
    """Specific force in g at the wrist of a two-link arm, in the forearm's own axes.

    Shoulder and elbow turn in the plane of travel (rad, zero: arm hanging), the forearm
    rolls about itself, and the body that carries them accelerates (g).  x points from hand
    to elbow, so a hanging arm at rest reads +1 g on x.
    """
    forearm = shoulder + elbow
    # Prototype: 55 % of an arm is above the elbow.
    reach = arm * (0.55 * np.sin(shoulder) + 0.45 * np.sin(forearm))
    drop = arm * (0.55 * np.cos(shoulder) + 0.45 * np.cos(forearm))
    ahead = ahead + _second_derivative(reach) / _GRAVITY
    up = 1 + up - _second_derivative(drop) / _GRAVITY
    x = up * np.cos(forearm) - ahead * np.sin(forearm)
    back = -ahead * np.cos(forearm) - up * np.sin(forearm)
    y = aside * np.cos(roll) + back * np.sin(roll)
    z = back * np.cos(roll) - aside * np.sin(roll)
    return np.stack([x, y, z], axis=-1)


def _rotation(about_x: np.ndarray | float, about_y: float, about_z: float) -> np.ndarray:
    """Proper rotation by these angles in rad about x, then y, then z, shape (..., 3, 3)."""
    cx, cy, cz = np.cos(about_x), np.cos(about_y), np.cos(about_z)
    sx, sy, sz = np.sin(about_x), np.sin(about_y), np.sin(about_z)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy + 0 * sx, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(np.broadcast_arrays(*row), axis=-1) for row in rows], axis=-2)


def _ring(events: np.ndarray, hz: np.ndarray, *, decay: float) -> np.ndarray:
    """Answer each event with a tone of `hz` that dies away in `decay` seconds."""
    seconds = np.arange(_SIMULATION_HZ // 4) / _SIMULATION_HZ
    tone = np.exp(-seconds / decay) * np.sin(2 * np.pi * hz * seconds)
    size = events.shape[1] + tone.shape[1]
    answered = np.fft.rfft(events, size, axis=1) * np.fft.rfft(tone, size, axis=1)
    return np.fft.irfft(answered, size, axis=1)[:, : events.shape[1]]


def _smooth(signal: np.ndarray, samples: float) -> np.ndarray:
    """Round the corners of a path with a Gaussian of this spread."""
    half = math.ceil(4 * samples)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / samples) ** 2)
    padded = np.pad(signal, ((0, 0), (half, half)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=1)
    return windows @ (kernel / kernel.sum())


def _second_derivative(path: np.ndarray) -> np.ndarray:
    step = 1 / _SIMULATION_HZ
    return np.gradient(np.gradient(path, step, axis=1), step, axis=1)


_MOTIONS = {"walking": _walk, "running": _run, "biking": _ride, "golfing": _golf}


# --- Speed --------------------------------------------------------------------------------

# Plain range: a phone's pace is an average over the last minute.
_PACE_SECONDS = 60


def _reported(take: _Take, pace: np.ndarray, wander: float) -> np.ndarray:
    """Return the pace in mph as a phone reports it: it drifts, and is a tenth or two off."""
    drift = wander * take.drift(2.0)
    # Plain range: what is left of a satellite receiver's noise, mph.
    return pace + drift + 0.12 * take.band(0.2, 1.5)


def _walk_speed(person: _Person, take: _Take) -> np.ndarray:
    # Plain range: strolls and brisk walks; two windows in five follow a pause at a crossing.
    pace = (person.walk_mph + take.about(0.30)).clip(2.2, 3.7)
    paused = take.happens(0.40) * take.uniform(0, 20)
    return _reported(take, pace * (1 - paused / _PACE_SECONDS), 0.20)


def _golf_speed(person: _Person, take: _Take) -> np.ndarray:
    # A golfer walks to the ball as on any walk, and has stood over it for a few seconds.
    pace = (person.walk_mph + take.about(0.30)).clip(2.2, 3.7)
    stood = (take.uniform(1, 12) + take.time).clip(0, _PACE_SECONDS)
    return _reported(take, pace * (1 - stood / _PACE_SECONDS), 0.20)


def _run_speed(person: _Person, take: _Take) -> np.ndarray:
    # Plain range: easy and quick outings, flat and hilly minutes.
    pace = (person.run_mph * take.factor(0.15)).clip(4.3, 11)
    return _reported(take, pace, 0.15)


def _ride_speed(person: _Person, take: _Take) -> np.ndarray:
    # Plain range: climbs, head winds and descents.
    pace = (person.ride_mph * take.factor(0.38)).clip(4, 31)
    # Plain range: one window in seven follows a red light.
    stopped = take.happens(0.15) * take.uniform(10, 45)
    return _reported(take, pace * (1 - stopped / _PACE_SECONDS), 0.35)


_SPEEDS = {
    "walking": _walk_speed,
    "running": _run_speed,
    "biking": _ride_speed,
    "golfing": _golf_speed,
}


# --- Helpers ------------------------------------------------------------------------------


def _index(label: str) -> int:
    if label not in LABELS:
        raise ValueError(f"There is no activity {label!r}; there are {', '.join(LABELS)}.")
    return LABELS.index(label)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _write_sample(path: Path) -> None:
    """Write the bundled sample; only an author calls this, when the generator changes."""
    recordings = [recording(label, seconds=10, seed=_SAMPLE_SEED) for label in LABELS]
    np.savez_compressed(
        path,
        acceleration=np.round(np.stack([r.acceleration for r in recordings]) * _STEPS_PER_G).astype(
            np.int16
        ),
        speed=np.round(np.stack([r.speed for r in recordings]) * _STEPS_PER_MPH).astype(np.int16),
    )


if __name__ == "__main__":
    # python -m course.data.activity: writes the bundled sample anew.
    _write_sample(Path(__file__).with_name(_SAMPLE_FILE))
