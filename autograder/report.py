"""Pages from records: the item analysis of a class, and feedback for each learner.

Every page is one file of HTML with its style and pictures inside. It needs no script and no
network, and forbids both by its content security policy. Jinja escapes whatever a learner wrote.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from autograder import item_analysis as analysis
from autograder.card import points
from autograder.item_analysis import Result, counted, percent, seconds
from course import plots, syllabus

_TEMPLATES = Path(__file__).parent / "templates" / "report"

#: How well a status answers for a student who handed in several files, best first.
_STATUSES = ("graded", "stopped", "unreadable", "unknown module", "not graded")

#: What an instructor does about a submission that was not graded to its end.
_ADVICE = {
    "stopped": "What it handed in by then was judged. Have the cell mended, then grade it again.",
    "unreadable": "Ask for the notebook once more, saved again.",
    "unknown module": Markup(
        'If it answers a module, grade it with <code class="word">--module</code> and its name.'
    ),
}

_MOST_NOTES = 40
_MOST_REASONS = 5
#: Names that Windows keeps for devices, whatever stands after the first dot.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)")
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")


def write_report(records: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Write ``index.html`` and ``feedback/*.html`` for one graded class.

    The same records give the same bytes. Pages of an earlier run that these records do not name
    are left alone.

    Parameters
    ----------
    records : what `autograder.grading` gave, one for each file that was handed in.
    folder : where to write; made when it is not there.

    Returns
    -------
    Path
        ``folder/index.html``, for the instructor. The pages in ``folder/feedback`` hold one
        learner's results for one module each, and nothing about anybody else.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    results = [Result.from_record(record) for record in records]
    titles = _titles()
    entries = _entries(results, list(titles))
    feedback = folder / "feedback"
    feedback.mkdir(parents=True, exist_ok=True)
    page = _environment().get_template("feedback.html")
    for entry in entries:
        module = _title(entry.result.module, titles)
        _write(feedback / entry.page, page.render(entry=entry, module=module))
    index = folder / "index.html"
    _write(index, _environment().get_template("index.html").render(_class(entries, titles)))
    return index


def feedback_name(student: str, module: str) -> str:
    """File name of a feedback page: harmless on every system, and different for different pairs.

    >>> feedback_name("ada", "rules_vs_learning")
    'rules_vs_learning.ada.html'
    >>> feedback_name("../Zoë", "rules_vs_learning")
    'rules_vs_learning.zoe.5de88ca6d5560731.html'
    """
    parts = [_plain(module), _plain(student)]
    if parts != [module, student]:
        # A name that had to change could meet another one: the hash of what it was tells them
        # apart, and a third part keeps it away from names that did not change.
        pair = json.dumps([module, student]).encode()
        parts.append(hashlib.sha256(pair).hexdigest()[:16])
    return ".".join([*parts, "html"])


def _plain(text: str) -> str:
    """Lower-case letters, digits, ``-`` and ``_``; the text itself when it is plain already."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9_]+", "-", ascii_only)[:48].strip("-_")
    return "x" if not _PLAIN.fullmatch(plain) or _RESERVED.fullmatch(plain) else plain


def _write(path: Path, html: str) -> None:
    path.write_text(html, encoding="utf-8", newline="\n")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "points": points,
        "percent": percent,
        "seconds": seconds,
        "signed": _signed,
        "counted": counted,
        "whole": "{:,.0f}".format,
    }
    environment.globals |= {"picture": _picture, "most_notes": _MOST_NOTES}
    return environment


def _picture(figure: plots.HouseFigure) -> Markup:
    # `HouseFigure.html` escapes its alt text.
    return Markup(figure.html())


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")


# --- who handed in what -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    """One student and one module: the file that counts, and those that do not.

    Attributes
    ----------
    result : the file that counts.
    others : further files of the same student and module.
    page : file name of the feedback page.
    """

    result: Result
    others: tuple[Result, ...]
    page: str

    @property
    def finished(self) -> bool:
        """Whether it ran to its end and was judged, so that nobody needs to do anything."""
        return self.result.status == "graded"

    @property
    def advice(self) -> str:
        return _ADVICE.get(self.result.status, "")

    @property
    def done(self) -> int:
        return sum(verdict.state == "full" for verdict in self.result.verdicts)


def _entries(results: Sequence[Result], order: Sequence[str]) -> list[_Entry]:
    """One entry for each student and module, by student and the modules' order."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault(result.key, []).append(result)

    def place(item: tuple[tuple[str, str], list[Result]]) -> tuple:
        student, module = item[0]
        return (student.casefold(), student, *_place(module, order))

    entries = []
    for (student, module), items in sorted(groups.items(), key=place):
        first, *others = sorted(items, key=lambda item: _rank(item.status))
        entries.append(_Entry(first, tuple(others), feedback_name(student, module)))
    return entries


def _rank(status: str) -> int:
    return _STATUSES.index(status) if status in _STATUSES else len(_STATUSES)


