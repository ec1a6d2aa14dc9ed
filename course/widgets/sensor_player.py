"""A long recording to scrub through, with the window that a model would see at each moment."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import traitlets
from matplotlib.figure import Figure

from course import plots
from course.widgets._base import HouseWidget, script

MOST_NUMBERS = 2_000_000
"""Numbers in one recording; 8 MB, the most that is sent to a browser at once."""
MOST_AXES = 9

_NAMED_COLOURS = (
    plots.BLUE, plots.VERMILLION, plots.GREEN, plots.PURPLE, plots.ORANGE, plots.SKY
)  # fmt: skip
_LINE_COLOURS = (*plots.AXIS_COLOURS.values(), *_NAMED_COLOURS)
_DASHES = ("-", "--", "-.", ":")
_QUANTITIES = {"mg": "Acceleration", "g": "Acceleration", "m/s²": "Acceleration"}
# More points than the picture has pixels across take time and show nothing more.
_MOST_POINTS = 1500


class SensorPlayer(HouseWidget):
    """Plays a recording at its own speed while a window slides over it.

    The window always ends at or before the cursor: the newest whole window that an application
    would have at that moment. Arrow keys on the slider move it by one stride.

    Parameters
    ----------
    readings : array_like, shape (T, C) or (T,)
        The recording. A reading that is not finite leaves a gap.
    sample_rate_hz : float
        Readings per second.
    window, stride : int
        Readings in a window, and from the start of a window to the start of the next.
    events : sequence of objects or tuples
        What happened when: ``start_s``, ``end_s`` and ``label``, or (start, end, label), in
        seconds.
    labels : sequence of str, optional
        The label that each window was given, shown as a strip. One for each window.
    units : str
        Unit of the readings.
    scores : array_like, shape (N, K), optional
        What a model answered for each of the N windows, drawn where the window ends.
    score_names : sequence of str, optional
        Name of each of the K scores.
    title : str
        Title of the still picture.

    Attributes
    ----------
    windows : int
        How many windows there are: 1 + (T - window) // stride.
    window_index : int
        The window at the cursor, from 0. It follows the learner when playing pauses, and moves
        the cursor when it is set.

    Raises
    ------
    ValueError
        If there is no whole window, or shapes and lengths do not fit together.

    Examples
    --------
    >>> player = SensorPlayer(
    ...     np.zeros((250, 3)), sample_rate_hz=25, window=128, stride=12, units="mg"
    ... )
    >>> player.windows
    11
    >>> player.window_index = 10
    >>> player.span
    (4.8, 9.92)
    """

    _esm = script("sensor_player")

    window_index = traitlets.Int(0).tag(sync=True)
    windows = traitlets.Int().tag(sync=True)
    _readings = traitlets.Bytes().tag(sync=True)
    _axis_names = traitlets.List().tag(sync=True)
    _line_colours = traitlets.List(list(_LINE_COLOURS)).tag(sync=True)
    _sample_rate_hz = traitlets.Float().tag(sync=True)
    _window = traitlets.Int().tag(sync=True)
    _stride = traitlets.Int().tag(sync=True)
    _quantity = traitlets.Unicode().tag(sync=True)
    _names = traitlets.List().tag(sync=True)
    _colours = traitlets.List().tag(sync=True)
    _events = traitlets.List().tag(sync=True)
    _labels = traitlets.List().tag(sync=True)
    _scores = traitlets.Bytes().tag(sync=True)
    _score_names = traitlets.List().tag(sync=True)

    def __init__(
        self,
        readings: Any,
        *,
        sample_rate_hz: float,
        window: int,
        stride: int,
        events: Iterable[Any] = (),
        labels: Sequence[str] | None = None,
        units: str = "",
        scores: Any = None,
        score_names: Sequence[str] | None = None,
        title: str = "A window slides over the recording",
    ) -> None:
        values = np.asarray(readings, np.float32)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or not 1 <= values.shape[1] <= MOST_AXES:
            raise ValueError(
                f"readings has the shape {values.shape}; it must be (T, C), one row for each "
                f"moment and at most {MOST_AXES} columns."
            )
        if values.size > MOST_NUMBERS:
            raise ValueError(
                f"The recording has {values.size:,} numbers; at most {MOST_NUMBERS:,} can be "
                "played at once. Play a part of it."
            )
        if not math.isfinite(sample_rate_hz) or sample_rate_hz <= 0:
            raise ValueError(f"sample_rate_hz is {sample_rate_hz}; it must be above 0.")
        if min(window, stride) < 1 or window > len(values):
            raise ValueError(
                f"window is {window} and stride is {stride}; both must be at least 1, and the "
                f"window at most the {len(values)} readings of the recording."
            )
        count = 1 + (len(values) - window) // stride
        self.readings = values
        self.sample_rate_hz = float(sample_rate_hz)
        self.window, self.stride, self.units, self.title = int(window), int(stride), units, title
        self.events = [_event(item) for item in events]
        self.labels = None if labels is None else [str(name) for name in labels]
        if self.labels is not None and len(self.labels) != count:
            raise ValueError(
                f"There are {len(self.labels)} labels but {count} windows of {window} readings "
                f"every {stride}; each window needs one."
            )
        self.scores, self.score_names = _check_scores(scores, score_names, count)
        self.axis_names = _axis_names(values.shape[1])
        names = list(
            dict.fromkeys(
                (*self.score_names, *(name for _, _, name in self.events), *(self.labels or ()))
            )
        )
        super().__init__(
            windows=count,
            _readings=values.astype("<f4").tobytes(),
            _axis_names=self.axis_names,
            _sample_rate_hz=self.sample_rate_hz,
            _window=self.window,
            _stride=self.stride,
            _quantity=_quantity(units),
            _names=names,
            _colours=[_colour(name, i) for i, name in enumerate(names)],
            _events=[[start, end, names.index(name)] for start, end, name in self.events],
            _labels=[names.index(name) for name in self.labels or ()],
            _scores=b"" if self.scores is None else self.scores.astype("<f4").tobytes(),
            _score_names=self.score_names,
        )

    @traitlets.validate("window_index")
    def _inside(self, proposal: dict[str, Any]) -> int:
        return max(0, min(int(proposal["value"]), max(self.windows, 1) - 1))

    @property
    def span(self) -> tuple[float, float]:
        """Start and end of the present window, in seconds."""
        start = self.window_index * self.stride
        rate = self.sample_rate_hz
        return start / rate, (start + self.window) / rate

    def _fallback_figure(self) -> plots.HouseFigure:
        seconds = len(self.readings) / self.sample_rate_hz
        rows = 1 if self.scores is None else 2
        with mpl.rc_context(plots.HOUSE_STYLE):
            figure = Figure(figsize=(7.5, 3.0 + 1.7 * (rows - 1)), layout="constrained")
            grid = figure.subplots(
                rows, 1, sharex=True, squeeze=False, height_ratios=[1.7, 1][:rows]
            )[:, 0]
            self._draw_readings(grid[0])
            if self.scores is not None:
                self._draw_scores(grid[1])
            for axes in grid:
                axes.axvspan(*self.span, facecolor="none", edgecolor=plots.INK, linewidth=1.8)
            grid[0].set_xlim(0, seconds)
            grid[-1].set_xlabel("Time (s)")
            figure.suptitle(self.title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        return plots.HouseFigure(figure, self._described())

    def _draw_readings(self, axes: Any) -> None:
        step = max(1, len(self.readings) // _MOST_POINTS)
        times = np.arange(0, len(self.readings), step) / self.sample_rate_hz
        for axis, name in enumerate(self.axis_names):
            axes.plot(
                times,
                self.readings[::step, axis],
                color=_LINE_COLOURS[axis],
                linewidth=1,
                label=name,
            )
        names = dict(zip(self._names, self._colours, strict=True))
        top = axes.get_xaxis_transform()
        # Share of the picture that a letter takes; a name without room is left to the alt text.
        letter = 0.012 * len(self.readings) / self.sample_rate_hz
        written = -math.inf
        for start, end, name in self.events:
            axes.axvspan(start, end, color=names[name], alpha=0.16, linewidth=0)
            half = letter * len(name) / 2
            if (start + end) / 2 - half < written:
                continue
            written = (start + end) / 2 + half
            axes.text(
                (start + end) / 2, 1, name, transform=top, ha="center", va="bottom", fontsize=10.5
            )
        axes.set_ylabel(_quantity(self.units))
        if len(self.axis_names) > 1:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

    def _draw_scores(self, axes: Any) -> None:
        ends = (np.arange(self.windows) * self.stride + self.window) / self.sample_rate_hz
        for position, name in enumerate(self.score_names):
            axes.plot(
                ends,
                self.scores[:, position],
                _DASHES[position % len(_DASHES)],
                color=_colour(name, position),
                label=name,
            )
        axes.set_ylabel("Score")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

    def _described(self) -> str:
        start, end = self.span
        values = self.readings[self.window_index * self.stride :][: self.window]
        sentences = [
            f"{self.title}: {len(self.readings) / self.sample_rate_hz:.1f} s at "
            f"{self.sample_rate_hz:g} Hz, {self.windows} windows of {self.window} readings every "
            f"{self.stride}.",
            f"Outlined is window {self.window_index}, from {start:.2f} to {end:.2f} s; mean "
            + ", ".join(
                f"{name} {_shown(value)}"
                for name, value in zip(self.axis_names, np.mean(values, axis=0), strict=True)
            )
            + f"{f' {self.units}' if self.units else ''}.",
        ]
        if self.labels is not None:
            sentences.append(f"Its label is {self.labels[self.window_index]}.")
        if self.scores is not None:
            pairs = zip(self.score_names, self.scores[self.window_index], strict=True)
            sentences.append(
                "Its scores are " + ", ".join(f"{name} {value:.2f}" for name, value in pairs) + "."
            )
        if self.events:
            sentences.append(
                "Shaded: "
                + "; ".join(f"{n} from {a:.1f} to {b:.1f} s" for a, b, n in self.events[:30])
                + (f" and {len(self.events) - 30} more." if len(self.events) > 30 else ".")
            )
        return " ".join(sentences)

    def _fallback_text(self) -> str:
        return self._described()


def _event(item: Any) -> tuple[float, float, str]:
    try:
        start, end, name = (
            (item.start_s, item.end_s, item.label) if hasattr(item, "start_s") else item
        )
        start, end = float(start), float(end)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The event {item!r} must have a start and an end in seconds, and a label."
        ) from error
    if not (math.isfinite(start) and math.isfinite(end) and start <= end):
        raise ValueError(f"The event {item!r} must end after it starts.")
    return start, end, str(name)


def _check_scores(
    scores: Any, names: Sequence[str] | None, count: int
) -> tuple[np.ndarray | None, list[str]]:
    if scores is None:
        return None, []
    values = np.asarray(scores, np.float32)
    if values.ndim != 2 or len(values) != count or not 1 <= values.shape[1] <= MOST_AXES:
        raise ValueError(
            f"scores has the shape {values.shape}; it must be ({count}, K), one row for each of "
            f"the {count} windows and at most {MOST_AXES} columns."
        )
    titles = (
        [f"score {n}" for n in range(values.shape[1])]
        if names is None
        else [str(name) for name in names]
    )
    if len(titles) != values.shape[1]:
        raise ValueError(f"There are {values.shape[1]} scores but {len(titles)} score names.")
    return values, titles


def _axis_names(count: int) -> list[str]:
    if count == 1:
        return ["reading"]
    return list(plots.AXIS_COLOURS) if count == 3 else [f"axis {n + 1}" for n in range(count)]


def _quantity(units: str) -> str:
    return f"{_QUANTITIES.get(units, 'Reading')} ({units})" if units else "Reading"


def _colour(name: str, position: int) -> str:
    return plots.COLOURS.get(name, _NAMED_COLOURS[position % len(_NAMED_COLOURS)])


def _shown(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "unknown"
