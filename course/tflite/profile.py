"""How long each operator of a model takes, on each engine of this computer.

>>> found = profile("gesture_int8.tflite")        # doctest: +SKIP
>>> found.plot()                                  # doctest: +SKIP
>>> found.whole["xnnpack"].median_us              # doctest: +SKIP

Each operator is cut out of the file as a model of its own and timed alone, in a process with
limits. What that cannot say about a phone or a board, the profile says itself.
"""

from __future__ import annotations

import contextlib
import html as markup
import os
import platform
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from course.tflite import _wire, run
from course.tflite.inspect import inspect
from course.tflite.run import ModelError

if TYPE_CHECKING:
    from course.plots import HouseFigure

__all__ = ["Profile", "Published", "Step", "Timing", "profile", "published"]

#: What each engine is, in words.
ENGINES = {
    "reference": "LiteRT, reference kernels",
    "builtin": "LiteRT without XNNPACK",
    "xnnpack": "LiteRT with XNNPACK",
    "micro": "TFLite Micro",
}

# A process that dies is started again behind the operator that ended it, so many times.
_MOST_STARTS = 12
# Operators that are timed; the largest model of the course has 90.
_MOST_STEPS = 300
# Sixteen megabytes hold every operator that a board could ever run.
_ARENA_BYTES = 16 << 20


@dataclass(frozen=True)
class Timing:
    """How long one run takes, in microseconds.

    Attributes
    ----------
    median_us : half of the repeats took longer.
    low_us, high_us : the middle half of the repeats lies between them.
    repeats : how many there were; each is the mean of many runs.
    """

    median_us: float
    low_us: float
    high_us: float
    repeats: int

    def __str__(self) -> str:
        return f"{_amount(self.median_us)} µs"


@dataclass(frozen=True)
class Step:
    """One operator and its times.

    Attributes
    ----------
    index : its place in the model.
    name : such as ``"CONV_2D"``.
    macs : multiplications with an addition.
    times : by engine; an engine that could not time it is missing.
    """

    index: int
    name: str
    macs: int
    times: Mapping[str, Timing]

    @property
    def label(self) -> str:
        """Place and name, for a figure."""
        return f"{self.index} {self.name.lower().replace('_', ' ')}"


@dataclass(frozen=True)
class Published:
    """A time that somebody else measured on a device.

    Attributes
    ----------
    device, model : what ran where.
    milliseconds : of one run.
    megabytes : of the model file; None where the source does not say.
    accuracy : share of pictures named rightly, from 0 to 1; None where the source does not say.
    source : who measured it, and how.
    """

    device: str
    model: str
    milliseconds: float
    megabytes: float | None
    accuracy: float | None
    source: str


_HOSTED = (
    "TensorFlow Lite, Hosted models: CPU, 4 threads, Android 10 "
    "(tensorflow/lite/g3doc/guide/hosted_models.md)"
)
_PIXEL = (
    Published("Pixel 3", "MobileNet V1 1.0 224, int8", 13.0, 4.3, 0.700, _HOSTED),
    Published("Pixel 3", "Inception V3, int8", 148.0, 23.0, 0.775, _HOSTED),
    Published("Pixel 3", "Inception V3, float", 249.0, 95.3, 0.779, _HOSTED),
)


def published() -> tuple[Published, ...]:
    """Times that were published for a phone and a board, with their source."""
    from course import energy

    board = [energy.draw(name) for name in ("inference.small", "inference.large")]
    return (
        *(
            Published("Nano 33 BLE", each.what.removesuffix(" on a Nano 33 BLE"),
                      each.milliseconds, None, None, each.source)
            for each in board
        ),
        *_PIXEL,
    )  # fmt: skip


