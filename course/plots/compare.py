"""Answers compared: who was taken for what, how right, how training went."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course.plots.house import (
    BLUE,
    GREEN,
    HOUSE_STYLE,
    INK,
    ORANGE,
    SKY,
    TRAINING_COLOUR,
    VALIDATION_COLOUR,
    WIDTH,
    HouseFigure,
    as_sentence,
    label_text,
    percent_text,
    title_across,
    unique_names,
    wrapped_title,
)

_OTHER = "something else"
_MOST_EXTRA_COLUMNS = 3


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
    true = [label_text(value) for value in true_names]
    predicted = [label_text(value) for value in predicted_names]
    if len(true) != len(predicted):
        raise ValueError(
            f"There are {len(true)} true names but {len(predicted)} predicted ones; "
            f"a confusion matrix needs one prediction for each {of}."
        )
    if not true:
        raise ValueError(f"A confusion matrix needs at least one {of}.")
    rows = unique_names([label_text(label) for label in labels] if labels is not None else [], true)
    extra = [name for name in unique_names(predicted) if name not in rows]
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
        figure = Figure(figsize=(WIDTH, max(3.0, height)), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
        for row, column in np.ndindex(*counts.shape):
            right = rows[row] == columns[column]
            axes.text(
                column,
                row,
                f"{counts[row, column]}\n{percent_text(shares[row, column])}",
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
        axes.set_title(wrapped_title(title))

    sentences = [f"Confusion matrix: {as_sentence(title)}"]
    for row, label in enumerate(rows):
        if not totals[row]:
            sentences.append(f"There was no {label} {of}.")
            continue
        answers = ", ".join(
            f"{counts[row, column]} {_were(counts[row, column])} called {columns[column]} "
            f"({percent_text(shares[row, column])})"
            for column in np.argsort(-counts[row], kind="stable")
            if counts[row, column]
        )
        sentences.append(
            f"Of {totals[row]} {label} {of}{'' if totals[row] == 1 else 's'} {answers}."
        )
    return HouseFigure(figure, " ".join(sentences))


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
    sentences = [f"Learning curve: {as_sentence(title)}"]
    with mpl.rc_context({**HOUSE_STYLE, "axes.titlesize": 12}):
        figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
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
                    (f"{value:.3g}" if key == "loss" else percent_text(value / 100))
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
        figure.suptitle(wrapped_title(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
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
    bars = {label_text(name, 40): float(value) for name, value in accuracies.items()}
    if not bars:
        raise ValueError("There is no accuracy to draw.")
    for name, value in bars.items():
        if not 0 <= value <= 1:
            raise ValueError(f"The accuracy of {name} is {value}; it must lie between 0 and 1.")
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(WIDTH, 1.25 + 0.55 * len(bars)), layout="constrained")
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
            axes.text(
                100 * value + 1, place, percent_text(value, 1), va="center", fontweight="bold"
            )
        axes.set_yticks(places, list(bars))
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, 112)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel(f"{of} named rightly (%)")
        title_across(figure, title)
    listed = ", ".join(f"{name} {percent_text(value, 1)}" for name, value in bars.items())
    return HouseFigure(figure, f"Bar chart of accuracy: {as_sentence(title)} {listed}.")


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _history(history: Any) -> dict[str, list[float]]:
    series = getattr(history, "history", history)
    return {str(key): [float(value) for value in values] for key, values in series.items()}
