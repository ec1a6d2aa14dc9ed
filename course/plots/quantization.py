"""Module 06: numbers on 256 steps, before and after, and formats compared."""

from __future__ import annotations

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
    MUTED,
    ORANGE,
    PURPLE,
    RULE,
    SKY,
    VERMILLION,
    WIDTH,
    HouseFigure,
    as_sentence,
    label_text,
    percent_text,
    unique_names,
    wrapped_title,
)


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
        figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
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
        axes.set_title(wrapped_title(title))
    counted = (
        f" Of {len(flat):,} values {percent_text(outside.mean(), 1)} lie beyond."
        if len(flat)
        else ""
    )
    return HouseFigure(
        figure,
        f"Histogram with a range: {as_sentence(title)} int8 covers {low:.4g} to {high:.4g} {unit} "
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
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
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
        figure.suptitle(wrapped_title(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
    return HouseFigure(
        figure,
        f"Three histograms: {as_sentence(title)} Before: {len(real):,} {quantity} from "
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
    names = [label_text(each.name, 26) for each in rows]
    panels = (
        ("File (kB)", [each.bytes / 1000 for each in rows], "{:.1f}", "–"),
        ("Right (%)", [_times(each.accuracy, 100) for each in rows], "{:.1f}", "–"),
        ("Arena (kB)", [_times(each.arena_bytes, 0.001) for each in rows], "{:.1f}", "no board"),
        ("Time here (µs)", [each.microseconds for each in rows], "{:.3g}", "–"),
    )
    colours = [BLUE, SKY, GREEN, ORANGE, PURPLE, VERMILLION]
    with mpl.rc_context({**HOUSE_STYLE, "axes.titlesize": 12, "axes.titleweight": "normal"}):
        figure = Figure(figsize=(WIDTH, 1.2 + 0.42 * len(rows)), layout="constrained")
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
        figure.suptitle(wrapped_title(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
    sentences = []
    for at, name in enumerate(names):
        said = ", ".join(
            f"{heading} {missing if values[at] is None else form.format(values[at])}"
            for heading, values, form, missing in panels
        )
        sentences.append(f"{name}: {said}.")
    return HouseFigure(
        figure, f"Bars for {len(rows)} models: {as_sentence(title)} {' '.join(sentences)}"
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
    rows = {label_text(name, 26): dict(parts) for name, parts in files.items()}
    if not rows or not all(sum(parts.values()) > 0 for parts in rows.values()):
        raise ValueError("Every file needs parts with a number of bytes.")
    kinds = unique_names(*rows.values())
    # Small parts share a colour: six can be told apart.
    large = sorted(kinds, key=lambda kind: -max(parts.get(kind, 0) for parts in rows.values()))[:5]
    shown = [kind for kind in kinds if kind in large]
    shown += ["other"] if len(kinds) > len(shown) else []
    colours = dict(zip(shown, (BLUE, ORANGE, SKY, PURPLE, GREEN, RULE), strict=False))
    sentences = []
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(WIDTH, 1.8 + 0.5 * len(rows)), layout="constrained")
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
        figure.suptitle(wrapped_title(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
        figure.legend(loc="outside lower center", ncols=3, fontsize=10.5)
    return HouseFigure(figure, f"Stacked bars: {as_sentence(title)} {' '.join(sentences)}")


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else factor * value
