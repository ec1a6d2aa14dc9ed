"""Rock, paper and scissors, drawn by program: a toy that stands in for photographs of hands.

A palm, four fingers, a thumb and a forearm are painted as round strokes before a bright wall.
That is enough to build and try a pipeline without a camera.  It is not enough for a product: a
network trained on the drawings of the course's own prototype (28 by 28 pixels, grey) was right on
about 65 % of real pictures.

>>> generate(people=2, pictures_per_label=3)
hands: 18 examples of shape (96, 96, 3) in brightness, 0 to 255, 2 groups (6 rock, 6 paper, 6 scissors)
"""  # noqa: E501 -- what Python prints is one line.

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from course.data._chance import chance
from course.data._drawing import Canvas
from course.data.dataset import Dataset, whole_number

LABELS = ("rock", "paper", "scissors")
SIZE = 96

# Prototype: lengths of the index, middle, ring and little finger, in units of the hand.
_FINGERS = np.array([0.20, 0.24, 0.22, 0.17])
# Prototype: fingers fade over a third of a pixel of 28.  Fists would be one blob without it:
# by which share a finger is darker at its edge.
_SOFTNESS, _RIM = 0.35 * SIZE / 28, 0.22


@dataclass(frozen=True)
class _Person:
    """A hand and the wall it is held before.  Lengths in units of the hand."""

    wall: np.ndarray
    skin: np.ndarray
    palm: float
    finger: float
    forearm: float
    length: float
    spread: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Person:
        # Prototype: brightness of wall and skin.  Plain range: their colours.
        wall = rng.uniform(225, 255) * (1 + rng.normal(0, 0.012, 3))
        red, blue = rng.uniform(1.14, 1.26), rng.uniform(0.74, 0.86)
        # The weights of red, green and blue in brightness (ITU-R BT.601).
        green = (1 - 0.299 * red - 0.114 * blue) / 0.587
        return cls(
            wall=np.minimum(wall, 255),
            skin=rng.uniform(50, 190) * np.array([red, green, blue]),
            # Prototype: all of them.
            palm=rng.uniform(0.085, 0.12),
            finger=rng.uniform(0.022, 0.03),
            forearm=rng.uniform(0.06, 0.10),
            length=rng.uniform(0.75, 1.15),
            spread=rng.uniform(0.03, 0.28),
        )


def generate(*, people: int = 12, pictures_per_label: int = 20, seed: int = 0) -> Dataset:
    """Pictures of drawn hands.

    Person 3 of seed 0 is the same whether 4 or 40 people are asked for, and the first pictures
    are the same whether 5 or 50 are asked for.

    Parameters
    ----------
    people : int
        How many people, numbered from 0: each has a hand, a skin colour and a wall of their own.
    pictures_per_label : int
        How many pictures of each label each person gives.
    seed : int
        Not negative.  Different seeds have different people.

    Returns
    -------
    Dataset
        people × 3 × pictures_per_label examples, uint8 of shape (96, 96, 3): red, green and
        blue from 0 to 255.  A toy, see the module's words.

    Raises
    ------
    ValueError
        If a count is less than one or the seed is negative.

    Examples
    --------
    >>> generate(people=1, pictures_per_label=1).names.tolist()
    ['rock', 'paper', 'scissors']
    """
    people = whole_number("people", people, 1)
    takes = whole_number("pictures_per_label", pictures_per_label, 1)
    seed = whole_number("seed", seed, 0)
    pictures = np.empty((people, len(LABELS), takes, SIZE, SIZE, 3), np.uint8)
    for who in range(people):
        person = _Person.draw(chance(seed, who, 0))
        for label, name in enumerate(LABELS):
            rng = chance(seed, who, 1 + label)
            for take in range(takes):
                pictures[who, label, take] = _picture(person, name, rng)
    return Dataset(
        name="hands",
        examples=pictures.reshape(-1, SIZE, SIZE, 3),
        labels=np.tile(np.repeat(np.arange(len(LABELS)), takes), people),
        label_names=LABELS,
        person=np.repeat(np.arange(people), len(LABELS) * takes),
        units="brightness, 0 to 255",
        sample_rate_hz=None,
        description=(
            "Hands drawn by program, a toy: rock, paper and scissors. They stand in for "
            "photographs while there are none; what learns from them alone is often wrong about "
            "real hands."
        ),
        licence="generated; CC0",
    )


