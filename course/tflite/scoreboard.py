"""Every model that a learner made, side by side: bytes, accuracy, arena, multiplications, time.

>>> board = Scoreboard()                                         # doctest: +SKIP
>>> board.add("int8", small, accuracy=0.94)                      # doctest: +SKIP
>>> board.plot()                                                 # doctest: +SKIP

Later modules find what earlier ones added: it is kept in the workspace, in
``.course/scoreboard.json``.
"""

from __future__ import annotations

import contextlib
import html as markup
import json
import math
import secrets
import sqlite3
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course import workspace
from course.tflite.arena import arena as smallest_arena
from course.tflite.inspect import inspect
from course.tflite.run import ModelError, read_model

if TYPE_CHECKING:
    from course.plots import HouseFigure

__all__ = ["Entry", "Scoreboard"]

_FILE = "scoreboard.json"
_VERSION = 1
# A learner makes some dozens in the whole course.
_MOST_ENTRIES = 500
_MOST_BYTES = 1 << 20
_LONGEST_NAME = 60
# Seconds to wait for another kernel that writes; it takes some milliseconds.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Entry:
    """One model on the board.

    Attributes
    ----------
    name : what the learner calls it.
    bytes : of the file.
    compressed_bytes : of the file compressed with zlib.
    accuracy : share of answers that were right, from 0 to 1; None where nobody measured it.
    arena_bytes : smallest tensor arena; None where TFLite Micro does not run the model.
    macs : multiplications with an addition.
    microseconds : of one run; None where nobody measured it.
    note : a few words.
    at : when it was added, in seconds since 1970.
    """

    name: str
    bytes: int
    compressed_bytes: int
    accuracy: float | None = None
    arena_bytes: int | None = None
    macs: int | None = None
    microseconds: float | None = None
    note: str = ""
    at: float = 0.0


class Scoreboard:
    """A table of models that outlives the notebook.

    Parameters
    ----------
    folder : where it is kept; by default the workspace around the current folder. Where there is
        none it is kept as long as this object lives.

    Notes
    -----
    Several notebooks may add at once. A damaged file is moved aside and a new one begun.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            place = workspace.find()
            folder = None if place is None else place / ".course"
        self._folder = None if folder is None else Path(folder)
        self._here: dict[str, Entry] = {}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All models, the smallest first; of models with the same name the latest."""
        return tuple(sorted(self._read().values(), key=lambda each: (each.bytes, each.name)))

    def add(
        self,
        name: str,
        model: bytes | str | Path,
        *,
        accuracy: float | None = None,
        arena: int | None = None,
        microseconds: float | None = None,
        note: str = "",
    ) -> Entry:
        """Put a model on the board, in place of one with the same name.

        Parameters
        ----------
        name : what to call it.
        model : bytes of a ``.tflite`` file, or its path. Its bytes and multiplications are counted.
        accuracy : share of answers that were right on people it was not trained on, from 0 to 1.
        arena : bytes of its tensor arena; found by trying, in a second or so, when not given.
        microseconds : of one run, as `course.tflite.profile` measures it.
        note : a few words.

        Returns
        -------
        Entry

        Raises
        ------
        ModelError
            If the file is damaged or a figure is impossible.
        """
        name = " ".join(str(name).split())
        if not name or len(name) > _LONGEST_NAME:
            raise ModelError(f"A model's name has from 1 to {_LONGEST_NAME} letters.")
        data = read_model(model)
        report = inspect(data)
        if arena is None:
            # Not every model runs on a board, and a board is not what every module is about.
            with contextlib.suppress(ModelError):
                arena = smallest_arena(data).bytes
        entry = Entry(
            name=name,
            bytes=len(data),
            compressed_bytes=len(zlib.compress(data, 9)),
            accuracy=None if accuracy is None else float(accuracy),
            arena_bytes=None if arena is None else int(arena),
            macs=report.macs,
            microseconds=None if microseconds is None else float(microseconds),
            note=" ".join(str(note).split())[:200],
            at=time.time(),
        )
        reason = _impossible(entry)
        if reason:
            raise ModelError(reason)
        self._change({name: entry})
        return entry

    def remove(self, name: str) -> None:
        """Take a model off the board.

        Raises
        ------
        KeyError
            If there is none with this name.
        """
        if name not in self._read():
            raise KeyError(f"There is no model {name!r} on the board.")
        self._change({name: None})

    def plot(self, *, title: str | None = None) -> HouseFigure:
        """Accuracy against bytes, one point for each model with an accuracy.

        Parameters
        ----------
        title : the finding, in a sentence.

        Raises
        ------
        ModelError
            If no model has an accuracy.
        """
        return _figure(self.entries, title)

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        entries = self.entries
        if not entries:
            return "No model is on the board yet: board.add(name, model, accuracy=…)."
        rows = [_HEADS, *(_cells(each) for each in entries)]
        widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADS))]
        lines = [
            "  ".join(
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *self._where()])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        entries = self.entries
        if not entries:
            return {"text/html": f"<p>{markup.escape(repr(self))}</p>", "text/plain": repr(self)}
        body = "".join(f"<tr>{_html_cells(_cells(each), 'td')}</tr>" for each in entries)
        where = "".join(f"<p>{markup.escape(line)}</p>" for line in self._where())
        table = (
            '<div style="overflow-x: auto"><table style="font-size: 13px"><caption>Your models, '
            f"the smallest first</caption><thead><tr>{_html_cells(_HEADS, 'th')}</tr></thead>"
            f"<tbody>{body}</tbody></table></div>{where}"
        )
        return {"text/html": table, "text/plain": repr(self)}

    def _where(self) -> list[str]:
        return [] if self._folder else ["There is no workspace here: kept for this session only."]

    # --- the file -----------------------------------------------------------------------------

    def _read(self) -> dict[str, Entry]:
        if self._folder is None:
            return dict(self._here)
        file = self._folder / _FILE
        try:
            with file.open("rb") as opened:
                content = opened.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ModelError(
                f"The scoreboard {file} cannot be read ({workspace._reason(error)})."
            ) from error
        return _parsed(content)

    def _change(self, changes: dict[str, Entry | None]) -> None:
        """Add and take away, while no other kernel does."""
        if self._folder is None:
            self._here = _changed(self._here, changes)
            return
        file = self._folder / _FILE
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._alone():
                entries = self._read()
                if not entries:
                    self._keep_damaged(file)
                entries = _changed(entries, changes)
                record = {
                    "version": _VERSION,
                    "models": [asdict(each) for each in entries.values()],
                }
                text = json.dumps(record, indent=1, ensure_ascii=False)
                workspace._write(file, text.encode())
        except (OSError, sqlite3.Error) as error:
            reason = workspace._reason(error) if isinstance(error, OSError) else str(error)
            raise ModelError(f"The scoreboard {file} cannot be written ({reason}).") from error

    def _keep_damaged(self, file: Path) -> None:
        """Move a file aside that is there and says nothing."""
        with contextlib.suppress(FileNotFoundError):
            content = file.read_bytes()[: _MOST_BYTES + 1]
            if not _sound(content):
                stamp = f"{time.strftime('%Y-%m-%d %H%M%S')} {secrets.token_hex(2)}"
                aside = file.with_name(f"scoreboard (damaged {stamp}).json")
                file.replace(aside)
                print(f"The scoreboard was damaged; it was kept as {aside.name!r} and begun anew.")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold a lock between processes; SQLite's own works on every system and frees itself."""
        lock = sqlite3.connect(
            self._folder / "scoreboard.lock", timeout=_PATIENCE, isolation_level=None
        )
        try:
            lock.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            lock.close()


