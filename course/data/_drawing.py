"""Pictures drawn with round strokes and flat shapes: enough for hands, people and furniture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Point = Sequence[float] | np.ndarray


class Canvas:
    """A square picture that is painted over, the last on top.

    Points are (right, down) from the upper left corner, in widths of the picture; lengths too.

    Parameters
    ----------
    size : int
        Pixels in a row and in a column.
    ground : float or array of shape (3,)
        Brightness from 0 to 255 that everything starts with; three for a colour picture.
    softness : float
        Over how many pixels an edge fades: 1 is sharp.
    """

    def __init__(self, size: int, ground: float | np.ndarray, softness: float = 1.0) -> None:
        ground = np.asarray(ground, np.float32)
        self.pixels = np.empty((size, size, *ground.shape), np.float32)
        self.pixels[...] = ground
        self._size = size
        self._softness = softness
        self._middles = (np.arange(size) + 0.5).astype(np.float32)

    def stroke(
        self,
        start: Point,
        end: Point,
        radius: float,
        colour: float | np.ndarray,
        *,
        end_radius: float | None = None,
        rim: float = 0.0,
    ) -> None:
        """Draw a line with round ends.

        Parameters
        ----------
        start, end : (right, down)
        radius : float
            Half of its width at the start.
        colour : float or array
            Brightness, one or three, as the ground has.
        end_radius : float, optional
            Half of its width at the end, if it is another.
        rim : float
            By which share its edges are darker than its middle, as those of round bodies.
        """
        x, y = (float(v) * self._size for v in start)
        to_x, to_y = (float(v) * self._size for v in end)
        radius = radius * self._size
        change = 0.0 if end_radius is None else end_radius * self._size - radius
        area, right, down = self._area(
            [x, to_x], [y, to_y], max(radius, radius + change) + self._softness
        )
        if not (right.size and down.size):
            return
        right, down = right - x, down - y
        along_x, along_y = to_x - x, to_y - y
        long = max(along_x**2 + along_y**2, 1e-6)
        way = np.minimum(np.maximum((right * along_x + down * along_y) / long, 0), 1)
        distance = np.sqrt((right - way * along_x) ** 2 + (down - way * along_y) ** 2)
        wide = radius + way * change
        shade = 1 - rim * np.minimum(distance / wide, 1) ** 2 if rim else None
        self._paint(area, wide - distance, colour, shade)

    def shape(self, corners: Sequence[Point], colour: float | np.ndarray) -> None:
        """Fill a convex shape with these corners, in either sense of turning."""
        points = np.asarray(corners, float) * self._size
        area, right, down = self._area(points[:, 0], points[:, 1], self._softness)
        if not (right.size and down.size):
            return
        after = np.roll(points, -1, axis=0)
        turned = np.sum(points[:, 0] * after[:, 1] - points[:, 1] * after[:, 0])
        depth = np.full((len(down), right.shape[1]), np.inf, np.float32)
        for (x, y), (to_x, to_y) in zip(points, after, strict=True):
            long = float(np.hypot(to_x - x, to_y - y))
            if long > 1e-6:
                across = ((to_x - x) * (down - y) - (to_y - y) * (right - x)) / long
                depth = np.minimum(depth, across if turned > 0 else -across)
        self._paint(area, depth, colour, None)

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: float | np.ndarray
    ) -> None:
        """Fill an upright rectangle."""
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def seen(self, rng: np.random.Generator, slope: float, noise: float) -> np.ndarray:
        """Return the picture as a camera sees it, uint8.

        Parameters
        ----------
        rng : Generator
        slope : float
            Spread of the light's change from one side of the picture to the other, as a share.
        noise : float
            Spread of the noise of each pixel, in steps of 255.
        """
        across, upright = rng.normal(0, slope, 2)
        place = self._middles / self._size - 0.5
        light = (1 + across * place[None, :] + upright * place[:, None]).astype(np.float32)
        grain = noise * rng.standard_normal((self._size, self._size), np.float32)
        if self.pixels.ndim == 3:
            light, grain = light[..., None], grain[..., None]
        return np.clip(np.round(self.pixels * light + grain), 0, 255).astype(np.uint8)

    def _area(
        self, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, reach: float
    ) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """Return the part of the picture around these points, and its pixels' middles."""
        columns, rows = (
            slice(
                min(max(math.floor(min(along) - reach), 0), self._size),
                min(max(math.ceil(max(along) + reach), 0), self._size),
            )
            for along in (x, y)
        )
        return (rows, columns), self._middles[None, columns], self._middles[rows, None]

    def _paint(
        self,
        area: tuple[slice, slice],
        depth: np.ndarray,
        colour: float | np.ndarray,
        shade: np.ndarray | None,
    ) -> None:
        """Blend a colour in where `depth`, in pixels from the edge inwards, is positive."""
        cover = np.minimum(np.maximum(depth / self._softness + 0.5, 0), 1)
        paint = np.asarray(colour, np.float32)
        under = self.pixels[area]
        if under.ndim == 3:
            cover = cover[..., None]
            shade = None if shade is None else shade[..., None]
        under += cover * ((paint if shade is None else paint * shade) - under)
