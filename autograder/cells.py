"""The grammar of a notebook source: py:percent with a few words in the cell markers.

==========================================  =============================================
marker                                      meaning
==========================================  =============================================
``# %% [markdown]``                         prose
``# %%``                                    code that the learner is given
``# %% task="name"``                        the learner's cell; holds the solution
``# %% wrong="name" because="the mistake"``  a plausible wrong answer to that task, which the
                                            check must refuse for that very reason
``# %% check="name"``                       the locked cell that checks the task
==========================================  =============================================

A name is kebab-case; ``check="zero-point"`` belongs to ``check.zero_point`` in the notebook.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autograder.evidence import printable

Role = Literal["prose", "given", "task", "wrong", "check"]

BEGIN_SOLUTION = "### BEGIN SOLUTION"
END_SOLUTION = "### END SOLUTION"
STUB = "# Your code here"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PLACEHOLDER = re.compile(r"""=\s*(None|"\?"|'\?')\s*(#.*)?$""")
_FRONT_MATTER = {
    "title": str,
    "slug": str,
    "minutes": int,
    "headless_seconds": int,
    "objectives": list,
    "needs": list,
    "builds": list,
}


class GrammarError(ValueError):
    """A notebook source breaks the grammar; the message says where and how to mend it."""


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook source.

    Attributes
    ----------
    role : what the cell is for.
    id : stable id, made from the name of a task or check, else from the text.
    source : the text, solution markers included.
    name : kebab-case name of the task, for ``task``, ``wrong`` and ``check`` cells.
    because : the mistake that a ``wrong`` cell makes.
    """

    role: Role
    id: str
    source: str
    name: str = ""
    because: str = ""

    @property
    def attribute(self) -> str:
        """Name of the check as Python spells it: ``zero-point`` → ``zero_point``."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Source:
    """A parsed notebook source.

    Attributes
    ----------
    path : the ``.py`` file.
    course : the front matter, see `read`.
    cells : every cell in order.
    """

    path: Path
    course: dict[str, Any]
    cells: tuple[Cell, ...]

    @property
    def slug(self) -> str:
        return self.course["slug"]

    def named(self, role: Role) -> dict[str, Cell]:
        """Cells of one role by kebab-case name (for ``wrong`` use `wrong_answers`)."""
        return {cell.name: cell for cell in self.cells if cell.role == role}

    def wrong_answers(self, name: str) -> list[Cell]:
        """The planted wrong answers to one task, in order."""
        return [cell for cell in self.cells if cell.role == "wrong" and cell.name == name]


def read(path: Path | str) -> Source:
    """Read and validate one notebook source.

    Parameters
    ----------
    path : a py:percent file whose YAML header holds ``jupyter: course:`` with title, slug,
        minutes (of a learner's time), headless_seconds (limit of a run with solutions),
        objectives, needs and builds.

    Raises
    ------
    GrammarError
        When the header or a cell marker is not as the grammar wants it.
    """
    import jupytext

    path = Path(path)
    try:
        notebook = jupytext.read(path, fmt="py:percent")
    except Exception as error:  # jupytext raises many kinds for a broken header
        raise GrammarError(f"{path.name} is not a py:percent notebook: {error}") from error
    course = notebook.metadata.get("course")
    _check_front_matter(path, course)
    cells: list[Cell] = []
    seen: dict[str, int] = {}
    for raw in notebook.cells:
        cells.append(_parse(path, raw, seen))
    source = Source(path=path, course=dict(course), cells=tuple(cells))
    _check_order(source)
    return source


def _check_front_matter(path: Path, course: Any) -> None:
    if not isinstance(course, dict):
        raise GrammarError(f"{path.name} has no `jupyter: course:` block in its YAML header.")
    for key, kind in _FRONT_MATTER.items():
        if not isinstance(course.get(key), kind):
            raise GrammarError(f"{path.name}: the header needs `{key}` as a {kind.__name__}.")
    if course["slug"] != path.stem:
        raise GrammarError(f"{path.name}: the slug {course['slug']!r} must be the file's name.")


def _parse(path: Path, raw: Any, seen: dict[str, int]) -> Cell:
    text = raw.source
    roles = [role for role in ("task", "wrong", "check") if role in raw.metadata]
    if len(roles) > 1:
        raise GrammarError(f"{path.name}: one cell is {' and '.join(roles)}:\n{text[:80]}")
    if raw.cell_type != "code":
        role: Role = "prose"
    else:
        role = roles[0] if roles else "given"  # type: ignore[assignment]
    name = raw.metadata.get(role, "") if roles else ""
    because = raw.metadata.get("because", "")
    if roles and not _NAME.fullmatch(str(name)):
        raise GrammarError(f'{path.name}: {role}="{name}" is not a kebab-case name.')
    if (role == "wrong") != bool(because):
        raise GrammarError(
            f'{path.name}: because="…" belongs to wrong answers ({name or text[:40]}).'
        )
    if role != "task" and BEGIN_SOLUTION in text:
        raise GrammarError(f"{path.name}: a solution stands outside a task:\n{text[:80]}")
    base = f"{role}-{name}" if roles else "c" + hashlib.sha256(text.encode()).hexdigest()[:10]
    seen[base] = seen.get(base, 0) + 1
    if role in ("task", "check") and seen[base] > 1:
        raise GrammarError(f'{path.name}: {role}="{name}" stands twice.')
    cell_id = base if seen[base] == 1 else f"{base}-{seen[base]}"
    return Cell(role=role, id=cell_id, source=text, name=name, because=because)


def _check_order(source: Source) -> None:
    tasks: set[str] = set()
    checks: set[str] = set()
    for cell in source.cells:
        if cell.role == "task":
            without_solution(cell.source)
            if BEGIN_SOLUTION not in cell.source:
                raise GrammarError(f'{source.path.name}: task="{cell.name}" has no solution.')
            tasks.add(cell.name)
        elif cell.role in ("wrong", "check"):
            if cell.name not in tasks:
                marker = f'{cell.role}="{cell.name}"'
                raise GrammarError(
                    f"{source.path.name}: {marker} has no task of that name above it."
                )
            if cell.role == "wrong" and cell.name in checks:
                raise GrammarError(
                    f'{source.path.name}: wrong="{cell.name}" must stand before its check.'
                )
            if cell.role == "check":
                checks.add(cell.name)
    if unchecked := sorted(tasks - checks):
        raise GrammarError(f"{source.path.name}: no check for task {', '.join(unchecked)}.")


def headline(text: str) -> str:
    """The first line of a cell in quotes, to name the cell in a sentence."""
    first = printable(text.strip().partition("\n")[0])
    return repr(first if len(first) <= 60 else first[:59] + "…")


def with_solution(text: str) -> str:
    """A task's text with its solution and without the markers around it."""
    lines = (
        line for line in text.splitlines() if line.strip() not in (BEGIN_SOLUTION, END_SOLUTION)
    )
    return "\n".join(lines)


def without_solution(text: str) -> str:
    """A task's text as the learner first sees it: each solution is replaced by a stub.

    A region that follows a placeholder (``choice = "?"``, ``model = None``) leaves no stub: the
    placeholder shows where to write.

    Raises
    ------
    GrammarError
        When the markers do not pair up, or the rest does not compile.
    """
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        mark = line.strip()
        if mark == BEGIN_SOLUTION:
            if inside:
                raise GrammarError("A solution begins inside another solution.")
            inside = True
            if not (kept and _PLACEHOLDER.search(kept[-1])):
                kept.append(line[: len(line) - len(line.lstrip())] + STUB)
        elif mark == END_SOLUTION:
            if not inside:
                raise GrammarError("A solution ends that never began.")
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise GrammarError("A solution begins and never ends.")
    stubbed = "\n".join(kept)
    try:
        compile(stubbed, "<task>", "exec")
    except SyntaxError as error:
        raise GrammarError(
            "Without its solution this task does not compile (a function needs a docstring): "
            f"{error}"
        ) from error
    return stubbed
