"""What `nbgrader collect` and `nbgrader autograde` are given, so that they take our judge's scores.

``nbgrader_config.py`` names what stands here. nbgrader works as always, but for three things: what
was handed in is read with care and becomes our own cells with the learner's answers in them; it
runs in the sandbox, never in a kernel beside the gradebook; and no submission stops the others.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader import api, utils
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError
from nbgrader.exchange.default import ExchangeCollect
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets.log import get_logger

from autograder import grading, submission
from autograder.check import Verdict
from autograder.gradebook import answered, check_name, comment, release, timestamp, with_cards
from autograder.seed import secret_seed
from autograder.submission import SubmissionError
from course import syllabus

Resources = dict[str, Any]


# --- nbgrader collect -------------------------------------------------------------------------


class Collect(ExchangeCollect):
    """Collects without following links, and goes on when one submission cannot be copied.

    The learner owns the folder in the exchange: what its links point to would be read with the
    instructor's rights.
    """

    def _path_to_record(self, path: str) -> dict[str, Any]:
        try:
            return super()._path_to_record(path)
        except (ExchangeError, ValueError, ArithmeticError, TypeError, AttributeError):
            # Not of `nbgrader submit`'s making: it counts when there is nothing else.
            name = os.path.basename(path)
            return {"username": name.split("+")[0], "filename": name, "timestamp": datetime.min}

    def init_src(self) -> None:
        super().init_src()
        kept = []
        for record in self.src_records:
            path = Path(self.inbound_path, record["filename"])
            if path.is_dir() and not path.is_symlink():
                kept.append(record)
            else:
                self.log.error("%s is not a folder; it is left behind.", path)
        self.src_records = kept

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        try:
            if self.get_size(src) > 1000 * self.coursedir.max_dir_size:
                raise OSError("it is larger than CourseDirectory.max_dir_size")
            with tempfile.TemporaryDirectory(prefix="course-collect-") as name:
                own = Path(name, "submission")
                shutil.copytree(src, own, symlinks=True, copy_function=_copy_regular)
                mend(own)
                for path in own.rglob("*.ipynb"):
                    if path.is_symlink():  # an empty file gets a row and a reason
                        path.unlink()
                        path.touch()
                super().do_copy(str(own), dest, log)
        except OSError as error:
            self.log.error("%s cannot be collected: %s. The others can.", src, error)
            shutil.rmtree(dest, ignore_errors=True)


def _copy_regular(source: str, target: str) -> None:
    # Looked at after opening: its owner may put a link in its place at any moment.
    with open(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            with open(target, "wb") as copy:
                shutil.copyfileobj(file, copy)


def mend(folder: Path) -> None:
    """Remove from a collected submission what nbgrader would stumble over or follow.

    Links and special files go, but for notebooks, whose reader refuses them and says so: nobody
    may copy what this leaves before that. A ``timestamp.txt`` that holds no time is renamed:
    nbgrader would end with an error.
    """
    log = get_logger()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or name.endswith(".ipynb")):
                log.warning("%s is a link or a special file; it is removed.", path)
                path.unlink()
    note = folder / "timestamp.txt"
    if note.is_file() and timestamp(folder) is None:
        log.warning("%s holds no time; it is set aside.", note)
        note.rename(note.with_name("timestamp.unreadable"))


# --- nbgrader autograde -----------------------------------------------------------------------


def prepare(assignment: str, student: str, notebooks: list[str]) -> None:
    """Hook that runs before each submission; ``notebooks`` are its files and may be changed."""
    folder = Path(notebooks[0]).parent
    mend(folder)
    # A browser's "toy (1).ipynb" is meant to be the notebook: the one whose name is the nearest.
    expected = str(folder / f"{assignment}.ipynb")
    if _is_module(assignment) and expected not in notebooks:
        near = min(notebooks, key=lambda path: (assignment not in Path(path).stem, path))
        get_logger().warning("%s is taken for %s.", near, expected)
        os.rename(near, expected)
        notebooks[notebooks.index(near)] = expected


class SubmissionExporter(NotebookExporter):
    """Reads a submission of a module as our released notebook with the learner's answers in it."""

    def from_filename(
        self, filename: str, resources: Resources | None = None, **options: Any
    ) -> tuple[str, Resources]:
        about = (resources or {}).get("nbgrader", {})
        slug = about.get("notebook", "")
        # nbgrader reads twice: what was handed in, then what it made of that.
        course = self.parent.coursedir
        if not _is_module(slug) or Path(filename) == _place(
            course, course.autograded_directory, about
        ):
            return super().from_filename(filename, resources, **options)
        ours = release(slug, self.config)
        try:
            ours = answered(_load(Path(filename)), ours)
        except Exception as error:  # one submission must not stop a class
            self.log.warning("%s cannot be shown: %s", filename, error)
        self._as_generated(ours, about)
        return self.from_notebook_node(ours, resources)

    def _as_generated(self, notebook: NotebookNode, about: Resources) -> None:
        """Let exactly those cells count that nbgrader's database knows: it refuses all others.

        They differ where the module changed after `nbgrader generate_assignment`. What it lost is
        put at the end (nbgrader itself fails where a task is missing as well as its check).
        """
        with api.Gradebook(about["db_url"]) as book:
            made = book.find_notebook(about["notebook"], about["assignment"])
            points = {cell.name: cell.max_score for cell in [*made.grade_cells, *made.task_cells]}
            roles = {
                role: {cell.name for cell in cells}
                for role, cells in (
                    ("grade", made.grade_cells),
                    ("solution", made.solution_cells),
                    ("task", made.task_cells),
                )
            }
            lost = {cell.name: cell.to_dict() for cell in made.source_cells}
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id is not None and lost.pop(grade_id, None) is None:
                self.log.warning("%s is newer than the assignment and does not count.", grade_id)
                del cell.metadata["nbgrader"]
        for name, row in lost.items():
            self.log.warning("%s is not in the module any more and gets no points.", name)
            marks = {role: name in names for role, names in roles.items()}
            marks |= {"grade_id": name, "locked": row["locked"], "schema_version": 3}
            marks |= {"points": points[name]} if name in points else {}
            is_code = row["cell_type"] == "code"
            make = nbformat.v4.new_code_cell if is_code else nbformat.v4.new_markdown_cell
            notebook.cells.append(make(row["source"], id=name, metadata={"nbgrader": marks}))


