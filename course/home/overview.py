"""What the course home shows, as plain data: the page is drawn from it, the API sends it.

Every text a learner reads is made here, so that the page on first paint and the
page after an update cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from course.syllabus import CheckInfo, Module

__all__ = ["CheckRow", "Links", "ModuleRow", "Next", "Overview", "overview"]

NOT_STARTED, IN_PROGRESS, DONE = "not started", "in progress", "done"


@dataclass(frozen=True)
class Links:
    """Addresses that open a notebook; None where this server cannot."""

    lab: str | None
    notebook: str | None


@dataclass(frozen=True)
class CheckRow:
    """One check: its best attempt so far."""

    name: str
    title: str
    state: str
    earned: float
    possible: float
    points_text: str


@dataclass(frozen=True)
class ModuleRow:
    """One module: what it teaches and how far the learner is."""

    number: int
    slug: str
    title: str
    objectives: str
    state: str
    minutes: int
    minutes_left: int
    minutes_text: str
    earned: float
    possible: float
    points_text: str
    checks_text: str
    checks: tuple[CheckRow, ...]
    links: Links


@dataclass(frozen=True)
class Next:
    """The module to go on with."""

    slug: str
    text: str
    links: Links


@dataclass(frozen=True)
class Overview:
    """The whole page."""

    earned: float
    possible: float
    points_text: str
    minutes_left: int
    minutes_text: str
    next: Next | None
    modules: tuple[ModuleRow, ...]
    notes: tuple[str, ...]


def overview(
    modules: Sequence[Module],
    best: Mapping[str, Mapping[str, float]],
    *,
    links: Callable[[Module], Links],
    notes: Sequence[str] = (),
) -> Overview:
    """Put together what the page shows.

    Parameters
    ----------
    modules
        The modules in order.
    best
        Best fraction, 0 to 1, by module slug and check name.
    links
        Gives the addresses that open a module's notebook.
    notes
        Sentences to show above the modules.
    """
    rows = tuple(_module_row(each, best.get(each.slug, {}), links(each)) for each in modules)
    earned, possible = sum(row.earned for row in rows), sum(row.possible for row in rows)
    minutes_left = sum(row.minutes_left for row in rows)
    return Overview(
        earned=earned,
        possible=possible,
        points_text=_points(earned, possible),
        minutes_left=minutes_left,
        minutes_text=f"about {_duration(minutes_left)} left" if minutes_left else "all done",
        next=_next(rows),
        modules=rows,
        notes=tuple(notes),
    )


def _module_row(module: Module, best: Mapping[str, float], links: Links) -> ModuleRow:
    checks = tuple(_check_row(check, best.get(check.name)) for check in module.checks)
    earned, possible = sum(check.earned for check in checks), module.points
    complete = sum(check.state == DONE for check in checks)
    if checks and complete == len(checks):
        state = DONE
    else:
        tried = any(check.state != NOT_STARTED for check in checks)
        state = IN_PROGRESS if tried else NOT_STARTED
    left = 0.0 if state == DONE else module.minutes * (1 - earned / possible if possible else 1)
    minutes_left = math.ceil(left - 1e-9)
    whole = _duration(module.minutes)
    left_text = f"{_duration(minutes_left)} of {whole} left"
    return ModuleRow(
        number=module.number,
        slug=module.slug,
        title=module.title,
        objectives=" ".join(_sentence(text) for text in module.objectives),
        state=state,
        minutes=module.minutes,
        minutes_left=minutes_left,
        minutes_text=left_text if state == IN_PROGRESS else whole,
        earned=earned,
        possible=possible,
        points_text=_points(earned, possible),
        checks_text=f"{complete} of {len(checks)} checks complete",
        checks=checks,
        links=links,
    )


def _check_row(check: CheckInfo, fraction: float | None) -> CheckRow:
    earned = (fraction or 0.0) * check.points
    state = IN_PROGRESS
    if fraction is None:
        state = NOT_STARTED
    elif fraction > 1 - 1e-9:
        state = DONE
    return CheckRow(
        name=check.name,
        title=check.title or check.name.replace("_", " "),
        state=state,
        earned=earned,
        possible=check.points,
        points_text=_points(earned, check.points),
    )


def _next(rows: Sequence[ModuleRow]) -> Next | None:
    for row in rows:
        if row.state != DONE and row.checks:
            verb = "Continue" if row.state == IN_PROGRESS else "Next"
            return Next(row.slug, f"{verb}: {row.number}. {row.title}", row.links)
    return None


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "?")) else f"{text}."


def _points(earned: float, possible: float) -> str:
    # Rounded down: nothing may read "12 of 12" before it is complete.
    shown = math.floor(earned * 10 + 1e-6) / 10
    return f"{shown:g} of {possible:g} {'point' if possible == 1 else 'points'}"


def _duration(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest or not hours))
