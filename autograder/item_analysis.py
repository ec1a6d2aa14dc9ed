"""What a graded class says about each check: how hard it is, whom it tells apart, what went wrong.

Records of `autograder.grading` are read into `Result`, which trusts none of their texts and
figures. All that follows is arithmetic on results, and three house figures.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from autograder.card import points
from autograder.check import Finding
from autograder.evidence import printable
from course import plots

#: Statuses whose notebook ran, so that it has a time.
RAN = ("graded", "stopped")

#: Below this discrimination a check says little about the rest of its module: Ebel and Frisbie,
#: Essentials of Educational Measurement (5th ed., 1991), call items up to 0.19 poor.
LOW_DISCRIMINATION = 0.20

#: Fewest submissions for a correlation: two points always lie on a line.
FEWEST_FOR_DISCRIMINATION = 3

_LONGEST_TEXT = 2000
_MOST_FINDINGS = 15
_WIDTH = 7.5  # inches, as in course.plots
#: A week. No run lasts longer, and a damaged record must not stretch an axis to infinity.
_LONGEST_RUN = 7 * 86_400.0


# --- reading records --------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """The verdict on one check, as a record holds it.

    Attributes
    ----------
    check, title : name and words for people.
    points : most points, at least 0.
    score : points earned, 0 to `points`.
    findings : without examples, which show hidden inputs.
    """

    check: str
    title: str
    points: float
    score: float
    findings: tuple[Finding, ...] = ()

    @property
    def fraction(self) -> float:
        return self.score / self.points if self.points else 0.0

    @property
    def state(self) -> str:
        """``full``, ``part`` or ``zero``; a check without points earns ``zero``."""
        # Scores are rounded to a hundredth; half of one is less than any step between them.
        if self.score < 0.005:
            return "zero"
        return "full" if self.points - self.score < 0.005 else "part"


@dataclass(frozen=True)
class Result:
    """One record, with every text printable and every figure finite.

    Attributes
    ----------
    key : the student and the module just as the record spells them.
    student, module, file, digest, status, reason, isolation : texts of the record.
    seconds : wall time of grading, at least 0.
    peak_bytes : most memory, 0 when unknown.
    notes : sentences about the run.
    verdicts : one a check, in the module's order.
    """

    key: tuple[str, str]
    student: str
    module: str
    file: str
    digest: str
    status: str
    reason: str
    isolation: str
    seconds: float
    peak_bytes: float
    notes: tuple[str, ...]
    verdicts: tuple[Judged, ...]

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Result:
        """Read one record; whatever is missing or odd in it becomes empty or 0."""
        texts = {
            name: _text(record.get(name))
            for name in ("student", "module", "file", "digest", "status", "reason", "isolation")
        }
        verdicts: dict[str, Judged] = {}
        for verdict in record.get("verdicts") or ():
            judged = _judged(verdict)
            verdicts.setdefault(judged.check, judged)
        return cls(
            key=(str(record.get("student") or ""), str(record.get("module") or "")),
            **{**texts, "student": texts["student"] or "unnamed"},
            seconds=_number(record.get("seconds"), _LONGEST_RUN),
            peak_bytes=_number(record.get("peak_bytes")),
            notes=tuple(_text(note) for note in record.get("notes") or ()),
            verdicts=tuple(verdicts.values()),
        )

    @cached_property
    def score(self) -> float:
        return sum(verdict.score for verdict in self.verdicts)

    @cached_property
    def points(self) -> float:
        return sum(verdict.points for verdict in self.verdicts)

    @property
    def share(self) -> float:
        """Share of the points, 0 to 1."""
        return self.score / self.points if self.points else 0.0

    @cached_property
    def by_check(self) -> dict[str, Judged]:
        return {verdict.check: verdict for verdict in self.verdicts}


def _judged(record: Mapping[str, Any]) -> Judged:
    check, most = _text(record.get("check")), _number(record.get("points"))
    texts = ("title", "got", "needed", "detail", "next")
    findings = tuple(
        Finding(**{name: _text(item.get(name)) for name in texts}, holds=item.get("holds") is True)
        for item in record.get("findings") or ()
    )
    score = min(_number(record.get("score")), most)
    return Judged(check, _text(record.get("title")) or check, most, score, findings)


def _text(value: Any) -> str:
    text = "" if value is None else printable(str(value))
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def _number(value: Any, most: float = 1e15) -> float:
    """A figure from 0 to `most`; what is no finite number is 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(min(max(value, 0), most)) if value == value else 0.0


# --- figures of a module ----------------------------------------------------------------------


