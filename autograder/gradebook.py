"""nbgrader's gradebook, and its one writer.

`Gradebook` enters what grading gave: scores and comments into nbgrader's database, and the
notebooks that formgrader and `nbgrader generate_feedback` show into ``submitted/`` and
``autograded/``. It renews automatic scores and comments, and those alone: `manual_score`,
`extra_credit` and `manual_comment` are an instructor's, since nothing that a learner wrote runs
where the database can be reached. A score set by hand counts until the instructor takes it back.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from nbformat import NotebookNode
from nbgrader import api, utils
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from autograder import build, evidence, submission
from autograder.card import Card, Note, points
from autograder.cells import read
from autograder.check import Verdict
from course import syllabus

Result = TypeVar("Result")

#: How long one statement waits inside SQLite, where Ctrl-C is not heard.
_BUSY_SECONDS = 1
#: Most sentences about a run, and most characters of one, that a notebook shows.
_MAX_NOTES, _MAX_TEXT = 12, 1000
#: What `folder_name` makes of a name that is too long.
_SHORT = re.compile(r"[A-Za-z0-9]{0,40}~~[0-9a-f]{16}")
#: Feedback pages render comments as Markdown and then typeset TeX: signs that either could take
#: for more than text are replaced by others that look alike, and still read well in formgrader.
_LOOKALIKES = str.maketrans("<>&[]$\\`", "‹›＆［］＄＼ˋ")


class GradebookError(OSError):
    """The gradebook cannot be written now; the message says why and what to do."""


class Row(NamedTuple):
    """One score as it counts: set by hand where an instructor did so, and with extra credit."""

    student: str
    module: str
    check: str
    score: float
    max: float


@dataclass(frozen=True)
class _Assignment:
    """A module in the database: ids of its rows, and the notebook that was handed out."""

    id: str
    notebook_id: str
    grade_cells: dict[str, str]
    comment_cells: dict[str, str]
    notebook: NotebookNode


class Gradebook:
    """An nbgrader course that takes the records of `autograder.grading`; use it with ``with``.

    Parameters
    ----------
    course_dir : the course's folder. Settings and assignments that it lacks are staged there, as
        ``course build --view nbgrader`` does.
    db_url : the database; what the course's settings say when omitted.

    Raises
    ------
    GradebookError
        When the database stays locked for `patience_seconds`, or cannot be used.
    """

    patience_seconds: float = 60

    def __init__(self, course_dir: Path, db_url: str | None = None) -> None:
        self._folder = Path(course_dir).resolve()
        self._wanted_url = db_url
        self._assignments: dict[str, _Assignment] = {}

    def __enter__(self) -> Gradebook:
        settings = self._folder / "nbgrader_config.py"
        if not settings.exists():
            build.stage_settings(self._folder)
        # nbgrader starts `alembic` by name for a new database: this Python's own must be found.
        programs = os.path.dirname(sys.executable)
        if programs not in os.environ.get("PATH", "").split(os.pathsep):
            os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
        self._config = PyFileConfigLoader(settings.name, path=str(self._folder)).load_config()
        if "root" not in self._config.CourseDirectory:
            self._config.CourseDirectory.root = str(self._folder)
        self._course = CourseDirectory(config=self._config)
        url = make_url(self._wanted_url or self._course.db_url)
        if url.get_backend_name() == "sqlite":
            url = url.update_query_dict({"timeout": str(_BUSY_SECONDS)})
        self._url = url.render_as_string(hide_password=False)
        # nbgrader's own name for a course that has none
        course_id = self._course.course_id or "default_course"
        self._book: api.Gradebook | None = None
        self._book = self._patiently(lambda: api.Gradebook(self._url, course_id))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._book.close()

    # --- writing ------------------------------------------------------------------------------

    def write(self, record: dict[str, Any], notebook_bytes: bytes | None = None) -> bool:
        """Enter one record. The same record again changes nothing.

        Parameters
        ----------
        record : what `autograder.grading.grade_bytes` gave.
        notebook_bytes : the file that was handed in; None where it could not be read.

        Returns
        -------
        bool
            False where there is nothing to enter: the module is unknown, or another file of the
            same learner and module was graded instead.

        Raises
        ------
        GradebookError
            When the database stays locked, or its assignment has other checks than the module.
        ValueError
            When the record does not hold one score between 0 and its points for each check.
        """
        slug = record["module"]
        if not slug or record["status"] == "not graded":
            return False
        assignment = self._assignment(slug)
        results = _results(record, assignment)
        student = folder_name(record["student"])
        self._save_notebooks(record, notebook_bytes, assignment.notebook, student)
        handed_in = timestamp(self._place(self._course.submitted_directory, student, slug))
        self._patiently(lambda: self._enter(assignment, student, results, handed_in))
        return True

    def override(
        self,
        student: str,
        module: str,
        check: str,
        score: float | None,
        comment: str | None = None,
    ) -> None:
        """Set a score by hand; it counts instead of the automatic one until it is taken back.

        Parameters
        ----------
        student, module, check : as in a record.
        score : from 0 to the check's points; None takes an earlier one back.
        comment : Markdown shown in place of the findings; an empty text takes it back, None leaves
            it as it is.

        Raises
        ------
        LookupError
            When the gradebook has no such score.
        ValueError
            When the score is not between 0 and the check's points.
        """

        def enter() -> None:
            grade, most, notebook_id, cell_id = self._find(student, module, check)
            if score is not None and not (math.isfinite(score) and 0 <= score <= most):
                raise ValueError(
                    f"A score of {check} is between 0 and {points(most)}, not {score:g}. "
                    "Extra credit has a field of its own in formgrader."
                )
            grade.manual_score = score
            grade.needs_manual_grade = False
            if comment is not None:
                remark = self._db.scalars(
                    select(api.Comment).filter_by(notebook_id=notebook_id, cell_id=cell_id)
                ).one()
                remark.manual_comment = comment or None
            self._db.commit()

        self._patiently(enter)

    def rows(self) -> list[Row]:
        """Every score as it counts, by student, module and check in the module's order."""
        query = (
            select(
                api.Student.id,
                api.Assignment.name,
                api.GradeCell.name,
                api.Grade.score,
                api.GradeCell.max_score,
            )
            .select_from(api.Grade)
            .join(api.GradeCell, api.GradeCell.id == api.Grade.cell_id)
            .join(api.SubmittedNotebook, api.SubmittedNotebook.id == api.Grade.notebook_id)
            .join(
                api.SubmittedAssignment,
                api.SubmittedAssignment.id == api.SubmittedNotebook.assignment_id,
            )
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .join(api.Student, api.Student.id == api.SubmittedAssignment.student_id)
        )
        found = self._patiently(lambda: self._db.execute(query).all())
        places = {
            (module.slug, check.name): (module.number, place)
            for module in syllabus.modules()
            for place, check in enumerate(module.checks)
        }
        rows = [
            Row(student_name(student), module, check_name(cell), score, most)
            for student, module, cell, score, most in found
        ]
        last = (len(places) + 100, 0)  # what an instructor added
        return sorted(
            rows,
            key=lambda row: (
                row.student, *places.get((row.module, row.check), last), row.module, row.check
            ),
        )  # fmt: skip

    # --- the database -------------------------------------------------------------------------

    @property
    def _db(self) -> Any:
        return self._book.db

    def _patiently(self, action: Callable[[], Result]) -> Result:
        """What ``action`` returns; while another program holds the database it is tried again."""
        deadline = time.monotonic() + self.patience_seconds
        pause = 0.02
        while True:
            try:
                return action()
            except (DatabaseError, api.InvalidEntry) as error:
                if self._book is not None:
                    self._db.rollback()
                # nbgrader makes an InvalidEntry of every error of a commit
                said = str(getattr(error, "orig", error))
                if "locked" not in said and "busy" not in said:
                    raise GradebookError(
                        f"The gradebook {self._shown_url} cannot be used ({said}). "
                        "After an upgrade of nbgrader its database needs `nbgrader db upgrade`."
                    ) from error
                if time.monotonic() + pause > deadline:
                    raise GradebookError(
                        f"The gradebook {self._shown_url} has been locked by another program for "
                        f"{self.patience_seconds:.0f} seconds. End that program and run this "
                        "again: what was graded is kept."
                    ) from error
            except BaseException:
                if self._book is not None:
                    self._db.rollback()
                raise
            time.sleep(pause)
            pause = min(2 * pause, 1)

    @property
    def _shown_url(self) -> str:
        return make_url(self._url).set(query={}).render_as_string(hide_password=True)

    def _assignment(self, slug: str) -> _Assignment:
        if slug not in self._assignments:
            source = self._place(self._course.source_directory, ".", slug) / f"{slug}.ipynb"
            if not source.exists():
                build.stage_module(slug, self._folder)
            notebook = release(slug, self._config)
            self._assignments[slug] = self._patiently(lambda: self._prepare(slug, notebook))
        return self._assignments[slug]

    def _prepare(self, slug: str, notebook: NotebookNode) -> _Assignment:
        """The module's rows, made as `nbgrader generate_assignment` makes them where they miss."""
        wanted = {cell.id: cell.metadata["nbgrader"] for cell in _named_cells(notebook)}
        self._book.update_or_create_assignment(slug)
        found = self._read(slug, notebook)
        if found is None or not wanted.keys() <= {*found.grade_cells, *found.comment_cells}:
            self._db.remove()  # what follows has a connection of its own
            save_cells(slug, notebook, self._url)
            found = self._read(slug, notebook)
        for cell in self._db.scalars(
            select(api.GradeCell).filter_by(notebook_id=found.notebook_id)
        ).all():
            if cell.name in wanted:
                cell.max_score = float(wanted[cell.name]["points"])
        self._db.commit()
        return found

    def _read(self, slug: str, notebook: NotebookNode) -> _Assignment | None:
        try:
            row = self._book.find_notebook(slug, slug)
        except api.MissingEntry:
            return None
        return _Assignment(
            id=row.assignment_id,
            notebook_id=row.id,
            grade_cells={cell.name: cell.id for cell in [*row.grade_cells, *row.task_cells]},
            comment_cells={cell.name: cell.id for cell in [*row.solution_cells, *row.task_cells]},
            notebook=notebook,
        )

    def _enter(
        self,
        assignment: _Assignment,
        student: str,
        results: dict[str, tuple[float, str]],
        handed_in: datetime | None,
    ) -> None:
        """One transaction: the rows of a submission, its automatic scores and comments."""
        db = self._db
        if db.get(api.Student, student) is None:
            db.add(api.Student(id=student))
        submitted = db.scalars(
            select(api.SubmittedAssignment).filter_by(
                assignment_id=assignment.id, student_id=student
            )
        ).one_or_none()
        if submitted is None:
            submitted = api.SubmittedAssignment(
                id=api.new_uuid(), assignment_id=assignment.id, student_id=student
            )
            db.add(submitted)
        if handed_in is not None:
            submitted.timestamp = handed_in
        notebook = db.scalars(
            select(api.SubmittedNotebook).filter_by(
                assignment_id=submitted.id, notebook_id=assignment.notebook_id
            )
        ).one_or_none()
        if notebook is None:
            notebook = api.SubmittedNotebook(
                id=api.new_uuid(), assignment_id=submitted.id, notebook_id=assignment.notebook_id
            )
            db.add(notebook)
        grades = self._rows_of(api.Grade, notebook.id, assignment.grade_cells)
        remarks = self._rows_of(api.Comment, notebook.id, assignment.comment_cells)
        for check, (score, remark) in results.items():
            grade = grades[f"check-{check}"]
            grade.auto_score = score
            grade.needs_manual_grade = False
            remarks[f"task-{check}"].auto_comment = remark
        db.commit()

    def _rows_of(self, kind: Any, notebook_id: str, cells: dict[str, str]) -> dict[str, Any]:
        """Rows of a submission by name of their cell; nbgrader wants one for every cell."""
        found = self._db.scalars(select(kind).filter_by(notebook_id=notebook_id)).all()
        by_cell = {row.cell_id: row for row in found}
        for cell_id in cells.values():
            if cell_id not in by_cell:
                by_cell[cell_id] = kind(notebook_id=notebook_id, cell_id=cell_id)
                self._db.add(by_cell[cell_id])
        return {name: by_cell[cell_id] for name, cell_id in cells.items()}

    def _find(self, student: str, module: str, check: str) -> tuple[api.Grade, float, str, str]:
        """A check's row for a student, its points, and the keys of the comment beside it."""
        name = check.replace("_", "-")
        try:
            row = self._book.find_submission_notebook(module, module, folder_name(student))
            cell = self._book.find_grade_cell(f"check-{name}", module, module)
            task = self._book.find_solution_cell(f"task-{name}", module, module)
            grade = self._book.find_grade(cell.name, module, module, folder_name(student))
        except api.MissingEntry as error:
            raise LookupError(
                f"The gradebook has no score of {student} for {check} in {module}. "
                "Grade the submission first."
            ) from error
        return grade, cell.max_score, row.id, task.id

    # --- files --------------------------------------------------------------------------------

    def _place(self, step: str, student: str, slug: str) -> Path:
        """Folder of a submission in one of nbgrader's steps."""
        return Path(self._course.format_path(step, student, slug))

    def _save_notebooks(
        self, record: dict[str, Any], data: bytes | None, ours: NotebookNode, student: str
    ) -> None:
        slug = record["module"]
        shown = ours
        if data and len(data) <= submission.MAX_NOTEBOOK_BYTES:
            self._save(self._place(self._course.submitted_directory, student, slug), slug, data)
            # Whatever it is must not stop a class; the cards say why there are no answers.
            with suppress(Exception):
                shown = answered(submission.parse(data, f"{slug}.ipynb"), ours)
        shown = with_cards(shown, record)
        # Without nbformat's indents and validation, which take longer than all the rest.
        text = json.dumps(shown) + "\n"
        place = self._place(self._course.autograded_directory, student, slug)
        self._save(place, slug, text.encode("ascii"), mode=0o444)  # nbgrader's mode for them

    def _save(self, folder: Path, slug: str, data: bytes, mode: int | None = None) -> None:
        for place in (folder, folder.parent):
            if place.is_symlink():
                raise GradebookError(f"{place} is a link; nothing is written through it.")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{slug}.ipynb"
        if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
            return
        draft = folder / f".{slug}.part"
        draft.unlink(missing_ok=True)
        draft.write_bytes(data)
        if mode is not None:
            draft.chmod(mode)
        os.replace(draft, path)


