"""One learner's notebook: read it safely, rebuild it from our own cells, run it, judge it."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder import build, rehearsal, sandbox
from autograder.cells import headline, read
from autograder.check import Check, Verdict
from autograder.evidence import NO_EVIDENCE
from autograder.judge import Court, judge_folder
from autograder.quick_nbformat import nbformat
from course import syllabus

#: Largest notebook that is opened; ours are under 100 kB, outputs of a learner's run add to it.
MAX_NOTEBOOK_BYTES = 20 << 20
#: Most cells of a notebook that is opened; ours have under 100.
MAX_CELLS = 1000
#: Most notes that are kept about one run.
MAX_NOTES = 50

#: Where evidence of the locked cells goes, and where what other cells hand to a check goes.
GRADED, SCRATCH = "graded", "scratch"


class SubmissionError(ValueError):
    """A file that is not a notebook of this course; the message says what to do."""


@dataclass(frozen=True)
class Graded:
    """What grading one notebook gave.

    Attributes
    ----------
    module : slug.
    seed : what the hidden inputs were drawn from.
    verdicts : one a check, in the module's order.
    notes : sentences about the run: cells that raised, edits that were undone.
    finished, ending : whether the notebook ran to its end, and why not.
    peak_bytes : most memory of the run, where the system counts it.
    """

    module: str
    seed: int
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    finished: bool = True
    ending: str = ""
    peak_bytes: int | None = None

    @property
    def titles(self) -> list[str]:
        """Title of each check, in the order of the verdicts."""
        titles = {check.name: check.title for check in syllabus.find(self.module).checks}
        return [titles.get(verdict.check, verdict.check) for verdict in self.verdicts]

    def to_json(self) -> dict[str, Any]:
        return {
            "module": self.module,
            "seed": self.seed,
            "score": self.score,
            "points": self.points,
            "verdicts": [
                {**verdict.to_json(), "score": verdict.score} for verdict in self.verdicts
            ],
            "notes": list(self.notes),
        }

    @property
    def score(self) -> float:
        return round(sum(verdict.score for verdict in self.verdicts), 2)

    @property
    def points(self) -> float:
        return sum(verdict.points for verdict in self.verdicts)


def load(path: Path) -> dict[str, Any]:
    """Read a notebook that somebody handed in.

    Raises
    ------
    SubmissionError
        When it is not a regular file, too large, or not a version 4 notebook.
    """
    try:
        status = path.lstat()
    except OSError as error:
        raise SubmissionError(f"There is no file {path.name}.") from error
    if not stat.S_ISREG(status.st_mode):
        raise SubmissionError(f"{path.name} is not a regular file.")
    if status.st_size > MAX_NOTEBOOK_BYTES:
        size, limit = status.st_size / 1e6, MAX_NOTEBOOK_BYTES / 1e6
        raise SubmissionError(
            f"{path.name} is {size:.0f} MB, the limit is {limit:.0f} MB. "
            "Clear its outputs and save it."
        )
    return parse(path.read_bytes(), path.name)


def parse(data: bytes, name: str) -> dict[str, Any]:
    """The notebook in these bytes; ``name`` is for the message.

    Raises
    ------
    SubmissionError
        When it is not a version 4 notebook.
    """
    if not data:
        raise SubmissionError(f"{name} is empty.")
    try:
        record = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SubmissionError(f"{name} is not valid JSON; save the notebook once more.") from error
    if not isinstance(record, dict) or record.get("nbformat") != 4:
        raise SubmissionError(f"{name} is not a version 4 notebook.")
    cells = record.get("cells")
    if not isinstance(cells, list) or not isinstance(record.get("metadata", {}), dict):
        raise SubmissionError(f"{name} breaks the notebook format.")
    if len(cells) > MAX_CELLS:
        raise SubmissionError(f"{name} holds {len(cells):,} cells, the limit is {MAX_CELLS:,}.")
    for number, cell in enumerate(cells, 1):
        if not _is_cell(cell):
            raise SubmissionError(f"{name} breaks the notebook format in cell {number}.")
    return record


def _is_cell(cell: Any) -> bool:
    # All that is read of a learner's cell. nbformat's own validator refuses what does no harm here
    # (outputs of other tools), and warns on stderr about ids.
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return False
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return all(isinstance(line, str) for line in lines) and isinstance(
        cell.get("metadata", {}), dict
    )


def module_of(record: dict[str, Any], path: Path) -> str:
    """The slug of the module that a notebook answers: from its metadata, else its file name.

    Raises
    ------
    SubmissionError
        When neither names a module of this course.
    """
    course = record.get("metadata", {}).get("course")
    named = course.get("slug") if isinstance(course, dict) else None
    known = [module.slug for module in syllabus.modules()]
    for slug in (named, path.stem, path.stem.split(" ")[0]):
        if slug in known:
            return slug
    raise SubmissionError(
        f"{path.name} is no notebook of this course; the modules are {', '.join(known)}."
    )


def rebuild(
    record: dict[str, Any], ours: nbformat.NotebookNode
) -> tuple[nbformat.NotebookNode, list[str]]:
    """Our own learner notebook with the learner's answers in it.

    Prose, given cells and checks are ours, in our order. Task cells come from the submission. Code
    cells that the learner added stay where they put them; what they hand to a check is not graded.

    Parameters
    ----------
    record : what `load` gave.
    ours : the learner view of the same module.

    Returns
    -------
    notebook, notes
        Notes say what was missing, edited or double; they never cost a point by themselves.
    """
    ours = copy.deepcopy(ours)
    answers: dict[str, str] = {}
    added: dict[str, list[nbformat.NotebookNode]] = {}
    notes: list[str] = []
    above = ""
    for cell, cell_id in zip(record["cells"], _identify(record["cells"], ours), strict=True):
        text = _text(cell)
        if cell_id and cell_id not in answers:
            answers[cell_id] = text
            above = cell_id
        elif cell["cell_type"] == "code" and text.strip():
            added.setdefault(above, []).append(nbformat.v4.new_code_cell(text))
            if cell_id:
                notes.append(f"The cell {headline(text)} stands twice; both ran.")
    cells: list[nbformat.NotebookNode] = []
    waiting = added.get("", [])
    for cell in ours.cells:
        course = cell.metadata.get("course", {})
        # What is put back must not undo what the learner wrote in its place.
        if cell.id in answers or "check" in course:
            cells += waiting
            waiting = []
        if cell.id not in answers:
            if course:
                notes.append(f"The cell {headline(cell.source)} is missing; it was put back.")
        elif "task" in course:
            cell.source = answers[cell.id]
        elif cell.cell_type == "code" and answers[cell.id].strip() != cell.source.strip():
            notes.append(f"The cell {headline(cell.source)} was edited; ours ran instead.")
        cells.append(cell)
        waiting = waiting + added.get(cell.id, [])
    cells += waiting
    for cell in cells:
        course = cell.metadata.setdefault("course", {})
        course["variant"] = GRADED if "check" in course else SCRATCH
    return nbformat.v4.new_notebook(cells=cells, metadata=ours.metadata), notes


def _identify(cells: list[dict[str, Any]], ours: nbformat.NotebookNode) -> list[str]:
    """For each cell of a submission the id of the cell of ours that it is; empty for none.

    Tools that write older notebooks drop ids, and pasting renews them: then a task or check is
    known by its metadata, and any cell but a task by its text.
    """
    ids = {cell.id for cell in ours.cells}
    names = {_name(cell): cell.id for cell in ours.cells if _name(cell)}
    texts = {cell.source: cell.id for cell in ours.cells if not cell.id.startswith("task-")}
    given = [cell.get("id") for cell in cells]
    kept = [name if isinstance(name, str) and name in ids else "" for name in given]
    taken = set(kept)
    for place, cell in enumerate(cells):
        if not kept[place]:
            found = names.get(_name(cell)) or texts.get(_text(cell))
            if found and found not in taken:
                kept[place] = found
                taken.add(found)
    return kept


def _name(cell: dict[str, Any]) -> str:
    course = cell.get("metadata", {}).get("course")
    if not isinstance(course, dict):
        return ""
    roles = (role for role in ("task", "check") if isinstance(course.get(role), str))
    return next((f"{role} {course[role]}" for role in roles), "")


def _text(cell: dict[str, Any]) -> str:
    # Half of a surrogate pair, which JSON can hold and no file can, becomes a question mark.
    return "".join(cell["source"]).encode("utf-8", "replace").decode()


def grade(
    path: Path,
    *,
    module: str | None = None,
    seed: int | None = None,
    on_tick: Callable[[], None] | None = None,
    limits: sandbox.Limits | None = None,
    court: Court | None = None,
) -> Graded:
    """Grade one notebook on hidden inputs.

    Parameters
    ----------
    path : the learner's ``.ipynb``.
    module : slug, when the notebook does not say.
    seed : what hidden inputs are drawn from; a fresh one when omitted.
    on_tick : called about five times a second while cells run.
    limits : of the run; 10 minutes and 3 GiB a process by default.
    court : a judge that stays, for a class.

    Raises
    ------
    SubmissionError
        When the file is not a notebook of this course.
    """
    record = load(path)
    slug = module or module_of(record, path)
    path_of_source = syllabus.find(slug).source
    checks, ours = _prepared(path_of_source, _stamp(path_of_source))
    seed = secrets.randbits(63) if seed is None else seed
    notebook, notes = rebuild(record, ours)
    with sandbox.scratch("course-grade-") as folder:
        run = rehearsal.run_cells(
            nbformat.writes(notebook), checks, folder, seeds=[seed], on_tick=on_tick, limits=limits
        )
        evidence = rehearsal.evidence_folder(folder / "evidence" / GRADED, [seed], seed)
        links = map(os.path.islink, (folder / "evidence", evidence.parent, evidence))
        if any(links) or not os.path.isdir(evidence):
            evidence = folder / "none"  # what leads elsewhere or cannot be reached is no evidence
        verdicts = judge_folder(
            path_of_source.with_name("checks.py"),
            list(checks.values()),
            evidence,
            seed=seed,
            on_tick=on_tick,
            court=court,
        )
    ordered = tuple(_explained(verdicts[name], run) for name in checks)
    notes += run.problems
    if len(notes) > MAX_NOTES:
        notes[MAX_NOTES:] = [f"There are {len(notes) - MAX_NOTES} more notes like these."]
    return Graded(slug, seed, ordered, tuple(notes), run.finished, run.ending, run.peak_bytes)


@functools.lru_cache(maxsize=16)
def _prepared(path: Path, stamp: tuple) -> tuple[dict[str, Check], nbformat.NotebookNode]:
    """A module's checks and its learner notebook, read once for a whole class."""
    source = read(path)
    return build.checks_of(source), build.notebook(source, "learner")


def _stamp(path: Path) -> tuple:
    return tuple(file.stat().st_mtime_ns for file in (path, path.with_name("checks.py")))


def _explained(verdict: Verdict, run: rehearsal.Run) -> Verdict:
    """The verdict; where there was nothing to judge it names the cell that raised, and what."""
    if len(verdict.findings) != 1 or not verdict.findings[0].detail.startswith(NO_EVIDENCE):
        return verdict
    name = verdict.check.replace("_", "-")
    for cell_id, called in ((f"task-{name}", "the task's cell"), (f"check-{name}", "the check")):
        if cell_id in run.raised:
            said = f"Nothing was handed in: {called} raised {run.raised[cell_id]}."
            finding = dataclasses.replace(verdict.findings[0], detail=said)
            return dataclasses.replace(verdict, findings=(finding,))
    return verdict