@dataclass(frozen=True, repr=False)
class Profile:
    """What `profile` measured.

    Attributes
    ----------
    steps : one for each operator of the graph that runs.
    whole : time of the whole model, by engine.
    failures : why an engine could not time an operator, or the model: (engine, operator's place or
        None, sentence).
    threads : threads that LiteRT was allowed; TFLite Micro has one.
    machine : the computer that was measured.
    engines : those that were asked for.
    """

    steps: tuple[Step, ...]
    whole: Mapping[str, Timing]
    failures: tuple[tuple[str, int | None, str], ...]
    threads: int
    machine: str
    engines: tuple[str, ...]

    @property
    def published(self) -> tuple[Published, ...]:
        """Times that were published for a phone and a board."""
        return published()

    @property
    def limits(self) -> str:
        """What these times cannot say."""
        return (
            f"Measured on this computer ({self.machine}). A phone has another processor and warms "
            "up; a board runs at some 64 MHz, without the wide instructions of this one, and reads "
            "its weights from flash. So neither these times nor their ratios hold there: only the "
            "MACs are the same. Operators are timed alone, each with its weights in the cache, so "
            "they need not sum to the time of the whole model; one that takes less than 1 µs is "
            "mostly the cost of the call."
        )

    def plot(self, *, title: str | None = None) -> HouseFigure:
        """Bars for the slowest operators on each engine, with the spread of the repeats.

        Parameters
        ----------
        title : the finding, in a sentence.
        """
        return _figure(self, title)

    def __repr__(self) -> str:
        lines = [
            f"{'operator':<28}{'MACs':>12}"
            + "".join(f"{engine + ' (µs)':>17}" for engine in self.engines)
        ]
        for step in self.steps:
            lines.append(
                f"{step.label[:27]:<28}{step.macs:>12,}"
                + "".join(f"{_cell(step.times.get(engine)):>17}" for engine in self.engines)
            )
        total = sum(step.macs for step in self.steps)
        lines.append(
            f"{'whole model':<28}{total:>12,}"
            + "".join(f"{_cell(self.whole.get(engine)):>17}" for engine in self.engines)
        )
        lines += _sentences(self)
        return "\n".join([*lines, self.limits])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        picture = self.plot().html() if any(step.times for step in self.steps) else ""
        return {"text/html": picture + _html(self), "text/plain": repr(self)}


def profile(
    model: bytes | str | Path,
    *,
    threads: int = 1,
    engines: Sequence[str] = ("reference", "xnnpack", "micro"),
    repeats: int = 9,
    seconds: float = 120,
) -> Profile:
    """Time each operator of a model, and the model as a whole.

    Parameters
    ----------
    model : bytes of a ``.tflite`` file, or its path.
    threads : that LiteRT may use.
    engines : of `ENGINES`; ``"micro"`` is passed over where TFLite Micro is not released.
    repeats : readings of the clock for each operator, after a warm-up.
    seconds : longest that all of it may take; what is not timed by then is left out.

    Returns
    -------
    Profile
        Shown in a notebook as bars and a table.

    Raises
    ------
    ModelError
        If the file is damaged, an option is unknown, or no engine runs the model.
    """
    data = run.read_model(model)
    engines = _checked(threads, engines, repeats, seconds)
    report = inspect(data)
    operators = [each for each in report.operators if each.subgraph == 0][:_MOST_STEPS]
    parts: list[int | None] = [None, *(each.index for each in operators)]
    found: dict[tuple[str, int | None], Timing] = {}
    failures: list[tuple[str, int | None, str]] = []
    share = seconds / max(len(engines), 1)
    for engine in engines:
        if engine == "micro" and not run.micro_here():
            failures.append((engine, None, "TFLite Micro is released for Linux on x86-64 only."))
            continue
        _time(data, engine, parts, threads, repeats, share, found, failures)
    whole = {engine: found[engine, None] for engine in engines if (engine, None) in found}
    steps = tuple(
        Step(each.index, each.name, each.macs, MappingProxyType(
            {engine: found[engine, each.index] for engine in engines
             if (engine, each.index) in found}))
        for each in operators
    )  # fmt: skip
    if not found:
        raise ModelError(
            "No engine runs this model: "
            + " ".join(dict.fromkeys(sentence for _, _, sentence in failures))[:600]
        )
    return Profile(
        steps, MappingProxyType(whole), tuple(failures), threads, _machine(), tuple(engines)
    )


def _checked(threads: int, engines: Sequence[str], repeats: int, seconds: float) -> tuple[str, ...]:
    engines = (engines,) if isinstance(engines, str) else tuple(dict.fromkeys(engines))
    unknown = [engine for engine in engines if engine not in ENGINES]
    if unknown or not engines:
        known = ", ".join(map(repr, ENGINES))
        raise ModelError(f"engines is {engines!r}; it must name some of {known}.")
    if type(threads) is not int or not 1 <= threads <= 64:
        raise ModelError(f"threads must be a whole number from 1 to 64, not {threads!r}.")
    if type(repeats) is not int or not 3 <= repeats <= 1000:
        raise ModelError(f"repeats must be a whole number from 3 to 1000, not {repeats!r}.")
    if not 1 <= seconds <= 3600:
        raise ModelError(f"seconds must be from 1 to 3600, not {seconds!r}.")
    return engines


def _machine() -> str:
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {os.cpu_count()} processors"


# --- the process that times ---------------------------------------------------------------------