# --- records and what they become -------------------------------------------------------------


def _results(record: dict[str, Any], assignment: _Assignment) -> dict[str, tuple[float, str]]:
    """Score and comment of each check by its kebab-case name."""
    results = {}
    for verdict in record["verdicts"]:
        score, most = verdict["score"], verdict["points"]
        # a hundredth more is a score that was rounded up
        if not (math.isfinite(score) and 0 <= score <= most + 0.005):
            raise ValueError(f"{verdict['check']} has a score of {score} of {most} points.")
        said = comment(Verdict.from_json(verdict))
        results[verdict["check"].replace("_", "-")] = float(min(score, most)), said
    checks = {
        cell.id.removeprefix("check-")
        for cell in _named_cells(assignment.notebook)
        if cell.id.startswith("check-")
    }
    if results.keys() != checks:
        odd = ", ".join(sorted(results.keys() ^ checks))
        raise ValueError(f"The record and the module {record['module']} differ in: {odd}.")
    return results


def comment(verdict: Verdict) -> str:
    """What nbgrader shows under the learner's answer; no word of a learner's can be markup."""
    said = [f"{points(verdict.score)} of {points(verdict.points)} points."]
    missed = [" ".join(item.text.split()) for item in verdict.findings if not item.holds]
    said += ["", *(f"- {text[:_MAX_TEXT]}" for text in missed)] if missed else []
    return "\n".join(said).translate(_LOOKALIKES).replace("://", "：//")