def _titles() -> dict[str, str]:
    """What people call each module and lab, by slug, in the order of the course."""
    known = {
        module.slug: f"Module {module.number}, {module.title}" for module in syllabus.modules()
    }
    return known | {lab.slug: lab.title for lab in syllabus.labs()}


def _title(slug: str, titles: dict[str, str]) -> str:
    return titles.get(slug, slug or "no module of this course")


def _place(slug: str, order: Sequence[str]) -> tuple[int, str]:
    """Where a module stands; those that the course does not know come last."""
    return (order.index(slug) if slug in order else len(order), slug)


# --- the class --------------------------------------------------------------------------------


def _class(entries: Sequence[_Entry], titles: dict[str, str]) -> dict[str, Any]:
    """Everything that ``index.html`` shows."""
    groups: dict[str, list[_Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.result.key[1], []).append(entry)
    # A file that belongs to no module has no points that a column could hold.
    slugs = [slug for slug in groups if any(entry.result.verdicts for entry in groups[slug])]
    slugs.sort(key=lambda slug: _place(slug, list(titles)))
    modules = [
        _module(slug, _title(groups[slug][0].result.module, titles), number, groups[slug])
        for number, slug in enumerate(slugs, 1)
    ]
    attention = [entry for entry in entries if not entry.finished]
    attention.sort(key=lambda entry: _rank(entry.result.status))
    files = [file for entry in entries for file in (entry.result, *entry.others)]
    students = _students(entries, modules)
    return {
        "attention": attention,
        "aside": [(entry, other) for entry in entries for other in entry.others],
        "modules": modules,
        "students": students,
        "statuses": _statuses(files),
        "isolation": Counter(file.isolation for file in files if file.status in analysis.RAN),
        "missing": any(cell is None for row in students["rows"] for cell in row.cells),
        "files": len(files),
        "low": analysis.LOW_DISCRIMINATION,
    }


@dataclass(frozen=True)
class _Row:
    """One line of the table of students.

    Attributes
    ----------
    name : of the student.
    cells : the entry of each module, None where nothing was handed in.
    score, share : points of all modules together, and their share of all points.
    """

    name: str
    cells: tuple[_Entry | None, ...]
    score: float
    share: float


def _students(entries: Sequence[_Entry], modules: Sequence[dict[str, Any]]) -> dict[str, Any]:
    by_key = {entry.result.key: entry for entry in entries}
    names = {entry.result.key[0]: entry.result.student for entry in entries}
    most = sum(module["points"] for module in modules)
    rows = []
    for student, name in names.items():
        cells = tuple(by_key.get((student, module["slug"])) for module in modules)
        score = sum(cell.result.score for cell in cells if cell)
        rows.append(_Row(name, cells, score, score / most if most else 0.0))
    return {
        "rows": rows,
        "points": most,
        "mean": _mean(row.score for row in rows),
        "share": _mean(row.share for row in rows),
    }


def _statuses(files: Iterable[Result]) -> list[dict[str, Any]]:
    """Each status with its count and commonest reasons."""
    groups: dict[str, Counter[str]] = {}
    for file in files:
        groups.setdefault(file.status or "no status", Counter())[file.reason] += 1
    rows = []
    for status in sorted(groups, key=lambda name: (_rank(name), name)):
        reasons = [(reason, often) for reason, often in groups[status].most_common() if reason]
        rows.append(
            {
                "status": status,
                "count": groups[status].total(),
                "reasons": reasons[:_MOST_REASONS],
                "more": len(reasons[_MOST_REASONS:]),
            }
        )
    return rows


def _module(slug: str, title: str, number: int, entries: Sequence[_Entry]) -> dict[str, Any]:
    """One module's part of ``index.html``."""
    results = [entry.result for entry in entries]
    ended = analysis.analysed(results)
    checks = analysis.check_figures(ended)
    findings, more = analysis.failed_findings(ended)
    names = {"graded": "ran to its end", "stopped": "was stopped"}
    times = {
        name: [result.seconds for result in results if result.status == status]
        for status, name in names.items()
    }
    times = {name: values for name, values in times.items() if values}
    return {
        "slug": slug,
        "id": f"module-{number}",
        "title": title,
        "short": title.partition(",")[0],
        "points": max(result.points for result in results),
        "handed_in": len(results),
        "mean": _mean(result.score for result in results),
        "ended": len(ended),
        "ended_mean": _mean(result.score for result in ended),
        "ended_median": float(np.median([result.score for result in ended] or [0])),
        "scores": analysis.score_figure(ended) if ended else None,
        "bins": analysis.score_bins(ended),
        "checks": checks,
        "checks_figure": analysis.checks_figure(checks) if checks else None,
        "bound": analysis.chance_bound(len(ended)),
        "findings": findings,
        "more_findings": more,
        "times": [(name, len(each), analysis.quantiles(each)) for name, each in times.items()],
        "time_figure": analysis.time_figure(times) if times else None,
        "total_seconds": sum(sum(values) for values in times.values()),
        "peak_bytes": max(result.peak_bytes for result in results),
        "statuses": _statuses(file for entry in entries for file in (entry.result, *entry.others)),
    }


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