class JudgeSubmission(NbGraderPreprocessor):
    """Stands where nbgrader would run a kernel: our cards and scores become the only outputs."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        about = resources["nbgrader"]
        course = self.parent.parent.coursedir
        path = _place(course, course.submitted_directory, about)
        record = judge(path, student=about["student"], slug=about["notebook"])
        if record["status"] != "graded":
            self.log.warning("%s: %s. %s", path, record["status"], record["reason"])
        resources["course"] = record
        return with_cards(nb, record), resources


class SaveScores(SaveAutoGrades):
    """Enters the scores that nbgrader reads from the outputs, and our findings as comments.

    A score that an instructor set by hand counts on and is not put up for review again.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        self._comments = {
            verdict["check"]: comment(Verdict.from_json(verdict))
            for verdict in resources["course"]["verdicts"]
        }
        return super().preprocess(nb, resources)

    def _add_score(self, cell: NotebookNode, resources: Resources) -> None:
        about = resources["nbgrader"]
        grade = self.gradebook.find_grade(
            cell.metadata["nbgrader"]["grade_id"],
            about["notebook"], about["assignment"], about["student"],
        )  # fmt: skip
        grade.auto_score, _ = utils.determine_grade(cell, self.log)
        grade.needs_manual_grade = grade.auto_score is None and grade.manual_score is None
        self.gradebook.db.commit()

    def _add_comment(self, cell: NotebookNode, resources: Resources) -> None:
        about, grade_id = resources["nbgrader"], cell.metadata["nbgrader"]["grade_id"]
        text = self._comments.get(check_name(grade_id.removeprefix("task-")))
        if text is None:
            super()._add_comment(cell, resources)
            return
        found = self.gradebook.find_comment(
            grade_id, about["notebook"], about["assignment"], about["student"]
        )
        found.auto_comment = text
        self.gradebook.db.commit()


def judge(path: Path, *, student: str, slug: str) -> dict[str, Any]:
    """The record of one collected notebook; whatever is wrong with it is in the record.

    Parameters
    ----------
    path : the file that was handed in.
    student, slug : whose it is, and which module it belongs to.
    """
    item = grading.Submission(student, f"{student}/{path.name}", b"", slug)
    if not _is_module(slug):
        reason = f"{slug} is no module of this course; only its modules are graded here."
        return grading.grade_bytes(
            replace(item, module="", status="unknown module", reason=reason), 0
        )
    seed = secret_seed()
    try:
        _load(path)
        return grading.grade_bytes(replace(item, data=path.read_bytes()), seed)
    except SubmissionError as error:
        return grading.grade_bytes(replace(item, status="unreadable", reason=str(error)), seed)
    except Exception as error:  # one submission must not stop a class
        get_logger().exception("%s could not be graded.", path)
        reason = (
            f"The grader failed on this notebook ({type(error).__name__}). "
            "The instructor has been told by its log."
        )
        return grading.grade_bytes(replace(item, status="stopped", reason=reason), seed)


def _load(path: Path) -> dict[str, Any]:
    """The notebook at ``path``, which must lie in folders of its learner's own.

    Raises
    ------
    SubmissionError
        When it is no notebook, or a link leads to it.
    """
    if any(folder.is_symlink() for folder in list(path.parents)[:2]):
        raise SubmissionError(f"The folder of {path.name} is a link.")
    return submission.load(path)


def _place(course: CourseDirectory, step: str, about: Resources) -> Path:
    """A submission's notebook in one of nbgrader's steps."""
    folder = course.format_path(step, about["student"], about["assignment"])
    return Path(folder, f"{about['notebook']}.ipynb")


def _is_module(slug: str) -> bool:
    return any(module.slug == slug for module in syllabus.modules())
