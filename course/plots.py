"""House figures: one look, axes with units, colour-blind-safe colours, and alt text.

Every function returns a :class:`HouseFigure`. A notebook shows it once, as a picture whose alt
text is composed from the data that was drawn, so a screen reader and a terminal get the finding
too. No function touches ``pyplot``: nothing stays open, and the inline backend has nothing to show
a second time.
"""

# ruff: noqa: E402 -- matplotlib is imported after its log has been quietened.

from __future__ import annotations

import base64
import difflib
import html
import io
import itertools
import logging
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# On a new machine matplotlib announces on stderr that it builds its font cache; a check cell must
# stay silent there, because nbgrader takes any stderr for a failure.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

# Okabe & Ito (2008), "Color Universal Design": distinguishable with every common colour blindness.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"
INK, MUTED, RULE = "#222222", "#5f6368", "#d9dce0"

COLOURS: dict[str, str] = {
    "walking": BLUE,
    "running": VERMILLION,
    "biking": GREEN,
    "golfing": PURPLE,
}
"""The colour of each activity, the same in every figure and widget."""

AXIS_COLOURS: dict[str, str] = {"x": ORANGE, "y": SKY, "z": "#444444"}
"""The colour of each axis of an accelerometer."""

TRAINING_COLOUR, VALIDATION_COLOUR = BLUE, VERMILLION

_WIDTH = 7.5  # inches

_SPARE_COLOURS = (ORANGE, SKY, MUTED, INK)
_MARKERS = "os^DvP*X"
_OTHER = "something else"
_MOST_EXTRA_COLUMNS = 3
_LONGEST_NAME = 22

HOUSE_STYLE: dict[str, Any] = {
    # 750 CSS pixels fill most of the notebook column of a 1280 pixel wide window; at 900 pixels
    # the picture shrinks to some 450, and 12 point letters are still 10 pixels high.
    "figure.figsize": (_WIDTH, 3.3),
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 12,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": mpl.cycler(color=[*COLOURS.values(), ORANGE, SKY]),
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "text.color": INK,
    # Names come from learners: a "$" in one of them must not start a formula.
    "text.parse_math": False,
}
"""matplotlib settings of every house figure."""


def use_house_style() -> None:
    """Draw the notebook's own matplotlib figures in the house style from here on."""
    mpl.rcParams.update(HOUSE_STYLE)


class HouseFigure:
    """A finished figure with its alt text, shown once by any notebook front end.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; it belongs to no ``pyplot`` window.
    alt : str
        What the figure shows, in sentences, for those who do not see it.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        self.figure = figure
        self.alt = alt
        self._png: bytes | None = None

    def png(self) -> bytes:
        """Return the picture as PNG bytes, with one and a half pixels for each CSS pixel."""
        if self._png is None:
            buffer = io.BytesIO()
            with mpl.rc_context(HOUSE_STYLE), warnings.catch_warnings():
                # A learner's name in letters that the font lacks is drawn as boxes; it must not
                # be a warning on stderr besides.
                warnings.simplefilter("ignore", UserWarning)
                self.figure.savefig(buffer, format="png", dpi=1.5 * self.figure.dpi)
            self._png = buffer.getvalue()
        return self._png

    def html(self) -> str:
        """Return an ``<img>`` element that carries the picture and its alt text."""
        width = round(self.figure.get_figwidth() * self.figure.dpi)
        data = base64.b64encode(self.png()).decode("ascii")
        return (
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(self.alt)}" '
            f'width="{width}" style="max-width: 100%; height: auto">'
        )

    def save(self, path: str | Path) -> Path:
        """Write the picture to a PNG file and return its path."""
        path = Path(path)
        path.write_bytes(self.png())
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # An image/png output has nowhere to put alt text in JupyterLab or nbconvert; both prefer
        # text/html, and an <img> has.
        return {"text/html": self.html(), "text/plain": self.alt}

    def __repr__(self) -> str:
        return self.alt


def colour_of(name: str, position: int = 0) -> str:
    """Return the colour of a label; labels the house does not know share the spare colours."""
    return COLOURS.get(name, _SPARE_COLOURS[position % len(_SPARE_COLOURS)])


def confusion_matrix(
    true_names: Sequence[object],
    predicted_names: Sequence[object],
    labels: Sequence[str] | None = None,
    *,
    title: str = "What was taken for what",
    of: str = "window",
) -> HouseFigure:
    """Draw how often each true label (rows) was given each answer (columns).

    Parameters
    ----------
    true_names, predicted_names : sequence of str
        One entry for each example. A prediction may be anything: answers that are not in
        `labels` get columns of their own, at most three, then one for the rest.
    labels : sequence of str, optional
        Order of the rows and of the first columns. By default the true names, in order of
        appearance.
    title : str
        The finding, in a sentence.
    of : str
        What was named, in the singular.

    Raises
    ------
    ValueError
        If the two sequences differ in length or are empty.
    """
    true = [_name(value) for value in true_names]
    predicted = [_name(value) for value in predicted_names]
    if len(true) != len(predicted):
        raise ValueError(
            f"There are {len(true)} true names but {len(predicted)} predicted ones; "
            f"a confusion matrix needs one prediction for each {of}."
        )
    if not true:
        raise ValueError(f"A confusion matrix needs at least one {of}.")
    rows = _unique([_name(label) for label in labels] if labels is not None else [], true)
    extra = [name for name in _unique(predicted) if name not in rows]
    columns = rows + extra[:_MOST_EXTRA_COLUMNS]
    if len(extra) > _MOST_EXTRA_COLUMNS:
        columns.append(_OTHER)
    counts = np.zeros((len(rows), len(columns)), int)
    for truth, answer in zip(true, predicted, strict=True):
        column = columns.index(answer) if answer in columns else len(columns) - 1
        counts[rows.index(truth), column] += 1
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]

    with mpl.rc_context({**HOUSE_STYLE, "axes.grid": False}):
        height = 1.5 + 0.58 * len(rows)
        figure = Figure(figsize=(_WIDTH, max(3.0, height)), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
        for row, column in np.ndindex(*counts.shape):
            right = rows[row] == columns[column]
            axes.text(
                column,
                row,
                f"{counts[row, column]}\n{_percent(shares[row, column])}",
                ha="center",
                va="center",
                fontsize=12,
                fontweight="bold" if right else "normal",
                color="white" if shares[row, column] > 0.62 else INK,
                linespacing=1.15,
            )
        wide = 22 if len(columns) <= 4 else 11
        axes.set_xticks(range(len(columns)), [textwrap.fill(name, wide) for name in columns])
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=3)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("Answer given")
        axes.set_ylabel("True label")
        axes.set_title(_wrapped(title))

    sentences = [f"Confusion matrix: {_sentence(title)}"]
    for row, label in enumerate(rows):
        if not totals[row]:
            sentences.append(f"There was no {label} {of}.")
            continue
        answers = ", ".join(
            f"{counts[row, column]} {_were(counts[row, column])} called {columns[column]} "
            f"({_percent(shares[row, column])})"
            for column in np.argsort(-counts[row], kind="stable")
            if counts[row, column]
        )
        sentences.append(
            f"Of {totals[row]} {label} {of}{'' if totals[row] == 1 else 's'} {answers}."
        )
    return HouseFigure(figure, " ".join(sentences))


def recordings(
    recordings: Sequence[Any],
    *,
    quantity: str = "speed",
    title: str = "",
    hide_labels: bool = False,
) -> HouseFigure:
    """Draw recordings side by side on the same axes.

    Parameters
    ----------
    recordings : sequence
        Objects with ``acceleration`` (T, 3) in g, ``speed`` (T,) in mph, ``label`` and
        ``sample_rate_hz``, such as :func:`course.data.activity.recording` returns.
    quantity : {"speed", "acceleration"}
        What to draw.
    title : str
        The finding, in a sentence.
    hide_labels : bool
        Number the recordings and do not name them, for a guessing game.

    Raises
    ------
    ValueError
        If there is no recording, or `quantity` is neither of the two.
    """
    if quantity not in ("speed", "acceleration"):
        raise ValueError(f'quantity is {quantity!r}; it must be "speed" or "acceleration".')
    items = list(recordings)
    if not items:
        raise ValueError("There is no recording to draw.")
    columns = min(4, len(items))
    rows = -(-len(items) // columns)
    unit = "mph" if quantity == "speed" else "g"
    sentences = [_sentence(title)]

    with mpl.rc_context({**HOUSE_STYLE, "axes.titlesize": 12}):
        figure = Figure(figsize=(_WIDTH, 1.1 + 2.4 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for index, (axes, item) in enumerate(zip(grid.flat, items, strict=False)):
            name = f"Recording {index + 1}" if hide_labels else str(item.label)
            values = np.asarray(getattr(item, quantity), float)
            seconds = np.arange(len(values)) / float(item.sample_rate_hz)
            if quantity == "speed":
                colour = MUTED if hide_labels else colour_of(name, index)
                axes.plot(seconds, values, color=colour)
            else:
                for axis, colour in enumerate(AXIS_COLOURS.values()):
                    axes.plot(seconds, values[:, axis], color=colour, linewidth=1.1)
            axes.set_title(name)
            axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            sentences.append(f"{name.capitalize()}: {_describe(values, quantity)}.")
        for axes in grid.flat[len(items) :]:
            axes.set_visible(False)
        if quantity == "speed":
            grid[0, 0].set_ylim(bottom=0)
        else:
            handles = grid[0, 0].get_lines()
            figure.legend(handles, AXIS_COLOURS, loc="outside upper right", ncols=3)
        figure.supxlabel("Time (s)", fontsize=12)
        figure.supylabel(f"{quantity.capitalize()} ({unit})", fontsize=12)
        if title:
            figure.suptitle(_wrapped(title), x=0.01, ha="left", fontsize=13, fontweight="bold")

    many = f"{len(items)} plots" if len(items) > 1 else "1 plot"
    start = f"{many} of {quantity} in {unit} over time."
    return HouseFigure(figure, " ".join(filter(None, [start, *sentences])))


def feature_clouds(
    features: Any,
    names: Sequence[str],
    axes: tuple[int, int] = (0, 1),
    axis_names: Sequence[str] | None = None,
    *,
    title: str = "Each point is one window",
) -> HouseFigure:
    """Draw two features of every window as a scatter plot, one colour and shape per label.

    Parameters
    ----------
    features : array_like, shape (N, F)
        One row of features for each window.
    names : sequence of str, length N
        The label of each window.
    axes : (int, int)
        The columns drawn to the right and up.
    axis_names : sequence of str, length F, optional
        Name and unit of each feature.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    values, labels, feature_names = _check_features(features, names, axis_names)
    right, up = axes
    if not all(-values.shape[1] <= axis < values.shape[1] for axis in axes):
        raise ValueError(f"axes is {axes}, but there are {values.shape[1]} features.")
    sentences = []
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(_WIDTH, 4.2), layout="constrained")
        plot = figure.add_subplot()
        for index, label in enumerate(_unique(COLOURS, labels, only=labels)):
            chosen = np.array([name == label for name in labels])
            points = values[chosen][:, [right, up]]
            points = points[np.isfinite(points).all(axis=1)]
            plot.scatter(
                *points.T,
                s=26,
                marker=_MARKERS[index % len(_MARKERS)],
                color=colour_of(label, index),
                alpha=0.65,
                linewidths=0,
                label=label,
            )
            if len(points):
                middle = np.median(points, axis=0)
                sentences.append(
                    f"{label.capitalize()}: {_windows(len(points))} around {middle[0]:.3g} and "
                    f"{middle[1]:.3g}."
                )
        plot.set_xlabel(feature_names[right])
        plot.set_ylabel(feature_names[up])
        plot.set_title(_wrapped(title))
        plot.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.4)
    start = (
        f"Scatter plot: {_sentence(title)} To the right: {feature_names[right]}; "
        f"upwards: {feature_names[up]}."
    )
    return HouseFigure(figure, " ".join([start, *sentences]))