def _changed(entries: dict[str, Entry], changes: dict[str, Entry | None]) -> dict[str, Entry]:
    merged = {name: each for name, each in entries.items() if name not in changes}
    merged |= {name: each for name, each in changes.items() if each is not None}
    latest = sorted(merged.values(), key=lambda each: each.at)[-_MOST_ENTRIES:]
    return {each.name: each for each in latest}


def _sound(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content)["models"], list)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _parsed(content: bytes) -> dict[str, Entry]:
    """What a file says; entries that nobody can have added are passed over."""
    if not _sound(content):
        return {}
    known = {each.name for each in fields(Entry)}
    found: dict[str, Entry] = {}
    for record in json.loads(content)["models"][:_MOST_ENTRIES]:
        try:
            entry = Entry(**{key: value for key, value in record.items() if key in known})
            if not _impossible(entry):
                found[entry.name] = entry
        except (AttributeError, TypeError):
            continue
    return found


def _impossible(entry: Entry) -> str | None:
    """Why these figures cannot be, or None."""

    def number(value: Any, low: float, high: float, kinds: tuple[type, ...]) -> bool:
        return type(value) in kinds and math.isfinite(value) and low <= value <= high

    if not isinstance(entry.name, str) or not 0 < len(entry.name) <= _LONGEST_NAME:
        return "A model needs a name."
    if not isinstance(entry.note, str) or not number(entry.at, 0, 1e12, (int, float)):
        return "A note is a text."
    if entry.accuracy is not None and not number(entry.accuracy, 0, 1, (int, float)):
        return f"accuracy is {entry.accuracy!r}; it must lie between 0 and 1."
    for key in ("bytes", "compressed_bytes", "arena_bytes", "macs"):
        value = getattr(entry, key)
        optional = key in ("arena_bytes", "macs")
        if not (value is None and optional) and not number(value, 0, 1e15, (int,)):
            return f"{key} is {value!r}; it must be a whole number from 0."
    if entry.microseconds is not None and not number(entry.microseconds, 0, 1e12, (int, float)):
        return f"microseconds is {entry.microseconds!r}; it must be a number from 0."
    return None


