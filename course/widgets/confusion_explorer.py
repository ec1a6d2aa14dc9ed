"""A confusion matrix whose cells open: the examples that a model took for something else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from course import plots
from course.widgets._base import HouseWidget, script

SOUND_RATE_HZ = 16_000

# Examples of one cell that are sent to the browser, and the most that they may weigh together.
_MOST_PER_CELL = 24
_MOST_BYTES = 4_000_000
_MOST_NAMES = 12
_MOST_EXTRA = 3
_OTHER = "something else"
_LONGEST_NAME = 22
# A window of readings has as many columns as a sensor has axes; more are feature bands.
_MOST_AXES = 9
_QUANTITIES = {"mg": "Acceleration", "g": "Acceleration", "m/s²": "Acceleration"}


class ConfusionExplorer(HouseWidget):
    """A confusion matrix; choosing a cell shows the examples behind it, and plays their sound.

    Parameters
    ----------
    true_names, predicted_names : sequence of str, length N
        What each example is, and what it was taken for. A prediction may be anything.
    examples : array_like
        Signals (N, T) or (N, T, C) with at most 9 axes, feature maps (N, T, bands), or pictures
        (N, H, W) and (N, H, W, 3). Without a sample rate an array (N, H, W) is taken for pictures
        unless its examples are at least four times as long as wide.
    sample_rate_hz : float, optional
        Readings or feature rows per second.
    units : str
        Unit of the readings.
    sounds : sequence of int16 arrays, optional
        What each example sounds like, 16,000 samples per second; an entry may be None.
    label_names : sequence of str, optional
        Order of the rows and of the first columns. By default the true names, in order of
        appearance.
    title : str
        Title of the still picture.

    Attributes
    ----------
    row_names, column_names : list of str
        The true names, and the answers given.
    counts : int array, shape (rows, columns)
        How often each true name was given each answer.

    Raises
    ------
    ValueError
        If the lengths differ, there is no example, or the examples cannot be drawn.

    Examples
    --------
    >>> explorer = ConfusionExplorer(["wing", "ring"], ["wing", "wing"], np.zeros((2, 128, 3)))
    >>> explorer.counts.tolist()
    [[1, 0], [1, 0]]
    >>> explorer.indices("ring", "wing").tolist()
    [1]
    """

    _esm = script("confusion_explorer")

    _rows = traitlets.List().tag(sync=True)
    _columns = traitlets.List().tag(sync=True)
    _counts = traitlets.List().tag(sync=True)
    _cells = traitlets.List().tag(sync=True)
    _kind = traitlets.Unicode().tag(sync=True)
    _shape = traitlets.List().tag(sync=True)
    _examples = traitlets.Bytes().tag(sync=True)
    _positions = traitlets.List().tag(sync=True)
    _sounds = traitlets.Bytes().tag(sync=True)
    _sound_lengths = traitlets.List().tag(sync=True)
    _sample_rate_hz = traitlets.Float().tag(sync=True)
    _quantity = traitlets.Unicode().tag(sync=True)
    _axis_names = traitlets.List().tag(sync=True)
    _axis_colours = traitlets.List().tag(sync=True)

    def __init__(
        self,
        true_names: Sequence[object],
        predicted_names: Sequence[object],
        examples: Any,
        *,
        sample_rate_hz: float | None = None,
        units: str = "",
        sounds: Sequence[Any] | None = None,
        label_names: Sequence[str] | None = None,
        title: str = "What was taken for what",
    ) -> None:
        true = [_name(value) for value in true_names]
        predicted = [_name(value) for value in predicted_names]
        values = np.asarray(examples)
        clips = _check_sounds(sounds, len(true))
        if not true or not (len(true) == len(predicted) == (len(values) if values.ndim else 0)):
            raise ValueError(
                f"There are {len(true)} true names, {len(predicted)} predicted ones and examples "
                f"of the shape {values.shape}; each example needs one of each, and there must be "
                "at least one."
            )
        if values.dtype.kind not in "iufb":
            raise ValueError(f"examples has the type {values.dtype}; it must hold numbers.")
        kind, ready = _drawable(values, sample_rate_hz)
        given = [_name(label) for label in label_names] if label_names is not None else []
        rows = list(dict.fromkeys((*given, *true)))
        extra = [name for name in dict.fromkeys(predicted) if name not in rows]
        columns = rows + extra[:_MOST_EXTRA] + ([_OTHER] if len(extra) > _MOST_EXTRA else [])
        if len(rows) > _MOST_NAMES:
            raise ValueError(
                f"There are {len(rows)} different names; at most {_MOST_NAMES} fit a matrix that "
                "can be read."
            )
        self.row_names, self.column_names, self.title = rows, columns, title
        self._true, self._predicted = true, predicted
        places = {name: place for place, name in enumerate(columns)}
        self._cell_of = [
            (rows.index(truth), places.get(answer, len(columns) - 1))
            for truth, answer in zip(true, predicted, strict=True)
        ]
        self.counts = np.zeros((len(rows), len(columns)), int)
        for cell in self._cell_of:
            self.counts[cell] += 1
        chosen, cells = self._share(ready[0].nbytes, clips)
        mine = [clips[i] for i in chosen] if clips else []
        count = ready.shape[2] if kind == "signal" else 1
        super().__init__(
            _rows=rows,
            _columns=columns,
            _counts=self.counts.tolist(),
            _cells=cells,
            _kind=kind,
            _shape=list(ready.shape[1:]),
            _examples=ready[chosen].tobytes(),
            _positions=chosen,
            _sounds=b"".join(b"" if clip is None else clip.tobytes() for clip in mine),
            _sound_lengths=[0 if clip is None else len(clip) for clip in mine],
            _sample_rate_hz=float(sample_rate_hz or 0),
            _quantity=f"{_QUANTITIES.get(units, 'Reading')} ({units})" if units else "Reading",
            _axis_names=list(plots.AXIS_COLOURS)
            if count == 3
            else [f"axis {n + 1}" for n in range(count)],
            _axis_colours=[*plots.AXIS_COLOURS.values(), *list(plots.COLOURS.values())]
            if count > 1
            else [plots.BLUE],
        )

    def indices(self, true_name: str, predicted_name: str) -> np.ndarray:
        """Return the positions of the examples in one cell.

        Parameters
        ----------
        true_name, predicted_name : str
            A row and a column.

        Returns
        -------
        int array, shape (n,)
            Positions in what the explorer was made from.

        Raises
        ------
        ValueError
            If there is no such row or column.
        """
        if true_name not in self.row_names or predicted_name not in self.column_names:
            raise ValueError(
                f"There is no cell for {true_name!r} taken for {predicted_name!r}; rows are "
                f"{', '.join(self.row_names)}, columns {', '.join(self.column_names)}."
            )
        cell = (self.row_names.index(true_name), self.column_names.index(predicted_name))
        return np.array([i for i, at in enumerate(self._cell_of) if at == cell], np.int64)

    def _share(
        self, weight: int, clips: list[np.ndarray | None] | None
    ) -> tuple[list[int], list[list[int]]]:
        """Return positions of the examples to send, and for each cell how many and where."""
        heaviest = max((clip.nbytes for clip in clips or () if clip is not None), default=0)
        filled = max(1, np.count_nonzero(self.counts))
        each = max(1, min(_MOST_PER_CELL, _MOST_BYTES // (filled * max(weight, heaviest, 1))))
        members: dict[tuple[int, int], list[int]] = {}
        for position, cell in enumerate(self._cell_of):
            members.setdefault(cell, []).append(position)
        chosen: list[int] = []
        cells = []
        for row, column in np.ndindex(*self.counts.shape):
            here = members.get((row, column), [])
            if len(here) > each:
                here = [here[i] for i in np.linspace(0, len(here) - 1, each).round().astype(int)]
            cells.append([len(chosen), len(here)])
            chosen += here
        return chosen, cells

    def _fallback_figure(self) -> plots.HouseFigure:
        return plots.confusion_matrix(
            self._true, self._predicted, self.row_names, title=self.title, of="example"
        )

    def _fallback_text(self) -> str:
        return (
            f"{self._fallback_figure().alt} To get the positions of the examples in a cell, call "
            "indices(true_name, predicted_name) of this explorer."
        )


def _name(value: object) -> str:
    text = "no answer" if value is None else " ".join(str(value).split()) or "(empty)"
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def _check_sounds(sounds: Sequence[Any] | None, count: int) -> list[np.ndarray | None] | None:
    if sounds is None:
        return None
    clips = [None if sound is None else np.asarray(sound) for sound in sounds]
    if len(clips) != count:
        raise ValueError(f"There are {len(clips)} sounds for {count} examples; each needs one.")
    for clip in clips:
        if clip is not None and (clip.ndim != 1 or clip.dtype != np.int16):
            raise ValueError(
                f"A sound has the shape {clip.shape} and the type {clip.dtype}; each must be one "
                "row of int16 samples."
            )
    return [None if clip is None else clip.astype("<i2") for clip in clips]


def _drawable(values: np.ndarray, sample_rate_hz: float | None) -> tuple[str, np.ndarray]:
    """Return how examples are drawn, and the array in the form that the browser reads."""
    shape = values.shape[1:]
    if sample_rate_hz is not None and not (math.isfinite(sample_rate_hz) and sample_rate_hz > 0):
        raise ValueError(f"sample_rate_hz is {sample_rate_hz}; it must be above 0.")
    if not all(shape) or not shape:
        raise ValueError(f"examples has the shape {values.shape}; there is nothing to draw.")
    long = len(shape) == 2 and shape[1] <= _MOST_AXES and shape[0] >= 4 * shape[1]
    if len(shape) == 1 or long or (len(shape) == 2 and sample_rate_hz and shape[1] <= _MOST_AXES):
        signals = values.astype("<f4")
        return "signal", signals[..., None] if len(shape) == 1 else signals
    if len(shape) == 3 and shape[2] == 1:
        values, shape = values[..., 0], shape[:2]
    if len(shape) == 2:
        return ("bands" if sample_rate_hz else "picture"), _bytes(values)[..., None]
    if len(shape) == 3 and shape[2] == 3:
        return "picture", _bytes(values)
    raise ValueError(
        f"Examples of the shape {shape} cannot be drawn; they must be signals (T, C), or pictures "
        "(H, W) or (H, W, 3)."
    )


def _bytes(values: np.ndarray) -> np.ndarray:
    """Return pictures with 256 steps; the same brightness means the same value in all of them."""
    if values.dtype == np.uint8:
        return values
    numbers = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    low, high = float(numbers.min()), float(numbers.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return np.rint(255 * (numbers - low) / ((high - low) or 1)).astype(np.uint8)
