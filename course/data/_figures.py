"""Figures of data sets and streams: one look for windows, signals, feature maps and pictures."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course import plots

if TYPE_CHECKING:
    from course.data.dataset import Dataset
    from course.data.streams import Stream

_QUANTITIES = {"mg": "Acceleration", "g": "Acceleration", "m/s²": "Acceleration"}
_MOST_EXAMPLES = 6
# A window of readings has as many axes as a sensor; more columns than these are feature bands.
_MOST_AXES = 9
# More points than the picture has pixels across take time and show nothing more.
_MOST_POINTS = 4000
# Events are told apart by these; the name stands above each besides.
_EVENT_COLOURS = (plots.BLUE, plots.VERMILLION, plots.GREEN, plots.PURPLE, plots.ORANGE)


def examples(data: Dataset, count: int, title: str | None) -> plots.HouseFigure:
    """Draw `count` examples of each label of a data set."""
    if not len(data):
        raise ValueError(f"The data set {data.name} is empty; there is nothing to draw.")
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
        raise ValueError(f"count must be a whole number, not {count!r}.")
    if not 1 <= count <= _MOST_EXAMPLES:
        raise ValueError(f"count must be from 1 to {_MOST_EXAMPLES}, not {count}.")
    caption = _first_sentence(data.description) if title is None else title
    present = np.unique(data.labels)
    chosen = [_spread(data, label, count) for label in present]
    columns = min(4, len(present)) if count == 1 else min(5, max(map(len, chosen)))
    cells = [index for indices in chosen for index in indices]
    if count > 1 and len(present) <= 5:
        # Labels side by side, their examples below one another.
        columns = len(present)
        cells = [
            indices[row] if row < len(indices) else None
            for row in range(count)
            for indices in chosen
        ]
    rows = -(-len(cells) // columns)
    draw, height = _manner(data)

    with mpl.rc_context({**plots.HOUSE_STYLE, "axes.titlesize": 12}):
        width = plots.HOUSE_STYLE["figure.figsize"][0]
        tall = 1.3 + rows * min(height, 0.35 + width / columns)
        figure = Figure(figsize=(width, tall), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        sentences = []
        for axes, index in zip(grid.flat, cells, strict=False):
            if index is None:
                axes.set_visible(False)
                continue
            name = str(data.names[index])
            axes.set_title(name)
            said = draw(axes, data, index)
            sentences.append(f"{name}, group {data.person[index]}: {said}.")
        for axes in grid.flat[len(cells) :]:
            axes.set_visible(False)
        _label(figure, grid, data)
        figure.suptitle(_wrapped(caption), x=0.01, ha="left", fontsize=13, fontweight="bold")
    start = f"{len(sentences)} example{'' if len(sentences) == 1 else 's'} of {data.name}."
    return plots.HouseFigure(figure, " ".join([start, _ended(caption), *sentences]))


def stream(recorded: Stream, title: str | None) -> plots.HouseFigure:
    """Draw a long recording with its events shaded."""
    readings = np.asarray(recorded.readings, float)
    readings = readings[:, None] if readings.ndim == 1 else readings
    seconds = np.arange(len(readings)) / recorded.sample_rate_hz
    caption = (
        f"{len(recorded.events)} event{'' if len(recorded.events) == 1 else 's'} in "
        f"{recorded.seconds:.0f} s"
        if title is None
        else title
    )
    with mpl.rc_context(plots.HOUSE_STYLE):
        figure = Figure(layout="constrained")
        axes = figure.add_subplot()
        if readings.shape[1] == 3:
            for axis, colour in enumerate(plots.AXIS_COLOURS.values()):
                axes.plot(seconds, readings[:, axis], color=colour, linewidth=0.9)
            handles = axes.get_lines()
            figure.legend(handles, plots.AXIS_COLOURS, loc="outside lower right", ncols=3)
        else:
            for axis in range(readings.shape[1]):
                axes.fill_between(
                    *_envelope(seconds, readings[:, axis]), color=plots.BLUE, linewidth=0.5
                )
        # Room for the names above the readings.
        bottom, top = axes.get_ylim()
        top += 0.25 * (top - bottom)
        axes.set_ylim(bottom, top)
        narrow = recorded.seconds / 25
        for event in recorded.events:
            colour = _EVENT_COLOURS[recorded.labels.index(event.label) % len(_EVENT_COLOURS)]
            axes.axvspan(event.start_s, event.end_s, color=colour, alpha=0.18, linewidth=0)
            upright = event.end_s - event.start_s < narrow * 2
            axes.text(
                (event.start_s + event.end_s) / 2,
                top,
                event.label,
                ha="center",
                va="top",
                rotation=90 if upright else 0,
                fontsize=10,
            )
        axes.set_xlim(0, recorded.seconds)
        axes.set_xlabel("Time (s)")
        axes.set_ylabel(_quantity(recorded.units))
        axes.set_title(_wrapped(caption))
    listed = "; ".join(
        f"{e.label} from {e.start_s:.1f} to {e.end_s:.1f} s" for e in recorded.events
    )
    alt = (
        f"{_quantity(recorded.units)} over {recorded.seconds:.0f} s. {_ended(caption)} "
        f"{'Shaded: ' + listed if listed else 'No event is shaded'}."
    )
    return plots.HouseFigure(figure, alt)


def shapes(paths: dict[str, np.ndarray], caption: str) -> plots.HouseFigure:
    """Draw the ways that a wand's tip goes, as its holder sees them, each with its start."""
    with mpl.rc_context({**plots.HOUSE_STYLE, "axes.titlesize": 12}):
        width = plots.HOUSE_STYLE["figure.figsize"][0]
        figure = Figure(figsize=(width, 1.2 + width / len(paths)), layout="constrained")
        grid = figure.subplots(1, len(paths), sharex=True, sharey=True, squeeze=False)
        for axes, (name, points) in zip(grid.flat, paths.items(), strict=True):
            axes.plot(points[:, 0], points[:, 1], color=plots.BLUE, linewidth=2.5)
            axes.plot(*points[0], "o", color=plots.VERMILLION, markersize=8)
            axes.annotate("start", points[0], (8, 6), textcoords="offset points", fontsize=11)
            axes.set_aspect("equal")
            axes.margins(0.2)
            axes.set_title(name)
        figure.supxlabel("Left to right (widths of the gesture)", fontsize=12)
        figure.supylabel("Up (heights)", fontsize=12)
        figure.suptitle(_wrapped(caption), x=0.01, ha="left", fontsize=13, fontweight="bold")
    ways = " ".join(f"{name}: {_way(points)}." for name, points in paths.items())
    return plots.HouseFigure(figure, f"{_ended(caption)} {ways}")


