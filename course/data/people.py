"""Is there a person in the picture?  Drawn by program: a toy that stands in for photographs.

Places with a floor, a wall and things in them; a resident, whole or partly outside the picture,
stands, walks, sits or waves there, or nobody does.  A coat stand, a lamp, a dog or a plant may
be where somebody could be.  That is enough to build and try a detector that fits a
microcontroller.  It is not enough for a product: a network trained on the silhouettes of the
course's own prototype was right on about 40 % of real pictures, less than a coin would be.

>>> generate(people=2, pictures_per_label=3)
people: 12 examples of shape (96, 96) in brightness, 0 to 255, 2 groups (6 no person, 6 person)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from course.data._chance import chance
from course.data._drawing import Canvas
from course.data.dataset import Dataset, whole_number

LABELS = ("no person", "person")
SIZE = 96

# All ranges in this module are plain ones: modelling choices, with no publication claimed.
_RIM = 0.25


def generate(*, people: int = 12, pictures_per_label: int = 20, seed: int = 0) -> Dataset:
    """Grey pictures with and without a drawn person.

    Person 3 of seed 0 is the same whether 4 or 40 people are asked for, and the first pictures
    are the same whether 5 or 50 are asked for.

    Parameters
    ----------
    people : int
        How many people, numbered from 0: each is in a place of their own, which the pictures
        without a person show too.
    pictures_per_label : int
        How many pictures of each label each place gives.
    seed : int
        Not negative.  Different seeds have different people and places.

    Returns
    -------
    Dataset
        people × 2 × pictures_per_label examples, uint8 of shape (96, 96): brightness from 0 to
        255.  A toy, see the module's words.

    Raises
    ------
    ValueError
        If a count is less than one or the seed is negative.

    Examples
    --------
    >>> generate(people=1, pictures_per_label=1).names.tolist()
    ['no person', 'person']
    """
    people = whole_number("people", people, 1)
    takes = whole_number("pictures_per_label", pictures_per_label, 1)
    seed = whole_number("seed", seed, 0)
    pictures = np.empty((people, len(LABELS), takes, SIZE, SIZE), np.uint8)
    for who in range(people):
        rng = chance(seed, who, 0)
        place, person = _Place.draw(rng), _Person.draw(rng)
        for label, name in enumerate(LABELS):
            rng = chance(seed, who, 1 + label)
            for take in range(takes):
                somebody = person if name == "person" else None
                pictures[who, label, take] = _picture(place, somebody, rng)
    return Dataset(
        name="people",
        examples=pictures.reshape(-1, SIZE, SIZE),
        labels=np.tile(np.repeat(np.arange(len(LABELS)), takes), people),
        label_names=LABELS,
        person=np.repeat(np.arange(people), len(LABELS) * takes),
        units="brightness, 0 to 255",
        sample_rate_hz=None,
        description=(
            "Scenes drawn by program, a toy: with and without a person. They stand in for "
            "photographs while there are none; what learns from them alone knows nothing of "
            "real pictures."
        ),
        licence="generated; CC0",
    )


# --- Places -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """A wall, a floor, and what always stands there.  Lengths in widths of the picture."""

    wall: float
    floor: float
    horizon: float
    stripes: int
    things: tuple[tuple[str, float, float, float], ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Place:
        kinds = rng.choice(list(_THINGS), rng.integers(1, 4), replace=False)
        return cls(
            wall=rng.uniform(60, 230),
            floor=rng.uniform(30, 190),
            horizon=rng.uniform(0.5, 0.8),
            stripes=int(rng.choice([0, 0, 5, 8, 13])),
            things=tuple(
                # Kind, where from left to right, how large, how bright.
                (str(kind), rng.uniform(0, 1), rng.uniform(0.6, 1.1), rng.uniform(20, 240))
                for kind in kinds
            ),
        )

    def paint(self, canvas: Canvas, shift: float) -> None:
        """Paint everything behind whoever is there; a camera never hangs quite straight."""
        horizon = self.horizon
        for stripe in range(self.stripes):
            left = (stripe + 0.2) / self.stripes + 0.3 * shift
            canvas.box(left, 0, left + 0.3 / self.stripes, horizon, self.wall * 0.88)
        canvas.box(-0.1, horizon, 1.1, 1.1, self.floor)
        # A skirting board.
        canvas.box(-0.1, horizon - 0.015, 1.1, horizon + 0.005, 0.7 * self.wall)
        for kind, at, large, grey in self.things:
            _THINGS[kind](canvas, at + shift, horizon + 0.06, large, grey)


def _window(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    wide, top, low = 0.14 * large, ground - 0.62, ground - 0.62 + 0.34 * large
    canvas.box(at - wide - 0.02, top - 0.02, at + wide + 0.02, low + 0.02, 0.6 * grey)
    for side in (-1, 1):
        inner, outer = at + 0.01 * side, at + wide * side
        canvas.box(min(inner, outer), top, max(inner, outer), low, min(255, grey + 40))


def _door(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    canvas.box(at - 0.12 * large, ground - 0.62 * large, at + 0.12 * large, ground - 0.06, grey)
    canvas.stroke(
        (at + 0.08 * large, ground - 0.3), (at + 0.09 * large, ground - 0.3), 0.01, 0.5 * grey
    )


def _shelf(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    wide, tall = 0.15 * large, 0.5 * large
    canvas.box(at - wide, ground - tall, at + wide, ground, grey)
    for board in range(3):
        top = ground - tall + 0.02 + board * tall / 3
        canvas.box(at - wide + 0.02, top, at + wide - 0.02, top + tall / 3 - 0.035, 0.55 * grey)
        canvas.box(at - wide + 0.03, top + 0.04, at - 0.02, top + tall / 3 - 0.035, 0.8 * grey)


def _table(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    wide, high = 0.24 * large, 0.24 * large
    for side in (-0.9, 0.9):
        canvas.stroke(
            (at + side * wide, ground - high), (at + side * wide, ground), 0.015, 0.8 * grey
        )
    canvas.stroke((at - wide, ground - high), (at + wide, ground - high), 0.022, grey, rim=_RIM)


def _chair(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    wide, seat, back = 0.08 * large, ground - 0.17 * large, ground - 0.40 * large
    for side in (-1, 1):
        canvas.stroke((at + side * wide, seat), (at + side * wide, ground), 0.012, 0.8 * grey)
    canvas.stroke((at - wide, seat), (at + wide, seat), 0.018, grey)
    canvas.stroke((at - wide, seat), (at - wide * 1.2, back), 0.015, grey)
    canvas.stroke((at + wide, seat), (at + wide * 0.9, back), 0.015, grey)
    for high in (0.3, 0.6, 0.95):
        up = seat + high * (back - seat)
        canvas.stroke((at - wide * 1.1, up), (at + wide * 0.95, up), 0.012, grey)


def _lamp(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    top = ground - 0.58 * large
    canvas.stroke((at, top), (at, ground), 0.011, 0.6 * grey)
    canvas.stroke((at - 0.05, ground), (at + 0.05, ground), 0.012, 0.6 * grey)
    lit = min(255, grey + 50)
    canvas.shape(
        [(at - 0.04, top - 0.07), (at + 0.04, top - 0.07), (at + 0.085, top + 0.06),
         (at - 0.085, top + 0.06)],
        lit,
    )  # fmt: skip


def _plant(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    pot = 0.055 * large
    root = ground - 0.12 * large
    for leaf in range(7):
        angle = (leaf - 3) * 0.34
        long = (0.36 - 0.03 * abs(leaf - 3)) * large
        tip = (at + long * math.sin(angle), root - long * math.cos(angle))
        shade = grey * (0.75 + 0.08 * (leaf % 3))
        canvas.stroke((at, root), tip, 0.012, shade, end_radius=0.026 * large, rim=_RIM)
    canvas.shape(
        [(at - pot, root), (at + pot, root), (at + 0.7 * pot, ground), (at - 0.7 * pot, ground)],
        0.5 * grey,
    )


def _coat_stand(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    top = ground - 0.62 * large
    canvas.stroke((at, top), (at, ground), 0.012, 0.5 * grey)
    for side in (-1, 1):
        canvas.stroke((at, ground - 0.05), (at + 0.06 * side, ground), 0.011, 0.5 * grey)
        canvas.stroke((at, top + 0.02), (at + 0.06 * side, top - 0.02), 0.01, 0.5 * grey)
    # A coat hangs from it: shoulders and no head, a hem and no legs.
    canvas.stroke(
        (at, top + 0.10), (at, top + 0.36 * large), 0.06 * large, grey,
        end_radius=0.085 * large, rim=_RIM,
    )  # fmt: skip


def _dog(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    back, long = ground - 0.17 * large, 0.11 * large
    for x in (-0.95, -0.6, 0.6, 0.95):
        canvas.stroke((at + x * long, back), (at + x * long, ground), 0.017 * large, 0.85 * grey)
    canvas.stroke((at - long, back), (at + long, back), 0.045 * large, grey, rim=_RIM)
    head = (at + 1.55 * long, back - 0.08 * large)
    canvas.stroke((at + long, back), head, 0.03 * large, grey)
    nose = (head[0] + 0.06 * large, head[1] + 0.02)
    canvas.stroke(head, nose, 0.035 * large, grey, end_radius=0.018 * large, rim=_RIM)
    tail = (at - 1.7 * long, back - 0.09 * large)
    canvas.stroke((at - long, back), tail, 0.012 * large, grey)


def _ball(canvas: Canvas, at: float, ground: float, large: float, grey: float) -> None:
    middle = (at, ground - 0.07 * large)
    canvas.stroke(middle, middle, 0.07 * large, grey, rim=0.5)


_Thing = Callable[[Canvas, float, float, float, float], None]
_THINGS: dict[str, _Thing] = {
    "window": _window, "door": _door, "shelf": _shelf, "table": _table, "chair": _chair,
    "lamp": _lamp, "plant": _plant,
}  # fmt: skip
# What comes and goes, and may be where a person could be.
_VISITORS: dict[str, _Thing] = {
    "coat stand": _coat_stand, "lamp": _lamp, "plant": _plant, "dog": _dog, "chair": _chair,
    "ball": _ball,
}  # fmt: skip


# --- People -------------------------------------------------------------------------------

_POSES = ("standing", "walking", "sitting", "waving")


@dataclass(frozen=True)
class _Person:
    """A body and its clothes.  Lengths in units of the body's height."""

    head: float
    shoulders: float
    hips: float
    limb: float
    skin: float
    hair: float
    long_hair: bool
    top: float
    legs: float
    skirt: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Person:
        return cls(
            head=rng.uniform(0.062, 0.078),
            shoulders=rng.uniform(0.085, 0.125),
            hips=rng.uniform(0.075, 0.115),
            limb=rng.uniform(0.028, 0.04),
            skin=rng.uniform(70, 215),
            hair=rng.uniform(15, 170),
            long_hair=bool(rng.random() < 0.4),
            top=rng.uniform(15, 245),
            legs=rng.uniform(15, 200),
            skirt=bool(rng.random() < 0.25),
        )

    def paint(
        self, canvas: Canvas, at: float, ground: float, tall: float, rng: np.random.Generator
    ) -> None:
        """Paint this person, who stands on the ground there."""
        pose = str(rng.choice(_POSES, p=[0.4, 0.3, 0.15, 0.15]))
        side = rng.choice([-1, 1])
        lean = rng.normal(0, 0.02)
        hip = 0.29 if pose == "sitting" else 0.50

        def place(right: float, up: float) -> tuple[float, float]:
            return at + (right * side + lean * up) * tall, ground - up * tall

        def limb(points: list[tuple[float, float]], radius: float, grey: float) -> None:
            for start, end in pairwise(points):
                canvas.stroke(place(*start), place(*end), radius * tall, grey, rim=_RIM)

        neck = hip + 0.33
        if pose == "sitting":
            stool = rng.uniform(20, 220)
            for foot in (-0.07, 0.07):
                canvas.stroke(place(foot, hip - 0.08), place(foot, 0), 0.014 * tall, 0.8 * stool)
            canvas.stroke(place(-0.09, hip - 0.07), place(0.09, hip - 0.07), 0.025 * tall, stool)
        # Farther arm and leg first, a little darker.
        stride = rng.uniform(0.08, 0.16) if pose == "walking" else rng.uniform(0.03, 0.07)
        for way, shade in ((-1, 0.85), (1, 1.0)):
            joint = (0.45 * self.hips * way, hip)
            if pose == "sitting":
                knee = (0.17 + 0.02 * way, 0.27)
                leg = [joint, knee, (knee[0] + 0.02 * way, 0.03)]
            else:
                foot = 0.6 * self.hips * way + stride * way
                leg = [joint, (0.5 * foot + rng.normal(0.02, 0.01), 0.26), (foot, 0.03)]
            limb(leg, 1.25 * self.limb, self.legs * shade)
            limb([leg[-1], (leg[-1][0] + 0.05, 0.02)], 0.8 * self.limb, 0.4 * self.legs)
        if self.skirt and pose != "sitting":
            hem = self.hips + 0.05
            canvas.shape(
                [place(-0.7 * self.hips, hip), place(0.7 * self.hips, hip),
                 place(hem, 0.27), place(-hem, 0.27)],
                self.legs,
            )  # fmt: skip
        if self.long_hair:
            canvas.stroke(
                place(0, neck + 0.11), place(-0.02, neck - 0.02), 1.1 * self.head * tall, self.hair
            )
        canvas.stroke(place(0, neck - 0.02), place(0, neck + 0.07), 0.035 * tall, self.skin)
        canvas.stroke(
            place(0, neck - 0.055), place(0, hip + 0.02), self.shoulders * tall, self.top,
            end_radius=0.85 * self.hips * tall, rim=_RIM,
        )  # fmt: skip
        for way, shade in ((-1, 0.85), (1, 0.93)):
            shoulder = (0.92 * self.shoulders * way, neck - 0.03)
            if pose == "waving" and way == 1:
                elbow = (shoulder[0] + 0.10, neck + rng.uniform(0.0, 0.06))
                hand = (elbow[0] + rng.uniform(-0.06, 0.08), elbow[1] + 0.15)
            else:
                swing = rng.normal(0, 0.07 if pose == "walking" else 0.03)
                elbow = (shoulder[0] + 0.035 * way + swing, neck - 0.19)
                hand = (elbow[0] + 1.5 * swing - 0.01 * way, neck - rng.uniform(0.28, 0.36))
            limb([shoulder, elbow, hand], self.limb, self.top * shade)
            limb([hand, hand], 0.9 * self.limb, self.skin)
        face, crown = place(0.01, neck + 0.115), place(-0.008, neck + 0.135)
        canvas.stroke(crown, crown, 1.08 * self.head * tall, self.hair)
        canvas.stroke(
            face, place(0.012, neck + 0.095), 0.9 * self.head * tall, self.skin,
            end_radius=0.75 * self.head * tall, rim=_RIM,
        )  # fmt: skip


def _picture(place: _Place, person: _Person | None, rng: np.random.Generator) -> np.ndarray:
    canvas = Canvas(SIZE, place.wall, softness=rng.uniform(1, 2))
    place.paint(canvas, rng.normal(0, 0.03))
    # What stands about tells nothing: with nobody there, it is there a little more often.
    if rng.random() < (0.5 if person else 0.7):
        visitor = _VISITORS[str(rng.choice(list(_VISITORS)))]
        large = rng.uniform(0.7, 1.5)
        ground = place.horizon + rng.uniform(0.05, 0.12) * large
        visitor(canvas, rng.uniform(0.1, 0.9), ground, large, rng.uniform(15, 240))
    if person:
        # The nearer, the taller, and the feet leave the picture below.
        tall = rng.uniform(0.5, 1.3)
        ground = place.horizon + 0.25 * tall + rng.normal(0, 0.03)
        # Of a head half is inside at least.
        ground = max(ground, rng.uniform(0.93, 1.1) * tall)
        person.paint(canvas, rng.uniform(0.15, 0.85), ground, tall, rng)
    canvas.pixels *= rng.uniform(0.75, 1.1)
    return canvas.seen(rng, slope=0.15, noise=rng.uniform(1, 6))
