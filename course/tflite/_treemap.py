"""Areas in a rectangle, one for each amount, as close to squares as they come."""

from __future__ import annotations

from collections.abc import Sequence

Tile = tuple[float, float, float, float]


def squarified(amounts: Sequence[float], width: float, height: float) -> list[Tile]:
    """Left, top, width and height of one tile for each amount.

    Parameters
    ----------
    amounts : above 0, the largest first.
    width, height : of the whole rectangle, in any unit; tiles have the same.

    Returns
    -------
    list of (left, top, width, height), in the order of the amounts

    Notes
    -----
    After Bruls, Huizing and van Wijk, "Squarified treemaps" (2000).
    """
    if not amounts:
        return []
    scale = width * height / sum(amounts)
    areas = [amount * scale for amount in amounts]
    tiles: list[Tile] = []
    left = top = 0.0
    row: list[float] = []
    for area in areas:
        side = min(width - left, height - top)
        if row and _worst([*row, area], side) > _worst(row, side):
            left, top = _lay(row, left, top, width, height, tiles)
            row = []
        row.append(area)
    _lay(row, left, top, width, height, tiles)
    return tiles


def _worst(row: Sequence[float], side: float) -> float:
    """How far from a square the worst tile of a row along a side is; 1 is a square."""
    total = sum(row)
    thick = total / max(side, 1e-9)
    return max(max(thick * thick / area, area / (thick * thick)) for area in row)


def _lay(
    row: Sequence[float], left: float, top: float, width: float, height: float, tiles: list[Tile]
) -> tuple[float, float]:
    """Add a row's tiles along the shorter side; return where the rest begins."""
    wide, tall = max(width - left, 1e-9), max(height - top, 1e-9)
    total = sum(row)
    if wide >= tall:
        thick, at = total / tall, top
        for area in row:
            tiles.append((left, at, thick, area / thick))
            at += area / thick
        return left + thick, top
    thick, at = total / wide, left
    for area in row:
        tiles.append((at, top, area / thick, thick))
        at += area / thick
    return left, top + thick
