"""Every module and lab, as an author promises it and as a learner gets it."""

import ast
import time

import pytest

from autograder import build, cells, rehearsal, submission
from autograder.cells import BEGIN_SOLUTION, END_SOLUTION

SOURCES = build.sources()
MODULES = [path for path in SOURCES if path.parent.parent.name == "modules"]


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


@each(SOURCES)
def test_the_committed_notebook_is_fresh(path):
    committed = path.with_suffix(".ipynb").read_text("utf-8")
    assert committed == build.text(cells.read(path), "learner"), f"Run `course build {path.stem}`."


@each(SOURCES)
@pytest.mark.parametrize("view", build.VIEWS)
def test_building_twice_gives_the_same_bytes(path, view):
    assert build.text(cells.read(path), view) == build.text(cells.read(path), view)


@each(SOURCES)
def test_the_learner_notebook_holds_no_outputs(path):
    notebook = build.notebook(cells.read(path), "learner")
    assert all(not cell.get("outputs") for cell in notebook.cells)


@each(SOURCES)
def test_the_learner_notebook_holds_no_solution_and_no_wrong_answer(path):
    source = cells.read(path)
    notebook = build.notebook(source, "learner")
    given = {line.strip() for cell in source.cells if cell.role in ("given", "check")
             for line in cell.source.splitlines()}  # fmt: skip
    shown = {line.strip() for cell in notebook.cells if cell.cell_type == "code"
             for line in cell.source.splitlines()}  # fmt: skip
    secret = {
        line for cell in source.cells if cell.role == "task" for line in _solution(cell.source)
    }
    assert secret, "A module without a solution proves nothing."
    assert not (shown - given) & secret
    reasons = [cell.because for cell in source.cells if cell.role == "wrong"]
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert not [because for because in reasons if because in text]


@each(SOURCES)
def test_every_task_documents_what_it_receives_and_returns(path):
    for cell in cells.read(path).cells:
        if cell.role == "task":
            for node in ast.parse(cells.with_solution(cell.source)).body:
                if isinstance(node, ast.FunctionDef):
                    assert ast.get_docstring(node), f"{node.name} has no docstring."
                    assert node.returns is not None, f"{node.name} does not say what it returns."


@each(MODULES)
def test_a_module_has_at_most_eight_tasks_each_with_points_and_hints(path):
    checks = build.checks_of(cells.read(path))
    assert 1 <= len(checks) <= 8
    assert all(check.points > 0 and check.hints for check in checks.values())


@each(MODULES)
def test_a_blank_notebook_scores_zero_and_says_why(path):
    graded = submission.grade(path.with_suffix(".ipynb"), seed=1)
    assert graded.score == 0
    assert all(verdict.findings and verdict.findings[0].text for verdict in graded.verdicts)


@each(MODULES)
@pytest.mark.slow
def test_rehearsal_accepts_every_solution_and_refuses_every_wrong_answer(path):
    seen = rehearsal.rehearse(path)
    assert not seen.problems, "\n".join(seen.problems)


@each(MODULES)
@pytest.mark.slow
def test_the_solution_earns_every_point_within_the_time_it_promises(path, tmp_path):
    (notebook,) = build.build(path.stem, view="solution", to=tmp_path)
    source = cells.read(path)
    started = time.monotonic()
    graded = submission.grade(notebook, seed=2)
    seconds = time.monotonic() - started
    assert graded.score == graded.points, graded.notes
    assert source.course["headless_seconds"] <= 90
    # Other work may share the machine; the promise holds on two free cores (`course bench`).
    assert seconds <= 2 * source.course["headless_seconds"]


def _solution(text):
    lines, inside = [], False
    for line in text.splitlines():
        if line.strip() in (BEGIN_SOLUTION, END_SOLUTION):
            inside = not inside
        elif inside and len(line.strip()) > 3:
            lines.append(line.strip())
    return lines