def speed_strips(
    speeds: Any,
    names: Sequence[str],
    *,
    walking_below: float,
    running_below: float,
    title: str,
) -> HouseFigure:
    """Draw the speed of every window, one strip per true label, and two thresholds across them.

    Parameters
    ----------
    speeds : array_like, shape (N,)
        Mean speed of each window in mph.
    names : sequence of str, length N
        The true label of each window.
    walking_below, running_below : float
        The thresholds, in mph.
    title : str
        The finding, in a sentence.
    """
    values = np.asarray(speeds, float)
    labels = [str(name) for name in names]
    order = _unique(COLOURS, labels, only=labels)
    sentences = []
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(_WIDTH, 1.3 + 0.6 * len(order)), layout="constrained")
        axes = figure.add_subplot()
        for row, label in enumerate(order):
            chosen = values[[name == label for name in labels]]
            # The golden ratio spreads the points over the strip, the same way every time.
            heights = row + 0.7 * ((np.arange(len(chosen)) * 0.618034) % 1 - 0.5)
            axes.scatter(
                chosen, heights, s=16, color=colour_of(label, row), alpha=0.6, linewidths=0
            )
            sentences.append(
                f"{label.capitalize()}: {_windows(len(chosen))} from {chosen.min():.1f} to "
                f"{chosen.max():.1f} mph."
            )
        for threshold in (walking_below, running_below):
            axes.axvline(threshold, color=INK, linewidth=1.6)
            axes.annotate(
                f" {threshold:.1f}",
                (threshold, 0.0),
                (0, 2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="bottom",
                fontsize=11.5,
            )
        axes.set_yticks(range(len(order)), order)
        axes.set_ylim(len(order) - 0.3, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(left=0, right=max(30.0, *values, walking_below, running_below) * 1.04)
        axes.set_xlabel("Mean speed of the window (mph)")
        axes.set_title(_wrapped(title))
    start = (
        f"Speeds of windows by true activity: {_sentence(title)} The rules say walking below "
        f"{walking_below:.1f} mph, running below {running_below:.1f} mph, biking above."
    )
    return HouseFigure(figure, " ".join([start, *sentences]))


def two_boxes() -> HouseFigure:
    """Draw programming (rules and data give answers) beside learning (answers and data give rules).

    Returns
    -------
    HouseFigure
        A drawing; it holds no data.
    """
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(_WIDTH, 2.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlim=(0, 16), ylim=(0.7, 5.6))
        axes.axis("off")
        _box(axes, 0.0, "You write the rules", "program", ("rules", "data"), "answers", BLUE)
        _box(
            axes, 8.4, "You give the answers", "training", ("answers", "data"), "rules", VERMILLION
        )
    return HouseFigure(
        figure,
        "Two diagrams. You write the rules: rules and data go into a program, and answers come "
        "out. You give the answers: answers and data go into training, and rules come out.",
    )


def learning_curve(history: Any, *, title: str = "How training went") -> HouseFigure:
    """Draw loss and accuracy after each epoch, for training and for validation.

    Parameters
    ----------
    history : Mapping[str, Sequence[float]] or keras.callbacks.History
        ``loss`` and, where there are any, ``val_loss``, ``accuracy`` and ``val_accuracy``:
        one value for each epoch.
    title : str
        The finding, in a sentence.
    """
    series = _history(history)
    accuracy = next((key for key in series if "acc" in key and not key.startswith("val_")), None)
    panels = [("loss", "Loss")] + ([(accuracy, "Accuracy (%)")] if accuracy else [])
    sentences = [f"Learning curve: {_sentence(title)}"]
    with mpl.rc_context({**HOUSE_STYLE, "axes.titlesize": 12}):
        figure = Figure(figsize=(_WIDTH, 3.5), layout="constrained")
        for axes, (key, label) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            scale = 1 if key == "loss" else 100
            for prefix, name, colour, style in (
                ("", "training", TRAINING_COLOUR, "-"),
                ("val_", "validation", VALIDATION_COLOUR, "--"),
            ):
                values = scale * np.asarray(series.get(prefix + key, ()), float)
                if not len(values):
                    continue
                axes.plot(
                    np.arange(1, len(values) + 1),
                    values,
                    style,
                    color=colour,
                    label=name,
                    marker="o" if len(values) == 1 else None,
                )
                first, last = (
                    (f"{value:.3g}" if key == "loss" else _percent(value / 100))
                    for value in values[[0, -1]]
                )
                sentences.append(
                    f"{name.capitalize()} {label.split()[0].lower()} goes from {first} to {last} "
                    f"in {len(values)} epoch{'s' if len(values) != 1 else ''}."
                )
            axes.set_xlabel("Epoch")
            axes.set_ylabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            if key == "loss":
                axes.set_ylim(bottom=0)
            else:
                axes.set_ylim(top=101)
            if axes.get_lines():
                axes.legend()
            else:
                axes.text(0.5, 0.5, "no epoch yet", ha="center", transform=axes.transAxes)
        figure.suptitle(_wrapped(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
    if len(sentences) == 1:
        sentences.append("No epoch has been trained yet.")
    return HouseFigure(figure, " ".join(sentences))


def accuracy_bars(
    accuracies: Mapping[str, float], *, title: str = "Accuracy compared", of: str = "Windows"
) -> HouseFigure:
    """Draw accuracies as horizontal bars with their percentages.

    Parameters
    ----------
    accuracies : Mapping[str, float]
        A name and an accuracy from 0 to 1 for each bar, from top to bottom.
    title : str
        The finding, in a sentence.
    of : str
        What was named, such as ``"Photos"``.

    Raises
    ------
    ValueError
        If there is no bar, or a value is not between 0 and 1.
    """
    bars = {_name(name, 40): float(value) for name, value in accuracies.items()}
    if not bars:
        raise ValueError("There is no accuracy to draw.")
    for name, value in bars.items():
        if not 0 <= value <= 1:
            raise ValueError(f"The accuracy of {name} is {value}; it must lie between 0 and 1.")
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(_WIDTH, 1.25 + 0.55 * len(bars)), layout="constrained")
        axes = figure.add_subplot()
        colours = [SKY, BLUE, GREEN, ORANGE]
        places = np.arange(len(bars))
        axes.barh(
            places,
            [100 * value for value in bars.values()],
            height=0.62,
            color=[colours[index % len(colours)] for index in places],
        )
        for place, value in zip(places, bars.values(), strict=True):
            axes.text(100 * value + 1, place, _percent(value, 1), va="center", fontweight="bold")
        axes.set_yticks(places, list(bars))
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, 112)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel(f"{of} named rightly (%)")
        _title_across(figure, title)
    listed = ", ".join(f"{name} {_percent(value, 1)}" for name, value in bars.items())
    return HouseFigure(figure, f"Bar chart of accuracy: {_sentence(title)} {listed}.")


def _name(value: object, longest: int = _LONGEST_NAME) -> str:
    text = "no answer" if value is None else " ".join(str(value).split()) or "(empty)"
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _title_across(figure: Figure, title: str) -> None:
    """A title over the whole width, for figures whose axes begin far to the right."""
    figure.suptitle(_wrapped(title), x=0.01, ha="left", fontweight="bold", fontsize=13)


def _wrapped(title: str) -> str:
    return textwrap.fill(title, 72, max_lines=2, placeholder="…")


def _windows(count: int) -> str:
    return f"{count} window{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _sentence(title: str) -> str:
    return title if not title or title[-1] in ".?" else f"{title}."


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _unique(*groups: Any, only: Any = None) -> list[str]:
    names = dict.fromkeys(name for group in groups for name in group)
    return [name for name in names if only is None or name in only]


def _describe(values: np.ndarray, quantity: str) -> str:
    if quantity == "speed":
        return f"mean {values.mean():.1f} mph, from {values.min():.1f} to {values.max():.1f}"
    spreads = (f"{axis} {values[:, i].std():.2f}" for i, axis in enumerate(AXIS_COLOURS))
    return f"spread (standard deviation in g) {', '.join(spreads)}"


def _check_features(
    features: Any, names: Sequence[str], axis_names: Sequence[str] | None
) -> tuple[np.ndarray, list[str], list[str]]:
    values = np.asarray(features, float)
    labels = [str(name) for name in names]
    if values.ndim != 2 or values.shape[1] < 1:
        raise ValueError(
            f"features has the shape {values.shape}; it needs one row for each window and one "
            "column for each feature."
        )
    if len(labels) != len(values):
        raise ValueError(f"There are {len(values)} rows of features but {len(labels)} names.")
    titles = (
        [f"feature {index}" for index in range(values.shape[1])]
        if axis_names is None
        else [str(name) for name in axis_names]
    )
    if len(titles) != values.shape[1]:
        raise ValueError(f"There are {values.shape[1]} features but {len(titles)} axis names.")
    return values, labels, titles


def _history(history: Any) -> dict[str, list[float]]:
    series = getattr(history, "history", history)
    return {str(key): [float(value) for value in values] for key, values in series.items()}


def _box(
    axes: Any,
    left: float,
    heading: str,
    name: str,
    inputs: tuple[str, str],
    output: str,
    colour: str,
) -> None:
    """Draw one box with two inputs on its left and one output on its right."""
    axes.text(left, 5.0, heading, fontsize=13, fontweight="bold")
    axes.add_patch(
        FancyBboxPatch(
            (left + 2.6, 1.0),
            2.4,
            2.6,
            boxstyle="round,pad=0.1,rounding_size=0.25",
            facecolor=colour,
            edgecolor="none",
        )
    )
    axes.text(
        left + 3.8,
        2.3,
        name,
        color="white",
        ha="center",
        va="center",
        fontsize=13,
        fontweight="bold",
    )
    for text, height in zip(inputs, (3.0, 1.6), strict=True):
        axes.text(left + 1.45, height, text, ha="right", va="center", fontsize=12.5)
        _arrow(axes, (left + 1.6, height), (left + 2.4, height))
    _arrow(axes, (left + 5.15, 2.3), (left + 5.95, 2.3))
    axes.text(left + 6.1, 2.3, output, ha="left", va="center", fontsize=12.5, fontweight="bold")


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, color=MUTED, linewidth=1.6)
    )