def _way(points: np.ndarray) -> str:
    """Corners of a path in words; for a curve, a dozen places on it."""
    named = points[np.unique(np.linspace(0, len(points) - 1, min(len(points), 9)).astype(int))]
    return "from " + " to ".join(f"({x:.1f}, {y:.1f})" for x, y in named)


def _manner(data: Dataset) -> tuple[Any, float]:
    """Return how an example is drawn, and the height of a row in inches."""
    shape = data.examples.shape[1:]
    if data.sample_rate_hz is None and len(shape) in (2, 3):
        return _picture, 2.0
    if len(shape) == 2 and shape[1] <= _MOST_AXES:
        return _lines, 2.2
    if len(shape) == 2:
        return _bands, 2.2
    if len(shape) == 1:
        return _lines, 2.0
    raise ValueError(f"Examples of the shape {shape} cannot be drawn.")


def _lines(axes: Any, data: Dataset, index: int) -> str:
    values = np.asarray(data.examples[index], float)
    values = values[:, None] if values.ndim == 1 else values
    seconds, unit = _time(data, len(values))
    many = values.shape[1] > 1
    colours = list(plots.AXIS_COLOURS.values())
    for axis in range(values.shape[1]):
        colour = colours[axis % 3] if many else plots.BLUE
        axes.plot(seconds, values[:, axis], color=colour, linewidth=1.1 if many else 0.8)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    spreads = ", ".join(
        f"{f'{axis} ' if many else ''}{values[:, i].std():.3g}"
        for i, axis in zip(range(values.shape[1]), "xyzabcdef", strict=False)
    )
    return f"{seconds[-1]:.3g} {unit}, spread (standard deviation in {data.units}) {spreads}"


def _bands(axes: Any, data: Dataset, index: int) -> str:
    values = np.asarray(data.examples[index], float)
    axes.imshow(values.T, origin="lower", aspect="auto", cmap="cividis", interpolation="nearest")
    axes.grid(False)
    loudest = int(values.sum(axis=1).argmax())
    return f"{len(values)} steps of {values.shape[1]} bands, strongest at step {loudest}"


def _picture(axes: Any, data: Dataset, index: int) -> str:
    values = np.asarray(data.examples[index])
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    highest = 255 if values.dtype == np.uint8 else max(float(np.max(data.examples)), 1e-9)
    axes.imshow(
        values if values.ndim == 2 or values.dtype == np.uint8 else values / highest,
        cmap="gray",
        vmin=0,
        vmax=highest,
        interpolation="nearest",
    )
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    kind = "colour" if values.ndim == 3 else "grey"
    return (
        f"{values.shape[1]} by {values.shape[0]} pixels, {kind}, mean brightness "
        f"{100 * values.mean() / highest:.0f} % of the brightest"
    )


def _label(figure: Figure, grid: np.ndarray, data: Dataset) -> None:
    draw, _ = _manner(data)
    if draw is _picture:
        rows, columns = data.examples.shape[1:3]
        figure.supxlabel(f"{columns} pixels wide, {rows} high", fontsize=11.5)
    elif draw is _bands:
        figure.supxlabel("Time (steps)", fontsize=12)
        figure.supylabel("Frequency band", fontsize=12)
    else:
        lines = grid[0, 0].get_lines()
        if len(lines) == 3:
            figure.legend(lines, plots.AXIS_COLOURS, loc="outside lower right", ncols=3)
        figure.supxlabel(f"Time ({_time(data, data.examples.shape[1])[1]})", fontsize=12)
        figure.supylabel(_quantity(data.units), fontsize=12)


def _time(data: Dataset, readings: int) -> tuple[np.ndarray, str]:
    seconds = np.arange(readings) / (data.sample_rate_hz or 1)
    return (seconds, "s") if seconds[-1] > 0.5 else (1000 * seconds, "ms")


def _spread(data: Dataset, label: int, count: int) -> list[int]:
    """Examples of a label that are far apart, and so of different people where there are any."""
    having = np.flatnonzero(data.labels == label)
    places = (np.arange(count) + 0.5) * len(having) / count
    return list(dict.fromkeys(int(having[int(place)]) for place in places))


def _envelope(seconds: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Lowest and highest reading of each stretch, so that no peak is lost between pixels."""
    step = max(1, len(values) // (_MOST_POINTS // 2))
    whole = values[: len(values) // step * step].reshape(-1, step)
    return seconds[: whole.size : step], whole.min(axis=1), whole.max(axis=1)


def _quantity(units: str) -> str:
    return f"{_QUANTITIES.get(units, 'Reading')} ({units})"


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".")


def _wrapped(title: str, width: int = 72) -> str:
    return textwrap.fill(title, width, max_lines=2, placeholder="…")


def _ended(title: str) -> str:
    return title if not title or title[-1] in ".?" else f"{title}."
