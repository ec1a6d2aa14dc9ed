"""One source, four views: learner, solution, nbgrader, rehearsal.

A view is a notebook whose bytes depend on the source and the module's ``checks.py`` alone.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from autograder.cells import Cell, GrammarError, Source, read, with_solution, without_solution
from autograder.check import Check
from autograder.notebook import load_checks
from autograder.quick_nbformat import nbformat
from course import syllabus

VIEWS = ("learner", "solution", "nbgrader", "rehearsal")

_KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def checks_of(source: Source) -> dict[str, Check]:
    """The checks that a source's module defines; a lab has none.

    Raises
    ------
    GrammarError
        When the source and ``checks.py`` do not name the same checks.
    """
    path = source.path.with_name("checks.py")
    checks = load_checks(path) if path.exists() else {}
    used = [cell.attribute for cell in source.cells if cell.role == "check"]
    if sorted(used) != sorted(checks):
        odd = ", ".join(sorted(set(used) ^ set(checks)))
        raise GrammarError(f"{source.path.name} and checks.py do not name the same checks: {odd}.")
    return checks


def notebook(source: Source, view: str) -> nbformat.NotebookNode:
    """One view of a source as a notebook without outputs.

    Parameters
    ----------
    source : from `autograder.cells.read`.
    view : one of `VIEWS`.
    """
    if view not in VIEWS:
        raise ValueError(f"There is no view {view!r}; the views are {', '.join(VIEWS)}.")
    checks = checks_of(source)
    cells: list[nbformat.NotebookNode] = []
    for cell in source.cells:
        if cell.role == "wrong":
            continue
        if view == "rehearsal" and cell.role == "check":
            cells += _rehearsed(source, cell)
        else:
            cells.append(_cell(cell, view, checks))
    result = nbformat.v4.new_notebook(
        cells=cells, metadata={**_KERNEL, "course": _summary(source, checks)}
    )
    nbformat.validate(result)
    return result


def text(source: Source, view: str) -> str:
    """A view as the text of an ``.ipynb`` file."""
    return nbformat.writes(notebook(source, view)) + "\n"


def build(slug: str | None = None, *, view: str = "learner", to: Path | None = None) -> list[Path]:
    """Write one view of one module or of all modules and labs.

    Parameters
    ----------
    slug : which module or lab; all when omitted.
    view : one of `VIEWS`.
    to : folder for ``slug/slug.ipynb``; the learner view stands next to its source when omitted,
        any other view goes to ``build/VIEW`` in the checkout. For the nbgrader view it becomes an
        nbgrader course, with ``source/slug/`` and the settings.

    Returns
    -------
    list of Path
        The files that were written.
    """
    if to is None and view != "learner":
        to = syllabus.root() / "build" / view
    if view == "nbgrader":
        return _stage(slug, to)
    written = []
    for path in sources(slug):
        source = read(path)
        target = (
            path.with_suffix(".ipynb") if to is None else to / source.slug / f"{source.slug}.ipynb"
        )
        written.append(_write(target, text(source, view)))
    return written


def _stage(slug: str | None, course: Path) -> list[Path]:
    """Make or renew an nbgrader course: the settings, and ``source/slug/`` for each module.

    Labs, which have no checks, are there when asked for by name. Everything else in the folder is
    the instructor's.
    """
    settings = stage_settings(course)
    wanted = [path for path in sources(slug) if slug or path.parent.parent.name != "labs"]
    return [*(stage_module(path.stem, course) for path in wanted), settings]


def stage_module(slug: str, course: Path) -> Path:
    """Write ``source/slug/`` of an nbgrader course; returns its notebook.

    nbgrader hands out every file of that folder, so there is the notebook and what the module
    keeps in ``files/``, never its checks.
    """
    (path,) = sources(slug)
    folder = course / "source" / slug
    files = path.with_name("files")
    if (folder / "files").exists():
        shutil.rmtree(folder / "files")
    if files.is_dir():
        shutil.copytree(files, folder / "files", ignore=shutil.ignore_patterns("__pycache__"))
    return _write(folder / f"{slug}.ipynb", text(read(path), "nbgrader"))


def stage_settings(course: Path) -> Path:
    """Write ``nbgrader_config.py`` of an nbgrader course.

    Raises
    ------
    FileExistsError
        When there is one that is not a copy of ours.
    """
    settings = Path(__file__).with_name("nbgrader_config.py").read_text("utf-8")
    target = course / "nbgrader_config.py"
    if target.exists() and not settings.startswith(target.read_text("utf-8").partition("\n")[0]):
        raise FileExistsError(f"{target} is not ours to renew. Move it away, or stage elsewhere.")
    return _write(target, settings)


def _write(target: Path, content: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + ".part")
    draft.write_text(content, encoding="utf-8", newline="\n")
    os.replace(draft, target)
    return target


def sources(slug: str | None = None) -> list[Path]:
    """Paths of the sources of one or all modules and labs, in order.

    Raises
    ------
    LookupError
        When there is none of this slug.
    """
    root = syllabus.root()
    folders = sorted((root / "modules").glob("[0-9][0-9]_*")) + sorted((root / "labs").glob("*"))
    paths = [
        folder / f"{folder.name.removeprefix(folder.name[:3])}.py"
        for folder in folders
        if folder.parent.name == "modules"
    ]
    paths += [folder / f"{folder.name}.py" for folder in folders if folder.parent.name == "labs"]
    paths = [path for path in paths if path.exists()]
    if slug is None:
        return paths
    found = [path for path in paths if path.stem == slug]
    if not found:
        raise LookupError(
            f"There is no module or lab {slug!r}; there is {', '.join(p.stem for p in paths)}."
        )
    return found


def _summary(source: Source, checks: dict[str, Check]) -> dict[str, Any]:
    """What the home page and the tools know of a module without importing its checks."""
    rows = [
        {
            "name": cell.attribute,
            "points": checks[cell.attribute].points,
            "title": checks[cell.attribute].title,
        }
        for cell in source.cells
        if cell.role == "check"
    ]
    return {**source.course, "checks": rows}


def _cell(cell: Cell, view: str, checks: dict[str, Check]) -> nbformat.NotebookNode:
    if cell.role == "prose":
        return nbformat.v4.new_markdown_cell(cell.source, id=cell.id)
    node = nbformat.v4.new_code_cell(cell.source, id=cell.id)
    if cell.role == "task":
        if view == "learner":
            node.source = without_solution(cell.source)
        elif view != "nbgrader":  # nbgrader removes solutions itself when it releases
            node.source = with_solution(cell.source)
        node.metadata = {"course": {"task": cell.name}, "deletable": False}
    elif cell.role == "check":
        node.metadata = {"course": {"check": cell.attribute}, "deletable": False, "editable": False}
    if view == "nbgrader" and cell.role in ("task", "check"):
        node.metadata["nbgrader"] = _nbgrader(cell, checks)
    return node


def _nbgrader(cell: Cell, checks: dict[str, Check]) -> dict[str, Any]:
    # nbgrader 0.9 refuses a cell in which any of these is missing.
    record = {
        "grade": cell.role == "check",
        "grade_id": cell.id,
        "locked": cell.role == "check",
        "schema_version": 3,
        "solution": cell.role == "task",
        "task": False,
    }
    return record | ({"points": checks[cell.attribute].points} if cell.role == "check" else {})


def _rehearsed(source: Source, check: Cell) -> list[nbformat.NotebookNode]:
    """The check on the solution, then on each wrong answer, then on the solution restored."""

    def code(text: str, name: str, **course: str) -> nbformat.NotebookNode:
        return nbformat.v4.new_code_cell(text, id=f"{check.id}-{name}", metadata={"course": course})

    cells = [code(check.source, "solution", variant="solution", namespace="keep")]
    for number, wrong in enumerate(source.wrong_answers(check.name), 1):
        cells += [
            code(wrong.source, f"wrong-{number}", because=wrong.because),
            code(check.source, f"refuses-{number}", variant=f"wrong-{number}"),
        ]
    return [*cells, code(check.source, "restored", variant="restored", namespace="restore")]
