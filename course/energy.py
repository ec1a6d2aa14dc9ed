"""Energy: a table of published currents, and the three sums that one does with it.

>>> from course import energy
>>> energy.draw("board.busy").milliwatts
9.9
>>> round(energy.draw("inference.small").millijoules, 2)
0.53
"""

from __future__ import annotations

import functools
import html
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = [
    "Battery",
    "Draw",
    "Table",
    "battery",
    "battery_days",
    "draw",
    "draws",
    "phases",
    "table",
]

_TABLE = Path(__file__).with_name("energy.toml")
MS_PER_HOUR = 3_600_000
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Draw:
    """What something draws while it is in one state.

    Attributes
    ----------
    name : its name in the table, such as ``"board.busy"``.
    what : what it is, in words.
    milliwatts : power, in mW.
    volts : supply, in V; None where only the power is known.
    milliseconds : how long the state lasts, in ms; None where that depends.
    source : where the figures come from.
    """

    name: str
    what: str
    milliwatts: float
    volts: float | None
    milliseconds: float | None
    source: str

    @property
    def milliamperes(self) -> float:
        """Current, in mA.

        Raises
        ------
        ValueError
            When only the power is known.
        """
        if self.volts is None:
            raise ValueError(f"{self.name} is known by its power, {self.milliwatts:g} mW.")
        return round(self.milliwatts / self.volts, 9)

    @property
    def millijoules(self) -> float:
        """Energy of the whole state, in mJ: power times time.

        Raises
        ------
        ValueError
            When it is not known how long the state lasts.
        """
        if self.milliseconds is None:
            raise ValueError(f"How long {self.name} lasts depends on what is done with it.")
        return self.milliwatts * self.milliseconds / 1000


@dataclass(frozen=True)
class Battery:
    """A battery.

    Attributes
    ----------
    name : its name in the table, such as ``"cr2032"``.
    what : what it is, in words.
    milliampere_hours : what it holds, in mAh.
    volts : what it gives, in V.
    source : where the figures come from.
    """

    name: str
    what: str
    milliampere_hours: float
    volts: float
    source: str

    @property
    def joules(self) -> float:
        """What it holds, in J: one mAh at one volt is 3.6 J."""
        return 3.6 * self.milliampere_hours * self.volts


@functools.cache
def _rows() -> dict[str, dict[str, dict]]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))


@functools.cache
def draws() -> dict[str, Draw]:
    """Every draw in the table, by name."""
    return {
        f"{group}.{state}": _draw(f"{group}.{state}", row)
        for group, states in _rows().items()
        if group != "battery"
        for state, row in states.items()
    }


def _draw(name: str, row: dict) -> Draw:
    # Rounded to a nanowatt: 3 V times 3.3 mA shall read 9.9 mW.
    power = round(row.get("milliwatts") or row["milliamperes"] * row["volts"], 6)
    return Draw(name, row["what"], power, row.get("volts"), row.get("milliseconds"), row["source"])


def draw(name: str) -> Draw:
    """One draw by name.

    Raises
    ------
    ValueError
        When the table has none of that name; the message lists the names.
    """
    if name not in draws():
        raise ValueError(f"The table has no {name!r}; it has {', '.join(draws())}.")
    return draws()[name]


def battery(name: str) -> Battery:
    """One battery by name.

    Raises
    ------
    ValueError
        When the table has none of that name; the message lists the names.
    """
    batteries = _rows()["battery"]
    if name not in batteries:
        raise ValueError(f"The table has no battery {name!r}; it has {', '.join(batteries)}.")
    row = batteries[name]
    return Battery(name, row["what"], row["milliampere_hours"], row["volts"], row["source"])


def battery_days(average_ma: float, capacity_mah: float) -> float:
    """How long a battery lasts, in days, at a constant current.

    Parameters
    ----------
    average_ma : mean current, in mA.
    capacity_mah : what the battery holds, in mAh.

    Raises
    ------
    ValueError
        When the current is not above 0.

    Examples
    --------
    >>> battery_days(1.0, 240.0)
    10.0
    """
    if not average_ma > 0:
        raise ValueError(f"The mean current is {average_ma} mA; it must be above 0.")
    return capacity_mah / average_ma / 24


def phases(*names: str) -> tuple[np.ndarray, np.ndarray]:
    """Power in mW and duration in ms of the named draws, as two arrays of the same length.

    Raises
    ------
    ValueError
        When there is no draw of that name, or the table does not say how long it lasts.

    Examples
    --------
    >>> milliwatts, milliseconds = phases("phone_wifi.wake", "phone_wifi.tail")
    >>> milliseconds.tolist()
    [79.1, 238.1]
    """
    found = [draw(name) for name in names]
    for one in found:
        if one.milliseconds is None:
            raise ValueError(f"How long {one.name} lasts depends on what is done with it.")
    return np.array([one.milliwatts for one in found]), np.array(
        [one.milliseconds for one in found], float
    )


class Table:
    """Draws as a table that a notebook shows and a terminal prints.

    Parameters
    ----------
    draws : the rows, from top to bottom.
    """

    def __init__(self, draws: Sequence[Draw]) -> None:
        self.draws = tuple(draws)

    def _cells(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                one.what,
                f"{one.milliwatts:,.3g}" if one.milliwatts < 1000 else f"{one.milliwatts:,.0f}",
                "" if one.milliseconds is None else f"{one.milliseconds:,.1f}",
                one.source,
            )
            for one in self.draws
        ]

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>"
            f'<td style="text-align: left">{html.escape(what)}</td>'
            f"<td>{power}</td><td>{lasts}</td>"
            f'<td style="text-align: left"><small>{html.escape(source)}</small></td></tr>'
            for what, power, lasts, source in self._cells()
        )
        return (
            '<table><thead><tr><th style="text-align: left">What</th><th>mW</th><th>ms</th>'
            '<th style="text-align: left">Source</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )

    def __repr__(self) -> str:
        return "\n".join(
            f"{power:>6} mW {f'{lasts} ms' if lasts else '':>12}  {what} [{source}]"
            for what, power, lasts, source in self._cells()
        )


def table(*names: str) -> Table:
    """The named draws, or all, as a table: what, power, how long it lasts, source."""
    return Table([draw(name) for name in names or draws()])