# --- links and energy (Module 04) --------------------------------------------------------------


def latency_strips(
    trips: Mapping[str, Any],
    *,
    local_ms: float | None = None,
    local_name: str = "on the device",
    title: str,
) -> HouseFigure:
    """Draw round trips on a logarithmic axis, one strip a link, with p50, p95 and p99 marked.

    Parameters
    ----------
    trips : Mapping[str, array_like of shape (N,)]
        Name of a link and its round trips in ms.
    local_ms : float, optional
        How long the device itself takes, in ms; a line.
    local_name : str
        What that line is called.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no link, or a trip is not above 0.
    """
    rows = {_name(name): np.asarray(values, float).ravel() for name, values in trips.items()}
    if not rows or not all(len(values) and (values > 0).all() for values in rows.values()):
        raise ValueError("Every link needs round trips, and each of them must be above 0 ms.")
    sentences = []
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(_WIDTH, 1.6 + 0.72 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for row, (name, values) in enumerate(rows.items()):
            few = np.sort(values)[:: max(1, len(values) // 400)]
            heights = row + 0.5 * ((np.arange(len(few)) * 0.618034) % 1 - 0.5)
            colour = _LINK_COLOURS[row % len(_LINK_COLOURS)]
            axes.scatter(few, heights, s=12, color=colour, alpha=0.45, linewidths=0)
            marks = np.percentile(values, [50, 95, 99])
            for label, mark in zip(("p50", "p95", "p99"), marks, strict=True):
                axes.plot([mark, mark], [row - 0.33, row + 0.33], color=INK, linewidth=1.6)
                # p95 and p99 may lie close together: their names go above and below.
                above = label != "p95"
                axes.annotate(
                    label,
                    (mark, row - 0.33 if above else row + 0.33),
                    (0, 2 if above else -2),
                    textcoords="offset points",
                    ha="center",
                    va="bottom" if above else "top",
                    fontsize=10.5,
                    color=MUTED,
                )
            sentences.append(
                f"{name}: p50 {_milliseconds(marks[0])}, p95 {_milliseconds(marks[1])}, "
                f"p99 {_milliseconds(marks[2])}."
            )
        if local_ms is not None:
            axes.axvline(local_ms, color=VERMILLION, linewidth=2)
            axes.annotate(
                f"{local_name}, {_milliseconds(local_ms)}",
                (local_ms, 1.0),
                (4, 3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="bottom",
                fontsize=11.5,
                color=VERMILLION,
            )
            sentences.append(f"A line marks {local_name}: {_milliseconds(local_ms)}.")
        axes.set_xscale("log")
        left, right = axes.get_xlim()
        wide = right > 30 * left
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_ylim(len(rows) - 0.35, -0.65)
        axes.tick_params(axis="y", length=0)
        grid = "each step of the grid: 10 times" if wide else "logarithmic"
        axes.set_xlabel(f"Milliseconds from asking to the answer ({grid})")
        axes.set_title(_wrapped(title), pad=26 if local_ms is not None else None)
    start = f"Round trips of {len(rows)} link{'s' if len(rows) != 1 else ''}: {_sentence(title)}"
    return HouseFigure(figure, " ".join([start, *sentences]))


def cost_dots(
    costs: Mapping[str, float], *, unit: str, title: str, quantity: str = "Energy"
) -> HouseFigure:
    """Draw amounts of very different size as dots on a logarithmic axis, values beside them.

    Parameters
    ----------
    costs : Mapping[str, float]
        A name and an amount above 0, from top to bottom.
    unit : str
        The unit of all amounts.
    title : str
        The finding, in a sentence.
    quantity : str
        What the axis is called.

    Raises
    ------
    ValueError
        If there is nothing to draw, or an amount is not above 0.
    """
    rows = {_name(name, 40): float(value) for name, value in costs.items()}
    if not rows or not all(value > 0 and np.isfinite(value) for value in rows.values()):
        raise ValueError(f"Every amount must be a number above 0, in {unit}.")
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(_WIDTH, 1.25 + 0.5 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        low = 10 ** np.floor(np.log10(min(rows.values())) - 0.3)
        for place, value in enumerate(rows.values()):
            axes.plot([low, value], [place, place], color=SKY, linewidth=3, zorder=1)
            axes.plot(value, place, "o", color=BLUE, markersize=9, zorder=2)
            axes.annotate(
                f"{_figure(value)} {unit}",
                (value, place),
                (9, 0),
                textcoords="offset points",
                va="center",
                fontweight="bold",
            )
        axes.set_xscale("log")
        axes.set_xlim(low, max(rows.values()) * (max(rows.values()) / low) ** 0.22)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(rows)), [textwrap.fill(name, 24) for name in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{quantity} ({unit}; each step of the grid: 10 times)")
        axes.set_title(_wrapped(title))
    listed = ", ".join(f"{name} {_figure(value)} {unit}" for name, value in rows.items())
    return HouseFigure(figure, f"Dots on a logarithmic axis: {_sentence(title)} {listed}.")


def gate_strip(
    seconds: Any,
    values: Any,
    spans: Sequence[tuple[float, float]],
    *,
    threshold: float,
    title: str,
    quantity: str = "Spread (g)",
) -> HouseFigure:
    """Draw a gate's number over time, what it should wake for, and its threshold.

    Parameters
    ----------
    seconds, values : array_like, shape (N,)
        When each piece of signal ends, in s, and the number that the gate looks at.
    spans : sequence of (float, float)
        Start and end of each event that must not be missed, in s.
    threshold : float
        The gate wakes the model from this value up.
    title : str
        The finding, in a sentence.
    quantity : str
        Name and unit of the number.
    """
    when, heights = np.asarray(seconds, float), np.asarray(values, float)
    awake = heights >= threshold
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(_WIDTH, 3.0), layout="constrained")
        axes = figure.add_subplot()
        top = 1.12 * max(threshold, heights.max(), 1e-9)
        for start, end in spans:
            axes.axvspan(start, end, color=GREEN, alpha=0.3, linewidth=0)
        middles = [(start + end) / 2 for start, end in spans]
        # In a long signal a gesture is two pixels wide: a triangle above says where it is.
        axes.plot(
            middles, [top] * len(spans), "v", color=GREEN, markersize=8, label="gesture",
            clip_on=False, linestyle="none",
        )  # fmt: skip
        for chosen, colour, name in ((~awake, MUTED, "asleep"), (awake, BLUE, "awake")):
            axes.scatter(when[chosen], heights[chosen], s=14, color=colour, label=name, zorder=3)
        axes.axhline(threshold, color=VERMILLION, label="threshold")
        axes.set_ylim(0, top)
        axes.set_xlim(when.min() - 2, when.max() + 2)
        axes.set_xlabel("Time (s)")
        axes.set_ylabel(quantity)
        axes.set_title(_wrapped(title))
        figure.legend(loc="outside lower center", ncols=4)
    return HouseFigure(
        figure,
        f"A gate over {when.max() - when.min():.0f} s of signal: {_sentence(title)} "
        f"{awake.sum()} of {len(awake)} pieces reach the threshold {threshold:.2f}; "
        f"{len(spans)} gestures are marked.",
    )


_LINK_COLOURS = (BLUE, GREEN, ORANGE, PURPLE, SKY, MUTED)


def _milliseconds(value: float) -> str:
    return f"{_figure(value)} ms"


def _figure(value: float) -> str:
    """A number with three significant digits, and no power of ten."""
    digits = max(0, 2 - int(np.floor(np.log10(abs(value))))) if value else 0
    return f"{value:,.{digits}f}"


# --- Module 03: an inference pipeline ---------------------------------------------------------


def pictures(images: Any, *, title: str) -> HouseFigure:
    """Draw pictures of any size side by side, each with its size below.

    Parameters
    ----------
    images : sequence of arrays (H, W) or (H, W, 3)
        uint8, or float from 0 to 1; grey ones have no third axis.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no picture, or an array is none.
    """
    images = [np.asarray(image) for image in images]
    if not images or any(image.shape[2:] not in ((), (3,)) or image.ndim < 2 for image in images):
        raise ValueError("A picture is an array of shape (H, W) or (H, W, 3); there must be one.")
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(_WIDTH, 2.2), layout="constrained")
        for axes, image in zip(
            figure.subplots(1, len(images), squeeze=False)[0], images, strict=True
        ):
            axes.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(False)
            axes.set_xlabel(f"{image.shape[0]} × {image.shape[1]}")
        _title_across(figure, title)
    sizes = ", ".join(f"{image.shape[0]} by {image.shape[1]}" for image in images)
    return HouseFigure(figure, f"Pictures of {sizes} pixels: {_sentence(title)}")


def score_strips(
    seconds: Any,
    scores: Any,
    names: Sequence[str],
    *,
    events: Any = (),
    found: Sequence[tuple[float, str]] = (),
    title: str,
) -> HouseFigure:
    """Draw a model's scores over time, one strip a label, with what happened and what was found.

    Parameters
    ----------
    seconds : array_like, shape (N,)
        When each window ends.
    scores : array_like, shape (N, K)
        From 0 to 1.
    names : sequence of str, length K
    events : sequence of `course.data.streams.Event`
        What really happened, shaded in its own strip.
    found : sequence of (second, label)
        Events that a pipeline reported, as triangles.
    title : str
        The finding, in a sentence.
    """
    when, heights = np.asarray(seconds, float), np.asarray(scores, float)
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(_WIDTH, 0.9 + 0.85 * len(names)), layout="constrained")
        strips = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for position, (axes, name) in enumerate(zip(strips, names, strict=True)):
            colour = _LINK_COLOURS[position % len(_LINK_COLOURS)]
            axes.fill_between(when, heights[:, position], color=colour, alpha=0.75, linewidth=0)
            for event in events:
                if event.label == name:
                    axes.axvspan(event.start_s, event.end_s, color=MUTED, alpha=0.35, linewidth=0)
            marks = [second for second, label in found if label == name]
            axes.plot(
                marks, [1.12] * len(marks), "v", color=VERMILLION, markersize=9, clip_on=False
            )
            axes.set_ylim(0, 1.2)
            axes.set_yticks([0, 1])
            axes.text(
                0.006, 0.93, name, transform=axes.transAxes, va="top", fontweight="bold",
                bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5},
            )  # fmt: skip
        strips[-1].set_xlabel("Time at which the window ends (s)")
        strips[0].set_title(_wrapped(title))
    return HouseFigure(
        figure,
        f"Scores of {', '.join(names)} over {np.ptp(when):.0f} s: {_sentence(title)} "
        f"{len(events)} events happened (shaded), {len(found)} were found (triangles).",
    )


def stage_bars(milliseconds: Mapping[str, float], *, title: str) -> HouseFigure:
    """Draw how long each stage of a pipeline takes, on a logarithmic axis.

    Parameters
    ----------
    milliseconds : Mapping[str, float]
        Name and time of each stage, above 0, in order.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no stage, or a time is not above 0.
    """
    stages = {_name(name, 40): float(value) for name, value in milliseconds.items()}
    if not stages or not all(value > 0 for value in stages.values()):
        raise ValueError("Every stage needs a time above 0 ms, and there must be one stage.")
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(_WIDTH, 1.25 + 0.55 * len(stages)), layout="constrained")
        axes = figure.add_subplot()
        places = np.arange(len(stages))
        axes.barh(places, list(stages.values()), height=0.62, color=BLUE)
        for place, value in zip(places, stages.values(), strict=True):
            axes.text(1.15 * value, place, _milliseconds(value), va="center", fontweight="bold")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _figure(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(min(stages.values()) / 3, 6 * max(stages.values()))
        axes.set_yticks(places, list(stages))
        axes.invert_yaxis()
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Time for one window (ms, logarithmic)")
        _title_across(figure, title)
    listed = ", ".join(f"{name} {_milliseconds(value)}" for name, value in stages.items())
    return HouseFigure(figure, f"Bar chart of times: {_sentence(title)} {listed}.")


# --- Module 05: conversion --------------------------------------------------------------------

#: Colours of the kinds of bytes in a hex view: background, and letters that are readable on it.
BYTE_COLOURS: dict[str, tuple[str, str]] = {
    "position": ("#F2A66B", "#1a1a1a"),
    "identifier": (VERMILLION, "#ffffff"),
    "fields": (SKY, "#1a1a1a"),
    "text": ("#35B58F", "#1a1a1a"),
    "weights": (BLUE, "#ffffff"),
    "structure": ("#e9eaec", "#1a1a1a"),
}


def hex_dump(
    data: bytes,
    kinds: Sequence[str],
    *,
    first: int = 0,
    title: str,
    words: Mapping[str, str] | None = None,
) -> HouseFigure:
    """Draw some bytes of a file, 16 a row, coloured by what they are.

    Parameters
    ----------
    data : bytes
        Those that are shown, at most 512.
    kinds : sequence of str
        For each of them a key of `BYTE_COLOURS`.
    first : int
        Place of the first one in its file.
    title : str
        The finding, in a sentence.
    words : Mapping[str, str], optional
        What each kind is called in the legend.

    Raises
    ------
    ValueError
        If there is no byte, too many, or a kind is missing or unknown.
    """
    if not 0 < len(data) <= 512 or len(kinds) != len(data) or not set(kinds) <= set(BYTE_COLOURS):
        raise ValueError("A dump needs 1 to 512 bytes, and a known kind for each.")
    rows = -(-len(data) // 16)
    words = dict(words or {})
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid": False, "font.family": "monospace"}):
        figure = Figure(figsize=(_WIDTH, 1.15 + 0.27 * rows), layout="constrained")
        axes = figure.add_subplot()
        for at, (value, kind) in enumerate(zip(data, kinds, strict=True)):
            row, column = divmod(at, 16)
            paper, ink = BYTE_COLOURS[kind]
            axes.add_patch(
                mpl.patches.Rectangle((column - 0.5, row - 0.5), 1, 1, color=paper, linewidth=0)
            )
            axes.text(column, row, f"{value:02x}", ha="center", va="center", color=ink, fontsize=10)
            letter = chr(value) if 32 <= value < 127 else "·"
            axes.text(17 + 0.5 * column, row, letter, ha="center", va="center", fontsize=10)
        for row in range(rows):
            axes.text(
                -0.9, row, f"{first + 16 * row:,}", ha="right", va="center", color=MUTED,
                fontsize=10,
            )  # fmt: skip
        axes.set_xlim(-2.7, 25)
        axes.set_ylim(rows - 0.4, -0.6)
        axes.axis("off")
        axes.set_title(_wrapped(title), fontfamily="sans-serif")
        shown = [kind for kind in BYTE_COLOURS if kind in kinds]
        handles = [mpl.patches.Patch(color=BYTE_COLOURS[kind][0]) for kind in shown]
        figure.legend(
            handles, [words.get(kind, kind) for kind in shown], loc="outside lower left",
            ncols=len(shown) if len(shown) < 5 else 3, prop={"family": "sans-serif", "size": 10.5},
        )  # fmt: skip
    counted = ", ".join(f"{list(kinds).count(kind)} {words.get(kind, kind)}" for kind in shown)
    text = "".join(chr(value) if 32 <= value < 127 else "." for value in data[:32])
    return HouseFigure(
        figure,
        f"{len(data)} bytes from place {first:,}: {_sentence(title)} By kind: {counted}. "
        f"The first ones as letters: {text}",
    )


def operator_columns(columns: Mapping[str, Sequence[str]], *, title: str) -> HouseFigure:
    """Draw the operators of two models side by side, in order, those of one alone marked.

    Parameters
    ----------
    columns : Mapping[str, sequence of str]
        Two models by name, each with its operators.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there are not two models.
    """
    if len(columns) != 2:
        raise ValueError("Two models can be compared side by side, no more and no fewer.")
    names = [_name(name, 40) for name in columns]
    left, right = ([_name(each, 30) for each in steps] for steps in columns.values())
    rows: list[tuple[str | None, str | None]] = []
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for _, start, end, other_start, other_end in matcher.get_opcodes():
        pairs = itertools.zip_longest(left[start:end], right[other_start:other_end])
        rows += pairs
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid": False}):
        figure = Figure(figsize=(_WIDTH, 1.0 + 0.265 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for row, pair in enumerate(rows):
            for column, name in enumerate(pair):
                if name is None:
                    continue
                alone = pair[0] != pair[1]
                axes.add_patch(
                    mpl.patches.Rectangle(
                        (column, row - 0.41), 0.8, 0.82, linewidth=0,
                        color=VERMILLION if alone else "#e9eaec",
                    )
                )  # fmt: skip
                axes.text(
                    column + 0.03, row, name, va="center", fontsize=10.5,
                    color="white" if alone else INK, fontweight="bold" if alone else "normal",
                )  # fmt: skip
        for column, (name, steps) in enumerate(zip(names, (left, right), strict=True)):
            axes.text(column, -1.15, f"{name}: {len(steps)}", va="center", fontweight="bold")
        axes.set_xlim(-0.02, 1.85)
        axes.set_ylim(len(rows) - 0.4, -1.7)
        axes.axis("off")
        axes.set_title(_wrapped(title))
    only = [name for name, _ in [pair for pair in rows if pair[0] != pair[1]] if name]
    listed = "; ".join(
        f"{name} has {len(steps)}: {', '.join(steps)}"
        for name, steps in zip(names, (left, right), strict=True)
    )
    return HouseFigure(
        figure,
        f"Operators of two models in order: {_sentence(title)} {listed}. "
        f"Only the first has {', '.join(only) or 'none of its own'}.",
    )


def difference_strips(
    differences: Mapping[str, Any], *, tolerance: float | None = None, title: str
) -> HouseFigure:
    """Draw differences on a logarithmic axis, one strip a model and one dot an example.

    Parameters
    ----------
    differences : Mapping[str, array_like of shape (N,)]
        Name of a model and its largest difference in each example, 0 or more; NaN where the
        model gave no number.
    tolerance : float, optional
        A line.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no model, or a difference is below 0.
    """
    rows = {_name(name, 60): np.asarray(each, float).ravel() for name, each in differences.items()}
    if not rows or not all(len(each) and not (each < 0).any() for each in rows.values()):
        raise ValueError("Every model needs differences, and each must be 0 or more, or NaN.")
    # The left end stands for no difference; float32 numbers near 1 differ by 6e-8 or not at all.
    least, most = 1e-9, 3.0
    sentences = []
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(_WIDTH, 1.5 + 0.62 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for row, (name, values) in enumerate(rows.items()):
            known = np.sort(values[np.isfinite(values)])
            lost = len(values) - len(known)
            heights = row + 0.5 * ((np.arange(len(known)) * 0.618034) % 1 - 0.5)
            axes.scatter(
                known.clip(least, most), heights, s=13, alpha=0.5, linewidths=0,
                color=_LINK_COLOURS[row % len(_LINK_COLOURS)],
            )  # fmt: skip
            if len(known):
                axes.plot([known[-1].clip(least)] * 2, [row - 0.36, row + 0.36], color=INK)
                sentences.append(f"{name}: at most {known[-1]:.1g}.")
            if lost:
                axes.text(
                    1.5, row, f"{lost} × NaN", ha="right", va="center", color=VERMILLION,
                    fontweight="bold", backgroundcolor="white",
                )  # fmt: skip
                sentences.append(f"{name}: {lost} answers are no number.")
        axes.set_xscale("log")
        axes.set_xlim(least / 2, most)
        axes.xaxis.set_major_locator(FixedLocator([least, 1e-7, 1e-5, 1e-3, 1e-1]))
        axes.xaxis.set_major_formatter(
            lambda value, _: f"{value:g}".replace("e-0", "e-") if value > 2 * least else "none"
        )
        axes.xaxis.set_minor_locator(NullLocator())
        if tolerance is not None:
            axes.axvline(tolerance, color=VERMILLION, linewidth=1.6, linestyle="--")
            axes.annotate(
                f"tolerance {tolerance:g}", (tolerance, 1.0), (4, 3), va="bottom", fontsize=11.5,
                xycoords=("data", "axes fraction"), textcoords="offset points", color=VERMILLION,
            )  # fmt: skip
            sentences.append(f"A line marks the tolerance, {tolerance:g}.")
        axes.set_yticks(range(len(rows)), [textwrap.fill(name, 26) for name in rows])
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Largest difference from Keras in a window's scores")
        # The names take a third of the width: a title over the axes would leave the picture.
        figure.suptitle(_wrapped(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
    return HouseFigure(
        figure,
        f"Differences of {len(rows)} models on a logarithmic axis: {_sentence(title)} "
        + " ".join(sentences),
    )


# --- quantization (Module 06) -------------------------------------------------------------------


def number_line(values: Any, *, low: float, high: float, unit: str = "", title: str) -> HouseFigure:
    """Draw a histogram of real numbers, and the range that 256 steps cover.

    Parameters
    ----------
    values : array_like
        Real numbers of any shape; there may be none.
    low, high : float
        Lowest and highest number that can be stored.
    unit : str
        Unit of all of them.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If the range has no length, or a value is not finite.
    """
    flat = np.asarray(values, float).ravel()
    if not (low < high and np.isfinite([low, high]).all() and np.isfinite(flat).all()):
        raise ValueError(f"The range from {low} to {high} has no length, or a value is not finite.")
    furthest = float(np.abs(np.r_[flat, low, high]).max())
    step = (high - low) / 255
    outside = (flat < low - step / 2) | (flat > high + step / 2)
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(_WIDTH, 3.0), layout="constrained")
        axes = figure.add_subplot()
        edges = np.linspace(-1.05 * furthest, 1.05 * furthest, 101)
        for chosen, colour, name in (
            (~outside, BLUE, "can be stored"),
            (outside, VERMILLION, "beyond the range: stored as its end"),
        ):
            if chosen.any():
                axes.hist(flat[chosen], edges, color=colour, label=name)
        axes.axvspan(low, high, color=BLUE, alpha=0.1, linewidth=0)
        for end, stored, side in ((low, "−128", "right"), (high, "127", "left")):
            axes.axvline(end, color=INK)
            axes.annotate(
                stored, (end, 1.0), (0, -12), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha=side, va="top", fontweight="bold",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            )  # fmt: skip
        if len(flat):
            # Roots, so that rare values can be seen beside common ones.
            axes.set_yscale("function", functions=(np.sqrt, np.square))
            axes.set_ylim(0)
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            figure.legend(loc="outside lower center", ncols=2)
        axes.set_ylabel("How many")
        axes.set_xlabel(f"Value ({unit})" if unit else "Value")
        axes.set_title(_wrapped(title))
    counted = (
        f" Of {len(flat):,} values {_percent(outside.mean(), 1)} lie beyond." if len(flat) else ""
    )
    return HouseFigure(
        figure,
        f"Histogram with a range: {_sentence(title)} int8 covers {low:.4g} to {high:.4g} {unit} "
        f"in steps of {step:.3g}.{counted}",
    )


def before_and_after(
    before: Any, stored: Any, after: Any, *, title: str, quantity: str = "weights"
) -> HouseFigure:
    """Draw numbers before quantization, as they are stored, and what got lost on the way.

    Parameters
    ----------
    before : array_like
        Real numbers of any shape.
    stored : array_like
        The whole numbers that stand for them, in the same order.
    after : array_like
        The real numbers that those mean.
    title : str
        The finding, in a sentence.
    quantity : str
        What the numbers are.

    Raises
    ------
    ValueError
        If the three differ in length, are empty, or hold a number that is not finite.
    """
    real, whole, back = (np.asarray(each, float).ravel() for each in (before, stored, after))
    if not (len(real) == len(whole) == len(back) > 0):
        raise ValueError(
            f"There are {len(real)} numbers before, {len(whole)} stored and {len(back)} after; "
            "they must be as many."
        )
    if not all(np.isfinite(each).all() for each in (real, whole, back)):
        raise ValueError("A number is NaN or infinite.")
    lost = back - real
    with mpl.rc_context({**HOUSE_STYLE, "axes.titlesize": 12, "axes.titleweight": "normal"}):
        figure = Figure(figsize=(_WIDTH, 3.2), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        left.hist(real, 60, color=BLUE)
        left.set_title(f"Before: {len(real):,} {quantity}")
        left.set_xlabel("Real value")
        left.set_ylabel("How many")
        kinds, counts = np.unique(whole, return_counts=True)
        middle.bar(kinds, counts, width=1.0, color=GREEN)
        middle.set_title(f"Stored on {len(kinds)} steps")
        middle.set_xlabel("Stored number")
        middle.set_xticks((-128, 0, 127))
        right.hist(lost, 30, color=VERMILLION)
        right.set_title("Lost")
        right.set_xlabel("After minus before")
        right.xaxis.set_major_locator(MaxNLocator(2))
        for axes in (left, middle, right):
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        figure.suptitle(_wrapped(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
    return HouseFigure(
        figure,
        f"Three histograms: {_sentence(title)} Before: {len(real):,} {quantity} from "
        f"{real.min():.3g} to {real.max():.3g}. Stored: {len(kinds)} different whole numbers from "
        f"{whole.min():.0f} to {whole.max():.0f}. Lost: at most {np.abs(lost).max():.2g}.",
    )


def models_compared(entries: Sequence[Any], *, title: str) -> HouseFigure:
    """Draw bytes, accuracy, tensor arena and time of a few models side by side.

    Parameters
    ----------
    entries : sequence
        Objects with ``name``, ``bytes``, ``accuracy`` (0 to 1), ``arena_bytes`` and
        ``microseconds``, such as :class:`course.tflite.Scoreboard` holds; a figure that is None is
        shown as a gap.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no model.
    """
    rows = list(entries)
    if not rows:
        raise ValueError("There is no model to draw.")
    names = [_name(each.name, 26) for each in rows]
    panels = (
        ("File (kB)", [each.bytes / 1000 for each in rows], "{:.1f}", "–"),
        ("Right (%)", [_times(each.accuracy, 100) for each in rows], "{:.1f}", "–"),
        ("Arena (kB)", [_times(each.arena_bytes, 0.001) for each in rows], "{:.1f}", "no board"),
        ("Time here (µs)", [each.microseconds for each in rows], "{:.3g}", "–"),
    )
    colours = [BLUE, SKY, GREEN, ORANGE, PURPLE, VERMILLION]
    with mpl.rc_context({**HOUSE_STYLE, "axes.titlesize": 12, "axes.titleweight": "normal"}):
        figure = Figure(figsize=(_WIDTH, 1.2 + 0.42 * len(rows)), layout="constrained")
        plots = figure.subplots(1, len(panels), sharey=True)
        places = np.arange(len(rows))
        for axes, (heading, values, form, missing) in zip(plots, panels, strict=True):
            most = max((value for value in values if value is not None), default=0) or 1
            for place, value in zip(places, values, strict=True):
                colour = colours[place % len(colours)]
                axes.barh(place, value or 0, height=0.62, color=colour)
                words = missing if value is None else form.format(value)
                axes.annotate(
                    words, (value or 0, place), (4, 0), textcoords="offset points", va="center",
                    fontsize=11, color=MUTED if value is None else INK,
                    fontweight="normal" if value is None else "bold",
                )  # fmt: skip
            axes.set_title(heading)
            axes.set_xlim(0, 1.65 * most)
            axes.set_xticks([])
            axes.grid(False)
            axes.spines["bottom"].set_visible(False)
            axes.tick_params(axis="y", length=0)
        plots[0].set_yticks(places, names)
        plots[0].invert_yaxis()
        figure.suptitle(_wrapped(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
    sentences = []
    for at, name in enumerate(names):
        said = ", ".join(
            f"{heading} {missing if values[at] is None else form.format(values[at])}"
            for heading, values, form, missing in panels
        )
        sentences.append(f"{name}: {said}.")
    return HouseFigure(
        figure, f"Bars for {len(rows)} models: {_sentence(title)} {' '.join(sentences)}"
    )


def file_parts(files: Mapping[str, Mapping[str, int]], *, title: str) -> HouseFigure:
    """Draw what the bytes of some files are, one bar a file.

    Parameters
    ----------
    files : Mapping[str, Mapping[str, int]]
        A name, and the bytes of each part of that file, such as `parts` of the report of
        :func:`course.tflite.inspect`.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no file, or one has no bytes.
    """
    rows = {_name(name, 26): dict(parts) for name, parts in files.items()}
    if not rows or not all(sum(parts.values()) > 0 for parts in rows.values()):
        raise ValueError("Every file needs parts with a number of bytes.")
    kinds = _unique(*rows.values())
    # Small parts share a colour: six can be told apart.
    large = sorted(kinds, key=lambda kind: -max(parts.get(kind, 0) for parts in rows.values()))[:5]
    shown = [kind for kind in kinds if kind in large]
    shown += ["other"] if len(kinds) > len(shown) else []
    colours = dict(zip(shown, (BLUE, ORANGE, SKY, PURPLE, GREEN, RULE), strict=False))
    sentences = []
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(_WIDTH, 1.8 + 0.5 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for place, (name, parts) in enumerate(rows.items()):
            left = 0.0
            for kind in shown:
                size = parts.get(kind, 0) if kind != "other" else (
                    sum(parts.values()) - sum(parts.get(each, 0) for each in large))  # fmt: skip
                label = kind if place == 0 else None
                axes.barh(place, size / 1000, 0.62, left, color=colours[kind], label=label)
                left += size / 1000
            axes.annotate(
                f"{left:.1f} kB", (left, place), (5, 0), textcoords="offset points", va="center",
                fontweight="bold",
            )  # fmt: skip
            listed = ", ".join(f"{kind} {size:,}" for kind, size in parts.items())
            sentences.append(f"{name}: {sum(parts.values()):,} bytes, of which {listed}.")
        axes.set_yticks(range(len(rows)), list(rows))
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 1.18 * max(sum(parts.values()) for parts in rows.values()) / 1000)
        axes.set_xlabel("Bytes of the file (kB)")
        figure.suptitle(_wrapped(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
        figure.legend(loc="outside lower center", ncols=3, fontsize=10.5)
    return HouseFigure(figure, f"Stacked bars: {_sentence(title)} {' '.join(sentences)}")


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else factor * value


# --- Module 07: smaller and faster ------------------------------------------------------------


def size_curves(
    points: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> HouseFigure:
    """Draw accuracy against packed bytes, one line for each way to make a model smaller.

    Parameters
    ----------
    points : Mapping[str, sequence of (float, float)]
        Name → (bytes when packed, accuracy from 0 to 1) of each model; a single one has no line.
    title : str
        The finding, in a sentence.
    notes : Mapping[str, sequence of str], optional
        Name → a few letters beside each of its points.

    Raises
    ------
    ValueError
        If there is no model, or the notes do not fit the points.
    """
    lines = {_name(name, 40): np.array(each, float) for name, each in points.items() if len(each)}
    written = {_name(name, 40): list(each) for name, each in (notes or {}).items()}
    if not lines or any(len(written[name]) != len(lines.get(name, ())) for name in written):
        raise ValueError("There must be a model, and each note needs a point of its own.")
    sentences = []
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(_WIDTH, 4.2), layout="constrained")
        axes = figure.add_subplot()
        colours = (INK, VERMILLION, BLUE, GREEN, PURPLE)
        for number, (name, each) in enumerate(lines.items()):
            kilobytes, right = each[:, 0] / 1000, 100 * each[:, 1]
            axes.plot(
                kilobytes, right, marker=_MARKERS[number % len(_MARKERS)], markersize=8,
                color=colours[number % len(colours)], label=name,
            )  # fmt: skip
            for place, words in enumerate(written.get(name, ())):
                axes.annotate(
                    _name(words, 20), (kilobytes[place], right[place]), (7, -13),
                    textcoords="offset points", fontsize=11,
                    color=colours[number % len(colours)],
                )  # fmt: skip
            listed = ", ".join(f"{one[0] / 1000:.1f} kB {100 * one[1]:.0f} %" for one in each)
            sentences.append(f"{name}: {listed}.")
        most = max(each[:, 0].max() for each in lines.values()) / 1000
        axes.set_xlim(0, 1.08 * most)
        axes.set_ylim(0, 104)
        axes.set_xlabel("Size of the packed file (kB)")
        axes.set_ylabel("Accuracy on new people (%)")
        axes.legend(loc="lower right")
        _title_across(figure, title)
    return HouseFigure(
        figure, f"Accuracy against packed size: {_sentence(title)} {' '.join(sentences)}"
    )


def share_bars(shares: Mapping[str, float], *, whole: str, title: str) -> HouseFigure:
    """Draw what is left of something by several measures, against a line at 100 %.

    Parameters
    ----------
    shares : Mapping[str, float]
        A measure and what is left by it, 1 for all of it; from top to bottom.
    whole : str
        What the line stands for.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no measure, or a share is not finite or below 0.
    """
    rows = {_name(name, 40): 100 * float(value) for name, value in shares.items()}
    if not rows or not all(np.isfinite(value) and value >= 0 for value in rows.values()):
        raise ValueError("Every measure needs a share of 0 or more, and there must be a measure.")
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid": False}):
        figure = Figure(figsize=(_WIDTH, 1.35 + 0.55 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        # The first is what was promised, the others are what came of it.
        colours = [BLUE] + [SKY] * (len(rows) - 1)
        axes.barh(range(len(rows)), list(rows.values()), height=0.62, color=colours)
        for place, value in enumerate(rows.values()):
            axes.annotate(
                f"{value:.0f} %", (value, place), (6, 0), textcoords="offset points",
                va="center", fontweight="bold",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            )  # fmt: skip
        axes.axvline(100, color=INK, linewidth=1.4, linestyle="--", zorder=0.5)
        axes.annotate(
            _name(whole, 40), (100, 1), (0, 4), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", fontsize=11.5,
        )  # fmt: skip
        axes.set_xlim(0, max(125, 1.2 * max(rows.values())))
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"Left of {_name(whole, 40)} (%)")
        _title_across(figure, title)
    listed = ", ".join(f"{name} {value:.0f} %" for name, value in rows.items())
    return HouseFigure(
        figure, f"Bars, where 100 % is {_name(whole, 40)}: {_sentence(title)} {listed}."
    )


def published_models(models: Sequence[Any], *, title: str) -> HouseFigure:
    """Draw published models: time to the right, accuracy up, the file's size as the dot's area.

    Parameters
    ----------
    models : sequence
        Objects with ``model``, ``device``, ``milliseconds``, ``megabytes``, ``accuracy`` (0 to 1)
        and ``source``, as :func:`course.tflite.profile.published` gives them.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is none, or one lacks its size or accuracy.
    """
    rows = list(models)
    if not rows or not all(each.megabytes and each.accuracy for each in rows):
        raise ValueError("Each model needs a size and an accuracy, and there must be a model.")
    devices = ", ".join(dict.fromkeys(each.device for each in rows))
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(_WIDTH, 4.0), layout="constrained")
        axes = figure.add_subplot()
        for number, each in enumerate(rows):
            colour = (GREEN, SKY, BLUE)[number % 3]
            axes.scatter(
                each.milliseconds, 100 * each.accuracy, s=24 * each.megabytes, color=colour,
                alpha=0.85, linewidths=0, zorder=3,
            )  # fmt: skip
            radius = np.sqrt(24 * each.megabytes / np.pi)
            # Beside it where another dot stands close on the right, else below.
            crowded = any(1 < one.milliseconds / each.milliseconds < 3 for one in rows)
            axes.annotate(
                f"{each.model}\n{each.megabytes:g} MB", (each.milliseconds, 100 * each.accuracy),
                (-radius - 6, 0) if crowded else (0, -radius - 6), textcoords="offset points",
                ha="right" if crowded else "center", va="center" if crowded else "top",
                fontsize=11, linespacing=1.2,
            )  # fmt: skip
        axes.set_xscale("log")
        times = [each.milliseconds for each in rows]
        axes.set_xlim(min(times) / 2.6, max(times) * 2.6)
        axes.xaxis.set_major_locator(FixedLocator([10, 20, 50, 100, 200, 500]))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        scores = [100 * each.accuracy for each in rows]
        axes.set_ylim(min(scores) - 4.5, max(scores) + 3)
        axes.set_xlabel(f"Time of one picture on a {devices} (ms, logarithmic)")
        axes.set_ylabel("Top-1 accuracy (%)")
        _title_across(figure, title)
    listed = "; ".join(
        f"{each.model}: {each.megabytes:g} MB, {each.milliseconds:g} ms, "
        f"{100 * each.accuracy:.1f} %"
        for each in rows
    )
    sources = "; ".join(dict.fromkeys(each.source for each in rows))
    return HouseFigure(
        figure, f"Published models on a {devices}: {_sentence(title)} {listed}. Source: {sources}."
    )


def weight_histogram(weights: Any, *, cut: float, title: str) -> HouseFigure:
    """Draw how many weights have which value, those nearer to zero than ``cut`` set apart.

    Parameters
    ----------
    weights : array_like
        Weights of any shape.
    cut : float
        Weights between -cut and cut are pruned.
    title : str
        The finding, in a sentence.

    Raises
    ------
    ValueError
        If there is no weight, or one is not finite.
    """
    values = np.asarray(weights, float).ravel()
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("The histogram needs at least one weight, and finite ones.")
    most = np.abs(values).max() or 1.0
    edges = np.linspace(-most, most, 62)
    gone = np.abs(values) < cut
    with mpl.rc_context(HOUSE_STYLE):
        figure = Figure(figsize=(_WIDTH, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.hist(values[~gone], edges, color=BLUE, label="kept")
        axes.hist(values[gone], edges, color=VERMILLION, label="set to 0")
        axes.set_xlabel("Weight")
        axes.set_ylabel("Weights")
        axes.legend(loc="upper right")
        _title_across(figure, title)
    return HouseFigure(
        figure,
        f"Histogram of {len(values):,} weights: {_sentence(title)} {gone.sum():,} of them lie "
        f"nearer to zero than {cut:.3g}.",
    )