@dataclass(frozen=True)
class CheckFigures:
    """One check in a class.

    Attributes
    ----------
    check, title, points : of the check.
    full, part, zero : submissions with all, some and none of its points.
    difficulty : mean share of its points, 0 to 1; the classical p-value of an item. 1 is easy.
    discrimination : see `item_rest_correlation`; None where it does not exist.
    """

    check: str
    title: str
    points: float
    full: int
    part: int
    zero: int
    difficulty: float
    discrimination: float | None

    @property
    def count(self) -> int:
        return self.full + self.part + self.zero

    @property
    def remark(self) -> str:
        """What an instructor should know about it, empty when nothing stands out."""
        if self.discrimination is not None and self.discrimination < 0:
            return "Those who do well elsewhere do worse here. Read the check again."
        if self.difficulty >= 0.95:
            return "Nearly everyone earns it."
        if self.difficulty <= 0.25:
            return "Hardly anyone earns it. Read its findings below."
        if self.discrimination is not None and self.discrimination < LOW_DISCRIMINATION:
            return "It says little about the rest of the module."
        return ""


@dataclass(frozen=True)
class FailedFinding:
    """A finding that did not hold, over a class.

    Attributes
    ----------
    check, title : title of its check, and its own.
    count : submissions in which it did not hold.
    seen, seen_count : the commonest detail (what was measured, where there is none), and in how
        many of them.
    next : the commonest advice.
    """

    check: str
    title: str
    count: int
    seen: str
    seen_count: int
    next: str


def item_rest_correlation(item: Sequence[float], total: Sequence[float]) -> float | None:
    """How far a check goes along with the rest of its module.

    Pearson's correlation of the points of one item with the points of all other items,
    ``r(item, total − item)``. For an item that is either right or wrong it is the point-biserial
    correlation with the rest score,
    ``(mean of the rest where right − mean where wrong) · √(p · (1 − p)) / standard deviation``.
    The item is left out of the total because it would correlate with itself.

    Source: Guilford, "The correlation of an item with a composite of the remaining items in a
    test", Educational and Psychological Measurement 13 (1953) 87–93; Henrysson, "Correction of
    item-total correlations in item analysis", Psychometrika 28 (1963) 211–218.

    Parameters
    ----------
    item : points of this item, one for each submission.
    total : points of the whole module, in the same order.

    Returns
    -------
    float or None
        From −1 to 1; None for fewer than three submissions, or when item or rest are the same in
        all of them.

    Examples
    --------
    >>> round(item_rest_correlation([0, 0, 1, 1], [1, 2, 4, 5]), 3)
    0.894
    >>> item_rest_correlation([1, 1, 1], [3, 4, 5]) is None
    True
    """
    ours = np.asarray(item, float)
    rest = np.asarray(total, float) - ours
    if len(ours) < FEWEST_FOR_DISCRIMINATION:
        return None
    ours, rest = ours - ours.mean(), rest - rest.mean()
    spread = math.sqrt((ours @ ours) * (rest @ rest))
    # Sums of hundredths are equal only up to rounding.
    if math.sqrt(ours @ ours) < 1e-6 or math.sqrt(rest @ rest) < 1e-6:
        return None
    return float(np.clip(ours @ rest / spread, -1, 1))


def chance_bound(count: int) -> float | None:
    """The correlation that chance alone stays below in 95 of 100 classes of this size.

    ``1.96 / √(n − 1)``: under random pairing the variance of a correlation is exactly 1 / (n − 1)
    (Pitman, Supplement to the Journal of the Royal Statistical Society 4 (1937) 225–232); 1.96 is
    the normal distribution's.

    Returns
    -------
    float or None
        None when no correlation could be told from chance.
    """
    bound = 1.96 / math.sqrt(count - 1) if count > 1 else 1.0
    return bound if bound < 1 else None


def check_figures(results: Sequence[Result]) -> list[CheckFigures]:
    """Figures of each check of one module, in the module's order.

    Parameters
    ----------
    results : submissions of one module that ran to their end; see `analysed`.
    """
    names = dict.fromkeys(verdict.check for result in results for verdict in result.verdicts)
    figures = []
    for name in names:
        having = [result for result in results if name in result.by_check]
        verdicts = [result.by_check[name] for result in having]
        states = Counter(verdict.state for verdict in verdicts)
        figures.append(
            CheckFigures(
                check=name,
                title=verdicts[0].title,
                points=max(verdict.points for verdict in verdicts),
                full=states["full"],
                part=states["part"],
                zero=states["zero"],
                difficulty=sum(verdict.fraction for verdict in verdicts) / len(verdicts),
                discrimination=item_rest_correlation(
                    [verdict.score for verdict in verdicts], [result.score for result in having]
                ),
            )
        )
    return figures


