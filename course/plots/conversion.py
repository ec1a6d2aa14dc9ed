"""Module 05: the bytes of a file, its operators, and how far engines differ."""

from __future__ import annotations

import difflib
import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from course.plots.house import (
    BLUE,
    HOUSE_STYLE,
    INK,
    LINE_COLOURS,
    MUTED,
    SKY,
    VERMILLION,
    WIDTH,
    HouseFigure,
    as_sentence,
    label_text,
    wrapped_title,
)

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
        figure = Figure(figsize=(WIDTH, 1.15 + 0.27 * rows), layout="constrained")
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
        axes.set_title(wrapped_title(title), fontfamily="sans-serif")
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
        f"{len(data)} bytes from place {first:,}: {as_sentence(title)} By kind: {counted}. "
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
    names = [label_text(name, 40) for name in columns]
    left, right = ([label_text(each, 30) for each in steps] for steps in columns.values())
    rows: list[tuple[str | None, str | None]] = []
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for _, start, end, other_start, other_end in matcher.get_opcodes():
        pairs = itertools.zip_longest(left[start:end], right[other_start:other_end])
        rows += pairs
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, 1.0 + 0.265 * len(rows)), layout="constrained")
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
        axes.set_title(wrapped_title(title))
    only = [name for name, _ in [pair for pair in rows if pair[0] != pair[1]] if name]
    listed = "; ".join(
        f"{name} has {len(steps)}: {', '.join(steps)}"
        for name, steps in zip(names, (left, right), strict=True)
    )
    return HouseFigure(
        figure,
        f"Operators of two models in order: {as_sentence(title)} {listed}. "
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
    rows = {
        label_text(name, 60): np.asarray(each, float).ravel() for name, each in differences.items()
    }
    if not rows or not all(len(each) and not (each < 0).any() for each in rows.values()):
        raise ValueError("Every model needs differences, and each must be 0 or more, or NaN.")
    # The left end stands for no difference; float32 numbers near 1 differ by 6e-8 or not at all.
    least, most = 1e-9, 3.0
    sentences = []
    with mpl.rc_context({**HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(WIDTH, 1.5 + 0.62 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for row, (name, values) in enumerate(rows.items()):
            known = np.sort(values[np.isfinite(values)])
            lost = len(values) - len(known)
            heights = row + 0.5 * ((np.arange(len(known)) * 0.618034) % 1 - 0.5)
            axes.scatter(
                known.clip(least, most), heights, s=13, alpha=0.5, linewidths=0,
                color=LINE_COLOURS[row % len(LINE_COLOURS)],
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
        figure.suptitle(wrapped_title(title), x=0.01, ha="left", fontsize=13, fontweight="bold")
    return HouseFigure(
        figure,
        f"Differences of {len(rows)} models on a logarithmic axis: {as_sentence(title)} "
        + " ".join(sentences),
    )