def _picture(person: _Person, label: str, rng: np.random.Generator) -> np.ndarray:
    """Draw one hand.  All ranges: prototype."""
    canvas = Canvas(SIZE, person.wall, _SOFTNESS)
    scale = rng.uniform(0.55, 1.15)
    middle = np.array([rng.uniform(0.35, 0.65), rng.uniform(0.38, 0.62)])
    # The left hand is the mirrored right one; nothing tells a palm from a back.
    side = rng.choice([-1, 1])
    lean = rng.normal(0, 0.15)
    turn = np.array([[math.cos(lean), -math.sin(lean)], [math.sin(lean), math.cos(lean)]])
    # A hand that is turned about its length is narrower.
    yaw = rng.uniform(0.55, 1)
    palm = person.palm * yaw
    # No two pictures of one hand are quite alike.
    length = person.length * rng.normal(1, 0.05)
    finger = person.finger * rng.normal(1, 0.05)
    spread = person.spread * rng.lognormal(0, 0.3)

    def place(right: float, down: float) -> np.ndarray:
        return middle + turn @ np.array([right * side, down]) * scale

    def stroke(
        start: np.ndarray, end: np.ndarray, radius: float, light: float, tip: float | None = None
    ) -> None:
        canvas.stroke(
            start,
            end,
            radius * scale,
            np.minimum(person.skin * light, 255),
            end_radius=None if tip is None else tip * scale,
            rim=_RIM,
        )

    knuckles = np.linspace(-0.75, 0.75, 4) * palm

    def stretched(which: int, angle: float, long: float) -> None:
        reach = np.array([math.sin(angle) * yaw**0.3, -math.cos(angle)]) * long
        root, tip = place(knuckles[which], -0.10), place(knuckles[which] + reach[0], reach[1] - 0.1)
        stroke(root, tip, 1.08 * finger, rng.uniform(0.92, 1.05), tip=0.88 * finger)

    def folded(*fingers: int) -> None:
        for which in fingers:
            top, bottom = place(knuckles[which], -0.11), place(knuckles[which] * 1.02, -0.03)
            stroke(top, bottom, 1.15 * finger, rng.uniform(0.85, 1.05))

    def thumb_out(long: float, far: float) -> None:
        angle = rng.uniform(0.3, 1.1)
        tip = place(-palm - long * math.sin(angle), 0.06 - far * math.cos(angle))
        stroke(place(-palm * 0.8, 0.06), tip, 1.15 * finger, 1.0, tip=finger)

    def thumb_across(start_down: float, end_right: float, end_down: float) -> None:
        stroke(place(-palm, start_down), place(palm * end_right, end_down), 1.2 * finger, 0.93)

    elbow = place(rng.normal(0, 0.08), 1.2)
    stroke(place(0, 0.12), elbow, person.forearm, rng.uniform(0.8, 1.1))
    skin = np.minimum(person.skin, 255)
    across, wrist = palm, palm * 0.8
    if label == "paper":
        thumb_out(0.13, 0.14)
    canvas.shape(
        [place(-across, -0.1), place(across, -0.1), place(wrist, 0.14), place(-wrist, 0.14)], skin
    )
    canvas.stroke(place(-palm * 0.7, 0.02), place(palm * 0.7, 0.02), 0.07 * scale, skin)
    if label == "rock":
        folded(0, 1, 2, 3)
        thumb_across(0.0, 0.3, rng.normal(-0.03, 0.02))
    elif label == "paper":
        for which in range(4):
            angle = (which - 1.5) * spread / 1.5 + rng.normal(0, 0.03)
            stretched(which, angle, _FINGERS[which] * length)
    else:
        opening = rng.uniform(0.12, 0.38)
        for which, way in ((0, -1), (1, 1)):
            angle = way * opening * 0.6 + rng.normal(0, 0.04)
            stretched(which, angle, _FINGERS[which] * 1.05 * length)
        folded(2, 3)
        if rng.random() < 0.45:
            thumb_out(0.12, 0.13)
        else:
            thumb_across(0.02, 0.4, 0.0)
    return canvas.seen(rng, slope=0.04, noise=rng.uniform(0, 4))