def analysed(results: Sequence[Result]) -> list[Result]:
    """The submissions that say something about the checks: those that ran to their end.

    A notebook that was stopped never reached its last checks, and a file that cannot be read
    reached none. Neither says how hard they are.
    """
    return [result for result in results if result.status == "graded" and result.verdicts]


def failed_findings(results: Sequence[Result]) -> tuple[list[FailedFinding], int]:
    """The findings that failed most, grouped by check and title, and how many more there are."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    titles: dict[str, str] = {}
    for result in results:
        for verdict in result.verdicts:
            titles.setdefault(verdict.check, verdict.title)
            # A title that stands twice in one verdict counts once.
            failed = {item.title: item for item in reversed(verdict.findings) if not item.holds}
            for title, item in failed.items():
                groups.setdefault((verdict.check, title), []).append(item)
    order = list(titles)
    ranked = sorted(
        groups.items(), key=lambda group: (-len(group[1]), order.index(group[0][0]), group[0][1])
    )
    rows = []
    for (check, title), items in ranked[:_MOST_FINDINGS]:
        seen, often = _commonest(item.detail or item.got for item in items)
        rows.append(
            FailedFinding(
                titles[check],
                title,
                len(items),
                seen,
                often,
                _commonest(item.next for item in items)[0],
            )
        )
    return rows, len(ranked) - len(rows)


def _commonest(texts: Iterable[str]) -> tuple[str, int]:
    """The commonest text that is not empty and how often it occurs; of equals the first."""
    counted = Counter(text for text in texts if text)
    return counted.most_common(1)[0] if counted else ("", 0)


def score_bins(results: Sequence[Result]) -> list[tuple[str, int]]:
    """Submissions by their share of the points: 0–9 %, 10–19 %, … 90–99 %, and 100 %."""
    counts = [0] * 11
    for result in results:
        # The small part saves a sum of hundredths that lies a rounding error below its bin.
        counts[min(int(10 * result.share + 1e-6), 10)] += 1
    names = [f"{10 * low}–{10 * low + 9}" for low in range(10)] + ["100"]
    return list(zip(names, counts, strict=True))


def quantiles(values: Sequence[float]) -> tuple[float, float, float, float, float]:
    """Smallest, quarter, half, three quarters and largest of at least one value."""
    smallest, low, middle, high, largest = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    return float(smallest), float(low), float(middle), float(high), float(largest)


# --- words for figures ------------------------------------------------------------------------


def percent(share: float) -> str:
    """A share as a whole percentage; only all is 100 %, only nothing is 0 %."""
    whole = round(100 * share)
    if share < 1 - 1e-9:
        whole = min(whole, 99)
    return f"{max(whole, 1) if share > 1e-9 else whole} %"


def seconds(value: float) -> str:
    """A time with its unit, two or three digits."""
    if value >= 600:
        return f"{value / 60:,.0f} min"
    return f"{value:.1f} s" if value < 9.95 else f"{value:.0f} s"


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 submission``, ``1,000 submissions``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


# --- plots ------------------------------------------------------------------------------------


def score_figure(results: Sequence[Result]) -> plots.HouseFigure:
    """Draw how many submissions have which share of the points."""
    bins = score_bins(results)
    most = max(result.points for result in results)
    middle = float(np.median([result.score for result in results]))
    if len(results) == 1:
        title = f"The one submission has {points(middle)} of {points(most)} points"
    else:
        half = f"Half of {len(results):,} submissions have"
        title = f"{half} {points(middle)} of {points(most)} points or more"
    with mpl.rc_context({**plots.HOUSE_STYLE, "axes.grid.axis": "y"}):
        figure = Figure(figsize=(_WIDTH, 2.9), layout="constrained")
        axes = figure.add_subplot()
        bars = axes.bar(range(len(bins)), [count for _, count in bins], 0.82, color=plots.BLUE)
        axes.bar_label(bars, [count or "" for _, count in bins], padding=2, fontsize=11)
        axes.set_xticks(range(len(bins)), [name for name, _ in bins])
        axes.tick_params(axis="x", length=0, labelsize=10.5)
        axes.set_xlabel(f"Score (% of {points(most)} points)")
        axes.set_ylabel("Submissions")
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_ylim(0, 1.15 * max(count for _, count in bins))
        axes.set_title(title)
    listed = ", ".join(f"{name} %: {count}" for name, count in bins if count)
    alt = f"Histogram of scores of {counted(len(results), 'submission')}: {title}. {listed}."
    return plots.HouseFigure(figure, alt)


#: State, word, fill, colour of the letters on it. A scale from dark to light survives colour
#: blindness and a black-and-white printer.
_STATES = (
    ("full", "all points", plots.BLUE, "white"),
    ("part", "some", plots.SKY, plots.INK),
    ("zero", "none", plots.RULE, plots.INK),
)


def checks_figure(figures: Sequence[CheckFigures]) -> plots.HouseFigure:
    """Draw the share of submissions with all, some and none of the points of each check."""
    hardest = min(figures, key=lambda item: item.difficulty)
    if hardest.difficulty > 1 - 1e-9:
        title = "Every submission earns all points of every check"
    else:
        share = percent(hardest.difficulty)
        title = f"Hardest: {hardest.title.rstrip('.')} ({share} of its points)"
    with mpl.rc_context({**plots.HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(_WIDTH, 1.55 + 0.5 * len(figures)), layout="constrained")
        axes = figure.add_subplot()
        left = np.zeros(len(figures))
        for state, word, fill, letters in _STATES:
            shares = np.array([100 * getattr(item, state) / item.count for item in figures])
            bars = axes.barh(
                range(len(figures)), shares, 0.7, left, color=fill, label=word,
                edgecolor="white", linewidth=1,
            )  # fmt: skip
            inside = [f"{share:.0f}" if share >= 6 else "" for share in shares]
            axes.bar_label(bars, inside, label_type="center", color=letters, fontsize=11)
            left += shares
        names = [textwrap.fill(item.title, 34, max_lines=2, placeholder="…") for item in figures]
        axes.set_yticks(range(len(figures)), names, fontsize=11)
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, 100)
        axes.set_xlabel("Submissions (%)")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
        figure.suptitle(
            textwrap.fill(title, 72, max_lines=2, placeholder="…"),
            x=0.01, ha="left", fontsize=13, fontweight="bold",
        )  # fmt: skip
    listed = " ".join(
        f"{item.title.rstrip('.')}: {item.full} all points, {item.part} some, {item.zero} none."
        for item in figures
    )
    alt = f"Stacked bars, one for each check, of {figures[0].count} submissions. {title}. {listed}"
    return plots.HouseFigure(figure, alt)


def time_figure(times: Mapping[str, Sequence[float]]) -> plots.HouseFigure:
    """Draw the time that grading each submission took, one strip for each way it ended.

    Parameters
    ----------
    times : seconds by the name of a strip; no strip is empty.
    """
    every = [value for values in times.values() for value in values]
    middle, largest = float(np.median(every)), max(every)
    if len(every) == 1:
        title = f"Grading took {seconds(middle)}"
    else:
        half = f"Half of the submissions took {seconds(middle)} or less"
        title = f"{half}, the slowest {seconds(largest)}"
    with mpl.rc_context({**plots.HOUSE_STYLE, "axes.grid.axis": "x"}):
        figure = Figure(figsize=(_WIDTH, 1.3 + 0.6 * len(times)), layout="constrained")
        axes = figure.add_subplot()
        for row, values in enumerate(times.values()):
            # The golden ratio spreads the points over the strip, the same way every time.
            heights = row + 0.6 * ((0.5 + np.arange(len(values)) * 0.618034) % 1 - 0.5)
            axes.scatter(
                values, heights, s=24, marker="os"[row % 2], linewidths=0,
                color=(plots.BLUE, plots.VERMILLION)[row % 2],
                alpha=0.8 if len(values) <= 200 else 0.4,
            )  # fmt: skip
        axes.axvline(middle, color=plots.INK, linewidth=1.4)
        axes.annotate(
            " half", (middle, 1), (0, -1), xycoords=("data", "axes fraction"),
            textcoords="offset points", va="top", fontsize=11,
        )  # fmt: skip
        axes.set_yticks(range(len(times)), list(times))
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(times) - 0.5, -0.75)
        _time_axis(axes, min(every), middle, largest)
        axes.set_xlabel("Time to grade one submission (s)")
        axes.set_title(title)
    listed = " ".join(
        f"{name.capitalize()}: {counted(len(values), 'submission')}, "
        f"{seconds(min(values))} to {seconds(max(values))}."
        for name, values in times.items()
    )
    return plots.HouseFigure(figure, f"Time of every submission: {title}. {listed}")


def _time_axis(axes: Any, smallest: float, middle: float, largest: float) -> None:
    if largest <= 8 * max(middle, 0.1):
        axes.set_xlim(0, 1.06 * max(largest, 1))
        return
    # A run that was stopped after minutes would press all others against the left edge.
    axes.set_xscale("log")
    smallest = max(smallest, 0.1)
    axes.set_xlim(smallest / 1.3, 1.3 * largest)
    steps = (1, 2, 5) if largest < 5000 * smallest else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