def _time(
    data: bytes,
    engine: str,
    parts: Sequence[int | None],
    threads: int,
    repeats: int,
    seconds: float,
    found: dict[tuple[str, int | None], Timing],
    failures: list[tuple[str, int | None, str]],
) -> None:
    """Time the parts on one engine, going on behind those that end the process."""
    waiting = list(parts)
    clock = threading.Event()
    timer = threading.Timer(seconds, clock.set)
    timer.daemon = True
    timer.start()
    try:
        for _ in range(_MOST_STARTS):
            if not waiting or clock.is_set():
                break
            with _Stopwatch(data, engine, waiting, threads, repeats, seconds) as stopwatch:
                while waiting and not clock.is_set():
                    part = waiting.pop(0)
                    answer = stopwatch.answer()
                    if answer is None:
                        what = "ran out of time" if clock.is_set() else "ended the process"
                        failures.append((engine, part, f"{ENGINES[engine]} {what}."))
                        break
                    if "failed" in answer:
                        failures.append((engine, part, _told(engine, answer)))
                    else:
                        found[engine, part] = _timing(answer["seconds"])
    finally:
        timer.cancel()
    failures += [(engine, part, "There was no time left for it.") for part in waiting]


def _timing(readings: Any) -> Timing:
    times = 1e6 * np.asarray(readings, float)
    low, median, high = np.percentile(times, [25, 50, 75])
    return Timing(float(median), float(low), float(high), len(times))


def _told(engine: str, answer: dict[str, Any]) -> str:
    """A library's words as a sentence, the same as a runner's."""
    if answer["failed"] == "CannotCut":
        return f"It cannot be timed alone: {answer['message']}."
    words = str(answer.get("words", ""))
    for pattern, sentence in run._KNOWN:
        known = re.search(pattern, f"{words}\n{answer['message']}")
        if known:
            return sentence.format(
                *known.groups(), engine=ENGINES[engine], arena="The tensor arena"
            )
    reason = run._first_line(words) or run._first_line(answer["message"]) or answer["failed"]
    return f"{ENGINES[engine]} cannot run it: {reason.rstrip('.')}."


class _Stopwatch:
    """A process of `course.tflite._stopwatch` with one model, ended whatever happens."""

    def __init__(
        self,
        data: bytes,
        engine: str,
        parts: Sequence[int | None],
        threads: int,
        repeats: int,
        seconds: float,
    ) -> None:
        windows = os.name == "nt"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "course.tflite._stopwatch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            bufsize=0,
            creationflags=subprocess.CREATE_NO_WINDOW if windows else 0,
        )
        self._timer = threading.Timer(seconds, self._process.kill)
        self._timer.daemon = True
        self._timer.start()
        message = {"engine": engine, "parts": list(parts), "threads": threads,
                   "repeats": repeats, "seconds": seconds, "arena_bytes": _ARENA_BYTES,
                   "most_inputs": 20}  # fmt: skip
        try:
            _wire.write(self._process.stdin.fileno(), message, [np.frombuffer(data, np.uint8)])
        except _wire.WireError:
            self._process.kill()  # `answer` reports it
        except BaseException:
            self.__exit__()
            raise

    def answer(self) -> dict[str, Any] | None:
        """The next part's times, or None when the process is gone."""
        try:
            return _wire.read(self._process.stdout.fileno())[0]
        except _wire.WireError:
            return None

    def __enter__(self) -> _Stopwatch:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()


# --- showing ------------------------------------------------------------------------------------

# Bars of more operators than this cannot be told apart.
_MOST_BARS = 8