def check_name(grade_id: str) -> str:
    """The check's name in a record, from the id of its cell."""
    return grade_id.removeprefix("check-").replace("-", "_")


def release(slug: str, config: Config | None = None) -> NotebookNode:
    """A module's notebook as `nbgrader generate_assignment` hands it out.

    Parameters
    ----------
    slug : of the module.
    config : settings of nbgrader, for what takes a solution's place.
    """
    from nbgrader import preprocessors

    notebook = build.notebook(read(syllabus.find(slug).source), "nbgrader")
    for step in (
        preprocessors.LockCells,
        preprocessors.ClearSolutions,
        preprocessors.CheckCellMetadata,
        preprocessors.ComputeChecksums,
    ):
        notebook, _ = step(config=config).preprocess(notebook, {})
    return notebook


def save_cells(slug: str, notebook: NotebookNode, db_url: str) -> None:
    """Make the rows of a released notebook in the database, as `generate_assignment` does.

    Raises
    ------
    GradebookError
        When there are submissions to an assignment with other cells.
    """
    from nbgrader.preprocessors import SaveCells

    about = {"notebook": slug, "assignment": slug, "student": ".", "db_url": db_url}
    try:
        SaveCells().preprocess(notebook, {"nbgrader": about})
    except RuntimeError as error:
        raise GradebookError(
            f"The gradebook holds submissions of {slug} from before its checks changed, and "
            "nbgrader cannot add checks to them. Grade into another course folder, or remove "
            f"them by `nbgrader db assignment remove {slug} --force`."
        ) from error