# --- showing ------------------------------------------------------------------------------------

_HEADS = ("Model", "Bytes", "Compressed", "Accuracy", "Arena (B)", "MACs", "Time (µs)", "Note")


def _cells(each: Entry) -> tuple[str, ...]:
    def amount(value: float | None, form: str = ",") -> str:
        return "–" if value is None else format(value, form)

    accuracy = "–" if each.accuracy is None else f"{100 * each.accuracy:.1f} %"
    return (
        each.name,
        amount(each.bytes),
        amount(each.compressed_bytes),
        accuracy,
        amount(each.arena_bytes),
        amount(each.macs),
        amount(each.microseconds, ",.3g" if (each.microseconds or 0) < 1000 else ",.0f"),
        each.note,
    )


def _html_cells(row: tuple[str, ...], tag: str) -> str:
    last = len(row) - 1
    return "".join(
        f'<{tag} style="text-align: {"left" if at in (0, last) else "right"}; padding: 2px 10px">'
        f"{markup.escape(cell)}</{tag}>"
        for at, cell in enumerate(row)
    )


def _figure(entries: tuple[Entry, ...], title: str | None) -> HouseFigure:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    from course import plots

    shown = [each for each in entries if each.accuracy is not None and each.bytes]
    if not shown:
        raise ModelError("No model on the board has an accuracy yet, so there is nothing to draw.")
    best = max(shown, key=lambda each: (each.accuracy, -each.bytes))
    if title is None:
        title = f"Most accurate: {best.name}, {100 * best.accuracy:.1f} % in {best.bytes:,} bytes"
    with mpl.rc_context(plots.HOUSE_STYLE):
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.add_subplot()
        sizes = [each.bytes for each in shown]
        scores = [100 * each.accuracy for each in shown]
        axes.scatter(sizes, scores, s=52, color=plots.BLUE, zorder=3)
        axes.set_xscale("log")
        low, high = min(sizes), max(sizes)
        axes.set_xlim(low / 2, high * 2.5)
        spread = max(max(scores) - min(scores), 4.0)
        axes.set_ylim(min(scores) - 0.2 * spread, max(scores) + 0.2 * spread)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 60 * low else (1,)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        points = [_place(axes, size, score) for size, score in zip(sizes, scores, strict=True)]
        taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
        for each, point, size, score in zip(shown, points, sizes, scores, strict=True):
            words = plots.label_text(each.name, 26)
            offset, align = _free(point, words, taken)
            axes.annotate(words, (size, score), offset, textcoords="offset points", ha=align,
                          va="center", fontsize=11)  # fmt: skip
        axes.set_xlabel("Model file (bytes, logarithmic)")
        axes.set_ylabel("Accuracy (%)")
        axes.set_title(plots.wrapped_title(title))
    listed = ", ".join(
        f"{each.name} {each.bytes:,} bytes {100 * each.accuracy:.1f} %" for each in shown
    )
    return plots.HouseFigure(
        figure, f"Accuracy against bytes of model files: {plots.as_sentence(title)} {listed}."
    )


# A letter of 11 points and a line of them, in points.
_LETTER, _LINE = 6.2, 13.0


def _place(axes: Any, size: float, score: float) -> tuple[float, float]:
    """Where a point lies on the paper, in points; the axes take most of the figure."""
    wide, tall = (72 * inches for inches in axes.figure.get_size_inches())
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    x = 0.9 * wide * math.log(size / left) / math.log(right / left)
    return x, 0.78 * tall * (score - bottom) / (top - bottom)


def _free(
    point: tuple[float, float], words: str, taken: list[tuple[float, float, float, float]]
) -> tuple[tuple[float, float], str]:
    """Where beside a point its name covers nothing else: offset in points, and alignment."""
    length = _LETTER * len(words)
    places = [((8.0, 0.0), "left"), ((-8.0, 0.0), "right"), ((0.0, _LINE), "center")]
    places += [((0.0, -_LINE), "center")]
    places += [((8.0, step * _LINE), "left") for step in (1, -1, 2, -2, 3, -3)]
    for offset, align in places:
        begin = point[0] + offset[0] - {"left": 0, "center": 0.5, "right": 1}[align] * length
        middle = point[1] + offset[1]
        box = (begin, middle - _LINE / 2, begin + length, middle + _LINE / 2)
        apart = all(
            box[2] < other[0] or other[2] < box[0] or box[3] < other[1] or other[3] < box[1]
            for other in taken
        )
        if apart and begin > 0:
            break
    taken.append(box)
    return offset, align