def _figure(found: Profile, title: str | None) -> HouseFigure:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from course import plots

    engines = [each for each in found.engines if any(each in step.times for step in found.steps)]
    if not engines:
        raise ModelError("No operator was timed, so there is nothing to draw.")
    colours = dict(zip(ENGINES, (plots.SKY, plots.PURPLE, plots.BLUE, plots.ORANGE), strict=True))
    ranked = sorted(
        [step for step in found.steps if step.times],
        key=lambda step: -max(each.median_us for each in step.times.values()),
    )
    shown = sorted(ranked[:_MOST_BARS], key=lambda step: step.index)
    if title is None:
        title = _finding(found, engines)
    rows, height = len(shown), 0.8 / len(engines)
    with mpl.rc_context({**plots.HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(
            figsize=(7.5, 1.7 + rows * (0.16 + 0.2 * len(engines))), layout="constrained"
        )
        axes = figure.add_subplot()
        most = 0.0
        for number, engine in enumerate(engines):
            timed = [
                (row - 0.4 + height * (number + 0.5), step.times[engine])
                for row, step in enumerate(shown)
                if engine in step.times
            ]
            medians = np.array([timing.median_us for _, timing in timed])
            spread = [
                medians - [timing.low_us for _, timing in timed],
                [timing.high_us for _, timing in timed] - medians,
            ]
            axes.barh(
                [place for place, _ in timed],
                medians,
                height=0.9 * height,
                color=colours[engine],
                label=ENGINES[engine],
                xerr=spread,
                error_kw={"linewidth": 1.2, "ecolor": plots.INK},
            )
            for place, timing in timed:
                most = max(most, timing.high_us)
                axes.annotate(
                    _amount(timing.median_us),
                    (max(timing.high_us, timing.median_us), place),
                    (4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=10.5,
                )
        axes.set_xlim(0, 1.14 * most)
        axes.set_yticks(range(rows), [step.label for step in shown])
        axes.set_ylim(rows - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Time of one run (µs; lines: the middle half of the repeats)")
        plots.title_across(figure, title)
        figure.legend(loc="outside lower center", ncols=2)
    parts = [
        f"{step.label}: "
        + ", ".join(f"{_amount(step.times[each].median_us)} µs {ENGINES[each]}"
                    for each in engines if each in step.times)
        for step in shown
    ]  # fmt: skip
    return plots.HouseFigure(
        figure,
        f"Bars of the time that operators take: {plots.as_sentence(title)} {'; '.join(parts)}.",
    )


def _finding(found: Profile, engines: Sequence[str]) -> str:
    engine = engines[-1]
    timed = [step for step in found.steps if engine in step.times]
    total = sum(step.times[engine].median_us for step in timed)
    slowest = max(timed, key=lambda step: step.times[engine].median_us)
    share = slowest.times[engine].median_us / total
    return f"{slowest.label} takes {100 * share:.0f} % of the operators’ time ({ENGINES[engine]})"


def _sentences(found: Profile) -> list[str]:
    lines = []
    for engine in found.engines:
        alone = [step.times[engine].median_us for step in found.steps if engine in step.times]
        if engine in found.whole and len(alone) == len(found.steps):
            lines.append(
                f"{ENGINES[engine]}: the whole model {_amount(found.whole[engine].median_us)} µs, "
                f"its operators alone {_amount(sum(alone))} µs together."
            )
    said: dict[str, list[str]] = {}
    for _, part, sentence in found.failures:
        said.setdefault(sentence, []).append("the model" if part is None else f"operator {part}")
    for sentence, all_parts in said.items():
        parts = list(dict.fromkeys(all_parts))
        listed = ", ".join(parts[:6]) + (f" and {len(parts) - 6} more" if len(parts) > 6 else "")
        lines.append(f"Not timed: {listed}. {sentence}")
    return lines


def _html(found: Profile) -> str:
    heads = ["Operator", "MACs", *(f"{ENGINES[engine]} (µs)" for engine in found.engines)]
    rows = [
        [step.label, f"{step.macs:,}",
         *(_cell(step.times.get(engine), spread=True) for engine in found.engines)]
        for step in found.steps
    ]  # fmt: skip
    rows.append(
        ["whole model", f"{sum(step.macs for step in found.steps):,}",
         *(_cell(found.whole.get(engine), spread=True) for engine in found.engines)]
    )  # fmt: skip
    elsewhere = [
        [each.device, each.model, f"{each.milliseconds:,g}",
         "" if each.megabytes is None else f"{each.megabytes:g}",
         "" if each.accuracy is None else f"{100 * each.accuracy:.1f} %", each.source]
        for each in found.published
    ]  # fmt: skip
    notes = "".join(f"<p>{markup.escape(line)}</p>" for line in _sentences(found))
    return (
        f"{_table(heads, rows)}{notes}<p>{markup.escape(found.limits)}</p>"
        "<details><summary>Times that were published for devices</summary>"
        + _table(["Device", "Model", "Time (ms)", "Size (MB)", "Top-1", "Source"], elsewhere)
        + "</details>"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f'<{tag} style="text-align: {"left" if at == 0 else "right"}; padding: 2px 10px">'
            f"{markup.escape(cell)}</{tag}>"
            for at, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        '<div style="overflow-x: auto"><table style="font-size: 13px"><thead>'
        f"<tr>{cells(heads, 'th')}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(timing: Timing | None, *, spread: bool = False) -> str:
    if timing is None:
        return "–"
    if not spread:
        return _amount(timing.median_us)
    return f"{_amount(timing.median_us)} ({_amount(timing.low_us)} to {_amount(timing.high_us)})"


def _amount(microseconds: float) -> str:
    digits = 2 if microseconds < 10 else 1 if microseconds < 100 else 0
    return f"{microseconds:,.{digits}f}"