def answered(handed_in: dict[str, Any], ours: NotebookNode) -> NotebookNode:
    """Our released notebook with the learner's answers; the same input gives the same notebook.

    Parameters
    ----------
    handed_in : from `submission.parse`.
    ours : from `release`.
    """
    known = {cell.id for cell in ours.cells}
    notebook, _ = submission.rebuild(handed_in, ours)
    for number, cell in enumerate(notebook.cells, 1):
        if cell.id not in known:
            cell.id = f"added-{number}"
        del cell.metadata["course"]["variant"]
        if not cell.metadata["course"]:
            del cell.metadata["course"]
    return notebook


def with_cards(notebook: NotebookNode, record: dict[str, Any]) -> NotebookNode:
    """A copy whose only outputs are ours: under each check its card and its score.

    A graded cell that the record does not know gets 0: nbgrader would give it full points.

    Parameters
    ----------
    notebook : a rebuilt notebook with nbgrader's metadata.
    record : what `autograder.grading.grade_bytes` gave.
    """
    notebook = NotebookNode(notebook, cells=[NotebookNode(cell) for cell in notebook.cells])
    verdicts = {verdict["check"]: verdict for verdict in record["verdicts"]}
    notes = _about(record.get("notes", ()))
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        about = cell.metadata.get("nbgrader", {})
        if not about.get("grade") or about.get("solution"):
            continue
        verdict = verdicts.get(check_name(about["grade_id"]))
        if verdict is None:
            shown: Any = Note("Not graded", "This cell belongs to no check of the course.")
        else:
            shown = Card(verdict["title"], Verdict.from_json(verdict))
        cell.outputs = [*map(_display, notes), _display(shown), _score(about["points"], verdict)]
        notes = []
    return notebook


def _about(notes: Iterable[str]) -> list[Note]:
    notes = [note[:_MAX_TEXT] for note in notes]
    if len(notes) > _MAX_NOTES:
        notes = [*notes[:_MAX_NOTES], f"And {len(notes) - _MAX_NOTES} more like these."]
    return [Note("About this run", " ".join(notes))] if notes else []


def _display(shown: Any) -> NotebookNode:
    bundle = shown._repr_mimebundle_()
    # Feedback pages load MathJax, whose \href would make a link of what a learner wrote.
    html = f'<div class="tex2jax_ignore mathjax_ignore">{bundle["text/html"]}</div>'
    return _output("display_data", {**bundle, "text/html": html})


def _score(most: float, verdict: dict[str, Any] | None) -> NotebookNode:
    """The output that nbgrader reads: it takes what is no number from 0 up for full points."""
    score = 0.0 if verdict is None else float(verdict["score"])
    score = min(score, float(most)) if score > 0 else 0.0  # NaN is not above 0
    return _output("execute_result", {"text/plain": repr(score)}, execution_count=None)


def _output(kind: str, data: dict[str, str], **more: Any) -> NotebookNode:
    # nbformat.v4.new_output, but for its validation: a millisecond each
    return NotebookNode(output_type=kind, data=NotebookNode(data), metadata=NotebookNode(), **more)


def _named_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if "nbgrader" in cell.metadata]


# --- names and times --------------------------------------------------------------------------


def folder_name(student: str) -> str:
    """A student's id in nbgrader, which is a folder's name, too: no two students share one.

    Letters, digits and inner ``. @ - _`` and spaces stay; every other byte becomes ``~`` and two
    hexadecimal digits: nbgrader parts names at ``+``, URLs and paths at ``/``, tables at commas.
    The name of such a folder is taken for its student's, so that ``submitted/`` can be graded.

    >>> folder_name("ada.l@example.org"), folder_name("../eve+1")
    ('ada.l@example.org', '~2E.~2Feve~2B1')
    """
    if _SHORT.fullmatch(student):
        return student
    text = unicodedata.normalize("NFC", student_name(student))
    kept = [
        char
        if unicodedata.category(char)[0] in "LMN" or char == "_"
        or (char in ".@- " and 0 < place < len(text) - 1)
        else "".join(f"~{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for place, char in enumerate(text)
    ]  # fmt: skip
    name = "".join(kept)
    if 0 < len(name.encode()) <= 120:  # nbgrader's database takes 128 characters
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{re.sub('[^A-Za-z0-9]', '', text)[:40]}~~{digest[:16]}"


def student_name(folder: str) -> str:
    """The student's own name, from `folder_name`; a shortened one stays as it is."""

    def decoded(match: re.Match[str]) -> str:
        try:
            return bytes.fromhex(match[0].replace("~", "")).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return match[0]

    return re.sub(r"(~[0-9A-F]{2})+", decoded, folder)


def timestamp(folder: Path) -> datetime | None:
    """When a submission was handed in, as nbgrader's exchange noted it, in UTC.

    None where there is no note, and where it is none: a learner can have written anything there.
    """
    with suppress(ValueError, ArithmeticError, TypeError, AttributeError):  # from dateutil, mostly
        text = evidence.read_regular(folder / "timestamp.txt", 200).decode()
        return utils.parse_utc(text.strip())
    return None
